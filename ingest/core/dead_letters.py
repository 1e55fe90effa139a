"""Records of the dead-letter topic: what was set aside, with its origin and the reason."""

from __future__ import annotations

from ingest.core.guard import cut
from ingest.core.outcomes import Reason, Rejected
from ingest.core.records import Header, Record, header
from schemas.topics import ControlType, TopicTable, UnknownTopicError, partition_of


__all__ = ["dead_letter", "refused_letter"]


def dead_letter(
    table: TopicTable,
    rejected: Rejected,
    connection_id: str,
    receive_time_ns: int,
    topic: ControlType = ControlType.DEAD_LETTER,
) -> Record:
    """Return the dead letter of something that never became a raw record.

    Its source has no partition or offset: those headers are empty.
    """
    origin = [
        header("source_topic", rejected.source_topic or ""),
        header("stream", rejected.stream or ""),
        header("connection_id", connection_id),
        header("receive_time_ns", receive_time_ns),
    ]
    headers = [*origin, *_account(rejected.reason, rejected.detail, rejected.raw)]
    name = table.control(topic).name
    return _letter(name, rejected.symbol or "", rejected.raw, receive_time_ns // 1_000_000, headers)


def refused_letter(table: TopicTable, record: Record, detail: str, time_ms: int) -> Record:
    """Return the dead letter of a record that the broker refuses.

    Args:
        table: names the topic.
        record: what is refused.
        detail: the broker's words.
        time_ms: stamps the letter; the record's own time may be what is wrong with it.
    """
    kept = [one for one in record.headers if one[0] in {"stream", "connection_id", "receive_time_ns"}]
    headers = [header("source_topic", record.topic), *kept, *_account(Reason.REFUSED, detail, record.value)]
    topic = table.control(
        ControlType.PRIVATE_DEAD_LETTER if _is_private(table, record) else ControlType.DEAD_LETTER
    ).name
    return _letter(topic, record.key.decode(errors="replace"), record.value, time_ms, headers)


def _is_private(table: TopicTable, record: Record) -> bool:
    """Whether few may read it. A topic that is not in the table holds what anybody may."""
    try:
        return table[record.topic].private
    except UnknownTopicError:
        return False


def _account(reason: Reason, detail: str, original: bytes) -> list[Header]:
    whole = cut(original)
    return [
        header("source_partition", ""),
        header("source_offset", ""),
        header("reason", reason),
        header("detail", detail),
        header("sha256", whole.sha256),
        header("length", whole.length),
    ]


def _letter(topic: str, key: str, original: bytes, time_ms: int, headers: list[Header]) -> Record:
    return Record(topic, partition_of(key), key.encode(errors="replace"), cut(original).kept, time_ms, headers)
