"""Who may do what on the brokers: the rights that each service needs, and no other.

Topic by topic, never by the prefix of all: that would hold for the topics about accounts too (docs/security.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from processors.flows import Family, flows_of, outputs_of
from schemas.markets import Market
from schemas.topics import ControlType, Layer, RawType, Topic, TopicTable


__all__ = ["Principal", "Right", "principals"]

_WRITTEN_BY_INGEST: Final = (
    ControlType.GAP,
    ControlType.PROGRESS,
    ControlType.HEARTBEAT,
    ControlType.CONNECTION,
    ControlType.SNAPSHOT_REQUEST,  # repair asks for one where a hole in depth stays
    ControlType.DEAD_LETTER,
    ControlType.ACCOUNT_PROGRESS,
    ControlType.PRIVATE_DEAD_LETTER,
)
_READ_BY_INGEST: Final = (
    ControlType.GAP,
    ControlType.PROGRESS,
    ControlType.SNAPSHOT_REQUEST,
    ControlType.ACCOUNT_PROGRESS,
)
_REPAIRED: Final = (RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH)
_DESCRIBE: Final = ("Describe",)
_READ: Final = ("Describe", "Read")
_WRITE: Final = ("Describe", "Write")
_BOTH: Final = ("Describe", "Read", "Write")


class Right(msgspec.Struct, frozen=True, order=True):
    """What may be done to a topic or a consumer group, or to all whose names begin so."""

    resource: str
    """``topic`` or ``group``."""
    name: str
    operations: tuple[str, ...]
    prefix: bool = False


class Principal(msgspec.Struct, frozen=True):
    """A service or a kind of reader, and its rights."""

    name: str
    about: str
    rights: tuple[Right, ...]
    private: bool = False
    """Whether it is of use only where accounts are taken."""


def principals(table: TopicTable) -> tuple[Principal, ...]:
    """Return everybody who has to do with the topics of a table."""
    return (
        _ingest(table),
        *(_processors(table, family) for family in Family),
        _dashboard(table),
        _public_reader(table),
        _private_reader(table),
    )


def _ingest(table: TopicTable) -> Principal:
    raw = [topic for topic in table if topic.layer is Layer.RAW]
    return Principal(
        name="ingest",
        about="Writes the raw and control topics; reads of them what repair needs.",
        rights=_sorted(
            _topics(written=[*raw, *map(table.control, _WRITTEN_BY_INGEST)], read=_read_by_ingest(table)),
            [Right("group", f"{table.prefix}.ingest.repair", _READ)],
        ),
    )


def _read_by_ingest(table: TopicTable) -> Iterator[Topic]:
    yield from map(table.control, _READ_BY_INGEST)
    for market in Market:
        yield from (table.raw(market, one) for one in _REPAIRED)


def _processors(table: TopicTable, family: Family) -> Principal:
    flows = flows_of(family, table, tuple(Market), snapshot_levels=20, snapshot_interval_ms=1_000)
    written = outputs_of(family, table, tuple(Market))
    # What a worker wrote it reads again after a restart: checkpoints, their manifests, and which alerts are open.
    again = [topic for topic in written if topic.type in _RESTORED or "checkpoint" in topic.type]
    return Principal(
        name=family,
        about=f"The workers of the family {family}.",
        rights=_sorted(
            _topics(written=written, read=[*(topic for flow in flows for topic in flow.topics), *again]),
            [Right("group", f"{table.prefix}-processors-{family}", _READ)],
        ),
        private=family is Family.PRIVATE,
    )


_RESTORED: Final = frozenset({"alert"})


def _dashboard(table: TopicTable) -> Principal:
    public = [topic for topic in table if not topic.private and "checkpoint" not in topic.type]
    return Principal(
        name="dashboard",
        about="The read service: market data and what is known about it. It sees how far others are, not what they do.",
        rights=_sorted(
            # Of raw topics it reads a record now and then: how old they arrive.
            _topics(read=public),
            [
                Right("group", f"{table.prefix}-processors-", _DESCRIBE, prefix=True),
                Right("group", f"{table.prefix}.ingest.repair", _DESCRIBE),
            ],
        ),
    )


def _public_reader(table: TopicTable) -> Principal:
    public = (topic for topic in table if not topic.private and "checkpoint" not in topic.type)
    return Principal(
        name="reader-public",
        about="Readers of market data, raw and derived. Groups begin with `reader-public-`.",
        rights=_sorted(_topics(read=public), [Right("group", "reader-public-", _READ, prefix=True)]),
    )


def _private_reader(table: TopicTable) -> Principal:
    states = (
        topic for topic in table if topic.private and topic.layer is Layer.DERIVED and "checkpoint" not in topic.type
    )
    return Principal(
        name="reader-private",
        about="Who trades, or watches who does: orders, balances, positions. Groups begin with `reader-private-`.",
        rights=_sorted(_topics(read=states), [Right("group", "reader-private-", _READ, prefix=True)]),
        private=True,
    )


def _topics(*, written: Iterable[Topic] = (), read: Iterable[Topic] = ()) -> Iterator[Right]:
    """Yield one right a topic."""
    writes, reads = {topic.name for topic in written}, {topic.name for topic in read}
    for name in writes | reads:
        operations = _BOTH if name in writes & reads else _WRITE if name in writes else _READ
        yield Right("topic", name, operations)


def _sorted(topics: Iterable[Right], groups: Iterable[Right]) -> tuple[Right, ...]:
    return (*sorted(topics), *sorted(groups))
