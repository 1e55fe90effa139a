"""What of each output topic is the same however often and however it is computed, and a hash of it.

Architecture §4.7: from the same raw log, the same set of trades and book states by identity and the same last value of
every key, byte for byte, whatever the batches, the number of workers and the kills. :data:`RULES` says it topic by
topic, and is the only place that does; docs/semantics.md, "Determinism", gives the reasons in words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from schemas.topics import CANDLE_INTERVALS, ControlType, candle_type


__all__ = ["OUTSIDE", "RULES", "DeadLetterHead", "Digest", "LastValues", "Rule", "whole_hash"]

_MODULUS: Final = 1 << 256


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """What of a topic's records is the same in every run."""

    identity: tuple[str, ...]
    """Fields that name a record; of one identity the last in the log counts."""
    outside: tuple[str, ...] = ()
    """Fields that may differ."""
    only: tuple[tuple[str, tuple[str | bool, ...]], ...] = ()
    """Only records count whose fields have one of these values."""
    order: tuple[str, ...] = ()
    """Fields that put the records of one ``said_of`` in order; empty: repetitions under new identities are none."""
    said_of: str = ""
    said: tuple[str, ...] = ()
    """A record that says in these fields what the one before it said is a repetition, and does not count."""


class DeadLetterHead(msgspec.Struct, frozen=True):
    """What the headers of a dead letter say; its value is what the hash is of."""

    source_topic: str
    source_partition: int
    source_offset: int
    reason: str
    sha256: str


# How the two topics of an account are read, events first or answers first, decides which of them tells a thing first.
_PROVENANCE: Final = ("source", "recovered", "event_time", "input_offset", "snapshot_offset")
_DEAD_LETTER: Final = Rule(identity=("source_topic", "source_partition", "source_offset", "reason"))
_CANDLE: Final = Rule(identity=("symbol", "open_time"), outside=("revision",), only=(("final", (True,)),))

RULES: Final[Mapping[str, Rule]] = {
    "trade": Rule(
        identity=("symbol", "source", "epoch", "kind", "trade_id"),
        outside=("late",),
        only=(("kind", ("trade",)),),
    ),
    "top-of-book": Rule(
        identity=("symbol", "update_id", "state"),
        only=(("state", ("live",)),),
        order=("input_offset", "update_id"),
        said_of="symbol",
        said=("bid_price", "bid_quantity", "ask_price", "ask_quantity"),
    ),
    "book-snapshot": Rule(identity=("symbol", "snapshot_time")),
    "book-verification": Rule(identity=("symbol",)),
    "ticker": Rule(identity=("symbol",)),
    "trade-flow": Rule(identity=("symbol", "source", "window", "open_time"), outside=("revision",)),
    "liquidity": Rule(identity=("symbol", "time")),
    "alert": Rule(
        identity=("symbol", "kind", "opened_time", "status"),
        # That a book is stale, a clock says.
        only=(("kind", ("volume-spike", "one-sided-flow", "crossed-book", "locked-book")),),
    ),
    **{str(candle_type(interval)): _CANDLE for interval in CANDLE_INTERVALS},
    "order": Rule(identity=("account", "symbol", "kind", "order_id"), outside=_PROVENANCE),
    "balance": Rule(identity=("account", "asset"), outside=_PROVENANCE),
    "position": Rule(identity=("account", "symbol", "position_side"), outside=_PROVENANCE),
    str(ControlType.DEAD_LETTER): _DEAD_LETTER,
    str(ControlType.PRIVATE_DEAD_LETTER): _DEAD_LETTER,
}
"""By the type of the topic."""

_CHECKPOINT: Final = "a worker's own, for its successor"

OUTSIDE: Final[Mapping[str, str]] = {
    "book-checkpoint": _CHECKPOINT,
    "trade-checkpoint": _CHECKPOINT,
    "ticker-checkpoint": _CHECKPOINT,
    "account-checkpoint": _CHECKPOINT,
    "checkpoint": _CHECKPOINT,
    str(ControlType.SNAPSHOT_REQUEST): "what a worker asks of the venue depends on the clock; a replay asks nothing",
}
"""Types of topics that a worker writes and that are not compared, and why."""


