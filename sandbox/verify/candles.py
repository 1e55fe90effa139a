"""The pipeline's candles against the venue's klines, column by column, exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from decimal import Decimal
from typing import Final

import msgspec

from sandbox.verify.books import EXAMPLES
from sandbox.verify.klines import INTERVALS, Kline, roll_up
from sandbox.verify.spans import Spans
from sandbox.verify.trades import Hole
from schemas.decimals import QUOTE_SCALE, SCALE, from_scaled
from schemas.derived import Candle
from schemas.markets import Market
from schemas.topics import CANDLE_INTERVALS


__all__ = ["CandleComparison", "TradedTime", "compare_candles", "minutes_of", "truths_of"]

_ROUNDING_PER_TRADE: Final = Decimal("1e-8")
"""COIN-M base quantities are quotients: the venue rounds each, and so do we."""
_MINUTE_MS: Final = 60_000
_NEEDS_CONTRACT_SIZE: Final = frozenset({"base_volume", "taker_buy_base_volume"})


class CandleComparison(msgspec.Struct):
    """How the candles of one symbol and interval compare."""

    equal: int = 0
    different: int = 0
    incomplete: int = 0
    """Equal ones that the pipeline itself does not vouch for (`complete` is false)."""
    differences: list[dict[str, object]] = []
    not_compared: Counter[str] = msgspec.field(default_factory=Counter)
    columns_not_compared: Counter[str] = msgspec.field(default_factory=Counter)
    truths: Counter[str] = msgspec.field(default_factory=Counter)
    """What was compared with, and how often."""

    @property
    def compared(self) -> int:
        """Intervals of which the recording holds everything and the venue's kline is known."""
        return self.equal + self.different


