"""Are broker and registry within reach, and do they hold what set-up puts there? All calls block."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]  # re-exported without saying so

from ingest.check.findings import Finding, Mark, Report
from ingest.errors import KafkaUnavailableError, PartitionCountError
from ingest.topic_admin import TopicAdmin, check_partition_counts, reason_of
from schemas.kafka_access import Servers, librdkafka_access
from schemas.kafka_refusal import refusal
from schemas.registry import Registry, RegistryError, RegistryUnavailableError, SubjectMissingError
from schemas.topics import Topic


__all__ = ["probe_broker", "probe_registry"]

BROKER_LIMIT_S: Final = 6.0
KAFKA: Final = "Kafka"
REGISTRY: Final = "registry"
_SET_UP: Final = 'run "binance-ingest setup"'
_MOST_NAMES: Final = 5


def probe_broker(bootstrap_servers: Servers, wanted: Sequence[Topic], report: Report) -> None:
    """Look at the broker and at the topics that are wanted; writes nothing."""
    tell = _teller(KAFKA, report)
    try:
        found = TopicAdmin(bootstrap_servers).partition_counts(BROKER_LIMIT_S)
    except (KafkaException, KafkaUnavailableError) as error:
        refused = refusal(bootstrap_servers)
        reason = reason_of(error) if isinstance(error, KafkaException) else error.reason
        detail = reason if refused is None else f"{refused.what} ({refused.reason})"
        advice = "does the broker run, and is KAFKA_BOOTSTRAP_SERVERS right as seen from here?"
        tell("broker", Mark.FAIL, f"{bootstrap_servers}: {detail}", advice if refused is None else refused.advice)
        tell("topics", Mark.SKIP, "not tried")
        tell("writing", Mark.SKIP, "not tried")
        return
    tell("broker", Mark.OK, f"{bootstrap_servers}, {len(found)} topics")
    present = [topic for topic in wanted if topic.name in found]
    _topics(wanted, found, tell)
    if present:
        _writing(bootstrap_servers, present, tell)
    else:
        tell("writing", Mark.SKIP, "not tried: none of the topics is there")


def _topics(wanted: Sequence[Topic], found: Mapping[str, int], tell: _Teller) -> None:
    try:
        check_partition_counts(found, wanted)
    except PartitionCountError as error:
        names = _listed(sorted(error.found))
        advice = f"a count cannot be changed in place: delete them or choose another TOPIC_PREFIX, then {_SET_UP}"
        tell("topics", Mark.FAIL, f"not {error.expected} partitions: {names}", advice)
        return
    if missing := [topic.name for topic in wanted if topic.name not in found]:
        tell("topics", Mark.FAIL, f"{len(missing)} of {len(wanted)} missing: {_listed(missing)}", _SET_UP)
    else:
        tell("topics", Mark.OK, f"all {len(wanted)} that ingest needs, with the right number of partitions")


def _writing(bootstrap_servers: Servers, topics: Sequence[Topic], tell: _Teller) -> None:
    """Look whether every partition has a leader, and whether this user may write: metadata only."""
    client = AdminClient({**librdkafka_access(bootstrap_servers), "log_level": 0})
    names = TopicCollection([topic.name for topic in topics])
    try:
        answers = client.describe_topics(names, include_authorized_operations=True, request_timeout=BROKER_LIMIT_S)
        described = {name: future.result(BROKER_LIMIT_S) for name, future in answers.items()}
    except KafkaException as error:
        tell("writing", Mark.WARN, f"not known: {reason_of(error)}", "the broker tells no more; see its log")
        return
    headless = sorted(name for name, topic in described.items() if any(one.leader is None for one in topic.partitions))
    forbidden = sorted(name for name, topic in described.items() if not _may_write(topic))
    if headless:
        tell("writing", Mark.FAIL, f"partitions without a leader: {_listed(headless)}", "is a broker down?")
    elif forbidden:
        tell("writing", Mark.FAIL, f"not allowed: {_listed(forbidden)}", "let the broker's administrator grant WRITE")
    else:
        tell("writing", Mark.OK, "every partition has a leader, and nothing forbids to write")


def _may_write(description: Any) -> bool:
    operations = description.authorized_operations
    # A broker without an authorizer may tell nothing: everything is allowed there.
    return not operations or AclOperation.WRITE in operations or AclOperation.ALL in operations


def probe_registry(url: str, wanted: Sequence[Topic], report: Report) -> None:
    """Look whether the registry holds every wanted topic's schema that this version was built with."""
    tell = _teller(REGISTRY, report)
    topics = [topic for topic in wanted if topic.schema is not None]
    missing: list[str] = []
    with Registry(url) as registry:
        try:
            registry.probe()
            tell("server", Mark.OK, registry.url)
            for topic in topics:
                try:
                    registry.schema_id(topic)
                except SubjectMissingError as error:
                    missing.append(error.subject)
        except RegistryUnavailableError as error:
            advice = "does it run, and is SCHEMA_REGISTRY_URL right, path included?"
            tell("server", Mark.FAIL, f"{registry.url}: {error.reason}", advice)
            tell("schemas", Mark.SKIP, "not tried")
            return
        except RegistryError as error:
            tell("schemas", Mark.FAIL, str(error), _SET_UP)
            return
    if missing:
        tell("schemas", Mark.FAIL, f"{len(missing)} of {len(topics)} missing: {_listed(missing)}", _SET_UP)
    else:
        tell("schemas", Mark.OK, f"all {len(topics)} registered as this version knows them")


_Teller = Callable[..., None]


def _teller(group: str, report: Report) -> _Teller:
    def tell(subject: str, mark: Mark, detail: str, advice: str | None = None) -> None:
        report(Finding(group, subject, mark, detail, advice))

    return tell


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
