from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from schemas.kafka_access import KafkaAccess
from schemas.kafka_refusal import refusal, refusal_of


AWAY = KafkaError(KafkaError._TRANSPORT, "Connect to ipv4#127.0.0.1:1 failed: Connection refused")


@pytest.mark.parametrize(
    ("code", "reason", "named"),
    [
        (KafkaError._AUTHENTICATION, "invalid credentials", "KAFKA_SASL_PASSWORD"),
        (KafkaError._SSL, "certificate verify failed", "KAFKA_SSL_CA_FILE"),
        (
            KafkaError._TRANSPORT,
            "error:0A00045C:SSL routines::alert certificate required",
            "KAFKA_SSL_CERTIFICATE_FILE",
        ),
    ],
)
def test_what_a_broker_has_against_us_names_the_settings(code: int, reason: str, named: str) -> None:
    found = refusal_of([AWAY, KafkaError(code, reason)])

    assert found is not None
    assert reason in str(found)
    assert named in str(found)


def test_who_is_away_refuses_nothing() -> None:
    assert refusal_of([AWAY, KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")]) is None


@pytest.mark.parametrize("servers", ["localhost:1", KafkaAccess(servers="localhost:1")])
def test_plain_text_refuses_nobody_and_is_not_asked(servers: str | KafkaAccess) -> None:
    assert refusal(servers) is None


@pytest.mark.parametrize(
    ("setting", "named"), [("ca_file", "KAFKA_SSL_CA_FILE"), ("password_file", "KAFKA_SASL_PASSWORD_FILE")]
)
def test_a_file_that_is_not_there_is_told(setting: str, named: str, tmp_path: Path) -> None:
    settings = {"servers": "localhost:1", "security_protocol": "SASL_SSL", "username": "ingest", "password": "canary"}

    found = refusal(KafkaAccess.model_validate({**settings, setting: tmp_path / "missing"}))

    assert named in str(found)
    assert "canary" not in str(found)
