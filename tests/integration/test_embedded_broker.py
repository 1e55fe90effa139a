"""The embedded broker is a Kafka that keeps its promises through crashes, and says why it cannot start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from sandbox.broker import EmbeddedKafka
from sandbox.embedded import start_together
from sandbox.errors import DataDirectoryInUseError, PortTakenError, ProcessDiedError
from sandbox.registry import EmbeddedRegistry


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),  # the first start may have to download Kafka
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    # A directory whose name would need quoting in a properties file.
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka") / "data, = é", port=0) as broker:
        yield broker


@pytest.fixture
def topic(broker: EmbeddedKafka) -> str:
    name = f"test-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    admin.create_topics([NewTopic(name, num_partitions=1)])[name].result(10)
    return name


def produce(broker: EmbeddedKafka, topic: str, values: list[str]) -> None:
    failed: list[KafkaError] = []
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "enable.idempotence": True,
            "linger.ms": 0,
            "topic.metadata.propagation.max.ms": 1_000,  # how long an unknown topic may yet appear
        }
    )
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _record: failed.append(error) if error else None)
    assert producer.flush(30) == 0
    assert failed == []


def consume(broker: EmbeddedKafka, topic: str, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": broker.bootstrap_servers, "group.id": "unused"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        records = consumer.consume(count, timeout=30)
        return [(record.value() or b"").decode() for record in records]
    finally:
        consumer.close()


def setting(broker: EmbeddedKafka, topic: str, name: str) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    return str(admin.describe_configs([resource])[resource].result(10)[name].value)


def gone(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while Path(f"/proc/{pid}/cmdline").is_file() and Path(f"/proc/{pid}/cmdline").read_bytes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_what_is_produced_is_consumed(broker: EmbeddedKafka, topic: str) -> None:
    produce(broker, topic, ["a", "b", "c"])

    assert consume(broker, topic, 3) == ["a", "b", "c"]


@pytest.mark.parametrize("crash", [True, False], ids=["killed", "stopped"])
def test_data_and_address_outlast_a_restart(broker: EmbeddedKafka, topic: str, crash: bool) -> None:
    produce(broker, topic, [str(number) for number in range(100)])
    address, pid = broker.bootstrap_servers, broker.pid
    if crash:
        assert broker.kill() == -signal.SIGKILL
        assert not broker.running
        broker.start()
    else:
        broker.restart()

    assert (broker.bootstrap_servers, broker.running) == (address, True)
    assert broker.pid != pid
    assert consume(broker, topic, 100) == [str(number) for number in range(100)]
    produce(broker, topic, ["after"])
    assert consume(broker, topic, 101)[-1] == "after"


def test_a_topic_that_nobody_created_is_an_error(broker: EmbeddedKafka) -> None:
    name = f"test-{uuid.uuid4().hex[:12]}"
    with pytest.raises(AssertionError, match="UNKNOWN_TOPIC"):
        produce(broker, name, ["x"])


def test_records_of_another_year_stay(broker: EmbeddedKafka, topic: str) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce(topic, "old", timestamp=1_262_304_000_000)
    assert producer.flush(30) == 0

    assert consume(broker, topic, 1) == ["old"]
    assert setting(broker, topic, "retention.ms") == "-1"


@pytest.mark.parametrize("session_timeout_ms", [1_000, 10_000])
def test_short_sessions_of_static_members_are_allowed_and_groups_start_at_once(
    broker: EmbeddedKafka, topic: str, session_timeout_ms: int
) -> None:
    produce(broker, topic, ["x"])
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": topic,
            "group.instance.id": "worker-1",
            "session.timeout.ms": session_timeout_ms,
            "heartbeat.interval.ms": 300,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    try:
        record = consumer.poll(20)
        assert record is not None
        assert record.error() is None
        assert record.value() == b"x"
    finally:
        consumer.close()


def test_a_taken_port_is_named_with_its_owner(broker: EmbeddedKafka, tmp_path: Path) -> None:
    with pytest.raises(PortTakenError) as error:
        EmbeddedKafka(tmp_path, broker.port).start()

    assert str(error.value).splitlines() == [
        f"Kafka broker: port {broker.port} on 127.0.0.1 is taken by process {broker.pid} (java)",
        "stop that process, or choose another port (0 takes a free one)",
    ]
    assert list(tmp_path.iterdir()) == []


def test_two_brokers_cannot_have_one_directory(broker: EmbeddedKafka) -> None:
    with pytest.raises(DataDirectoryInUseError) as error:
        EmbeddedKafka(broker.data_dir, 0).start()

    assert str(error.value).splitlines() == [
        f"Kafka broker: data directory {broker.data_dir} is in use by process {os.getpid()}",
        "stop that process, or name another directory",
    ]
    assert broker.running


def test_a_broker_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    broker = EmbeddedKafka(tmp_path, 0, heap_mb=-1)
    with pytest.raises(ProcessDiedError, match=r"(?s)Kafka broker ended with.*Invalid maximum heap size: -Xmx-1m"):
        broker.start()

    assert not broker.running
    with EmbeddedKafka(tmp_path, 0) as another:
        assert another.running


def test_a_directory_of_another_node_is_told_by_kafkas_own_words(tmp_path: Path) -> None:
    (tmp_path / "partitions").mkdir()
    (tmp_path / "partitions" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    broker = EmbeddedKafka(tmp_path, 0)
    with pytest.raises(ProcessDiedError, match=r"(?s)exit status 1; the last lines of .*/kafka.log:.*node id 7"):
        broker.start()


def test_broker_and_registry_start_together_or_not_at_all(broker: EmbeddedKafka, tmp_path: Path) -> None:
    registry = EmbeddedRegistry(tmp_path / "registry", 0)
    doomed = EmbeddedKafka(tmp_path / "kafka", broker.port)
    with pytest.raises(PortTakenError):
        start_together(registry, doomed)
    assert (registry.running, doomed.running, broker.running) == (False, False, True)

    kafka = EmbeddedKafka(tmp_path / "kafka", 0)
    start_together(registry, kafka)
    try:
        assert (registry.running, kafka.running) == (True, True)
    finally:
        registry.stop()
        kafka.stop()


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads process states from /proc")
def test_no_broker_outlives_a_killed_parent(tmp_path: Path) -> None:
    parent = """
import sys, time
from pathlib import Path
from sandbox.broker import EmbeddedKafka
with EmbeddedKafka(Path(sys.argv[1]), 0) as broker:
    print(broker.pid, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", parent, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert not gone(pid, within_s=0)
        process.kill()

    assert gone(pid)
    # Its directory is free again, and its data whole.
    with EmbeddedKafka(tmp_path, 0) as heir:
        assert heir.running
