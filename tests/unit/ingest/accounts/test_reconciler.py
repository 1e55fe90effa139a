from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec
import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ingest.accounts import reconciler
from ingest.accounts.held_answers import HeldAnswers
from ingest.accounts.reconciler import Reconciler
from ingest.core.account_records import SignedAnswer
from ingest.core.budget import Importance
from ingest.core.records import Record
from ingest.metrics import Metrics
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import RawType, Topic, TopicTable, partition_of
from tests.support.notebook import Notebook
from tests.support.signed_venue import SignedVenue, TestKey, signed_venue
from tests.support.tiny_account import TinyAccount


START = 1_772_400_000_000
TABLE = TopicTable()


class Bench:
    """A reconciler with all around it."""

    def __init__(self, venue: SignedVenue, notebook: Notebook, symbols: tuple[str, ...]) -> None:
        self.venue = venue
        self.notebook = notebook
        self.market = venue.account.market
        self.registry = CollectorRegistry()
        answers = HeldAnswers(
            self.market,
            "main",
            1.0,
            connection_id="one.rest.main",
            publisher=notebook.publisher,
            log_end=self.log_end,
            table=TABLE,
            clocks=venue.clocks,
            pause=venue.pause,
        )
        self.reconciler = Reconciler(
            self.market,
            "main",
            rest=venue.rest,
            clock=venue.clock,
            known=notebook.account(*symbols, market=self.market),
            answers=answers,
            interval_s=900.0,
            first_look_s=86_400.0,
            metrics=Metrics(self.registry),
            clocks=venue.clocks,
            log=structlog.get_logger(),
        )

    async def log_end(self, topic: Topic, partition: int) -> int:
        return 0

    async def compare(self, cause: ReconcileCause = ReconcileCause.START) -> None:
        """Wake it, and wait until it has nothing to do."""
        self.reconciler.wake(cause)
        await self.settled(lambda: self.runs("done") + self.runs("failed"))

    async def settled(self, count: Callable[[], float]) -> None:
        before = count()
        running = asyncio.ensure_future(self.reconciler.run())
        try:
            async with asyncio.timeout(10):
                while count() == before:  # noqa: ASYNC110 - nothing here could set an event
                    await asyncio.sleep(0.001)
                await self.notebook.publisher.drain(1.0)
        finally:
            running.cancel()
            await asyncio.wait([running])

    def runs(self, outcome: str) -> float:
        values = [
            self.registry.get_sample_value(
                "ingest_reconciliations_total",
                {"market": self.market, "account": "main", "cause": cause, "outcome": outcome},
            )
            for cause in ReconcileCause
        ]
        return sum(value or 0.0 for value in values)

    def snapshots(self, raw_type: RawType = RawType.ORDER_SNAPSHOT) -> list[Record]:
        return self.notebook.publisher.of(TABLE.raw(self.market, raw_type).name)

    def endpoints(self, raw_type: RawType = RawType.ORDER_SNAPSHOT) -> list[str]:
        return [dict(record.headers)["endpoint"].decode() for record in self.snapshots(raw_type)]

    def order_ids(self) -> set[int]:
        return {
            one["orderId"]
            for record in self.snapshots()
            if dict(record.headers)["endpoint"].endswith(b"Orders")
            for one in msgspec.json.decode(record.value)
        }


@asynccontextmanager
async def bench(
    account: TinyAccount, *symbols: str, notebook: Notebook | None = None, key: TestKey | None = None
) -> AsyncIterator[Bench]:
    async with signed_venue(account, key) as venue:
        yield Bench(venue, notebook or Notebook(), symbols)


def spot(now: int = START) -> TinyAccount:
    return TinyAccount(Market.SPOT, now)


