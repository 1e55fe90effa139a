"""The last ticker of each symbol of one partition."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.decode import MINI_TICKER, TICKER
from processors.core.records import DeadLetter, Output, RawRecord, Rejected
from schemas import derived, wire
from schemas.decimals import QUOTE_SCALE, SCALE, parse_scaled, to_scaled
from schemas.derived import TickerSource
from schemas.markets import Market
from schemas.topics import DerivedType, RawType


__all__ = ["TickerPartition"]

SILENCE_MS: Final = 60_000
"""A ticker this much older than the mini ticker is not subscribed any more."""

_BASE_DIGITS: Final = 28
_QUOTE_DIGITS: Final = 38


class _Symbol(msgspec.Struct):
    full: derived.Ticker | None = None
    mini: derived.Ticker | None = None

    def take(self, ticker: derived.Ticker) -> bool:
        """Keep a ticker, unless a newer one of its source is known; return whether it is the one to show."""
        full = ticker.source is TickerSource.TICKER
        known = self.full if full else self.mini
        if known is not None and ticker.event_time < known.event_time:
            return False
        if full:
            self.full = ticker
        else:
            self.mini = ticker
        return self._shown() is ticker

    def _shown(self) -> derived.Ticker | None:
        """Return the full ticker, unless it fell silent; else the mini ticker.

        It depends on the newest of each alone, so not on how their two topics are read.
        """
        full, mini = self.full, self.mini
        if full is None or mini is None:
            return full or mini
        return full if full.event_time + SILENCE_MS >= mini.event_time else mini


class _Dumped(msgspec.Struct, frozen=True, array_like=True):
    """A symbol's tickers in a checkpoint."""

    version: int
    full: derived.Ticker | None
    mini: derived.Ticker | None


_VERSION: Final = 1
_encode, _decode = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder(_Dumped).decode


class TickerPartition:
    """The tickers of one partition of raw ``ticker`` and ``mini-ticker``, of all markets.

    It is :class:`~processors.core.checkpoint_rounds.Checkpointed`: the newest of each symbol counts, whichever are read
    again, so no offsets are kept.
    """

    def __init__(self) -> None:
        self._symbols: dict[tuple[Market, bytes], _Symbol] = {}
        self._changed: set[Entity] = set()

    def feed(self, record: RawRecord) -> list[Output | DeadLetter]:
        """Take one raw record; return the symbol's ticker if that changed it."""
        ticker = _read(record)
        if isinstance(ticker, Rejected):
            return [DeadLetter(ticker.reason, ticker.detail, record)]
        key = ticker.symbol.encode()
        self._changed.add(Entity(record.market, ticker.symbol))
        if not self._symbols.setdefault((record.market, key), _Symbol()).take(ticker):
            return []
        return [Output(record.market, DerivedType.TICKER, key, ticker, ticker.event_time)]

    def entities(self) -> Collection[Entity]:
        """Return the symbols of all markets."""
        return [Entity(market, key.decode()) for market, key in self._symbols]

    def entities_changed(self) -> Collection[Entity]:
        """Return those with a ticker that was not dumped."""
        return self._changed

    def dump(self, entity: Entity) -> bytes:
        """Return the tickers of a symbol."""
        symbol = self._symbols[entity.market, entity.key.encode()]
        self._changed.discard(entity)
        return _encode(_Dumped(_VERSION, symbol.full, symbol.mini))

    def load(self, entity: Entity, state: bytes) -> None:
        """Take over the tickers of a symbol.

        Raises:
            CheckpointError: they cannot be read.
        """
        try:
            dumped = _decode(state)
        except msgspec.MsgspecError as error:
            raise CheckpointError(str(error)) from error
        if dumped.version != _VERSION:
            msg = f"version is {dumped.version}, was to be {_VERSION}"
            raise CheckpointError(msg)
        self._symbols[entity.market, entity.key.encode()] = _Symbol(dumped.full, dumped.mini)

    def dump_shared(self) -> bytes:
        """Return nothing: each symbol is by itself."""
        return b""

    def load_shared(self, state: bytes) -> None:
        """Take over nothing."""

    def start_anew(self, entity: Entity) -> None:
        """Begin without a ticker: the next one that comes counts."""
        self._symbols.pop((entity.market, entity.key.encode()), None)

    def announce(self) -> Collection[Output]:
        """Return nothing: what was said last is right."""
        return ()


