"""Topics on the broker: which there are, creating them, and setting them right. All calls block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # re-exported without saying so
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from ingest.errors import KafkaUnavailableError, PartitionCountError, TopicsMissingError
from schemas.kafka_access import Servers, librdkafka_access
from schemas.kafka_refusal import refusal
from schemas.topics import PARTITIONS, Topic


__all__ = ["TopicAdmin", "check_partition_counts", "check_topics", "reason_of"]

_TIMEOUT_S: Final = 30.0
_PROBE_S: Final = 3.0
_PAUSES_S: Final = (1.0, 2.0, 4.0, 5.0)


class TopicAdmin:
    """Asks and changes the topics of a broker.

    Args:
        bootstrap_servers: brokers, ``host:port`` with commas between.

    Raises:
        KafkaUnavailableError: a file of certificates or of the password cannot be read.
    """

    def __init__(self, bootstrap_servers: Servers) -> None:
        self._bootstrap_servers = bootstrap_servers
        try:
            # Without `log_level` librdkafka writes every refused connection to standard error.
            self._client = AdminClient({**librdkafka_access(bootstrap_servers), "log_level": 0})
        except (KafkaException, OSError) as error:
            raise KafkaUnavailableError(bootstrap_servers, 0.0, str(error), refusal(bootstrap_servers)) from error

    def wait_until_ready(self, tell: Callable[[str], object], sleep: Callable[[float], object], limit_s: float) -> None:
        """Return when the broker answers; until then say what is waited for.

        Args:
            tell: called with a sentence at each failed attempt.
            sleep: called with the seconds to wait.
            limit_s: how long to wait in all.

        Raises:
            KafkaUnavailableError: it did not answer within the limit.
        """
        waited_s, attempt = 0.0, 0
        while True:
            try:
                self.partition_counts(_PROBE_S)
            except KafkaException as error:
                reason, refused = reason_of(error), refusal(self._bootstrap_servers)
                if waited_s >= limit_s:
                    raise KafkaUnavailableError(self._bootstrap_servers, limit_s, reason, refused) from error
                tell(f"waiting for Kafka at {self._bootstrap_servers} ({refused or reason})")
                pause_s = _PAUSES_S[min(attempt, len(_PAUSES_S) - 1)]
                sleep(pause_s)
                waited_s += pause_s + _PROBE_S
                attempt += 1
            else:
                return

    def partition_counts(self, timeout_s: float = _TIMEOUT_S) -> dict[str, int]:
        """Return the number of partitions of every topic on the broker."""
        metadata = self._client.list_topics(timeout=timeout_s)
        return {name: len(topic.partitions) for name, topic in metadata.topics.items()}

    def create(self, topics: Iterable[Topic], *, keep: bool) -> None:
        """Create topics; one that somebody else creates meanwhile is as good."""
        wanted = [
            NewTopic(topic.name, topic.partitions, replication_factor=-1, config=topic.config(keep=keep))
            for topic in topics
        ]
        if not wanted:
            return
        for future in self._client.create_topics(wanted, request_timeout=_TIMEOUT_S).values():
            try:
                future.result(_TIMEOUT_S)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                    raise

    def deviations(self, topics: Iterable[Topic], *, keep: bool) -> dict[str, dict[str, str]]:
        """Return the settings that topics should have and do not have, by topic name."""
        wanted = {topic.name: topic.config(keep=keep) for topic in topics}
        if not wanted:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in wanted]
        answers = self._client.describe_configs(resources, request_timeout=_TIMEOUT_S)
        found = {resource.name: future.result(_TIMEOUT_S) for resource, future in answers.items()}
        differing = {name: _differences(config, found[name]) for name, config in wanted.items()}
        return {name: config for name, config in differing.items() if config}

    def apply(self, settings: Mapping[str, Mapping[str, str]]) -> None:
        """Give topics these settings; others that they have stay."""
        changes = [
            ConfigResource(
                ResourceType.TOPIC,
                name,
                incremental_configs=[
                    ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                    for key, value in config.items()
                ],
            )
            for name, config in settings.items()
        ]
        if changes:
            for future in self._client.incremental_alter_configs(changes, request_timeout=_TIMEOUT_S).values():
                future.result(_TIMEOUT_S)


def check_topics(found: Mapping[str, int], topics: Iterable[Topic]) -> None:
    """Check that topics exist as the table wants them.

    Args:
        found: number of partitions of every topic on the broker.
        topics: what there should be.

    Raises:
        TopicsMissingError: set-up was not run.
        PartitionCountError: a symbol's partition would not be where readers look for it.
    """
    wanted = list(topics)
    check_partition_counts(found, wanted)
    if missing := [topic.name for topic in wanted if topic.name not in found]:
        raise TopicsMissingError(missing)


def check_partition_counts(found: Mapping[str, int], topics: Iterable[Topic]) -> None:
    """Check the topics that exist.

    Raises:
        PartitionCountError: one has another number of partitions than the table says.
    """
    wrong = {
        topic.name: found[topic.name]
        for topic in topics
        if topic.name in found and found[topic.name] != topic.partitions
    }
    if wrong:
        raise PartitionCountError(wrong, PARTITIONS)


def _differences(wanted: Mapping[str, str], found: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: value
        for name, value in wanted.items()
        if name not in found or _normal(found[name].value) != _normal(value)
    }


def _normal(value: str) -> frozenset[str]:
    # `compact,delete` and `delete,compact` are the same policy.
    return frozenset(value.replace(" ", "").split(","))


def reason_of(error: KafkaException) -> str:
    """Return what librdkafka says went wrong."""
    cause = error.args[0]
    return str(cause.str() if isinstance(cause, KafkaError) else cause)