class Digest(msgspec.Struct, frozen=True):
    """A hash over a set of rows, whatever their order; of a union of disjoint sets, the sum."""

    rows: int = 0
    total: int = 0

    def __add__(self, other: Digest) -> Digest:
        """Return the digest of both sets together."""
        return Digest(self.rows + other.rows, (self.total + other.total) % _MODULUS)

    def with_row(self, row: bytes) -> Digest:
        """Return the digest with one row more."""
        return Digest(self.rows + 1, (self.total + int.from_bytes(row)) % _MODULUS)

    @property
    def hex(self) -> str:
        """The hash, as text."""
        return f"{self.total:064x}"


class _Kept(msgspec.Struct, frozen=True, gc=False):
    """The last record of one identity."""

    row: bytes
    """Hash, or the row itself."""
    of: str
    order: tuple[int, ...]
    said: bytes


class LastValues:
    """The last value of every identity in one partition of a topic, as far as it is the same in every run.

    Feed it every record in the order of the log.

    Args:
        rule: the topic's.
        whole: keep the rows themselves, for :meth:`rows`.
    """

    def __init__(self, rule: Rule, *, whole: bool = False) -> None:
        self.records = 0
        """Fed, those that do not count included."""
        self._rule = rule
        self._whole = whole
        self._kept: dict[bytes, _Kept] = {}
        self._named: dict[bytes, bytes] = {}
        """By the record's key, the identity of its value: a tombstone has nothing else."""
        self._values: tuple[str, ...] | None = None

    def bury(self, key: bytes | None) -> None:
        """Take the next record, a tombstone: what its key named does not count any more."""
        self.records += 1
        if (identity := self._named.pop(key or b"", None)) is not None:
            self._kept.pop(identity, None)

    def feed(self, value: msgspec.Struct, key: bytes | None = None) -> None:
        """Take the next record; its key matters where tombstones may follow."""
        self.records += 1
        rule = self._rule
        for field, wanted in rule.only:
            if getattr(value, field) not in wanted:
                return
        identity = _encoded(value, rule.identity)
        if key is not None:
            self._named[key] = identity
        row = identity + _encoded(value, self._fields(value))
        self._kept[identity] = _Kept(
            row if self._whole else hashlib.sha256(row).digest(),
            getattr(value, rule.said_of) if rule.said_of else "",
            tuple(getattr(value, field) for field in rule.order),
            _encoded(value, rule.said) if rule.said else b"",
        )

    def digest(self) -> Digest:
        """Return the hash over all that counts."""
        digest = Digest()
        for kept in self._counted():
            digest = digest.with_row(hashlib.sha256(kept.row).digest() if self._whole else kept.row)
        return digest

    def rows(self) -> list[bytes]:
        """Return all that counts, a line each: what to compare when two hashes differ."""
        return sorted(kept.row for kept in self._counted())

    def _counted(self) -> Iterator[_Kept]:
        if not self._rule.order:
            yield from self._kept.values()
            return
        said: dict[str, bytes] = {}
        for kept in sorted(self._kept.values(), key=lambda kept: kept.order):
            if said.get(kept.of) != kept.said:
                said[kept.of] = kept.said
                yield kept

    def _fields(self, value: msgspec.Struct) -> tuple[str, ...]:
        if self._values is None:
            apart = {*self._rule.identity, *self._rule.outside}
            self._values = tuple(sorted(field for field in value.__struct_fields__ if field not in apart))
        return self._values


def whole_hash(digests: Mapping[str, Digest]) -> str:
    """Return one hash over the digests of all topics, by their names without a prefix."""
    lines = [f"{name} {digest.rows} {digest.hex}\n" for name, digest in sorted(digests.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _encoded(value: msgspec.Struct, fields: tuple[str, ...]) -> bytes:
    content: dict[str, Any] = {field: getattr(value, field) for field in fields}
    return msgspec.json.encode(content)