class TradedTime(msgspec.Struct, frozen=True):
    """When the recording holds all trades of a symbol."""

    spans: Spans
    first_trade_time: int | None
    """None: no trades recorded."""
    first_trade_id: int | None
    last_trade_id: int | None
    broken_minutes: Set[int]
    """Minutes, counted since the epoch, of which the recording does not hold all trades; see `minutes_of`."""

    def obstacle(self, kline: Kline) -> str | None:
        """Return why an interval inside the recording cannot be compared; None if it can."""
        if self.first_trade_time is None:
            return "no trades recorded"
        minutes = range(kline.open_time // _MINUTE_MS, -(-kline.close_time // _MINUTE_MS))
        if any(minute in self.broken_minutes for minute in minutes):
            return "holds a hole of the recording, or a trade that cannot be read"
        if self.first_trade_time >= kline.close_time and not kline.volume:
            return "before the first recorded trade"
        if self._begins_or_ends_outside(kline):
            return "the kline holds trades that the recording does not"
        return None

    def _begins_or_ends_outside(self, kline: Kline) -> bool:
        before = kline.first_trade_id is not None and kline.first_trade_id < (self.first_trade_id or 0)
        after = kline.last_trade_id is not None and kline.last_trade_id > (self.last_trade_id or 0)
        return before or after


def minutes_of(holes: Iterable[Hole]) -> set[int]:
    """Return the minutes into which trades of the holes may fall: from the trade before to the trade after each."""
    minutes: set[int] = set()
    for hole in holes:
        minutes.update(range(hole.previous_time // _MINUTE_MS, hole.next_time // _MINUTE_MS + 1))
    return minutes


def truths_of(klines: Iterable[Mapping[tuple[str, int], Kline]]) -> dict[tuple[str, int], list[Kline]]:
    """Gather all that is known of each candle, by interval and open time.

    A candle that no source tells is rolled up from shorter ones, as far as all of its parts are known.
    """
    truths: dict[tuple[str, int], list[Kline]] = {}
    for source in klines:
        for key, kline in source.items():
            truths.setdefault(key, []).append(kline)
    known = sorted({interval for interval, _ in truths}, key=INTERVALS.__getitem__)
    for target, length in CANDLE_INTERVALS.items():
        for interval in known:
            if INTERVALS[interval] < length and length % INTERVALS[interval] == 0:
                parts = (found[0] for (name, _), found in list(truths.items()) if name == interval)
                for open_time, kline in roll_up(parts, length).items():
                    truths.setdefault((target, open_time), [kline])
    return truths


def compare_candles(
    market: Market,
    interval: str,
    truths: Mapping[tuple[str, int], Sequence[Kline]],
    candles: Mapping[tuple[str, int], Candle],
    traded: TradedTime,
    *,
    volumes_may_lack: bool = False,
) -> CandleComparison:
    """Compare every candle of `interval` that lies wholly inside the recording.

    Args:
        market: on COIN-M klines count contracts, and base volumes agree to 1e-8 a trade.
        interval: as klines name it.
        truths: all that is known of each candle, as `truths_of` gathers it.
        candles: the pipeline's last version of each.
        traded: when the recording holds all trades.
        volumes_may_lack: base volumes may be null, as on COIN-M where nobody tells the contract size.
    """
    result = CandleComparison()
    for open_time in _inside(traded.spans, INTERVALS[interval]):
        klines = truths.get((interval, open_time))
        obstacle = "no kline" if not klines else traded.obstacle(klines[0])
        if obstacle or not klines:
            result.not_compared[obstacle or "no kline"] += 1
            continue
        candle = candles.get((interval, open_time))
        found = [
            difference for kline in klines if (difference := _compare(result, market, kline, candle, volumes_may_lack))
        ]
        result.truths.update(kline.origin for kline in klines)
        if not found:
            result.equal += 1
            result.incomplete += candle is not None and not candle.complete
        else:
            result.different += 1
            if len(result.differences) < EXAMPLES:
                result.differences.append(found[0])
    return result


def _inside(spans: Spans, length: int) -> Iterator[int]:
    """Yield the open time of every interval that lies wholly inside the recording."""
    for span in spans:
        yield from range(-(-span.start // length) * length, span.end - length + 1, length)


def _compare(
    result: CandleComparison, market: Market, kline: Kline, candle: Candle | None, volumes_may_lack: bool
) -> dict[str, object] | None:
    """Return what is different, column by column; None if nothing is."""
    head: dict[str, object] = {"open_time": kline.open_time, "truth": kline.origin}
    if candle is None:
        return {**head, "missing": True}
    if not candle.final:
        return {**head, "final": False}
    columns = {}
    for name, expected, actual, tolerance in _columns(market, kline, candle):
        if expected is None:
            continue
        if actual is None and volumes_may_lack and name in _NEEDS_CONTRACT_SIZE:
            result.columns_not_compared[f"{name}: contract size not known"] += 1
        elif actual is None or abs(actual - expected) > tolerance:
            columns[name] = {"kline": f"{expected:f}", "candle": "null" if actual is None else f"{actual:f}"}
    return {**head, "columns": columns} if columns else None


_Column = tuple[str, Decimal | None, Decimal | None, Decimal]


def _columns(market: Market, kline: Kline, candle: Candle) -> Iterator[_Column]:
    """Yield name, the venue's value, ours, and by how much they may differ."""
    exact = Decimal(0)
    for name in ("open", "high", "low", "close"):
        yield name, getattr(kline, name), from_scaled(getattr(candle, name)), exact
    yield "close_time", Decimal(kline.close_time), Decimal(candle.close_time), exact
    for name in ("trade_count", "first_trade_id", "last_trade_id"):
        expected = getattr(kline, name)
        yield name, None if expected is None else Decimal(expected), Decimal(getattr(candle, name)), exact
    if market is Market.COINM:
        rounding = _ROUNDING_PER_TRADE * candle.trade_count
        yield "contract_volume", kline.volume, _number(candle.contract_volume), exact
        yield "base_volume", kline.second_volume, _number(candle.base_volume), rounding
        yield "taker_buy_contract_volume", kline.taker_buy_volume, _number(candle.taker_buy_contract_volume), exact
        second = _number(candle.taker_buy_base_volume)
        yield "taker_buy_base_volume", kline.taker_buy_second_volume, second, rounding
    else:
        yield "base_volume", kline.volume, _number(candle.base_volume), exact
        yield "quote_volume", kline.second_volume, _number(candle.quote_volume, QUOTE_SCALE), exact
        yield "taker_buy_base_volume", kline.taker_buy_volume, _number(candle.taker_buy_base_volume), exact
        second = _number(candle.taker_buy_quote_volume, QUOTE_SCALE)
        yield "taker_buy_quote_volume", kline.taker_buy_second_volume, second, exact


def _number(value: int | None, scale: int = SCALE) -> Decimal | None:
    return None if value is None else from_scaled(value, scale)
