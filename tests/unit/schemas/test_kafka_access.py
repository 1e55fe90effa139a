from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.kafka_access import KafkaAccess, KafkaSettings, aiokafka_access, librdkafka_access


SCRAM = {
    "kafka_security_protocol": "SASL_PLAINTEXT",
    "kafka_sasl_username": "ingest",
    "kafka_sasl_password": "canary",
}


def test_an_address_alone_is_spoken_to_in_plain_text() -> None:
    access = KafkaSettings(kafka_bootstrap_servers="a:1,b:2").kafka

    assert aiokafka_access("a:1,b:2") == {"bootstrap_servers": "a:1,b:2"}
    assert aiokafka_access(access) == {"bootstrap_servers": "a:1,b:2", "security_protocol": "PLAINTEXT"}
    assert librdkafka_access(access) == {"bootstrap.servers": "a:1,b:2", "security.protocol": "PLAINTEXT"}


def test_both_libraries_are_told_the_same() -> None:
    access = KafkaSettings.model_validate(SCRAM).kafka

    assert aiokafka_access(access) == {
        "bootstrap_servers": "localhost:9092",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ingest",
        "sasl_plain_password": "canary",
    }
    assert librdkafka_access(access) == {
        "bootstrap.servers": "localhost:9092",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "ingest",
        "sasl.password": "canary",
    }


def test_a_password_of_a_file_is_read_each_time_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    access = KafkaAccess(servers="a:1", password_file=file)

    assert access.secret() == "first"
    file.write_text("second")
    assert access.secret() == "second"


def test_the_password_is_not_shown() -> None:
    settings = KafkaSettings.model_validate(SCRAM)

    assert "canary" not in f"{settings!r} {settings.kafka!r} {settings.kafka} {settings.model_dump_json()}"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"kafka_security_protocol": "SASL_SSL"}, "KAFKA_SASL_USERNAME"),
        ({"kafka_security_protocol": "SASL_SSL", "kafka_sasl_username": "a"}, "KAFKA_SASL_PASSWORD_FILE"),
        ({"kafka_security_protocol": "SSL", "kafka_ssl_key_file": "/key"}, "KAFKA_SSL_CERTIFICATE_FILE"),
        ({"kafka_security_protocol": "TLS"}, "SASL_SSL"),
    ],
)
def test_what_is_missing_is_named(settings: dict[str, str], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        KafkaSettings.model_validate(settings)


def test_a_file_that_is_not_there_is_an_error_and_no_silent_trust(tmp_path: Path) -> None:
    access = KafkaAccess.model_validate(
        {"servers": "a:1", "security_protocol": "SSL", "ca_file": tmp_path / "missing.crt"}
    )

    with pytest.raises(OSError, match="No such file"):
        aiokafka_access(access)
