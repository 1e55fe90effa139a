"""The schema registry: where readers find what the bytes on a derived topic mean.

Services never register a schema; ``binance-ingest setup`` does, with FULL_TRANSITIVE compatibility set explicitly on
each subject, because the defaults of registries differ (Confluent's is BACKWARD, Apicurio's NONE). At start a service
looks up the ids of the schemas that it was built with, and fails when the registry does not hold them.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol, Self

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.common._httpx_compat import httpx
from confluent_kafka.schema_registry.error import SchemaRegistryError

from schemas.avro import schema_text
from schemas.topics import Topic


__all__ = [
    "COMPATIBILITY",
    "Registry",
    "RegistryError",
    "RegistryUnavailableError",
    "SchemaSource",
    "SubjectMissingError",
    "UnknownSchemaError",
    "without_credentials",
]

COMPATIBILITY: Final = "FULL_TRANSITIVE"
"""Old readers read new records and new readers old ones, over all versions; a breaking change is a new topic."""

_NOT_FOUND: Final = 404
_PROBE_TIMEOUT_S: Final = 3.0


class RegistryError(Exception):
    """Root of what can go wrong with the registry.

    RegistryError
     ├── RegistryUnavailableError   it does not answer
     ├── SubjectMissingError        it answers, but lacks a schema of ours: set-up was not run
     ├── UnknownSchemaError         it answers, but never heard of an id found on a topic
     └── RegistrationError          it refuses a schema of ours
    """


class RegistryUnavailableError(RegistryError):
    """The registry does not answer."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(url, reason)

    def __str__(self) -> str:
        return f'schema registry "{self.url}": does not answer ({self.reason}); is SCHEMA_REGISTRY_URL right?'


class SubjectMissingError(RegistryError):
    """The registry lacks a schema that this version was built with."""

    def __init__(self, subject: str, url: str) -> None:
        self.subject = subject
        self.url = url
        super().__init__(subject, url)

    def __str__(self) -> str:
        return (
            f'subject "{self.subject}": not in the registry at {self.url} in this version; run "binance-ingest setup"'
        )


class UnknownSchemaError(RegistryError):
    """A schema id that the registry does not know."""

    def __init__(self, schema_id: int, url: str) -> None:
        self.schema_id = schema_id
        self.url = url
        super().__init__(schema_id, url)

    def __str__(self) -> str:
        return f"schema id {self.schema_id}: not known to the registry at {self.url}"


class RegistrationError(RegistryError):
    """The registry refuses a schema, usually because it is not compatible with an earlier version."""

    def __init__(self, subject: str, reason: str) -> None:
        self.subject = subject
        self.reason = reason
        super().__init__(subject, reason)

    def __str__(self) -> str:
        return f'subject "{self.subject}": refused by the registry: {self.reason}'


class SchemaSource(Protocol):
    """What the codec needs of a registry."""

    def schema_id(self, topic: Topic) -> int:
        """Return the id under which the topic's own schema is registered."""
        ...

    def schema_by_id(self, schema_id: int) -> str:
        """Return the schema of an id found on a topic."""
        ...


class Registry:
    """A registry with Confluent's HTTP interface (Confluent, Apicurio under ``/apis/ccompat/v7``, Karapace).

    All calls block; call them from a thread where an event loop runs. Close it when done, or use it in a ``with``.

    Args:
        url: base address, ``http://127.0.0.1:8081/apis/ccompat/v7``; credentials may be part of it and are not shown.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = SchemaRegistryClient({"url": self._url, "timeout": 10.0})
        self.url = without_credentials(self._url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the registry."""
        self._client.close()

    def probe(self) -> None:
        """Ask for the subjects once.

        Raises:
            RegistryUnavailableError: no answer, or not a registry's.
        """
        try:
            with urllib.request.urlopen(f"{self._url}/subjects", timeout=_PROBE_TIMEOUT_S) as answer:  # noqa: S310 - the operator's own address
                answer.read(1)
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise RegistryUnavailableError(self.url, str(getattr(error, "reason", error))) from error

    def wait_until_ready(
        self, tell: Callable[[str], object], sleep: Callable[[float], object], *, limit_s: float = 120.0
    ) -> None:
        """Return when the registry answers; until then say every few seconds what is waited for.

        Args:
            tell: called with a sentence at each failed attempt.
            sleep: called with the seconds to wait, ``time.sleep`` or a test's.
            limit_s: how long to wait in all.

        Raises:
            RegistryUnavailableError: it did not answer within the limit.
        """
        waited, pause = 0.0, 1.0
        while True:
            try:
                self.probe()
            except RegistryUnavailableError as error:
                if waited >= limit_s:
                    raise
                tell(f"waiting for the schema registry at {self.url} ({error.reason})")
                sleep(pause)
                waited += pause
                pause = min(pause * 2, 5.0)
            else:
                return

    def register(self, topics: Iterable[Topic]) -> dict[str, int]:
        """Register the schema of each topic that has one, and set the subject's compatibility.

        Idempotent. The first version is registered before the level is set: some registries refuse a level for a
        subject that does not exist.

        Returns:
            The schema id of each subject.

        Raises:
            RegistrationError: a schema is refused.
            RegistryUnavailableError: there was no answer.
        """
        ids: dict[str, int] = {}
        for topic in topics:
            if topic.schema is None:
                continue
            try:
                with self._answering():
                    ids[topic.subject] = self._client.register_schema(topic.subject, _schema(topic.schema))
                    self._client.set_compatibility(topic.subject, COMPATIBILITY)
            except SchemaRegistryError as error:
                raise RegistrationError(topic.subject, error.error_message) from error
        return ids

    def schema_id(self, topic: Topic) -> int:
        """Return the id of the topic's schema as this version was built with it.

        Raises:
            SubjectMissingError: the registry does not hold it.
            RegistryUnavailableError: the registry failed.
        """
        if topic.schema is None:
            msg = f'topic "{topic.name}": its values are not Avro'
            raise ValueError(msg)
        try:
            with self._answering():
                found = self._client.lookup_schema(topic.subject, _schema(topic.schema))
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise SubjectMissingError(topic.subject, self.url) from error
            raise RegistryUnavailableError(self.url, error.error_message) from error
        if found.schema_id is None:
            raise SubjectMissingError(topic.subject, self.url)
        return found.schema_id

    def schema_by_id(self, schema_id: int) -> str:
        """Return the schema registered under an id.

        Raises:
            UnknownSchemaError: the registry does not know the id.
            RegistryUnavailableError: the registry failed.
        """
        try:
            with self._answering():
                found = self._client.get_schema(schema_id).schema_str
        except SchemaRegistryError as error:
            if error.http_status_code == _NOT_FOUND:
                raise UnknownSchemaError(schema_id, self.url) from error
            raise RegistryUnavailableError(self.url, error.error_message) from error
        if found is None:
            raise UnknownSchemaError(schema_id, self.url)
        return found

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Take no answer at all for what it is: the client lets the errors of its HTTP library through."""
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise RegistryUnavailableError(self.url, str(error) or type(error).__name__) from error


def _schema(name: str) -> Schema:
    return Schema(schema_text(name), schema_type="AVRO")


def without_credentials(url: str) -> str:
    """Return an address as it may be shown."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
