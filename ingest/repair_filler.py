"""Filling holes: asks one market for the trades that are missing, and puts them into the log.

Whoever was asked least is next, then the older hole: one that takes a thousand questions holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.connection import Clocks
from ingest.core.backfill import Answered, Backfill, BackfillOrigin, RestItem, backfill_record, id_of
from ingest.core.backoff import delay_s
from ingest.core.ledger import OpenHole
from ingest.core.records import Header
from ingest.errors import RecordRefusedError, RestError, RestRefusedError, is_transient
from ingest.publisher import Publisher
from ingest.repair_rest import HoleRest, ask, weight_of
from schemas.control import GapStatus
from schemas.markets import Market
from schemas.topics import RawType, TopicTable


__all__ = ["DECISION_LIMIT_MS", "Filler", "HeadersOf"]

DECISION_LIMIT_MS: Final = 8_500.0
"""A hole is decided 10 s after it was found, youth and the way to the ledger included: then the flow goes on."""
NO_WEIGHT: Final = "no-request-weight"
REFUSED: Final = "venue-refuses-requests"
UNREACHABLE: Final = "venue-unreachable"
UNDECIDED: Final = "not-filled-in-time"
UNKNOWN_SYMBOL: Final = "symbol-unknown"
REFUSED_BY_BROKER: Final = "refused-by-broker"

_AT_ONCE: Final = 4
_LOOK_AGAIN_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 60.0
_BUSY: Final = frozenset({418, 429})
_NO_SUCH_SYMBOL: Final = -1121
_TELL_EVERY: Final = 50
"""Questions between two words about a long fill."""

HeadersOf = Callable[[Market, RawType, str], Sequence[Header]]
"""Returns the headers that a symbol's records carry beyond the ordinary ones."""


class _Fill:
    """One hole, as far as it is filled."""

    def __init__(self, hole: OpenHole, found_ms: float, *, keyed: bool) -> None:
        self.hole = hole
        self.backfill = Backfill(hole, keyed=keyed)
        self.found_ms = found_ms
        self.questions = 0
        self.failures = 0
        self.not_before_ms = 0.0
        self.asking = False

    @property
    def rank(self) -> tuple[int, float]:
        return self.questions, self.found_ms


