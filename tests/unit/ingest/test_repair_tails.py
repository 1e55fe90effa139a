from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
import structlog
from prometheus_client import CollectorRegistry

from ingest.core.budget import Importance
from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole
from ingest.core.tails import Newest, Tail
from ingest.errors import RestRefusedError, RestUnreachableError
from ingest.metrics import Metrics
from ingest.repair_tails import TailChecker
from schemas.markets import Market
from schemas.rest import DayTicker, RestAggTrade
from schemas.topics import RawType
from tests.support.fakes import FakeClocks


class FakeRest:
    """A venue that says how far it is."""

    def __init__(self) -> None:
        self.newest: dict[str, int] = {}
        self.aggregates: list[tuple[int, int, int]] = []
        """Id, first and last trade id of each."""
        self.questions: list[tuple[Sequence[str] | None, Importance]] = []
        self.refusals: dict[bool, Exception] = {}
        """Raised for questions about named symbols, and about all."""

    async def day_tickers(self, symbols: Sequence[str] | None, importance: Importance) -> list[DayTicker]:
        self.questions.append((symbols, importance))
        await asyncio.sleep(0)
        if (error := self.refusals.get(symbols is not None)) is not None:
            raise error
        names = self.newest if symbols is None else symbols
        return [DayTicker(symbol=name, last_trade_id=self.newest[name], close_time=5_000) for name in names]

    async def agg_trades(
        self, symbol: str, from_id: int, limit: int, importance: Importance = Importance.HOLE
    ) -> list[RestAggTrade]:
        return [
            RestAggTrade(
                aggregate_trade_id=one,
                price="1",
                quantity="1",
                first_trade_id=first,
                last_trade_id=last,
                trade_time=4_000,
                buyer_is_maker=True,
            )
            for one, first, last in self.aggregates
            if one >= from_id
        ][:limit]


class FakeEnds:
    """A log that ends where a test says."""

    def __init__(self) -> None:
        self.ends: dict[tuple[Market, RawType, str], tuple[int, int]] = {}
        """Next id, and the newest trade covered."""
        self.lost: list[tuple[str, int, int, Newest]] = []
        self.changed = asyncio.Event()

    async def tails(self, market: Market) -> list[Tail]:
        return [Tail(key, 0, *end, 9, 9) for key, end in self.ends.items() if key[0] is market]

    async def lose_tail(self, tail: Tail, last_id: int, newest: Newest) -> list[OpenHole]:
        self.lost.append((tail.key[2], tail.next_id, last_id, newest))
        self.ends[tail.key] = (last_id + 1, newest.trade_id)
        self.changed.set()
        return [OpenHole(tail.key, Hole(0, tail.next_id, last_id, 0, newest.time), 0)]

    def know(self, tail: Tail, through: int) -> None:
        self.ends[tail.key] = (tail.next_id, through)
        self.changed.set()


class Bench:
    """A checker of one market, which waits for no grace, and what it does."""

    def __init__(self, market: Market = Market.SPOT) -> None:
        self.market = market
        self.rest, self.log_ends = FakeRest(), FakeEnds()
        self.metrics = Metrics(CollectorRegistry())
        self.checker = TailChecker(
            market,
            self.rest,
            self.log_ends,
            interval_s=3600,
            metrics=self.metrics,
            clocks=FakeClocks(),
            log=structlog.get_logger(),
            grace_ms=0,
            look_again_s=0,
        )

    def end(self, symbol: str, next_id: int, newest: int, raw_type: RawType = RawType.TRADE, through: int = -1) -> None:
        """Say where the log of a symbol ends, and how far the venue is."""
        covered = next_id - 1 if raw_type is RawType.TRADE else through
        self.log_ends.ends[self.market, raw_type, symbol] = next_id, covered
        self.rest.newest[symbol] = newest

    def rounds(self, outcome: str) -> float:
        labels = {"market": self.market, "outcome": outcome}
        return self.metrics.registry.get_sample_value("ingest_tail_checks_total", labels) or 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.checker.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def hurry(self, until: Callable[[], bool]) -> None:
        """Have a round, and go on until something is true of it."""
        self.checker.hurry()
        async with asyncio.timeout(20):
            while not until():  # noqa: ASYNC110 - every step of the fakes ends in the loop
                await asyncio.sleep(0)


