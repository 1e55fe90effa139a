"""Payloads of Binance's public streams: the only place that knows the venue's one-letter fields.

One type a payload. Where the markets differ, the fields that one of them lacks are optional and say so; unknown keys
are ignored, because Binance adds keys without notice. Decimal numbers stay text, as sent: what computes converts them
with :func:`schemas.decimals.to_scaled`. Times are milliseconds since the epoch, UTC.

Source: binance-spot-api-docs, "Web Socket Streams for Binance" (2026-07-21); derivatives documentation, "USD-M" and
"COIN-M Futures: Websocket Market Streams" (2026-05-28), "Important CM-UM Integration Notice" (2026-09).
"""

from __future__ import annotations

import msgspec
from msgspec import Struct, field

from schemas.derived import TakerSide


__all__ = [
    "AggTrade",
    "BookTicker",
    "DepthDiff",
    "ForceOrder",
    "Kline",
    "KlineBar",
    "LiquidationOrder",
    "MarkPrice",
    "MiniTicker",
    "PartialDepth",
    "PriceLevel",
    "ServerShutdown",
    "StreamFrame",
    "Ticker",
    "Trade",
    "taker_side",
]

PriceLevel = tuple[str, str]
"""Price and quantity at that price, in all; quantity zero removes the level."""


def taker_side(buyer_is_maker: bool) -> TakerSide:
    """Return who crossed the spread: a buyer who was maker was sold to. The one place that converts ``m``."""
    return TakerSide.SELL if buyer_is_maker else TakerSide.BUY


class StreamFrame(Struct, frozen=True):
    """One frame of a combined connection (``/stream``): which stream, and its payload untouched."""

    stream: str
    """The stream's name as subscribed, ``btcusdt@depth@100ms``."""
    data: msgspec.Raw
    """The payload's bytes as sent."""


class Trade(Struct, frozen=True, kw_only=True):
    """One match: one buyer, one seller (``<symbol>@trade``; on futures undocumented, but it flows)."""

    event_type: str = field(name="e")
    """``trade``."""
    event_time: int = field(name="E")
    """When the frame was made. Spot stamps it per connection: never part of an identity."""
    symbol: str = field(name="s")
    trade_id: int = field(name="t")
    """Consecutive per symbol."""
    price: str = field(name="p")
    quantity: str = field(name="q")
    """In the base asset; on COIN-M in contracts."""
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    """True when the taker sold; see :func:`taker_side`."""
    order_type: str | None = field(name="X", default=None)
    """Futures: ``MARKET``; other values mark insurance fund and auto-deleveraging trades."""
    futures_type: int | None = field(name="st", default=None)
    """Futures: 1 USD-M, 2 COIN-M; since 2026-06-24."""


class AggTrade(Struct, frozen=True, kw_only=True):
    """Fills of one taker order at one price; on futures within 100 ms (``<symbol>@aggTrade``)."""

    event_type: str = field(name="e")
    """``aggTrade``."""
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    aggregate_trade_id: int = field(name="a")
    """Consecutive per symbol, an id space of its own."""
    price: str = field(name="p")
    quantity: str = field(name="q")
    """In the base asset; on COIN-M in contracts. On USD-M it includes fills of RPI orders."""
    first_trade_id: int = field(name="f")
    last_trade_id: int = field(name="l")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    quantity_without_rpi: str | None = field(name="nq", default=None)
    """USD-M since 2025-12-31: the quantity without retail-price-improvement orders."""
    futures_type: int | None = field(name="st", default=None)
    """Futures: 1 USD-M, 2 COIN-M; since 2026-06-24."""