async def test_a_whole_comparison_is_published_and_then_noted() -> None:
    account = spot()
    account.fill(account.place("BTCUSDT"))
    async with bench(account, "BTCUSDT") as one:
        await one.compare(ReconcileCause.RECONNECT)

    assert one.endpoints() == ["/api/v3/openOrders", "/api/v3/allOrders", "/api/v3/myTrades"]
    assert one.endpoints(RawType.ACCOUNT_SNAPSHOT) == ["/api/v3/account"]
    assert {dict(record.headers)["cause"] for record in one.snapshots()} == {b"reconnect"}
    note = one.notebook.notes()[-1]
    assert (note.time, note.cause, note.symbols) == (START, ReconcileCause.RECONNECT, ["BTCUSDT"])
    assert (note.order_ids, note.open_order_ids, note.trade_ids) == ([101], [101], [7003])


async def test_the_note_comes_after_every_answer() -> None:
    async with bench(spot(), "BTCUSDT") as one:
        one.notebook.publisher.hold()
        one.reconciler.wake(ReconcileCause.START)
        running = asyncio.ensure_future(one.reconciler.run())
        for _ in range(200):
            await asyncio.sleep(0.001)
        assert one.runs("done") == 0
        assert one.notebook.notes() == []

        running.cancel()
        await asyncio.wait([running])
        one.notebook.publisher.release()

    # What was noted is where it began, not what it found.
    assert [note.times for note in one.notebook.notes()] == [[START - 86_400_000 + 5_001]]


async def test_after_a_restart_nothing_between_is_missed() -> None:
    account, notebook = spot(), Notebook()
    first = account.place("BTCUSDT")
    async with bench(account, "BTCUSDT", notebook=notebook) as one:
        await one.compare()
    account.now += 7_200_000
    account.fill(first, whole=True)
    account.end(account.place("BTCUSDT"))

    async with bench(account, "BTCUSDT", notebook=notebook) as other:
        await other.compare()

    asked = [params for _, path, params in other.venue.asked if path.endswith("allOrders")]
    assert [params["orderId"] for params in asked] == ["101"]
    assert other.order_ids() == {101, 102}


async def test_where_rest_fails_in_the_middle_all_is_asked_again_and_noted_only_then() -> None:
    account = spot()
    account.place("BTCUSDT")
    async with bench(account, "BTCUSDT") as one:
        broken = [web.Response(status=503) for _ in range(4)]
        one.venue.faults.extend([None, *broken])
        await one.compare(ReconcileCause.KEY_EXPIRED)
        assert one.runs("failed") == 1
        assert one.notebook.notes()[-1].order_ids == [-1]

        await one.venue.pause(1.0)
        await one.settled(lambda: one.runs("done"))

        assert one.notebook.notes()[-1].order_ids == [101]
        assert one.notebook.notes()[-1].cause is ReconcileCause.KEY_EXPIRED
        assert [path for _, path, _ in one.venue.asked].count("/api/v3/openOrders") == 2


async def test_a_wake_during_a_comparison_is_followed_by_another() -> None:
    async with bench(spot(), "BTCUSDT") as one:
        waking = one.venue.pause

        async def pause(seconds: float) -> None:
            if one.runs("done") == 0:
                one.reconciler.wake(ReconcileCause.RECONNECT)
            await waking(seconds)

        one.reconciler._answers._pause = pause
        one.reconciler.wake(ReconcileCause.START)
        running = asyncio.ensure_future(one.reconciler.run())
        async with asyncio.timeout(10):
            while one.runs("done") < 2:  # noqa: ASYNC110 - nothing here could set an event
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.wait([running])

    assert [dict(record.headers)["cause"] for record in one.snapshots(RawType.ACCOUNT_SNAPSHOT)] == [
        b"start",
        b"reconnect",
    ]