async def test_what_the_log_lacks_at_its_end_is_opened() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 10, 12)
    bench.end("ETHUSDT", 10, 9)
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert bench.log_ends.lost == [("BTCUSDT", 10, 12, Newest(12, 5_000))]
    assert bench.rest.questions == [
        (["BTCUSDT", "ETHUSDT"], Importance.HOLE),
        (["BTCUSDT"], Importance.HOLE),
    ]


async def test_nobody_is_asked_where_nothing_is_followed() -> None:
    bench = Bench()
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert bench.rest.questions == []


@pytest.mark.parametrize(
    ("market", "count", "questions"),
    [(Market.SPOT, 45, 3), (Market.SPOT, 900, 1), (Market.USDM, 39, 39), (Market.USDM, 41, 1), (Market.COINM, 3, 3)],
)
async def test_symbols_are_asked_for_in_the_way_that_costs_least(market: Market, count: int, questions: int) -> None:
    bench = Bench(market)
    for number in range(count):
        bench.end(f"S{number:03}", 10, 9)
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert len(bench.rest.questions) == questions
    asked = [len(symbols) for symbols, _ in bench.rest.questions if symbols is not None]
    assert sum(asked) == (count if questions > 1 else 0)


async def test_where_one_of_the_symbols_is_delisted_all_are_asked_for() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 10, 12)
    bench.rest.refusals = {True: RestRefusedError("url", 400, -1121, "Invalid symbol.", None)}
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert [symbol for symbol, *_ in bench.log_ends.lost] == ["BTCUSDT"]
    assert bench.rest.questions[1] == (None, Importance.HOLE)


async def test_a_venue_that_does_not_say_is_asked_once_and_no_more() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 10, 12)
    refusal = RestRefusedError("url", 404, -1020, "This operation is not supported.", None)
    bench.rest.refusals = {True: refusal, False: refusal}
    async with bench.running():
        await bench.hurry(lambda: len(bench.rest.questions) == 2)
        bench.checker.hurry()
        for _ in range(100):
            await asyncio.sleep(0)

    assert len(bench.rest.questions) == 2
    assert bench.rounds("failed") == 0


async def test_a_venue_that_cannot_be_reached_is_asked_again_in_the_next_round() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 10, 12)
    bench.rest.refusals = {True: RestUnreachableError("url", "away")}
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("failed") == 1)
        bench.rest.refusals = {}
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert bench.log_ends.lost == [("BTCUSDT", 10, 12, Newest(12, 5_000))]


AGG = RawType.AGG_TRADE


async def test_aggregates_that_are_missing_are_told_by_their_own_ids() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 4, 57, AGG, through=50)
    bench.rest.aggregates = [(3, 48, 50), (4, 51, 52), (5, 53, 57), (6, 58, 60)]
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert bench.log_ends.lost == [("BTCUSDT", 4, 5, Newest(57, 5_000))]


async def test_trades_that_are_in_no_aggregate_are_no_hole_and_asked_about_once() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 4, 52, AGG, through=50)
    bench.rest.aggregates = [(3, 48, 50)]
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)
        before = len(bench.rest.questions)
        await bench.hurry(lambda: bench.rounds("done") == 2)

    assert bench.log_ends.lost == []
    assert len(bench.rest.questions) == before + 1


async def test_how_far_the_last_aggregate_goes_is_learned_if_it_was_not_read() -> None:
    bench = Bench()
    bench.end("BTCUSDT", 4, 50, AGG)
    bench.rest.aggregates = [(3, 48, 50)]
    async with bench.running():
        await bench.hurry(lambda: bench.rounds("done") == 1)

    assert bench.log_ends.lost == []
    assert bench.log_ends.ends[Market.SPOT, AGG, "BTCUSDT"] == (4, 50)
