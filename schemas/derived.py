"""Values of the derived topics.

Prices, quantities and sums are integers scaled by a power of ten: exact, cheap to add. The Avro schema of each
type says the scale. Times are milliseconds since the epoch, UTC. :mod:`schemas.decimals` turns scaled integers
into ``Decimal`` and text. The fields mean what the Avro schema's ``doc`` of the same name says.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


__all__ = [
    "Alert",
    "AlertKind",
    "AlertStatus",
    "BookSnapshot",
    "BookState",
    "BookVerification",
    "Candle",
    "Checkpoint",
    "TakerSide",
    "Ticker",
    "TickerSource",
    "TopOfBook",
    "Trade",
    "TradeKind",
    "TradeSource",
    "VerificationResult",
]


class TakerSide(StrEnum):
    """Who crossed the spread."""

    BUY = "BUY"
    SELL = "SELL"


class TradeKind(StrEnum):
    """What a record of the derived trade topic says."""

    TRADE = "trade"
    HOLE = "hole"
    """Ids that were not known when the flow went on; what is filled later comes as a trade with ``late``."""


class TradeSource(StrEnum):
    """The stream that trades and candles of a symbol are made from; each has its own ids."""

    TRADE = "trade"
    AGG_TRADE = "agg-trade"


class BookState(StrEnum):
    """A book is right (``live``) or says that it is not."""

    SYNCING = "syncing"
    """No snapshot joined to the diffs yet, or lost by a gap."""
    LIVE = "live"
    STALE = "stale"
    """Was live, but nobody vouches for it any more."""


class VerificationResult(StrEnum):
    """What came of holding a book against a depth snapshot."""

    EQUAL = "equal"
    DIFFERENT = "different"
    """The book was wrong."""
    NOT_COMPARABLE = "not-comparable"
    """It is not known any more how the book was then."""


class TickerSource(StrEnum):
    """The stream that a ticker was taken from."""

    TICKER = "ticker"
    MINI_TICKER = "mini-ticker"


class AlertKind(StrEnum):
    """What an alert is about."""

    VOLUME_SPIKE = "volume-spike"
    """Far more was traded than usual."""
    ONE_SIDED_FLOW = "one-sided-flow"
    """Takers nearly all bought, or nearly all sold."""
    CROSSED_BOOK = "crossed-book"
    """The best bid is above the best ask."""
    LOCKED_BOOK = "locked-book"
    """The best bid equals the best ask."""
    STALE_BOOK = "stale-book"
    """Nobody vouches for the book any more."""


class AlertStatus(StrEnum):
    """An alert opens once and closes once."""

    OPEN = "open"
    CLOSED = "closed"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One trade (or aggregate trade) in id order, or a hole in the ids."""

    kind: TradeKind
    symbol: str
    source: TradeSource
    epoch: int
    trade_id: int
    last_missing_id: int | None
    first_trade_id: int | None
    last_trade_id: int | None
    trade_time: int
    price: int | None
    quantity: int | None
    base_quantity: int | None
    quote_quantity: int | None
    taker_side: TakerSide | None
    late: bool
    input_offset: int


class TopOfBook(msgspec.Struct, frozen=True, kw_only=True):
    """Best bid and ask, and the book's state, after one diff or snapshot."""

    symbol: str
    update_id: int
    state: BookState
    event_time: int | None
    bid_price: int | None
    bid_quantity: int | None
    ask_price: int | None
    ask_quantity: int | None
    spread: int | None
    input_offset: int


class BookSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The best levels of a book at a boundary of event time, best first."""

    symbol: str
    snapshot_time: int
    update_id: int
    state: BookState
    bid_prices: list[int]
    bid_quantities: list[int]
    ask_prices: list[int]
    ask_quantities: list[int]
    input_offset: int


class BookVerification(msgspec.Struct, frozen=True, kw_only=True):
    """How a book compared with a depth snapshot of the venue."""

    symbol: str
    verified_time: int
    update_id: int
    levels_compared: int
    levels_equal: int
    levels_left_out: int
    result: VerificationResult
    input_offset: int


class Candle(msgspec.Struct, frozen=True, kw_only=True):
    """One candle: what was traded in ``[open_time, close_time)``."""

    symbol: str
    interval: str
    open_time: int
    close_time: int
    open: int
    high: int
    low: int
    close: int
    base_volume: int | None
    quote_volume: int | None
    contract_volume: int | None
    trade_count: int
    taker_buy_base_volume: int | None
    taker_buy_quote_volume: int | None
    taker_buy_contract_volume: int | None
    first_trade_id: int
    last_trade_id: int
    source: TradeSource
    final: bool
    complete: bool
    revision: bool
    input_offset: int


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """Rolling 24 h statistics of a symbol, as the venue last sent them."""

    symbol: str
    event_time: int
    source: TickerSource
    last_price: int
    open_price: int
    high_price: int
    low_price: int
    base_volume: int
    quote_volume: int | None
    contract_volume: int | None
    price_change: int | None
    price_change_percent: int | None
    weighted_average_price: int | None
    last_quantity: int | None
    bid_price: int | None
    bid_quantity: int | None
    ask_price: int | None
    ask_quantity: int | None
    open_time: int | None
    close_time: int | None
    first_trade_id: int | None
    last_trade_id: int | None
    trade_count: int | None
    input_offset: int


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The whole state of one part of a partition: a book, a symbol's trades, its tickers."""

    key: str
    position: int
    compression: str
    state: bytes


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """The beginning or the end of something to look at."""

    symbol: str
    kind: AlertKind
    status: AlertStatus
    opened_time: int
    time: int
    window: str | None
    side: TakerSide | None
    value: int | None
    threshold: int | None
    baseline: int | None
    input_offset: int
