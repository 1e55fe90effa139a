"""Candles as a fold: ``initial``, ``add``, ``finish``; and ``merge``, which makes longer candles of shorter ones.

A fold never changes. ``add`` and ``merge`` do not depend on the order of what they take: open and close follow trade
time, then id. That each trade comes once is the sequencer's promise, not checked here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.trades import Match
from processors.core.windows import Window
from schemas.derived import Candle, TakerSide, TradeSource


__all__ = ["EMPTY", "EMPTY_CONTRACTS", "CandleMarks", "Fold", "add", "finish", "initial", "merge"]


class Fold(msgspec.Struct, frozen=True, gc=False):
    """What was traded so far. Volumes as in :class:`schemas.derived.Candle`."""

    trade_count: int
    open: int
    high: int
    low: int
    close: int
    first_time: int
    first_id: int
    """With ``first_time`` the place of the trade that opened."""
    last_time: int
    last_id: int
    """With ``last_time`` the place of the trade that closed."""
    base_volume: int | None
    quote_volume: int | None
    contract_volume: int | None
    taker_buy_base_volume: int | None
    taker_buy_quote_volume: int | None
    taker_buy_contract_volume: int | None
    first_trade_id: int
    last_trade_id: int
    input_offset: int
    """Largest offset folded in."""


EMPTY: Final = Fold(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, None, 0, 0, None, -1, -1, -1)
"""No trade, where quantities are of the base asset."""
EMPTY_CONTRACTS: Final = Fold(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1)
"""No trade, where quantities are contracts."""


def initial(*, contracts: bool) -> Fold:
    """Return the fold of no trade."""
    return EMPTY_CONTRACTS if contracts else EMPTY


def add(fold: Fold, match: Match) -> Fold:
    """Return the fold with one trade more."""
    return merge(fold, _single(match, contracts=fold.contract_volume is not None))


def _single(match: Match, *, contracts: bool) -> Fold:
    base, quote = match.base_quantity, match.quote_quantity
    bought = match.taker_side is TakerSide.BUY
    return Fold(
        match.last_trade_id - match.first_trade_id + 1,
        match.price,
        match.price,
        match.price,
        match.price,
        match.trade_time,
        match.trade_id,
        match.trade_time,
        match.trade_id,
        base,
        quote,
        match.quantity if contracts else None,
        base if bought or base is None else 0,
        quote if bought or quote is None else 0,
        (match.quantity if bought else 0) if contracts else None,
        match.first_trade_id,
        match.last_trade_id,
        match.input_offset,
    )


def merge(left: Fold, right: Fold) -> Fold:
    """Return the fold of the trades of both."""
    if not right.trade_count:
        return left
    if not left.trade_count:
        return right
    opens_left = (left.first_time, left.first_id) <= (right.first_time, right.first_id)
    opener = left if opens_left else right
    closes_right = (left.last_time, left.last_id) <= (right.last_time, right.last_id)
    closer = right if closes_right else left
    return Fold(
        left.trade_count + right.trade_count,
        opener.open,
        max(left.high, right.high),
        min(left.low, right.low),
        closer.close,
        opener.first_time,
        opener.first_id,
        closer.last_time,
        closer.last_id,
        _sum(left.base_volume, right.base_volume),
        _sum(left.quote_volume, right.quote_volume),
        _sum(left.contract_volume, right.contract_volume),
        _sum(left.taker_buy_base_volume, right.taker_buy_base_volume),
        _sum(left.taker_buy_quote_volume, right.taker_buy_quote_volume),
        _sum(left.taker_buy_contract_volume, right.taker_buy_contract_volume),
        min(left.first_trade_id, right.first_trade_id),
        max(left.last_trade_id, right.last_trade_id),
        max(left.input_offset, right.input_offset),
    )


def _sum(left: int | None, right: int | None) -> int | None:
    """A sum of which a part is not known is not known."""
    return None if left is None or right is None else left + right


class CandleMarks(msgspec.Struct, frozen=True):
    """What a candle says beside the trades in it."""

    previous_close: int
    """Price of an interval without trades."""
    final: bool
    complete: bool
    revision: bool
    input_offset: int
    """Of an interval without trades: that of the last interval with some."""


def finish(
    fold: Fold, symbol: str, source: TradeSource, interval: str, *, window: Window, marks: CandleMarks
) -> Candle:
    """Return the candle of a fold.

    An interval without trades has the previous close as all its prices, volumes and count 0 and trade ids -1, as
    Binance has it.
    """
    empty = not fold.trade_count
    return Candle(
        symbol=symbol,
        interval=interval,
        open_time=window.start_ms,
        close_time=window.end_ms,
        open=marks.previous_close if empty else fold.open,
        high=marks.previous_close if empty else fold.high,
        low=marks.previous_close if empty else fold.low,
        close=marks.previous_close if empty else fold.close,
        base_volume=fold.base_volume,
        quote_volume=fold.quote_volume,
        contract_volume=fold.contract_volume,
        trade_count=fold.trade_count,
        taker_buy_base_volume=fold.taker_buy_base_volume,
        taker_buy_quote_volume=fold.taker_buy_quote_volume,
        taker_buy_contract_volume=fold.taker_buy_contract_volume,
        first_trade_id=fold.first_trade_id,
        last_trade_id=fold.last_trade_id,
        source=source,
        final=marks.final,
        complete=marks.complete,
        revision=marks.revision,
        input_offset=marks.input_offset if empty else fold.input_offset,
    )
