"""The candles of one symbol and interval that may still change, and how they are written down."""

from __future__ import annotations

import msgspec

from processors.core.candles import Fold
from processors.core.wide import Wide, keep, read


__all__ = ["HoleName", "KeptCandle", "Level", "OpenCandle"]

HoleName = tuple[int, int]
"""Epoch and first id of a hole."""


class KeptFold(msgspec.Struct, frozen=True, array_like=True):
    """What was traded in a candle, written down.

    A symbol has some 180 candles that may still change, so the numbers are made small: prices stand as differences from
    the open, times from the candle's, ids from the first trade id.
    """

    trade_count: int
    open: Wide
    high: Wide
    low: Wide
    close: Wide
    first_time: int
    first_id: int
    last_time: int
    last_id: int
    base_volume: Wide
    quote_volume: Wide
    contract_volume: Wide
    taker_buy_base_volume: Wide
    taker_buy_quote_volume: Wide
    taker_buy_contract_volume: Wide
    first_trade_id: int
    last_trade_id: int
    input_offset: int


class KeptCandle(msgspec.Struct, frozen=True, array_like=True):
    """One candle, written down."""

    number: int
    """Its place among those of its interval, counted from the epoch."""
    fold: KeptFold | None
    """None: no trade."""
    holes: list[HoleName]
    previous_close: Wide
    input_offset: int


class OpenCandle:
    """One candle in the making, or final and kept for correction."""

    __slots__ = ("fold", "holes", "input_offset", "previous_close")

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.holes: frozenset[HoleName] = frozenset()
        """What makes it incomplete."""
        self.previous_close = 0
        self.input_offset = -1

    @property
    def has_price(self) -> bool:
        """Whether there is a price to tell: not before the first trade of a series that began with a hole."""
        return bool(self.fold.trade_count or self.previous_close)


class Level:
    """All candles of one interval that may still change."""

    __slots__ = ("candles", "interval", "keep_ms", "length_ms")

    def __init__(self, interval: str, length_ms: int, keep_ms: int) -> None:
        self.interval = interval
        self.length_ms = length_ms
        self.keep_ms = max(keep_ms, length_ms)
        self.candles: dict[int, OpenCandle] = {}

    def dump(self) -> list[KeptCandle]:
        """Return the candles, written down, in order of time."""
        return [
            KeptCandle(
                open_time // self.length_ms,
                _kept(candle.fold, open_time) if candle.fold.trade_count else None,
                sorted(candle.holes),
                keep(candle.previous_close),
                candle.input_offset,
            )
            for open_time, candle in sorted(self.candles.items())
        ]

    def load(self, kept: list[KeptCandle], empty: Fold) -> None:
        """Take over what was written down; ``empty`` is the fold of no trade."""
        for one in kept:
            open_time = one.number * self.length_ms
            candle = self.candles[open_time] = OpenCandle(empty if one.fold is None else _fold(one.fold, open_time))
            candle.holes = frozenset(one.holes)
            candle.previous_close = read(one.previous_close) or 0
            candle.input_offset = one.input_offset


def _kept(fold: Fold, open_time: int) -> KeptFold:
    price, trade_id = fold.open, fold.first_trade_id
    return KeptFold(
        fold.trade_count,
        keep(price),
        keep(fold.high - price),
        keep(price - fold.low),
        keep(fold.close - price),
        fold.first_time - open_time,
        fold.first_id - trade_id,
        fold.last_time - open_time,
        fold.last_id - trade_id,
        keep(fold.base_volume),
        keep(fold.quote_volume),
        keep(fold.contract_volume),
        keep(fold.taker_buy_base_volume),
        keep(fold.taker_buy_quote_volume),
        keep(fold.taker_buy_contract_volume),
        trade_id,
        fold.last_trade_id - trade_id,
        fold.input_offset,
    )


def _fold(kept: KeptFold, open_time: int) -> Fold:
    price, trade_id = read(kept.open) or 0, kept.first_trade_id
    return Fold(
        kept.trade_count,
        price,
        price + (read(kept.high) or 0),
        price - (read(kept.low) or 0),
        price + (read(kept.close) or 0),
        open_time + kept.first_time,
        trade_id + kept.first_id,
        open_time + kept.last_time,
        trade_id + kept.last_id,
        read(kept.base_volume),
        read(kept.quote_volume),
        read(kept.contract_volume),
        read(kept.taker_buy_base_volume),
        read(kept.taker_buy_quote_volume),
        read(kept.taker_buy_contract_volume),
        trade_id,
        trade_id + kept.last_trade_id,
        kept.input_offset,
    )
