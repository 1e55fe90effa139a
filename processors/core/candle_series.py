"""The candles of one symbol, of every interval, as its trades come.

One minute is built from trades, the longer intervals from final minutes. Minutes end by the symbol's own later trades
and by heartbeats, in order, so there is one point, the *frontier*, before which everything is final. What comes for a
final candle corrects it (``revision``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from processors.core.candle_holes import UNCOVERED, CandleHoles, Spans, touched
from processors.core.candle_levels import HoleName, KeptCandle, Level, OpenCandle
from processors.core.candles import CandleMarks, Fold, add, finish, initial, merge
from processors.core.trades import Match
from processors.core.wide import Wide, keep, read
from processors.core.windows import start_of, window_of
from schemas.derived import Candle, TradeSource
from schemas.topics import CANDLE_INTERVALS


__all__ = ["CandleSeries", "HoleName", "KeptSeries"]

MINUTE_MS: Final = 60_000
KEEP_MS: Final = 7_200_000
"""How long a final candle can be corrected, in event time behind the newest; those beside an open hole longer."""
SILENCE_LIMIT_MS: Final = 3 * 86_400_000
"""Silence that is filled with candles without trades; a longer one is not: it would be a flood of them."""
PROVISIONAL_MS: Final = 1_000
"""Least event time between two provisional candles."""


class KeptSeries(msgspec.Struct, frozen=True, array_like=True):
    """A series, written down."""

    start: int | None
    frontier: int
    close: Wide
    closed_by: tuple[int, int]
    offset: int
    shown: int
    covered_since: int | None
    open_holes: list[tuple[HoleName, Spans]]
    levels: dict[str, list[KeptCandle]]


class CandleSeries:
    """The candles of one symbol from one source.

    Every method returns the candles to send, in order.

    Args:
        symbol: the symbol.
        source: the stream that the trades come from.
        contracts: whether quantities are contracts (COIN-M).
        covered_since: the time since when the input is known to be whole; None: not known.
        keep_ms: how long a final candle can be corrected.
    """

    def __init__(
        self,
        symbol: str,
        source: TradeSource,
        *,
        contracts: bool,
        covered_since: int | None = None,
        keep_ms: int = KEEP_MS,
    ) -> None:
        self._symbol = symbol
        self._source = source
        self._empty = initial(contracts=contracts)
        self._covered_since = covered_since
        self._minutes, *self._longer = [
            Level(interval, length_ms, keep_ms) for interval, length_ms in CANDLE_INTERVALS.items()
        ]
        self._levels = [self._minutes, *self._longer]
        self._start: int | None = None
        self._frontier = 0
        self._close = 0
        self._closed_by = (-1, -1)
        self._offset = -1
        self._shown = -PROVISIONAL_MS
        self._holes = CandleHoles()

    def add(self, match: Match) -> list[Candle]:
        """Take one trade."""
        time = match.trade_time
        minute = time - time % MINUTE_MS
        if self._start is None:
            self._begin(minute)
        if minute < self._frontier:
            return list(self._correct(match))
        candles = list(self._end_minutes(minute)) if minute > self._frontier else []
        candle = self._minutes.candles.get(minute) or self._at(self._minutes, minute)
        candle.fold = add(candle.fold, match)
        self._offset = max(self._offset, match.input_offset)
        if time >= self._shown + PROVISIONAL_MS:
            self._shown = time
            candles.append(self._show(self._minutes, minute, candle, revision=False))
        return candles

    def vouch(self, until: int) -> list[Candle]:
        """Take the promise that every trade before ``until`` has come."""
        if self._start is None or until < self._frontier + MINUTE_MS:
            return []
        return list(self._end_minutes(start_of(until, MINUTE_MS)))

    def cover(self, since: int | None) -> list[Candle]:
        """Learn since when the input is known to be whole, should that be known only now."""
        self._covered_since = since
        return [] if self._start is None else list(self._judge_start(self._start))

    def open_hole(self, name: HoleName, previous_time: int, next_time: int) -> list[Candle]:
        """Learn that trades between two times are missing: candles that they could be in are incomplete.

        A series may begin with a hole, where the first trade of all cannot be read. It does so there, not with what is
        read first behind it, for that depends on how the ledger is read beside the log.
        """
        if self._start is None:
            self._begin(start_of(next_time, MINUTE_MS))
        spans = self._holes.open(name, previous_time, next_time)
        if self._holes.give_up_surplus():
            self._forget()
        if next_time - self._frontier <= SILENCE_LIMIT_MS:
            # The candles that it spans do not exist yet: they will be sent without trades, and incomplete.
            for minute in range(self._frontier, next_time + 1, MINUTE_MS):
                for level in self._levels:
                    self._at(level, start_of(minute, level.length_ms))
        else:
            for level in self._levels:
                self._at(level, start_of(next_time, level.length_ms))
        return [
            shown
            for level, open_time, candle in touched(self._levels, spans)
            for shown in self._judge(level, open_time, candle, candle.holes | {name})
        ]

    def narrow_hole(self, name: HoleName, spans: Iterable[tuple[int, int]]) -> list[Candle]:
        """Learn that what is still missing of a hole lies between these pairs of times."""
        before, after = self._holes.narrow(name, spans)
        return [] if before == after else self._clear(name, before, after)

    def close_hole(self, name: HoleName, *, recovered: bool) -> list[Candle]:
        """Learn that nothing more will come into a hole.

        Args:
            name: the hole.
            recovered: whether everything did come, so that the candles are complete after all.
        """
        if recovered:
            return self._clear(name, self._holes.recover(name), ())
        if self._holes.close(name) is not None:
            self._forget()
        return []

    def dump(self) -> KeptSeries:
        """Return the series, written down."""
        return KeptSeries(
            self._start,
            self._frontier,
            keep(self._close),
            self._closed_by,
            self._offset,
            self._shown,
            self._covered_since,
            self._holes.dump(),
            {level.interval: level.dump() for level in self._levels},
        )

    def load(self, kept: KeptSeries) -> None:
        """Take over what was written down.

        Raises:
            ValueError: it has other intervals.
        """
        if kept.levels.keys() != CANDLE_INTERVALS.keys():
            msg = f"candles of {', '.join(kept.levels)}: expected {', '.join(CANDLE_INTERVALS)}"
            raise ValueError(msg)
        self._start, self._frontier = kept.start, kept.frontier
        self._close, self._closed_by = read(kept.close) or 0, kept.closed_by
        self._offset, self._shown = kept.offset, kept.shown
        self._covered_since = kept.covered_since
        self._holes.load(kept.open_holes)
        for level in self._levels:
            level.load(kept.levels[level.interval], self._empty)

    def _begin(self, minute: int) -> None:
        self._start = self._frontier = minute
        for level in self._levels:
            self._at(level, start_of(minute, level.length_ms))
        for _ in self._judge_start(minute):
            pass

    def _judge_start(self, start: int) -> Iterator[Candle]:
        """Mark the candles that the series starts in, as far as nobody vouches for the time before it."""
        for level in self._levels:
            open_time = start_of(start, level.length_ms)
            candle = level.candles.get(open_time)
            if candle is not None:
                covered = self._covered_since is not None and self._covered_since <= open_time
                without = candle.holes - {UNCOVERED}
                yield from self._judge(level, open_time, candle, without if covered else without | {UNCOVERED})

    def _end_minutes(self, until: int) -> Iterator[Candle]:
        """Make every minute before ``until`` final."""
        if until - self._frontier > SILENCE_LIMIT_MS:
            yield from self._skip_to(until)
        while self._frontier < until:
            yield from self._end_minute()

    def _end_minute(self) -> Iterator[Candle]:
        minute = self._frontier
        candle = self._at(self._minutes, minute)
        self._frontier = minute + MINUTE_MS
        yield from self._end(self._minutes, minute, candle)
        for level in self._longer:
            open_time = start_of(minute, level.length_ms)
            longer = self._at(level, open_time)
            longer.fold = merge(longer.fold, candle.fold)
            if open_time + level.length_ms == self._frontier:
                yield from self._end(level, open_time, longer)
        fold = candle.fold
        if fold.trade_count:
            self._close, self._closed_by = fold.close, (fold.last_time, fold.last_id)

    def _end(self, level: Level, open_time: int, candle: OpenCandle) -> Iterator[Candle]:
        """Send a candle that is final now, and let an old one go."""
        candle.previous_close = self._close
        candle.input_offset = self._offset_before(level, open_time)
        old = open_time - level.keep_ms
        if old in level.candles and not self._holes.keep(level.candles[old]):
            del level.candles[old]
        if candle.has_price:
            yield self._show(level, open_time, candle, revision=False)

    def _offset_before(self, level: Level, open_time: int) -> int:
        """Return the offset that a candle without trades names: that of the last one with trades.

        What was read by the time it ended would depend on how topics are interleaved.
        """
        before = level.candles.get(open_time - level.length_ms)
        if before is None:
            return self._offset
        return before.fold.input_offset if before.fold.trade_count else before.input_offset

    def _skip_to(self, minute: int) -> Iterator[Candle]:
        """Go over a silence too long to fill: end what had begun, and go on at ``minute``."""
        yield from self._end_minute()
        begun = [(level, start_of(self._frontier - 1, level.length_ms)) for level in self._longer]
        ending = [(level, at) for level, at in begun if at + level.length_ms > self._frontier]
        self._frontier = minute
        for level, open_time in ending:
            yield from self._end(level, open_time, self._at(level, open_time))
        self._forget()

    def _correct(self, match: Match) -> Iterator[Candle]:
        """Put a trade into candles that are final."""
        place = match.trade_time, match.trade_id
        if place > self._closed_by:
            self._close, self._closed_by = match.price, place
        for level in self._levels:
            open_time = start_of(match.trade_time, level.length_ms)
            if open_time not in level.candles and open_time < self._frontier - level.keep_ms:
                continue
            candle = level.candles.get(open_time)
            if candle is None:
                # Before the series began: nobody knows what else was traded then.
                candle = self._at(level, open_time)
                candle.holes = frozenset({UNCOVERED})
            candle.fold = add(candle.fold, match)
            yield from self._resend(level, open_time, candle)
            yield from self._carry(level, open_time, candle.fold)

    def _carry(self, level: Level, open_time: int, fold: Fold) -> Iterator[Candle]:
        """Hand a close, and the offset that it comes from, on to the final candles without trades that follow."""
        following = open_time + level.length_ms
        while following + level.length_ms <= self._frontier:
            candle = level.candles.get(following)
            if candle is None or candle.fold.trade_count:
                return
            if (candle.previous_close, candle.input_offset) == (fold.close, fold.input_offset):
                return
            candle.previous_close, candle.input_offset = fold.close, fold.input_offset
            yield self._show(level, following, candle, revision=True)
            following += level.length_ms

    def _clear(self, name: HoleName, before: Spans, after: Spans) -> list[Candle]:
        """Take a hole out of the candles that it does not touch any longer."""
        kept = {id(candle) for _, _, candle in touched(self._levels, after)}
        candles = [
            shown
            for level, open_time, candle in touched(self._levels, before)
            if id(candle) not in kept
            for shown in self._judge(level, open_time, candle, candle.holes - {name})
        ]
        self._forget()
        return candles

    def _judge(self, level: Level, open_time: int, candle: OpenCandle, holes: frozenset[HoleName]) -> Iterator[Candle]:
        """Note what makes a candle incomplete; send it again if that changes whether it is."""
        changed = bool(holes) != bool(candle.holes)
        candle.holes = holes
        if changed:
            yield from self._resend(level, open_time, candle)

    def _forget(self) -> None:
        """Let go of candles that are too old to be corrected."""
        for level in self._levels:
            oldest = self._frontier - level.keep_ms
            level.candles = {
                open_time: candle
                for open_time, candle in level.candles.items()
                if open_time >= oldest or self._holes.keep(candle)
            }

    def _at(self, level: Level, open_time: int) -> OpenCandle:
        candle = level.candles.get(open_time)
        if candle is None:
            candle = level.candles[open_time] = OpenCandle(self._empty)
        return candle

    def _resend(self, level: Level, open_time: int, candle: OpenCandle) -> Iterator[Candle]:
        """Send a candle again that was final."""
        if open_time + level.length_ms <= self._frontier and candle.has_price:
            yield self._show(level, open_time, candle, revision=True)

    def _show(self, level: Level, open_time: int, candle: OpenCandle, *, revision: bool) -> Candle:
        window = window_of(open_time, level.length_ms)
        return finish(
            candle.fold,
            self._symbol,
            self._source,
            level.interval,
            window=window,
            marks=CandleMarks(
                previous_close=candle.previous_close,
                final=window.end_ms <= self._frontier,
                complete=not candle.holes,
                revision=revision,
                input_offset=candle.input_offset,
            ),
        )
