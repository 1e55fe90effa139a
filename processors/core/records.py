"""What goes into a partition's state and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from schemas.accounts import Balance, Order, Position
from schemas.control import ReconcileCause, SnapshotRequest
from schemas.derived import (
    Alert,
    BookSnapshot,
    BookVerification,
    Candle,
    Liquidity,
    Ticker,
    TopOfBook,
    Trade,
    TradeFlow,
)
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType


__all__ = ["DeadLetter", "Difference", "Output", "OutputValue", "RawRecord", "Rejected"]

OutputValue = (
    Alert
    | Balance
    | BookSnapshot
    | BookVerification
    | Candle
    | Liquidity
    | Order
    | Position
    | SnapshotRequest
    | Ticker
    | TopOfBook
    | Trade
    | TradeFlow
)


class RawRecord(msgspec.Struct, frozen=True):
    """One record of a raw topic."""

    market: Market
    type: RawType
    partition: int
    offset: int
    timestamp_ms: int
    """Event time; where the venue's was missing or implausible, the receive time."""
    key: bytes | None
    """The symbol; of what is private, the account's label."""
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
    value: OutputValue | None
    """None: a tombstone. What the key named is no more."""
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


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer of the venue told that the streams had not; it was believed.

    It is for the log and the metrics: the records that come of it say ``recovered``.
    """

    market: Market
    account: str
    what: str
    """What was different, of a small set: see :mod:`processors.core.account_partition`."""
    before: Order | Balance | Position | None
    """What the streams had told; None: nothing."""
    after: Order | Balance | Position
    """With the answer."""
    cause: ReconcileCause | None
    """Why the venue was asked; None: the record does not say."""
    record: RawRecord
    """The answer."""