def _read(record: RawRecord) -> derived.Ticker | Rejected:
    value = record.value or b""
    ticker = TICKER(value) if record.type is RawType.TICKER else MINI_TICKER(value)
    if isinstance(ticker, Rejected):
        return ticker
    if ticker.event_time != record.timestamp_ms:
        # Ingest stamps a record with its event time, unless that cannot be: no later ticker would count.
        return Rejected("implausible-time", f"event time {ticker.event_time}")
    if ticker.symbol.encode() != record.key:
        return Rejected("does-not-fit", f'symbol "{ticker.symbol[:40]}" is not the key')
    try:
        return _of_ticker(ticker, record) if isinstance(ticker, wire.Ticker) else _of_mini_ticker(ticker, record)
    except ValueError as error:
        return Rejected("bad-number", str(error))


def _volumes(ticker: wire.Ticker | wire.MiniTicker, market: Market) -> tuple[int, int | None, int | None]:
    """Return volumes in the base asset, the quote asset and contracts, as far as the market has them."""
    first = parse_scaled(ticker.volume, SCALE, _BASE_DIGITS)
    if market is Market.COINM:
        return parse_scaled(ticker.second_volume, SCALE, _BASE_DIGITS), None, first
    return first, parse_scaled(ticker.second_volume, QUOTE_SCALE, _QUOTE_DIGITS), None


def _of_mini_ticker(ticker: wire.MiniTicker, record: RawRecord) -> derived.Ticker:
    base, quote, contracts = _volumes(ticker, record.market)
    return derived.Ticker(
        symbol=ticker.symbol,
        event_time=ticker.event_time,
        source=TickerSource.MINI_TICKER,
        last_price=to_scaled(ticker.last_price),
        open_price=to_scaled(ticker.open_price),
        high_price=to_scaled(ticker.high_price),
        low_price=to_scaled(ticker.low_price),
        base_volume=base,
        quote_volume=quote,
        contract_volume=contracts,
        price_change=None,
        price_change_percent=None,
        weighted_average_price=None,
        last_quantity=None,
        bid_price=None,
        bid_quantity=None,
        ask_price=None,
        ask_quantity=None,
        open_time=None,
        close_time=None,
        first_trade_id=None,
        last_trade_id=None,
        trade_count=None,
        input_offset=record.offset,
    )


def _of_ticker(ticker: wire.Ticker, record: RawRecord) -> derived.Ticker:
    base, quote, contracts = _volumes(ticker, record.market)
    return derived.Ticker(
        symbol=ticker.symbol,
        event_time=ticker.event_time,
        source=TickerSource.TICKER,
        last_price=to_scaled(ticker.last_price),
        open_price=to_scaled(ticker.open_price),
        high_price=to_scaled(ticker.high_price),
        low_price=to_scaled(ticker.low_price),
        base_volume=base,
        quote_volume=quote,
        contract_volume=contracts,
        price_change=to_scaled(ticker.price_change),
        price_change_percent=to_scaled(ticker.price_change_percent),
        weighted_average_price=to_scaled(ticker.weighted_average_price),
        last_quantity=to_scaled(ticker.last_quantity),
        bid_price=_optional(ticker.bid_price),
        bid_quantity=_optional(ticker.bid_quantity),
        ask_price=_optional(ticker.ask_price),
        ask_quantity=_optional(ticker.ask_quantity),
        open_time=ticker.open_time,
        close_time=ticker.close_time,
        first_trade_id=ticker.first_trade_id,
        last_trade_id=ticker.last_trade_id,
        trade_count=ticker.trade_count,
        input_offset=record.offset,
    )


def _optional(text: str | None) -> int | None:
    return None if text is None else to_scaled(text)
