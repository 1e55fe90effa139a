"""What goes into a partition's state and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.control import SnapshotRequest
from schemas.derived import Alert, BookSnapshot, BookVerification, Candle, Ticker, TopOfBook, Trade
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType


__all__ = ["DeadLetter", "Output", "OutputValue", "RawRecord", "Rejected"]

OutputValue = Alert | BookSnapshot | BookVerification | Candle | SnapshotRequest | Ticker | TopOfBook | Trade


class RawRecord(msgspec.Struct, frozen=True):
    """One record of a raw topic."""

    market: Market
    type: RawType
    partition: int
    offset: int
    timestamp_ms: int
    """Event time; where the venue's was missing or implausible, the receive time."""
    key: bytes | None
    """The symbol."""
    value: bytes | None
    """What Binance sent, verbatim."""
    headers: Sequence[tuple[str, bytes]] = ()

    def header(self, name: str) -> bytes | None:
        """Return the value of the first header of this name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


class Output(msgspec.Struct, frozen=True):
    """One record to write; it goes to the partition of the same number as the raw record's."""

    market: Market
    type: DerivedType | ControlType
    key: bytes
    value: OutputValue
    timestamp_ms: int


class Rejected(msgspec.Struct, frozen=True):
    """A payload that could not be read."""

    reason: str
    """A code in kebab case, the dead letter's header ``reason``."""
    detail: str
    """What was wrong, in words."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A record to set aside."""

    reason: str
    """A code in kebab case: ``bad-number``."""
    detail: str
    """What was wrong, in words."""
    record: RawRecord
