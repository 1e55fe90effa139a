"""What the tests stand on is found, or its absence is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kafka import Broker, running_broker
from tests.support.recordings import recordings_dir


def test_a_broker_that_is_named_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "kafka.example:9092")

    with running_broker(tmp_path) as broker:
        assert broker == Broker("kafka.example:9092", "external", "named by KAFKA_BOOTSTRAP_SERVERS")


def test_required_docker_that_does_not_answer_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("REQUIRE_DOCKER", "1")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")

    with (
        pytest.raises(pytest.fail.Exception, match="REQUIRE_DOCKER=1, but Docker does not answer"),
        running_broker(tmp_path),
    ):
        pass


def test_recordings_are_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BINANCE_RECORDINGS", str(tmp_path))

    assert recordings_dir() == tmp_path


def test_recordings_that_are_not_there_are_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BINANCE_RECORDINGS", str(tmp_path / "nowhere"))

    assert recordings_dir() is None
