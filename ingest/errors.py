"""What can go wrong in ingest, and what passes by itself.

IngestError
 ├── ConfigError              the configuration says something that cannot be
 ├── AddressError             where a socket would be opened cannot be had
 ├── KafkaUnavailableError    the broker did not answer within the limit
 ├── KafkaRequestError        the broker answered, but did not do what was asked
 ├── TopicsMissingError       set-up was not run
 ├── PartitionCountError      a topic exists with another number of partitions
 ├── RestError                a request to the venue failed
 │    ├── RestUnreachableError    no answer
 │    └── RestRefusedError        an answer that is an error
 │         └── KeyRefusedError         the venue does not take the key of an account
 ├── RecordRefusedError       the broker refuses a record, alone and twice
 └── UndeliveredError         records were left that the broker has not acknowledged
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
from aiokafka.errors import KafkaError

from ingest.core.account_faults import advice_for
from ingest.core.endings import Ending
from schemas.kafka_access import Servers
from schemas.kafka_refusal import Refusal
from schemas.registry import RegistryUnavailableError


__all__ = [
    "AddressError",
    "ConfigError",
    "IngestError",
    "KafkaRequestError",
    "KafkaUnavailableError",
    "KeyRefusedError",
    "PartitionCountError",
    "RecordRefusedError",
    "RestError",
    "RestRefusedError",
    "RestUnreachableError",
    "TopicsMissingError",
    "UndeliveredError",
    "is_transient",
]


class IngestError(Exception):
    """Root of ingest's own errors."""


class ConfigError(IngestError):
    """The configuration says something that cannot be."""

    def __init__(self, problems: Sequence[tuple[str, str]], source: str = "") -> None:
        self.problems = tuple(problems)
        """Key path and what is wrong with it."""
        self.source = source
        super().__init__(self.problems, source)

    def __str__(self) -> str:
        head = f"configuration {self.source}".rstrip()
        return "\n".join([f"{head}:", *(f"  {path}: {problem}" for path, problem in self.problems)])


class AddressError(IngestError):
    """Where a socket would be opened cannot be had: no listen key, no time to sign with."""

    def __init__(self, ending: Ending, reason: str) -> None:
        self.ending = ending
        """What becomes of the attempt."""
        self.reason = reason
        super().__init__(ending, reason)

    def __str__(self) -> str:
        return self.reason


class KafkaUnavailableError(IngestError):
    """The broker did not answer within the limit, or refuses whoever connects."""

    def __init__(
        self, bootstrap_servers: Servers, waited_s: float, reason: str, refusal: Refusal | None = None
    ) -> None:
        self.bootstrap_servers = str(bootstrap_servers)
        self.waited_s = waited_s
        self.reason = reason
        self.refusal = refusal
        super().__init__(self.bootstrap_servers, waited_s, reason, refusal)

    def __str__(self) -> str:
        if self.refusal is not None:
            return f'Kafka at "{self.bootstrap_servers}": {self.refusal}'
        return (
            f'Kafka at "{self.bootstrap_servers}": no answer within {self.waited_s:.0f} s ({self.reason});'
            " is KAFKA_BOOTSTRAP_SERVERS right?"
        )


class KafkaRequestError(IngestError):
    """The broker answered, but did not do what was asked."""

    def __init__(self, bootstrap_servers: Servers, reason: str) -> None:
        self.bootstrap_servers = str(bootstrap_servers)
        self.reason = reason
        super().__init__(self.bootstrap_servers, reason)

    def __str__(self) -> str:
        return f'Kafka at "{self.bootstrap_servers}": {self.reason}'


class TopicsMissingError(IngestError):
    """Topics of the table that the broker does not have."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        super().__init__(self.names)

    def __str__(self) -> str:
        return f'topics missing: {_some(self.names)}; run "binance-ingest setup", or look at TOPIC_PREFIX'


class PartitionCountError(IngestError):
    """Topics that exist with another number of partitions than the table says."""

    def __init__(self, found: Mapping[str, int], expected: int) -> None:
        self.found = dict(found)
        self.expected = expected
        super().__init__(self.found, expected)

    def __str__(self) -> str:
        topics = ", ".join(f'"{name}" has {count}' for name, count in sorted(self.found.items()))
        return (
            f"topics with another number of partitions than {self.expected}: {topics}; a symbol's partition depends on"
            " it, so it cannot be changed in place: delete these topics, or choose another TOPIC_PREFIX, and run"
            ' "binance-ingest setup" again'
        )


class RestError(IngestError):
    """A request to the venue failed."""

    def __init__(self, url: str, *details: object) -> None:
        self.url = url
        super().__init__(url, *details)


class RestUnreachableError(RestError):
    """No answer from the venue, or one that is not its own."""

    def __init__(self, url: str, reason: str) -> None:
        self.reason = reason
        super().__init__(url, reason)

    def __str__(self) -> str:
        return f'request "{self.url}": no answer ({self.reason})'


class RestRefusedError(RestError):
    """An answer of the venue that is an error."""

    def __init__(
        self, url: str, status: int, code: int | None, message: str, retry_after_s: float | None = None
    ) -> None:
        self.status = status
        self.code = code
        """The venue's error code; None: the body was not its JSON."""
        self.message = message
        self.retry_after_s = retry_after_s
        """How long the venue wants to be left alone; None: it does not say."""
        super().__init__(url, status, code, message, retry_after_s)

    def __str__(self) -> str:
        code = "" if self.code is None else f", code {self.code}"
        return f'request "{self.url}": status {self.status}{code}: {self.message}'


class KeyRefusedError(RestRefusedError):
    """The venue does not take the key of an account: somebody has to do something."""

    def __str__(self) -> str:
        return f"{super().__str__()}; {advice_for(self.code)}"


class RecordRefusedError(IngestError):
    """The broker refuses a record, alone and twice."""

    def __init__(self, topic: str, partition: int, reason: str) -> None:
        self.topic = topic
        self.partition = partition
        self.reason = reason
        super().__init__(topic, partition, reason)

    def __str__(self) -> str:
        return f'topic "{self.topic}", partition {self.partition}: record refused by the broker: {self.reason}'


class UndeliveredError(IngestError):
    """Records were left that the broker has not acknowledged."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(count)

    def __str__(self) -> str:
        return f"{self.count} records are unacknowledged: the broker did not take them in time"


def _some(names: Sequence[str]) -> str:
    """Return the first names, and how many there are beyond."""
    shown, more = ", ".join(names[:_SHOWN]), len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


_SHOWN: Final = 5
_TOO_MANY: Final = frozenset({408, 418, 429})


def is_transient(error: BaseException) -> bool:
    """Return whether trying again can help, with nothing changed by anybody."""
    match error:
        case RestRefusedError():
            return error.status in _TOO_MANY or error.status >= 500
        case RestUnreachableError() | RegistryUnavailableError() | KafkaUnavailableError():
            return True
        case KafkaError():
            return bool(error.retriable)
        case aiohttp.ClientError() | asyncio.TimeoutError() | OSError():
            return True
        case _:
            return False
