"""Why a broker that is there is not to be had: what it, or TLS, has against us. Blocks.

When nothing comes of connecting, the client libraries say only that: aiokafka that no address is left, librdkafka that
the transport failed. librdkafka tells the reason aside, to who listens there.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from schemas.kafka_access import SecurityProtocol, Servers, librdkafka_access


__all__ = ["Refusal", "refusal", "refusal_of"]

_LIMIT_S: Final = 3.0
_LOOK_S: Final = 0.5
_PASSWORD: Final = (
    "the name or the password is refused",
    "are KAFKA_SASL_USERNAME, KAFKA_SASL_MECHANISM and the password (KAFKA_SASL_PASSWORD or its file) right?",
)
_TLS: Final = (
    "no TLS with it",
    "are KAFKA_SSL_CA_FILE, KAFKA_SSL_CERTIFICATE_FILE and KAFKA_SSL_KEY_FILE right, is the broker's name certified?",
)


class Refusal(msgspec.Struct, frozen=True):
    """What is wrong, in a library's words too, and what to look at."""

    what: str
    reason: str
    advice: str

    def __str__(self) -> str:
        return f"{self.what} ({self.reason}); {self.advice}"


def refusal(servers: Servers, limit_s: float = _LIMIT_S) -> Refusal | None:
    """Ask once more, and return what a broker has against us; None: nothing that is known, so it is away.

    Of one that is spoken to in plain text nothing is asked: it would take anybody.
    """
    if isinstance(servers, str) or servers.security_protocol is SecurityProtocol.PLAINTEXT:
        return None
    heard: list[KafkaError] = []
    try:
        listening: dict[str, Any] = {"log_level": 0, "error_cb": heard.append}
        client = AdminClient({**librdkafka_access(servers), **listening})
    except OSError as error:
        return Refusal("the file of the password cannot be read", str(error), "is KAFKA_SASL_PASSWORD_FILE right?")
    except KafkaException as error:
        return Refusal("a file for TLS cannot be read", error.args[0].str(), _TLS[1])
    for _ in range(round(limit_s / _LOOK_S)):
        try:
            client.list_topics(timeout=_LOOK_S)
        except KafkaException:
            client.poll(0)
        else:
            return None
        if (found := refusal_of(heard)) is not None:
            return found
    return None


def refusal_of(errors: list[KafkaError]) -> Refusal | None:
    """Return what of librdkafka's errors is the broker's no, or TLS's."""
    for error in errors:
        match error.code():
            case KafkaError._AUTHENTICATION:  # noqa: SLF001 - librdkafka's name of it
                return Refusal(_PASSWORD[0], error.str(), _PASSWORD[1])
            case KafkaError._SSL:  # noqa: SLF001 - as before
                return Refusal(_TLS[0], error.str(), _TLS[1])
            case KafkaError._TRANSPORT if "SSL" in error.str():  # noqa: SLF001 - as before; told so once TLS had begun
                return Refusal(_TLS[0], error.str(), _TLS[1])
            case _:
                pass
    return None
