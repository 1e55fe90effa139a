"""``binance-ingest check`` against a real broker and a real registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import Registry
from tests.support.ingest_service import create_topics
from tests.support.kafka import Broker


pytestmark = pytest.mark.timeout(180)


def checked(broker: Broker, registry: Registry, prefix: str) -> tuple[int, dict[tuple[str, str], tuple[str, str]]]:
    """Run the command, with no venue there; returns its status, and what it says of both servers."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
        "SCHEMA_REGISTRY_URL": registry.url,
        "TOPIC_PREFIX": prefix,
        "INGEST_ENDPOINT": "sandbox",
        "INGEST_SANDBOX_URL": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-m", "ingest", "check", "--json"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    findings: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
    of_servers = [one for one in findings if one["group"] in {"Kafka", "registry"}]
    return done.returncode, {(one["group"], one["subject"]): (one["mark"], one["detail"]) for one in of_servers}


def test_before_set_up_it_says_what_is_missing_and_after_it_that_all_is_there(
    kafka: Broker, registry: Registry, topic_prefix: str
) -> None:
    status, before = checked(kafka, registry, topic_prefix)
    create_topics(kafka.bootstrap_servers, registry.url, topic_prefix)
    _, after = checked(kafka, registry, topic_prefix)

    assert status == 1  # the venue is not there either
    assert {key: mark for key, (mark, _) in before.items()} == {
        ("Kafka", "broker"): "ok",
        ("Kafka", "topics"): "fail",
        ("Kafka", "writing"): "skip",
        ("registry", "server"): "ok",
        ("registry", "schemas"): "fail",
    }
    assert " missing: " in before["Kafka", "topics"][1]
    assert {mark for mark, _ in after.values()} == {"ok"}, after