class Filler:
    """Fills the holes of one market.

    Args:
        market: which.
        rest: is asked.
        connection_id: names the REST client in headers.
        tell: writes a hole's new entries into the ledger.
        headers_of: what a symbol's records carry besides.
        publisher: where trades go.
        table: names the topics.
        clocks: time and chance.
        log: bound to the market.
    """

    def __init__(
        self,
        market: Market,
        rest: HoleRest,
        connection_id: str,
        *,
        tell: Callable[[OpenHole], Awaitable[None]],
        headers_of: HeadersOf,
        publisher: Publisher,
        table: TopicTable,
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self._market = market
        self._rest = rest
        self._connection_id = connection_id
        self._tell = tell
        self._headers_of = headers_of
        self._publisher = publisher
        self._table = table
        self._clocks = clocks
        self._log = log
        self._fills: dict[int, _Fill] = {}
        self._sequence = 0
        self._wake = asyncio.Event()

    def offer(self, holes: Iterable[OpenHole]) -> None:
        """Take holes to fill, until they are settled or given up."""
        now_ms = self._clocks.now_ms()
        for hole in holes:
            self._fills[id(hole)] = _Fill(hole, now_ms, keyed=self._rest.reaches_history)
        self._wake.set()

    async def run(self) -> None:
        """Fill until cancelled; one hole's trouble holds up no other."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._decide_in_time())
            while True:
                self._wake.clear()
                self._forget_settled()
                for fill in self._due():
                    fill.asking = True
                    tasks.create_task(self._step(fill))
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_AGAIN_S):
                        await self._wake.wait()

    def _forget_settled(self) -> None:
        for name, fill in list(self._fills.items()):
            if not fill.asking and (fill.hole.settled or fill.hole.given_up):
                del self._fills[name]

    def _due(self) -> list[_Fill]:
        now_ms, asking = self._clocks.now_ms(), sum(fill.asking for fill in self._fills.values())
        due = [fill for fill in self._fills.values() if not fill.asking and fill.not_before_ms <= now_ms]
        return sorted(due, key=lambda fill: fill.rank)[: max(0, _AT_ONCE - asking)]

    async def _step(self, fill: _Fill) -> None:
        """Ask one question about a hole, and take the answer."""
        try:
            await self._ask(fill)
        except RestError as error:
            await self._put_off(fill, error)
        finally:
            fill.asking = False
            self._wake.set()

    async def _ask(self, fill: _Fill) -> None:
        hole = fill.hole
        left_ms = DECISION_LIMIT_MS - (self._clocks.now_ms() - fill.found_ms)
        wait_s = self._rest.wait_s(weight_of(self._market, fill.backfill.kind))
        if wait_s * 1000 > left_ms:
            await self._defer(hole, NO_WEIGHT)
        if _over(hole):
            return
        question = fill.backfill.question()
        if self._others(fill):
            question = fill.backfill.widened(question)
        fill.questions += 1
        items = await ask(self._rest, question)
        fill.failures = 0
        others = [one for one in self._others(fill) if one.backfill.answered_by(question, items)]
        for other in others:
            other.asking = True
        answers = [(one.hole, one.backfill.answer(question, items)) for one in others]
        answered = Answered() if _over(hole) else fill.backfill.answer(question, items)
        try:
            for one, what in [(hole, answered), *answers]:
                await self._take(one, what)
        finally:
            for other in others:
                other.asking = False
        if answered.waits:
            fill.not_before_ms = self._clocks.now_ms() + 1000 * delay_s(
                fill.questions - 1, self._clocks.random(), ceiling_s=_LONGEST_PAUSE_S
            )
        if not fill.questions % _TELL_EVERY:
            self._log.info("filling a large hole", **_names(hole), missing_count=hole.fates.missing_count)

    def _others(self, fill: _Fill) -> list[_Fill]:
        """Return the holes of the same stream and symbol that nobody asks about: one answer may serve many."""
        return [
            one
            for one in self._fills.values()
            if one is not fill and one.hole.key == fill.hole.key and not (one.asking or one.hole.given_up)
        ]

    async def _take(self, hole: OpenHole, answered: Answered) -> None:
        """Put into the log what was found, and tell what became of the hole; in this order."""
        await self._publisher.room()
        if hole.given_up:
            return
        await asyncio.gather(*(self._deliver(hole, item) for item in answered.found))
        for absent in answered.absent:
            hole.absent(*absent)
        for lost in answered.lost:
            hole.lost(*lost)
        if hole.settled:
            await self._tell(hole)

    async def _deliver(self, hole: OpenHole, item: RestItem) -> None:
        """Put one trade into the log."""
        market, raw_type, symbol = hole.key
        self._sequence += 1
        origin = BackfillOrigin(self._connection_id, self._sequence, self._clocks.wall_ns())
        extra = self._headers_of(market, raw_type, symbol)
        record = backfill_record(self._table, market, symbol, item, origin=origin, extra_headers=extra)
        one_id = id_of(item)
        try:
            await self._publisher.deliver(record)
        except RecordRefusedError:
            hole.lost(one_id, one_id, REFUSED_BY_BROKER)
        else:
            hole.backfilled(one_id)

    # What cannot be done now

    async def _put_off(self, fill: _Fill, error: RestError) -> None:
        """Take a question that was not answered."""
        hole = fill.hole
        if hole.given_up:
            return
        if isinstance(error, RestRefusedError) and error.code == _NO_SUCH_SYMBOL:
            hole.lost(hole.hole.first_id, hole.hole.last_id, UNKNOWN_SYMBOL)
            await self._tell(hole)
            return
        retry_after_s = error.retry_after_s if isinstance(error, RestRefusedError) else None
        pause_s = delay_s(fill.failures, self._clocks.random(), ceiling_s=_LONGEST_PAUSE_S)
        pause_s = max(pause_s, retry_after_s or 0.0)
        fill.failures += 1
        fill.not_before_ms = self._clocks.now_ms() + pause_s * 1000
        tell = self._log.warning if is_transient(error) else self._log.error
        tell("hole not filled yet", **_names(hole), reason=str(error), next_attempt_s=round(pause_s, 1))
        refused = isinstance(error, RestRefusedError) and error.status in _BUSY
        await self._defer(hole, REFUSED if refused else UNREACHABLE)

    async def _decide_in_time(self) -> None:
        """Let the flow go on without what takes too long."""
        while True:
            now_ms = self._clocks.now_ms()
            late = [fill.hole for fill in self._fills.values() if now_ms - fill.found_ms >= DECISION_LIMIT_MS]
            for hole in late:
                await self._defer(hole, UNDECIDED)
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _defer(self, hole: OpenHole, reason: str) -> None:
        if hole.status is GapStatus.OPEN and not hole.settled and not hole.given_up:
            hole.defer(reason)
            await self._tell(hole)


def _over(hole: OpenHole) -> bool:
    """Whether there is nothing more to do here about a hole."""
    return hole.settled or hole.given_up


def _names(hole: OpenHole) -> dict[str, object]:
    _, stream, symbol = hole.key
    return {"stream": stream, "symbol": symbol, "first_id": hole.hole.first_id, "last_id": hole.hole.last_id}