async def test_a_routine_comparison_asks_with_urgency_once_a_cause_waits_behind_it() -> None:
    async with bench(spot(), "BTCUSDT") as one:
        asked: list[Importance] = []
        get_signed = one.venue.rest.get_signed

        async def noting(
            path: str, params: Mapping[str, str | int], *, weight: int, importance: Importance
        ) -> SignedAnswer:
            asked.append(importance)
            if len(asked) == 2:
                one.reconciler.wake(ReconcileCause.RECONNECT)
            return await get_signed(path, params, weight=weight, importance=importance)

        one.reconciler._rest.get_signed = noting  # type: ignore[method-assign]
        one.venue.clocks.pass_ms(900_000)
        one.venue.account.now += 900_000
        await one.settled(lambda: one.runs("done"))

    assert asked[:4] == [Importance.REFRESH, Importance.REFRESH, Importance.HOLE, Importance.HOLE]


async def test_a_symbol_that_an_event_names_is_asked_for() -> None:
    async with bench(spot()) as one:
        await one.compare()
        one.reconciler.saw(b'{"e":"executionReport","s":"ETHUSDT","i":5}')
        await one.compare(ReconcileCause.TIMER)

    assert "ETHUSDT" in [params.get("symbol") for _, _, params in one.venue.asked]


async def test_a_symbol_that_the_venue_does_not_know_is_told_and_holds_up_nothing() -> None:
    account = spot()
    account.unknown_symbols.add("OLDUSDT")
    async with bench(account, "OLDUSDT", "BTCUSDT") as one:
        with capture_logs() as logs:
            await one.compare()

    (line,) = [line for line in logs if line["event"] == "account compared with the venue"]
    assert (line["log_level"], line["symbols_refused"]) == ("warning", ["OLDUSDT"])
    assert one.runs("done") == 1


async def test_a_wall_before_the_venue_fails_the_comparison_and_skips_no_symbol() -> None:
    async with bench(spot(), "BTCUSDT") as one:
        one.venue.faults.extend([None, web.Response(status=403, text="<html>")])
        await one.compare()

    assert (one.runs("done"), one.runs("failed")) == (0, 1)


async def test_coin_margined_without_conditional_orders_is_compared_without() -> None:
    account = TinyAccount(Market.COINM, START)
    async with bench(account, "BTCUSD_PERP") as one:
        del one.venue._lists["/dapi/v1/openAlgoOrders"]
        await one.compare()

    assert one.runs("done") == 1
    assert "/dapi/v1/allAlgoOrders" not in one.endpoints()


async def test_a_key_that_is_not_taken_is_an_error_that_says_what_to_do() -> None:
    async with bench(spot(), key=TestKey(api_key="unknown")) as one:
        with capture_logs() as logs:
            await one.compare()

    (line,) = [line for line in logs if line["event"] == "account not compared"]
    assert line["log_level"] == "error"
    assert "revoked" in line["reason"]
    assert one.snapshots() == []


async def test_an_answer_that_fits_into_no_record_is_asked_for_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    account = spot()
    for _ in range(40):
        account.end(account.place("BTCUSDT"))
    monkeypatch.setattr(reconciler, "MOST_BYTES", 2_000)
    async with bench(account, "BTCUSDT") as one:
        await one.compare()

    assert one.runs("done") == 1
    assert max(len(record.value) for record in one.snapshots()) <= 2_000
    assert one.order_ids() == set(range(101, 141))


async def test_an_answer_that_is_none_fails_the_comparison() -> None:
    async with bench(spot()) as one:
        one.venue.faults.append(web.Response(text="<html>"))
        await one.compare()

    assert one.runs("failed") == 1


async def test_without_a_cause_it_compares_when_the_interval_is_over() -> None:
    async with bench(spot(), "BTCUSDT") as one:
        one.venue.clocks.pass_ms(900_000)
        one.venue.account.now += 900_000
        await one.settled(lambda: one.runs("done"))

    assert {dict(record.headers)["cause"] for record in one.snapshots()} == {b"timer"}


async def test_everything_is_in_the_partition_of_the_account() -> None:
    async with bench(TinyAccount(Market.USDM, START), "BTCUSDT") as one:
        await one.compare()

    assert {record.partition for record in one.notebook.publisher.records} == {partition_of("main")}
