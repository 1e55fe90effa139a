from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog

from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole
from ingest.errors import RestError, RestRefusedError, RestUnreachableError
from ingest.repair_filler import DECISION_LIMIT_MS, Filler
from schemas.control import Gap
from schemas.markets import Market
from schemas.rest import RestAggTrade, RestTrade
from schemas.topics import RawType, TopicTable
from tests.support.fakes import FakeClocks, RecordingPublisher


TABLE = TopicTable("binance")


class FakeRest:
    """A venue that has every trade, one a second."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, int]] = []
        self.wait = 0.0
        self.error: Callable[[], RestError] | None = None
        self.answering = asyncio.Event()
        self.answering.set()
        self.reaches_history = False

    async def trades(self, symbol: str, limit: int) -> list[RestTrade]:
        raise AssertionError(symbol, limit)

    async def historical_trades(self, symbol: str, from_id: int, limit: int) -> list[RestTrade]:
        self.questions.append((symbol, from_id))
        await self.answering.wait()
        if self.error is not None:
            raise self.error()
        return [
            RestTrade(trade_id=one, price="1", quantity="2", trade_time=one * 1000, buyer_is_maker=True)
            for one in range(from_id, from_id + limit)
        ]

    async def agg_trades(self, symbol: str, from_id: int, limit: int) -> list[RestAggTrade]:
        raise AssertionError(symbol, from_id, limit)

    def wait_s(self, weight: int) -> float:
        assert weight == 25
        return self.wait


class Bench:
    """A filler of the spot market, and what it tells."""

    def __init__(self) -> None:
        self.rest = FakeRest()
        self.clocks = FakeClocks()
        self.publisher = RecordingPublisher()
        self.ledger: list[Gap] = []
        self.changed = asyncio.Event()
        self.filler = Filler(
            Market.SPOT,
            self.rest,
            "ingest-1.spot.repair",
            tell=self._tell,
            headers_of=lambda *_: (),
            publisher=self.publisher,
            table=TABLE,
            clocks=self.clocks,
            log=structlog.get_logger(),
        )

    async def _tell(self, hole: OpenHole) -> None:
        self.ledger += hole.entries(1)
        self.changed.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.filler.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def told(self) -> list[tuple[int, int, str, str | None]]:
        return [(gap.first_id, gap.last_id, str(gap.status), gap.reason) for gap in self.ledger]


def hole(first_id: int, last_id: int, symbol: str = "BTCUSDT") -> OpenHole:
    """Return a hole that is in the ledger as open."""
    times = (first_id * 1000 - 1000, last_id * 1000 + 1000)
    one = OpenHole((Market.SPOT, RawType.TRADE, symbol), Hole(0, first_id, last_id, *times), 0)
    one.entries(0)
    return one


async def test_a_hole_is_settled_when_the_broker_has_its_trades_and_not_before() -> None:
    bench, one = Bench(), hole(100, 102)
    bench.publisher.hold()
    async with bench.running():
        bench.filler.offer([one])
        async with asyncio.timeout(20):
            while bench.publisher.unacknowledged < 3:  # noqa: ASYNC110 - it tells of acknowledgements only
                await asyncio.sleep(0)
        assert bench.told() == []
        bench.publisher.release()
        await bench.until(lambda: one.settled)

    assert bench.told() == [(100, 102, "filled", "backfilled")]
    topic = TABLE.raw(Market.SPOT, RawType.TRADE).name
    assert [record.timestamp_ms for record in bench.publisher.of(topic)] == [100_000, 101_000, 102_000]


async def test_where_the_budget_would_let_it_wait_too_long_it_is_deferred_before_it_is_asked() -> None:
    bench, one = Bench(), hole(100, 102)
    bench.rest.wait = 60.0
    bench.rest.answering.clear()
    async with bench.running():
        bench.filler.offer([one])
        await bench.until(lambda: bool(bench.ledger))
        deferred = bench.told()
        bench.rest.answering.set()
        await bench.until(lambda: one.settled)

    assert deferred == [(100, 102, "deferred", "no-request-weight")]
    assert bench.told()[1:] == [(100, 102, "filled", "backfilled")]


async def test_what_is_not_answered_in_time_is_deferred_and_filled_later() -> None:
    bench, one = Bench(), hole(100, 102)
    bench.rest.answering.clear()
    async with bench.running():
        bench.filler.offer([one])
        bench.clocks.pass_ms(DECISION_LIMIT_MS)
        await bench.until(lambda: bool(bench.ledger))
        deferred = bench.told()
        bench.rest.answering.set()
        await bench.until(lambda: one.settled)

    assert deferred == [(100, 102, "deferred", "not-filled-in-time")]
    assert bench.told()[1:] == [(100, 102, "filled", "backfilled")]


async def test_a_ban_and_an_outage_are_told_apart_and_a_symbol_that_is_gone_ends_it() -> None:
    url = "https://venue/historicalTrades"
    expected: list[tuple[Callable[[], RestError], str, str]] = [
        (lambda: RestRefusedError(url, 418, -1003, "banned", 300.0), "deferred", "venue-refuses-requests"),
        (lambda: RestRefusedError(url, 502, None, "bad gateway", None), "deferred", "venue-unreachable"),
        (lambda: RestUnreachableError(url, "no route"), "deferred", "venue-unreachable"),
        (lambda: RestRefusedError(url, 400, -1121, "Invalid symbol.", None), "unfillable", "symbol-unknown"),
    ]
    for error, status, reason in expected:
        bench = Bench()
        bench.rest.error = error
        async with bench.running():
            bench.filler.offer([hole(100, 102)])
            await bench.until(lambda bench=bench: bool(bench.ledger))  # type: ignore[misc]

        assert bench.told() == [(100, 102, status, reason)]


async def test_holes_of_a_thousand_questions_hold_up_no_other() -> None:
    bench = Bench()
    huge = [hole(100_000, 140_000, f"HUGE{number}USDT") for number in range(6)]
    small = hole(100, 102, "SMALLUSDT")
    async with bench.running():
        bench.filler.offer(huge)
        bench.filler.offer([small])
        await bench.until(lambda: small.settled)

    assert not any(one.settled for one in huge)
    before = [symbol for symbol, _ in bench.rest.questions]
    assert max(before.count(one.key[2]) for one in huge) <= 3


async def test_one_answer_serves_all_holes_that_it_reaches_over() -> None:
    bench = Bench()
    holes = [hole(first, first + 3) for first in range(100, 900, 10)]
    async with bench.running():
        bench.filler.offer(holes)
        await bench.until(lambda: all(one.settled for one in holes))

    assert len(bench.rest.questions) <= 8
    topic = TABLE.raw(Market.SPOT, RawType.TRADE).name
    assert len(bench.publisher.of(topic)) == 4 * len(holes)


async def test_a_hole_that_somebody_else_looks_after_now_is_left_alone() -> None:
    bench, one = Bench(), hole(100, 102)
    bench.rest.answering.clear()
    async with bench.running():
        bench.filler.offer([one])
        async with asyncio.timeout(20):
            while not bench.rest.questions:  # noqa: ASYNC110 - a list tells nobody
                await asyncio.sleep(0)
        one.given_up = True
        bench.rest.answering.set()
        other = hole(200, 201, "ETHUSDT")
        bench.filler.offer([other])
        await bench.until(lambda: other.settled)

    assert [(gap.symbol, gap.first_id) for gap in bench.ledger] == [("ETHUSDT", 200)]
