"""Answers of Binance's public REST endpoints, as far as market data needs them.

Decimal numbers stay text, times are milliseconds since the epoch, UTC, unknown keys are ignored.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21); derivatives documentation, "Market Data
Endpoints" of USD-M and COIN-M (2026-05-28).
"""

from __future__ import annotations

from msgspec import Struct, field

from schemas.wire import PriceLevel


__all__ = [
    "ApiError",
    "DayTicker",
    "DepthSnapshot",
    "ExchangeInfo",
    "RateLimit",
    "RestAggTrade",
    "RestKline",
    "RestTrade",
    "ServerTime",
    "SymbolFilter",
    "SymbolInfo",
]


class DepthSnapshot(Struct, frozen=True, kw_only=True):
    """Full levels at one update id (``GET …/depth``), best first."""

    last_update_id: int = field(name="lastUpdateId")
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    event_time: int | None = field(name="E", default=None)
    """Futures."""
    transaction_time: int | None = field(name="T", default=None)
    """Futures."""
    symbol: str | None = None
    """COIN-M only."""


class RestTrade(Struct, frozen=True, kw_only=True):
    """One match (``GET …/trades``, ``…/historicalTrades``); no symbol, and other names than the stream's."""

    trade_id: int = field(name="id")
    price: str
    quantity: str = field(name="qty")
    """In the base asset; on COIN-M in contracts."""
    trade_time: int = field(name="time")
    buyer_is_maker: bool = field(name="isBuyerMaker")
    quote_quantity: str | None = field(name="quoteQty", default=None)
    """Spot and USD-M."""
    base_quantity: str | None = field(name="baseQty", default=None)
    """COIN-M."""
    best_match: bool | None = field(name="isBestMatch", default=None)
    """Spot; the stream's ``M``."""


class RestAggTrade(Struct, frozen=True, kw_only=True):
    """Fills of one taker order at one price (``GET …/aggTrades``); the stream's letters, without symbol and times."""

    aggregate_trade_id: int = field(name="a")
    price: str = field(name="p")
    quantity: str = field(name="q")
    first_trade_id: int = field(name="f")
    last_trade_id: int = field(name="l")
    trade_time: int = field(name="T")
    buyer_is_maker: bool = field(name="m")
    quantity_without_rpi: str | None = field(name="nq", default=None)
    """USD-M."""
    best_match: bool | None = field(name="M", default=None)
    """Spot."""


class DayTicker(Struct, frozen=True, kw_only=True):
    """Of the figures of the last 24 hours (``GET …/ticker/24hr``), how far the trades go."""

    symbol: str
    last_trade_id: int = field(name="lastId")
    """-1: no trade in that time."""
    close_time: int = field(name="closeTime")


class RestKline(Struct, frozen=True, array_like=True):
    """One kline (``GET …/klines``): an array of twelve.

    On COIN-M ``volume`` and ``taker_buy_volume`` are contracts, the second volumes base asset.
    """

    open_time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    close_time: int
    """Inclusive."""
    second_volume: str
    trade_count: int
    taker_buy_volume: str
    taker_buy_second_volume: str
    ignore: str


class RateLimit(Struct, frozen=True, kw_only=True):
    """One limit of the venue; read it, it changes."""

    kind: str = field(name="rateLimitType")
    """``REQUEST_WEIGHT``, ``ORDERS`` or ``RAW_REQUESTS``."""
    interval: str
    """``SECOND``, ``MINUTE`` or ``DAY``."""
    interval_count: int = field(name="intervalNum")
    limit: int


class SymbolFilter(Struct, frozen=True, kw_only=True):
    """One filter of a symbol; only the keys that market data needs."""

    kind: str = field(name="filterType")
    tick_size: str | None = field(name="tickSize", default=None)
    """Of ``PRICE_FILTER``."""
    step_size: str | None = field(name="stepSize", default=None)
    """Of ``LOT_SIZE`` and ``MARKET_LOT_SIZE``."""


class SymbolInfo(Struct, frozen=True, kw_only=True):
    """One instrument."""

    symbol: str
    status: str | None = None
    """Spot and USD-M; ``TRADING`` when it trades."""
    contract_status: str | None = field(name="contractStatus", default=None)
    """COIN-M's name for ``status``."""
    base_asset: str = field(name="baseAsset")
    quote_asset: str = field(name="quoteAsset")
    contract_size: int | None = field(name="contractSize", default=None)
    """COIN-M: value of a contract in the quote asset."""
    filters: list[SymbolFilter] = []


class ExchangeInfo(Struct, frozen=True, kw_only=True):
    """What the venue trades and how much it may be asked (``GET …/exchangeInfo``)."""

    rate_limits: list[RateLimit] = field(name="rateLimits")
    symbols: list[SymbolInfo]
    server_time: int | None = field(name="serverTime", default=None)
    """To be ignored on futures, by the venue's own words."""


class ServerTime(Struct, frozen=True, kw_only=True):
    """The venue's clock (``GET …/time``)."""

    server_time: int = field(name="serverTime")


class ApiError(Struct, frozen=True, kw_only=True):
    """What every failed request answers, if it answers JSON at all."""

    code: int
    message: str = field(name="msg")
