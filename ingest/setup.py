"""``binance-ingest setup``: every topic and every schema that is wanted, as often as one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from confluent_kafka import KafkaException
from msgspec import Struct, structs

from ingest.errors import KafkaRequestError
from ingest.topic_admin import TopicAdmin, check_partition_counts, check_topics, reason_of
from schemas.kafka_access import Servers
from schemas.registry import Registry
from schemas.topics import Topic, TopicTable


__all__ = ["SetupReport", "set_up"]

_LOOK_S: Final = 0.5
_LOOKS: Final = 60


class SetupReport(Struct, frozen=True):
    """What set-up found and did."""

    created: tuple[str, ...]
    changed: tuple[str, ...]
    """Topics that existed and were given the settings that keep everything."""
    differing: dict[str, dict[str, str]]
    """Topics that exist with other settings than these, and were left alone."""
    unchanged_count: int
    schema_count: int
    left_out_count: int = 0
    """Private topics that were not asked for. Where they exist nothing happens to them."""


def set_up(
    table: TopicTable,
    bootstrap_servers: Servers,
    registry_url: str,
    *,
    private: bool = True,
    keep_everything: bool,
    schemas_only: bool = False,
    wait_limit_s: float,
    tell: Callable[[str], object],
    sleep: Callable[[float], object],
) -> SetupReport:
    """Create the topics of the table that are missing, and register every schema.

    Idempotent. Nothing is created while a topic has another number of partitions than the table says. The settings of
    topics that exist are left alone, because a shorter retention would delete records; what differs is reported. Only
    ``keep_everything``, which deletes nothing, is applied to them too.

    Args:
        table: what there should be.
        bootstrap_servers: brokers.
        registry_url: the schema registry.
        private: whether the topics that tell of accounts are wanted, and their schemas.
        keep_everything: no record ever expires: for replays, whose records are old.
        schemas_only: the broker is not asked anything: others make the topics, an operator of manifests for instance.
        wait_limit_s: how long to wait for each of the two servers.
        tell: called with a sentence while waiting.
        sleep: called with the seconds to wait.

    Raises:
        KafkaUnavailableError: the broker did not answer within the limit.
        KafkaRequestError: the broker refuses something.
        RegistryError: the registry did not answer within the limit, or refuses a schema.
        PartitionCountError: a topic exists with another number of partitions.
    """
    topics = table.topics(private=private)
    with Registry(registry_url) as registry:
        if schemas_only:
            registry.wait_until_ready(tell, sleep, limit_s=wait_limit_s)
            report = SetupReport((), (), {}, unchanged_count=0, schema_count=len(registry.register(topics)))
            return structs.replace(report, left_out_count=len(table) - len(topics))
        admin = TopicAdmin(bootstrap_servers)
        admin.wait_until_ready(tell, sleep, wait_limit_s)
        registry.wait_until_ready(tell, sleep, limit_s=wait_limit_s)
        try:
            report = _set_up(topics, admin, registry, keep_everything=keep_everything)
            _wait_until_visible(topics, admin, sleep, keep_everything=keep_everything)
        except KafkaException as error:
            raise KafkaRequestError(bootstrap_servers, reason_of(error)) from error
        return structs.replace(report, left_out_count=len(table) - len(topics))


def _set_up(topics: Sequence[Topic], admin: TopicAdmin, registry: Registry, *, keep_everything: bool) -> SetupReport:
    found = admin.partition_counts()
    check_partition_counts(found, topics)
    missing = [topic for topic in topics if topic.name not in found]
    present = [topic for topic in topics if topic.name in found]
    admin.create(missing, keep=keep_everything)
    differing = admin.deviations(present, keep=keep_everything)
    if keep_everything:
        admin.apply(differing)
    schemas = registry.register(topics)
    return SetupReport(
        created=tuple(topic.name for topic in missing),
        changed=tuple(differing) if keep_everything else (),
        differing={} if keep_everything else differing,
        unchanged_count=len(present) - len(differing),
        schema_count=len(schemas),
    )


def _wait_until_visible(
    topics: Sequence[Topic], admin: TopicAdmin, sleep: Callable[[float], object], *, keep_everything: bool
) -> None:
    """Return when the broker shows every topic and change: it learns of them a little after the controller.

    Raises:
        PartitionCountError: a topic that existed, and was not shown before, has another number of partitions.
        TopicsMissingError: topics are not shown after all.
    """
    for _ in range(_LOOKS):
        found = admin.partition_counts()
        check_partition_counts(found, topics)
        if all(one.name in found for one in topics) and not (keep_everything and admin.deviations(topics, keep=True)):
            return
        sleep(_LOOK_S)
    check_topics(admin.partition_counts(), topics)