class DepthDiff(Struct, frozen=True, kw_only=True):
    """Absolute new quantities of changed price levels (``<symbol>@depth[@100ms…]``).

    On futures the partial depth streams have this very shape and event type; only the stream's name tells.
    """

    event_type: str = field(name="e")
    """``depthUpdate``."""
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    first_update_id: int = field(name="U")
    final_update_id: int = field(name="u")
    bids: list[PriceLevel] = field(name="b")
    asks: list[PriceLevel] = field(name="a")
    previous_final_update_id: int | None = field(name="pu", default=None)
    """Futures: ``u`` of the previous frame of this stream; ids are shared by all symbols there."""
    transaction_time: int | None = field(name="T", default=None)
    """Futures: when the matching engine made the change."""
    pair: str | None = field(name="ps", default=None)
    """Futures: the pair; on COIN-M always, on USD-M since 2026-06-24."""
    futures_type: int | None = field(name="st", default=None)
    """Futures: 1 USD-M, 2 COIN-M; since 2026-06-24."""


class PartialDepth(Struct, frozen=True, kw_only=True):
    """The best 5, 10 or 20 levels on spot (``<symbol>@depth20``); no symbol, no time, no event type."""

    last_update_id: int = field(name="lastUpdateId")
    bids: list[PriceLevel]
    """Best first."""
    asks: list[PriceLevel]
    """Best first."""


class BookTicker(Struct, frozen=True, kw_only=True):
    """Best bid and ask at each change (``<symbol>@bookTicker``); on spot without event type and times."""

    update_id: int = field(name="u")
    """The book's update id at which this holds."""
    symbol: str = field(name="s")
    bid_price: str = field(name="b")
    bid_quantity: str = field(name="B")
    ask_price: str = field(name="a")
    ask_quantity: str = field(name="A")
    event_type: str | None = field(name="e", default=None)
    """Futures: ``bookTicker``."""
    event_time: int | None = field(name="E", default=None)
    """Futures."""
    transaction_time: int | None = field(name="T", default=None)
    """Futures: when the matching engine made the change."""
    pair: str | None = field(name="ps", default=None)
    """Futures: the pair."""
    futures_type: int | None = field(name="st", default=None)
    """Futures: 1 USD-M, 2 COIN-M; since 2026-06-24."""


class MiniTicker(Struct, frozen=True, kw_only=True):
    """Rolling 24 h statistics, short form (``<symbol>@miniTicker``, ``!miniTicker@arr``)."""

    event_type: str = field(name="e")
    """``24hrMiniTicker``."""
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    last_price: str = field(name="c")
    open_price: str = field(name="o")
    high_price: str = field(name="h")
    low_price: str = field(name="l")
    volume: str = field(name="v")
    """In the base asset; on COIN-M in contracts."""
    second_volume: str = field(name="q")
    """In the quote asset; on COIN-M in the base asset."""
    pair: str | None = field(name="ps", default=None)
    """Futures: the pair."""
    futures_type: int | None = field(name="st", default=None)
    """Futures: 1 USD-M, 2 COIN-M; the merged arrays carry both markets on both hosts."""


class Ticker(Struct, frozen=True, kw_only=True):
    """Rolling 24 h statistics (``<symbol>@ticker``; ``!ticker@arr`` on futures only, retired on spot 2026-03-26)."""

    event_type: str = field(name="e")
    """``24hrTicker``."""
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    price_change: str = field(name="p")
    price_change_percent: str = field(name="P")
    weighted_average_price: str = field(name="w")
    last_price: str = field(name="c")
    last_quantity: str = field(name="Q")
    open_price: str = field(name="o")
    high_price: str = field(name="h")
    low_price: str = field(name="l")
    volume: str = field(name="v")
    """In the base asset; on COIN-M in contracts."""
    second_volume: str = field(name="q")
    """In the quote asset; on COIN-M in the base asset."""
    open_time: int = field(name="O")
    close_time: int = field(name="C")
    first_trade_id: int = field(name="F")
    last_trade_id: int = field(name="L")
    trade_count: int = field(name="n")
    previous_close_price: str | None = field(name="x", default=None)
    """Spot: price of the trade just before the window."""
    bid_price: str | None = field(name="b", default=None)
    """Spot."""
    bid_quantity: str | None = field(name="B", default=None)
    """Spot."""
    ask_price: str | None = field(name="a", default=None)
    """Spot."""
    ask_quantity: str | None = field(name="A", default=None)
    """Spot."""
    pair: str | None = field(name="ps", default=None)
    """Futures: the pair."""
    futures_type: int | None = field(name="st", default=None)
    """Futures: 1 USD-M, 2 COIN-M; the merged arrays carry both markets on both hosts."""


