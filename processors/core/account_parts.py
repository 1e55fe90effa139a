"""The parts of an account that are written down and brought back, each as a whole."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final, Generic, Protocol, TypeVar

import msgspec

from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.records import DeadLetter, Difference, Output, RawRecord
from schemas.control import ReconcileCause
from schemas.markets import Market


__all__ = ["Content", "Part", "PartName", "PartType", "Result", "Telling"]

Result = Output | DeadLetter | Difference
"""What comes of a record."""

_VERSION: Final = 1


class PartType(StrEnum):
    """What a part is of."""

    ORDERS = "orders"
    """In one symbol."""
    BALANCES = "balances"
    POSITIONS = "positions"


class PartName(msgspec.Struct, frozen=True):
    """One part of one account, on one market."""

    market: Market
    account: str
    type: PartType
    symbol: str = ""
    """Of orders."""

    @property
    def entity(self) -> Entity:
        """Name under which it is written: ``main|orders|BTCUSDT``, ``main|balances``."""
        symbol = [self.symbol] if self.type is PartType.ORDERS else []  # which is empty where an event says so
        return Entity(self.market, "|".join((self.account, self.type, *symbol)))

    @classmethod
    def of(cls, entity: Entity) -> PartName:
        """Return the part that an entity names.

        Raises:
            CheckpointError: none.
        """
        account, _, rest = entity.key.partition("|")
        of, separator, symbol = rest.partition("|")
        if of not in set(PartType) or bool(separator) is not (of == PartType.ORDERS):
            msg = f'"{entity.key[:80]}" names no part of an account'
            raise CheckpointError(msg)
        return cls(entity.market, account, PartType(of), symbol)


class Content(Protocol):
    """What a part holds."""

    def dump(self) -> bytes:
        """Return all of it as JSON."""

    def load(self, data: bytes) -> None:
        """Take over what was dumped.

        Raises:
            CheckpointError: it cannot be read.
        """


ContentT = TypeVar("ContentT", bound=Content)
"""What a part holds."""


class _Dumped(msgspec.Struct, frozen=True, array_like=True):
    version: int
    clock_ms: int
    next_update: int
    next_snapshot: int
    content: msgspec.Raw


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Dumped).decode


class Part(Generic[ContentT]):
    """Orders in a symbol, or balances, or positions, and what was applied to them.

    Args:
        name: which part it is.
        content: what it holds.
    """

    __slots__ = ("changed", "content", "loaded_snapshot", "loaded_update", "name", "next_snapshot", "next_update")

    def __init__(self, name: PartName, content: ContentT) -> None:
        self.name = name
        self.content = content
        self.changed = False
        """Since it was last dumped or loaded."""
        self.next_update = 0
        """Behind the last record of the update topic that had something to tell of it."""
        self.next_snapshot = 0
        """The same of the snapshot topic."""
        self.loaded_update = 0
        """What lies below is in the state that was brought back."""
        self.loaded_snapshot = 0

    def dump(self, clock_ms: int) -> bytes:
        """Return the whole state, which counts as unchanged from then on.

        Args:
            clock_ms: of the account.
        """
        self.changed = False
        content = msgspec.Raw(self.content.dump())
        return _encode(_Dumped(_VERSION, clock_ms, self.next_update, self.next_snapshot, content))

    def load(self, dumped: bytes) -> int:
        """Take over a dumped state, and return the account's clock.

        Raises:
            CheckpointError: it cannot be read; the part is not to be used.
        """
        try:
            kept = _decode(dumped)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            msg = f'"{self.name.entity.key}": {error}'
            raise CheckpointError(msg) from error
        if kept.version != _VERSION:
            msg = f"version is {kept.version}, was to be {_VERSION}"
            raise CheckpointError(msg)
        self.content.load(bytes(kept.content))
        self.next_update = self.loaded_update = kept.next_update
        self.next_snapshot = self.loaded_snapshot = kept.next_snapshot
        return kept.clock_ms


class Telling(msgspec.Struct, frozen=True):
    """The record that tells something of a part."""

    record: RawRecord
    is_answer: bool
    cause: ReconcileCause | None
    """Of an answer: why the venue was asked."""
    time_ms: int
    """The venue's: of an event when it was told, of an answer when it was asked for; 0: the record does not say."""
    next_update: int
    """How far the update topic was applied, this record included."""
    next_snapshot: int
    """The same of the snapshot topic."""

    def is_known_to(self, part: Part[Any]) -> bool:
        """Return whether a part that was brought back has what the record tells."""
        offset = self.record.offset
        return offset < (part.loaded_snapshot if self.is_answer else part.loaded_update)

    def mark(self, part: Part[Any]) -> tuple[int, int]:
        """Note that the record changed a part; return the offsets that its records name."""
        part.changed = True
        if self.is_answer:
            part.next_snapshot = max(part.next_snapshot, self.record.offset + 1)
        else:
            part.next_update = max(part.next_update, self.record.offset + 1)
        return max(part.next_update, self.next_update) - 1, max(part.next_snapshot, self.next_snapshot) - 1
