"""The topic table: the only place that spells a topic name.

Producers, Faust topics, topic creation, manifests and documents derive from it. For every topic it says what the key
is, which fields are the *identity* of a record (two records of one identity are the same thing) and which its
*version* (of one identity, an older version is ignored).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from schemas.markets import Market
from schemas.partitioning import PARTITIONS, partition_of
from schemas.topic_rows import CONTROL_ROWS, DERIVED_ROWS, OWNERS, RAW_ROWS, Row
from schemas.topic_types import CANDLE_INTERVALS, Cleanup, ControlType, DerivedType, Layer, RawType, candle_type


__all__ = [
    "CANDLE_INTERVALS",
    "PARTITIONS",
    "Cleanup",
    "ControlType",
    "DerivedType",
    "Layer",
    "RawType",
    "Topic",
    "TopicTable",
    "UnknownTopicError",
    "candle_type",
    "partition_of",
]

_KEEP: Final = -1
_PREFIX: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_NEVER: Final = (1 << 63) - 1


class UnknownTopicError(LookupError):
    """A topic name that the table does not hold."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(name)

    def __str__(self) -> str:
        return f'topic "{self.name}": not in the topic table'


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    name: str
    layer: Layer
    type: RawType | ControlType | DerivedType
    market: Market | None
    """None: control topics carry the market in the value."""
    key: str
    """What the key is, in words; always plain UTF-8."""
    identity: str
    version: str
    cleanup: Cleanup
    retention_ms: int | None
    """How long records stay, by their timestamps; None where compaction alone decides."""
    owner: str
    """The service that writes it."""
    schema: str | None
    """Name of the Avro schema (``schemas/avro/<schema>.avsc``); None: the value is not Avro."""
    about: str
    private: bool = False
    """Whether it tells of accounts: few should be able to read it (docs/security.md)."""
    partitions: int = PARTITIONS
    settings: tuple[tuple[str, str], ...] = ()
    """What else of Kafka's topic settings differs from the broker's."""

    @property
    def subject(self) -> str:
        """The registry's subject of the value (TopicNameStrategy)."""
        return f"{self.name}-value"

    def config(self, *, keep: bool = False) -> dict[str, str]:
        """Return Kafka's topic settings.

        Args:
            keep: keep every record for ever. Retention works on record timestamps, so where old recordings are
                replayed anything else deletes them at the next check.
        """
        config = {
            "cleanup.policy": str(self.cleanup),
            # Replayed and simulated events may lie in the future of the broker's clock; a refused record would
            # fail its whole batch (architecture §5).
            "message.timestamp.type": "CreateTime",
            "message.timestamp.after.max.ms": str(_NEVER),
            **dict(self.settings),
        }
        if keep and self.cleanup is not Cleanup.COMPACT:
            config["cleanup.policy"] = "compact" if "compact" in self.cleanup else "delete"
            config["retention.ms"] = str(_KEEP)
        elif self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


class TopicTable:
    """All topics under one prefix.

    Iterating yields every topic in a stable order.

    Args:
        prefix: first part of every name; lower case, digits, hyphens, dots between parts.

    Raises:
        ValueError: the prefix would not give legal names.
    """

    def __init__(self, prefix: str = "binance") -> None:
        if not _PREFIX.fullmatch(prefix):
            msg = f'topic prefix "{prefix}": must be lower-case letters, digits and hyphens, with dots between parts'
            raise ValueError(msg)
        self.prefix = prefix
        self._topics = {topic.name: topic for topic in self._build()}

    def __iter__(self) -> Iterator[Topic]:
        return iter(self._topics.values())

    def __len__(self) -> int:
        return len(self._topics)

    def topics(self, *, private: bool) -> tuple[Topic, ...]:
        """Return the topics that there are to be on a broker.

        Args:
            private: whether those that tell of accounts are among them.
        """
        return tuple(topic for topic in self if private or not topic.private)

    def __getitem__(self, name: str) -> Topic:
        """Return the row of a topic name.

        Raises:
            UnknownTopicError: there is none.
        """
        try:
            return self._topics[name]
        except KeyError:
            raise UnknownTopicError(name) from None

    def raw(self, market: Market, raw_type: RawType) -> Topic:
        """Return the topic of raw records."""
        return self[f"{self.prefix}.{market}.raw.{raw_type}"]

    def control(self, control_type: ControlType) -> Topic:
        """Return a control topic."""
        return self[f"{self.prefix}.control.{control_type}"]

    def derived(self, market: Market, derived_type: DerivedType) -> Topic:
        """Return the topic of derived records."""
        return self[f"{self.prefix}.{market}.{derived_type}.v1"]

    def _build(self) -> Iterator[Topic]:
        for market in Market:
            for raw_type, row in RAW_ROWS.items():
                if market.is_futures or not row.futures_only:
                    name = f"{self.prefix}.{market}.raw.{raw_type}"
                    yield _topic(name, Layer.RAW, raw_type, market, row)
        for control_type, row in CONTROL_ROWS.items():
            yield _topic(f"{self.prefix}.control.{control_type}", Layer.CONTROL, control_type, None, row)
        for market in Market:
            for derived_type, row in DERIVED_ROWS.items():
                if market.is_futures or not row.futures_only:
                    name = f"{self.prefix}.{market}.{derived_type}.v1"
                    yield _topic(name, Layer.DERIVED, derived_type, market, row)


def _topic(name: str, layer: Layer, of: RawType | ControlType | DerivedType, market: Market | None, row: Row) -> Topic:
    return Topic(
        name=name,
        layer=layer,
        type=of,
        market=market,
        key=row.key,
        identity=row.identity,
        version=row.version,
        cleanup=row.cleanup,
        retention_ms=row.retention_ms,
        owner=row.owner or OWNERS[layer],
        schema=row.schema,
        about=row.about,
        private=row.private,
        settings=row.settings,
    )