class KlineBar(Struct, frozen=True, kw_only=True):
    """The venue's candle inside a kline frame."""

    open_time: int = field(name="t")
    close_time: int = field(name="T")
    """Inclusive: open time + length - 1 ms."""
    interval: str = field(name="i")
    """Case matters: ``1m`` is a minute, ``1M`` a month."""
    first_trade_id: int = field(name="f")
    """-1 in an interval without trades."""
    last_trade_id: int = field(name="L")
    """-1 in an interval without trades."""
    open: str = field(name="o")
    close: str = field(name="c")
    high: str = field(name="h")
    low: str = field(name="l")
    volume: str = field(name="v")
    """In the base asset; on COIN-M in contracts."""
    trade_count: int = field(name="n")
    final: bool = field(name="x")
    """True only in the last frame of the interval."""
    second_volume: str = field(name="q")
    """In the quote asset; on COIN-M in the base asset."""
    taker_buy_volume: str = field(name="V")
    """In the unit of ``volume``."""
    taker_buy_second_volume: str = field(name="Q")
    """In the unit of ``second_volume``."""
    symbol: str | None = field(name="s", default=None)
    """Absent in continuous klines."""


class Kline(Struct, frozen=True, kw_only=True):
    """The venue's candle as it forms (``<symbol>@kline_<interval>``)."""

    event_type: str = field(name="e")
    """``kline``."""
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    bar: KlineBar = field(name="k")


class MarkPrice(Struct, frozen=True, kw_only=True):
    """Mark price and funding of a futures symbol (``<symbol>@markPrice[@1s]``, ``!markPrice@arr[@1s]``)."""

    event_type: str = field(name="e")
    """``markPriceUpdate``."""
    event_time: int = field(name="E")
    symbol: str = field(name="s")
    mark_price: str = field(name="p")
    estimated_settle_price: str = field(name="P")
    """Meaningful in the last hour before settlement."""
    funding_rate: str = field(name="r")
    """Empty for delivery contracts."""
    next_funding_time: int = field(name="T")
    """0 for delivery contracts."""
    index_price: str | None = field(name="i", default=None)
    """Absent on COIN-M in older frames."""
    mark_price_average: str | None = field(name="ap", default=None)
    """Moving average of the mark price; since 2026-03-16."""
    futures_type: int | None = field(name="st", default=None)
    """1 USD-M, 2 COIN-M; since 2026-06-24."""


class LiquidationOrder(Struct, frozen=True, kw_only=True):
    """The order inside a liquidation frame."""

    symbol: str = field(name="s")
    side: str = field(name="S")
    """``BUY`` or ``SELL``."""
    order_type: str = field(name="o")
    time_in_force: str = field(name="f")
    quantity: str = field(name="q")
    price: str = field(name="p")
    average_price: str = field(name="ap")
    status: str = field(name="X")
    last_filled_quantity: str = field(name="l")
    accumulated_quantity: str = field(name="z")
    trade_time: int = field(name="T")
    pair: str | None = field(name="ps", default=None)
    """Here, beside ``o``, or absent: sources and captures disagree."""
    futures_type: int | None = field(name="st", default=None)
    """Here, beside ``o``, or absent: sources and captures disagree."""


class ForceOrder(Struct, frozen=True, kw_only=True):
    """A liquidation (``<symbol>@forceOrder``, ``!forceOrder@arr``); at most one a second and symbol is sent."""

    event_type: str = field(name="e")
    """``forceOrder``."""
    event_time: int = field(name="E")
    order: LiquidationOrder = field(name="o")
    pair: str | None = field(name="ps", default=None)
    """Here, inside ``o``, or absent."""
    futures_type: int | None = field(name="st", default=None)
    """Here, inside ``o``, or absent."""


class ServerShutdown(Struct, frozen=True, kw_only=True):
    """The server is about to close; spot only, unasked for, lead time unspecified (since 2026-05-08)."""

    event_type: str = field(name="e")
    """``serverShutdown``."""
    event_time: int = field(name="E")
