"""How the broker is reached: addresses, encryption, and who one is to it; for both client libraries in use.

Every service has these settings, under the same names, in the environment: ``KAFKA_BOOTSTRAP_SERVERS`` and
``KAFKA_…`` as :class:`KafkaSettings` lists them. What they mean is librdkafka's and Kafka's own (security.protocol,
sasl.mechanism); certificates are files in PEM, as Kubernetes mounts them.
"""

from __future__ import annotations

import ssl
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, model_validator


__all__ = [
    "KafkaAccess",
    "KafkaSettings",
    "SaslMechanism",
    "SecurityProtocol",
    "Servers",
    "aiokafka_access",
    "librdkafka_access",
    "ssl_context_of",
]


class SecurityProtocol(StrEnum):
    """Whether the broker is spoken to in plain text, and whether it asks for a name and a password."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def encrypted(self) -> bool:
        """Whether TLS is spoken."""
        return self in {SecurityProtocol.SSL, SecurityProtocol.SASL_SSL}

    @property
    def with_password(self) -> bool:
        """Whether a name and a password are given."""
        return self in {SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL}


class SaslMechanism(StrEnum):
    """How the password is shown."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class KafkaAccess(BaseModel):
    """A broker's addresses, and how it is spoken to. As text: the addresses."""

    model_config = ConfigDict(frozen=True)

    servers: str
    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    sasl_mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    """In place of it; read when a client is made."""
    ca_file: Path | None = None
    """None: what the system trusts."""
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __str__(self) -> str:
        return self.servers

    def secret(self) -> str:
        """Return the password.

        Raises:
            OSError: its file cannot be read.
        """
        if self.password_file is not None:
            return self.password_file.read_text().rstrip("\r\n")
        return "" if self.password is None else self.password.get_secret_value()


Servers: TypeAlias = str | KafkaAccess
"""A broker: an address alone is spoken to in plain text."""


def aiokafka_access(servers: Servers) -> dict[str, Any]:
    """Return what any client of aiokafka is to be given.

    Raises:
        OSError: a file cannot be read, or holds no certificate or key.
    """
    if isinstance(servers, str):
        return {"bootstrap_servers": servers}
    options: dict[str, Any] = {
        "bootstrap_servers": servers.servers,
        "security_protocol": servers.security_protocol.value,
    }
    if servers.security_protocol.encrypted:
        options["ssl_context"] = ssl_context_of(servers)
    if servers.security_protocol.with_password:
        options |= {
            "sasl_mechanism": servers.sasl_mechanism.value,
            "sasl_plain_username": servers.username,
            "sasl_plain_password": servers.secret(),
        }
    return options


def librdkafka_access(servers: Servers) -> dict[str, str]:
    """Return what any client of librdkafka is to be given.

    Raises:
        OSError: the file of the password cannot be read.
    """
    if isinstance(servers, str):
        return {"bootstrap.servers": servers}
    options = {"bootstrap.servers": servers.servers, "security.protocol": servers.security_protocol.value}
    if servers.security_protocol.encrypted:
        files = {
            "ssl.ca.location": servers.ca_file,
            "ssl.certificate.location": servers.certificate_file,
            "ssl.key.location": servers.key_file,
        }
        options |= {name: str(path) for name, path in files.items() if path is not None}
    if servers.security_protocol.with_password:
        options |= {
            "sasl.mechanisms": servers.sasl_mechanism.value,
            "sasl.username": servers.username or "",
            "sasl.password": servers.secret(),
        }
    return options


def ssl_context_of(access: KafkaAccess) -> ssl.SSLContext:
    """Return the context of TLS: the broker's certificate and name are always checked.

    Raises:
        OSError: a file cannot be read, or holds no certificate or key.
    """
    context = ssl.create_default_context(cafile=access.ca_file)
    if access.certificate_file is not None:
        context.load_cert_chain(access.certificate_file, access.key_file)
    return context


def _named(name: str) -> AliasChoices:
    return AliasChoices(name, name.upper())


class KafkaSettings(BaseModel):
    """The settings of it that all services share."""

    kafka_bootstrap_servers: str = Field(
        default="localhost:9092",
        min_length=1,
        validation_alias=_named("kafka_bootstrap_servers"),
        description="Brokers to ask first, `host:port` with commas between. Shared by all services.",
    )
    kafka_security_protocol: SecurityProtocol = Field(
        default=SecurityProtocol.PLAINTEXT,
        validation_alias=_named("kafka_security_protocol"),
        description="How the broker is spoken to. Shared by all services, like all of `KAFKA_…`.",
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        default=SaslMechanism.SCRAM_SHA_512,
        validation_alias=_named("kafka_sasl_mechanism"),
        description="How the password is shown to the broker.",
    )
    kafka_sasl_username: str | None = Field(
        default=None, validation_alias=_named("kafka_sasl_username"), description="Who one is to the broker."
    )
    kafka_sasl_password: SecretStr | None = Field(
        default=None,
        validation_alias=_named("kafka_sasl_password"),
        description="The password for that; from the environment alone.",
    )
    kafka_sasl_password_file: Path | None = Field(
        default=None,
        validation_alias=_named("kafka_sasl_password_file"),
        description="A mounted file that holds it, in place of that.",
    )
    kafka_ssl_ca_file: Path | None = Field(
        default=None,
        validation_alias=_named("kafka_ssl_ca_file"),
        description="Certificates (PEM) by which the broker's is checked; unset: those that the system trusts.",
    )
    kafka_ssl_certificate_file: Path | None = Field(
        default=None,
        validation_alias=_named("kafka_ssl_certificate_file"),
        description="Our certificate (PEM), where the broker asks for one.",
    )
    kafka_ssl_key_file: Path | None = Field(
        default=None, validation_alias=_named("kafka_ssl_key_file"), description="The key that belongs to it (PEM)."
    )

    @model_validator(mode="after")
    def _access_is_whole(self) -> KafkaSettings:
        password = self.kafka_sasl_password is not None or self.kafka_sasl_password_file is not None
        if self.kafka_security_protocol.with_password and not (self.kafka_sasl_username and password):
            msg = (
                f"KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}: it wants KAFKA_SASL_USERNAME, and"
                " KAFKA_SASL_PASSWORD or KAFKA_SASL_PASSWORD_FILE"
            )
            raise ValueError(msg)
        if self.kafka_ssl_key_file is not None and self.kafka_ssl_certificate_file is None:
            msg = "KAFKA_SSL_KEY_FILE belongs to a certificate: set KAFKA_SSL_CERTIFICATE_FILE too"
            raise ValueError(msg)
        return self

    @property
    def kafka(self) -> KafkaAccess:
        """How the broker is reached."""
        return KafkaAccess(
            servers=self.kafka_bootstrap_servers,
            security_protocol=self.kafka_security_protocol,
            sasl_mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_sasl_username,
            password=self.kafka_sasl_password,
            password_file=self.kafka_sasl_password_file,
            ca_file=self.kafka_ssl_ca_file,
            certificate_file=self.kafka_ssl_certificate_file,
            key_file=self.kafka_ssl_key_file,
        )
