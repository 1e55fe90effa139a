"""What the broker is told before it starts."""

from __future__ import annotations

import signal

import pytest

from sandbox.broker import server_properties
from sandbox.errors import describe_exit


EVERYWHERE = "0.0.0.0"  # noqa: S104 - nobody listens here


def properties(host: str) -> dict[str, str]:
    lines = server_properties(host, 9092, 9093).splitlines()
    pairs = dict(line.split("=", 1) for line in lines)
    assert len(pairs) == len(lines)
    return pairs


def test_clients_are_sent_to_an_address_that_they_can_reach() -> None:
    assert properties("127.0.0.1")["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert properties(EVERYWHERE)["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert properties(EVERYWHERE)["listeners"].startswith("PLAINTEXT://0.0.0.0:9092,")


def test_the_controller_listens_on_the_loopback_only() -> None:
    settings = properties(EVERYWHERE)

    assert settings["listeners"].endswith(",CONTROLLER://127.0.0.1:9093")
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9093"


def test_everything_that_kafka_replicates_is_kept_once() -> None:
    replicated = {key: value for key, value in properties("127.0.0.1").items() if key.endswith(".replication.factor")}

    assert set(replicated.values()) == {"1"}
    assert len(replicated) == 4


def test_topics_are_never_created_by_mistake_and_never_expire_by_default() -> None:
    settings = properties("127.0.0.1")

    assert settings["auto.create.topics.enable"] == "false"
    assert settings["log.retention.ms"] == "-1"


@pytest.mark.parametrize(
    ("returncode", "words"),
    [
        (0, "exit status 0"),
        (143, "exit status 143"),
        (-signal.SIGKILL, "signal SIGKILL"),
        (-200, "signal 200"),
    ],
)
def test_an_exit_status_is_told_in_words(returncode: int, words: str) -> None:
    assert describe_exit(returncode) == words
