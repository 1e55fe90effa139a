"""The commands of the documents that need a broker, run as they are printed there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from sandbox.artifacts import Artifact, ArtifactSet, ArtifactStore, read_lock
from sandbox.jvm import class_path, java_binary
from tests.conftest import Registry
from tests.support.kafka import Broker
from tests.support.pages import Block, blocks_that_need


pytestmark = pytest.mark.timeout(240)

TOOLS = {
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
}
"""Kafka's own tools, by the names that its distribution gives them."""
_TOOLS_JAR = ArtifactSet(
    title="Kafka's tools 4.3.1",
    name="kafka-tools-4.3.1",
    files=(
        Artifact(
            path="org/apache/kafka/kafka-tools/4.3.1/kafka-tools-4.3.1.jar",
            bytes=698_668,
            sha256="62f3c5dd7aa3442d4c5bc6a95f86e2502178ea09de8e27f74d9563bf955e253c",
        ),
    ),
)
"""What the broker does not need, and the class path of its programs lacks."""


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with Kafka's tools."""
    place = tmp_path_factory.mktemp("tools")
    store = ArtifactStore.from_environment()
    places = [store.fetch(wanted) for wanted in (read_lock()["kafka"], _TOOLS_JAR)]
    classes = class_path([jar for one in places for jar in sorted(one.glob("*.jar"))])
    for name, main in TOOLS.items():
        script = place / name
        script.write_text(
            f'#!/bin/sh\nexec {java_binary()} -Xmx256m -XX:TieredStopAtLevel=1 -cp "{classes}" {main} "$@"\n', "utf-8"
        )
        script.chmod(0o755)
    return place


@pytest.fixture
def environment(kafka: Broker, registry: Registry, topic_prefix: str, tools: Path) -> Iterator[dict[str, str]]:
    """What a shell of an operator has: a prefix of its own, whose topics go away at the end."""
    servers = kafka.bootstrap_servers
    yield {
        **os.environ,
        "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "BROKER": servers,
        "KAFKA_BOOTSTRAP_SERVERS": servers,
        "SCHEMA_REGISTRY_URL": registry.url,
        "TOPIC_PREFIX": topic_prefix,
    }
    admin = AdminClient({"bootstrap.servers": servers, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(f"{topic_prefix}.")]
    for future in admin.delete_topics(names, operation_timeout=30).values():
        future.result(60)


def run(block: Block, environment: dict[str, str], directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a block as a shell would; the first command that fails ends it."""
    return subprocess.run(  # noqa: S603 - what our own pages say
        ["/bin/bash", "-euo", "pipefail", "-c", block.text],
        cwd=directory,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
    )


def commit_something(servers: str, prefix: str) -> None:
    """Let the workers' groups have been there."""
    for family in ("books", "trades", "private"):
        consumer = Consumer({"bootstrap.servers": servers, "group.id": f"{prefix}-processors-{family}", "log_level": 0})
        consumer.commit(offsets=[TopicPartition(f"{prefix}.spot.raw.trade", 0, 0)], asynchronous=False)
        consumer.close()


def test_what_an_operator_types_does_what_the_page_says(environment: dict[str, str], tmp_path: Path) -> None:
    told = []
    for number, block in enumerate(blocks_that_need("broker")):
        if number == 1:
            commit_something(environment["BROKER"], environment["TOPIC_PREFIX"])
        done = run(block, environment, tmp_path)
        assert done.returncode == 0, f"{block.page}:{block.line}\n{done.stdout}{done.stderr}"
        told.append(done.stdout)

    assert "0 created" in told[0].splitlines()[-1]
    assert f"{environment['TOPIC_PREFIX']}.spot.raw.trade" in told[1].splitlines()[-1]
    for block in blocks_that_need("broker, and refused"):
        done = run(block, environment, tmp_path)
        assert done.returncode != 0
        assert "partitions" in done.stderr
