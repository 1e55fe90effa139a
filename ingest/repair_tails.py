"""The ends of the log, held against the venue's newest ids: what an outage took from a symbol that trades no more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.core.budget import Importance
from ingest.core.ledger import OpenHole
from ingest.core.tails import GRACE_MS, Lacking, Newest, Tail, TailWatch
from ingest.core.weights import tickers_at_once
from ingest.errors import RestError, RestRefusedError
from ingest.metrics import Metrics
from ingest.repair_rest import TailRest
from schemas.markets import Market
from schemas.rest import DayTicker
from schemas.topics import RawType


__all__ = ["LogEnds", "TailChecker"]

_PAGE: Final = 1000
_MOST_UNKNOWN: Final = 20
"""Aggregates asked for in one round only because none was read since the start: the rest has its turn later."""
_BUSY: Final = frozenset({418, 429})


class LogEnds(Protocol):
    """The log, as far as this process reads it."""

    async def tails(self, market: Market) -> list[Tail]:
        """Return where the log of what is followed ends, in the partitions of this process; raises ``KafkaError``."""

    async def lose_tail(self, tail: Tail, last_id: int, newest: Newest) -> list[OpenHole]:
        """Open a hole behind the end, if the log still ends there."""

    def know(self, tail: Tail, through: int) -> None:
        """Take note of the newest trade that the last aggregate of the log covers."""


class _NotOfferedError(Exception):
    """The venue does not answer such a question at all."""


class TailChecker:
    """Looks whether one market's log ends where the venue's trades do.

    Args:
        market: which.
        rest: is asked.
        log_ends: tells where the log ends, and opens holes.
        interval_s: between two rounds that nobody asked for.
        metrics: counts.
        clocks: time.
        log: bound to the market.
        grace_ms: how long what the log lacks may be under way.
        look_again_s: between looks at the log meanwhile.
    """

    def __init__(
        self,
        market: Market,
        rest: TailRest,
        log_ends: LogEnds,
        *,
        interval_s: float,
        metrics: Metrics,
        clocks: Clocks,
        log: BoundLogger,
        grace_ms: float = GRACE_MS,
        look_again_s: float = 1.0,
    ) -> None:
        self._market = market
        self._rest = rest
        self._log_ends = log_ends
        self._interval_s = interval_s
        self._metrics = metrics
        self._clocks = clocks
        self._log = log
        self._watch = TailWatch(grace_ms)
        self._look_again_s = look_again_s
        self._wake = asyncio.Event()
        self._failing = False

    def hurry(self) -> None:
        """Begin a round as soon as may be: something was interrupted."""
        self._wake.set()

    async def run(self) -> None:
        """Check until cancelled; where the venue does not answer such questions, give up once."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._wake.wait()
            hurried = self._wake.is_set()
            self._wake.clear()
            try:
                await self._round(Importance.HOLE if hurried else Importance.REFRESH)
            except _NotOfferedError as error:
                self._log.info(
                    "ends of the log cannot be checked: the venue does not say how far it is", reason=str(error)
                )
                await asyncio.Event().wait()
            except (RestError, KafkaError) as error:
                self._failed(error)
            else:
                self._failing = False
                self._metrics.tail_checks.labels(self._market, "done").inc()

    def _failed(self, error: Exception) -> None:
        self._metrics.tail_checks.labels(self._market, "failed").inc()
        if not self._failing:
            self._log.warning("ends of the log not checked", reason=str(error) or type(error).__name__)
        self._failing = True

    async def _round(self, importance: Importance) -> None:
        """Look, and once more at what is suspicious when the grace is over."""
        self._watch.begin()
        await self._look(await self._log_ends.tails(self._market), importance)
        remaining: list[Tail] = []
        while self._watch.suspects:
            await asyncio.sleep(self._look_again_s)
            remaining = self._watch.remaining(await self._log_ends.tails(self._market))
            if self._watch.due(self._clocks.now_ms()):
                break
        lacking = await self._look(remaining, importance)
        unknown = 0
        for one in lacking:
            _, raw_type, _ = one.tail.key
            unknown += one.tail.through < 0
            if raw_type is RawType.TRADE:
                await self._lose(one.tail, one.newest.trade_id, one.newest)
            elif one.tail.through >= 0 or unknown <= _MOST_UNKNOWN:
                await self._ask_aggregates(one, importance)

    async def _look(self, tails: Sequence[Tail], importance: Importance) -> list[Lacking]:
        """Ask the venue how far it is, and return what is lacking for certain."""
        symbols = sorted({tail.key[2] for tail in tails})
        if not symbols:
            return []
        tickers = {one.symbol: one for one in await self._tickers(symbols, importance)}
        now_ms = self._clocks.now_ms()
        # Of a symbol that does not trade, the time of its own figures may stand still.
        time_ms = max((one.close_time for one in tickers.values()), default=0)
        told = [
            self._watch.told(tail, Newest(tickers[tail.key[2]].last_trade_id, time_ms), now_ms)
            for tail in tails
            if tail.key[2] in tickers
        ]
        return [one for one in told if one is not None]

    async def _tickers(self, symbols: Sequence[str], importance: Importance) -> list[DayTicker]:
        at_once = tickers_at_once(self._market, len(symbols))
        if at_once is not None:
            try:
                return [
                    ticker
                    for start in range(0, len(symbols), at_once)
                    for ticker in await self._rest.day_tickers(symbols[start : start + at_once], importance)
                ]
            except RestRefusedError as error:
                if not _final(error):
                    raise
                # One of them may be delisted.
        try:
            return await self._rest.day_tickers(None, importance)
        except RestRefusedError as error:
            if _final(error):
                raise _NotOfferedError(str(error)) from error
            raise

    async def _ask_aggregates(self, lacking: Lacking, importance: Importance) -> None:
        """Find out whether aggregates are missing; not every trade is in one."""
        tail, newest = lacking.tail, lacking.newest
        symbol, last_id = tail.key[2], tail.next_id - 1
        items = await self._rest.agg_trades(symbol, max(0, last_id), _PAGE, importance)
        for item in items:
            if item.aggregate_trade_id == last_id:
                self._log_ends.know(tail, item.last_trade_id)
        behind = [item for item in items if item.aggregate_trade_id > last_id]
        missing = [item for item in behind if item.last_trade_id <= newest.trade_id]
        if missing:
            last = max(missing, key=lambda item: item.aggregate_trade_id)
            await self._lose(tail, last.aggregate_trade_id, Newest(last.last_trade_id, newest.time))
        elif not behind:
            self._watch.nothing_missing(lacking)

    async def _lose(self, tail: Tail, last_id: int, newest: Newest) -> None:
        holes = await self._log_ends.lose_tail(tail, last_id, newest)
        market, stream, symbol = tail.key
        for hole in holes:
            self._metrics.tail_holes.labels(market, stream).inc()
            ids = hole.hole
            self._log.warning(
                "the log ends before the venue does",
                stream=stream, symbol=symbol, first_id=ids.first_id, last_id=ids.last_id,
            )  # fmt: skip


def _final(error: RestRefusedError) -> bool:
    """Whether the venue would answer no other way if it were asked again."""
    return 400 <= error.status < 500 and error.status not in _BUSY
