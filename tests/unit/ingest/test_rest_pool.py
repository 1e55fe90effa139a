from __future__ import annotations

import asyncio

import pytest
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from ingest.core.budget import Importance
from ingest.core.guard import VenueClock
from ingest.core.windows import Pool, Usage, usages_of
from ingest.errors import RestRefusedError
from ingest.metrics import Metrics
from ingest.venue_time import VenueTime
from tests.support.fakes import FakeClocks, RealClocks
from tests.support.rest import asking, rest_pool


WALL_MS = 1_700_000_000_000


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"ingest_rest_{name}", {"pool": "spot", **labels})


async def test_the_used_weight_that_an_answer_tells_is_counted_whatever_its_status() -> None:
    metrics, used = Metrics(CollectorRegistry()), iter(["4780", "4799"])

    def answer(_: web.Request) -> web.StreamResponse:
        headers = {"X-MBX-USED-WEIGHT-1M": next(used)}
        return web.Response(status=400, text='{"code":-1121,"msg":"Invalid symbol."}', headers=headers)

    async with asking(answer, pool=rest_pool(FakeClocks(WALL_MS), metrics=metrics)) as client:
        with pytest.raises(RestRefusedError):
            await client.server_time()
        assert value(metrics, "used_weight") == 4780
        assert client.wait_s(1, Importance.CLOCK) > 0
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.server_time(), 0.2)

    assert value(metrics, "requests_total", outcome="refused") == 1


async def test_the_limits_that_exchange_info_names_are_kept() -> None:
    metrics = Metrics(CollectorRegistry())
    limits = [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 5},
        {"rateLimitType": "CONNECTIONS", "interval": "FORTNIGHT", "intervalNum": 1, "limit": 5},
    ]
    info = {"rateLimits": limits, "symbols": []}
    async with asking(
        lambda _: web.json_response(info), pool=rest_pool(FakeClocks(WALL_MS), metrics=metrics)
    ) as client:
        await client.exchange_info()

    assert value(metrics, "allowed_weight") == 800


async def test_a_request_given_up_while_it_waits_holds_up_nobody() -> None:
    hold, asked, arrived = asyncio.Event(), list[str](), asyncio.Semaphore(0)

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.query["symbol"])
        arrived.release()
        await hold.wait()
        return web.json_response({"serverTime": 5})

    async with asking(answer) as client:
        # Three of weight 100 may be under way at once, a sixteenth of 4800.
        get = [
            asyncio.create_task(client.get("x", {"symbol": name}, weight=100, importance=Importance.BOOK))
            for name in "abcde"
        ]
        for _ in range(3):
            await arrived.acquire()
        get[3].cancel()
        await asyncio.wait([get[3]])
        hold.set()
        await asyncio.gather(*get[:3], get[4])

    assert (sorted(asked[:3]), asked[3:]) == (["a", "b", "c"], ["e"])


async def test_a_ban_is_remembered_with_its_end() -> None:
    remembered = list[tuple[Pool, int]]()
    metrics = Metrics(CollectorRegistry())
    pool = rest_pool(FakeClocks(WALL_MS), metrics=metrics, remember=lambda *note: remembered.append(note))

    async with asking(lambda _: web.Response(status=418, headers={"Retry-After": "7200"}), pool=pool) as client:
        with pytest.raises(RestRefusedError):
            await client.server_time()
        assert client.wait_s(1, Importance.CLOCK) == 7200

    assert remembered == [(Pool.SPOT, WALL_MS + 7_200_000)]
    assert value(metrics, "paused_until_timestamp_seconds") == WALL_MS / 1000 + 7200
    assert value(metrics, "allowed_weight") == 2400
    assert value(metrics, "requests_total", outcome="banned") == 1


async def test_a_ban_of_an_earlier_run_is_kept() -> None:
    asked = list[str]()

    def answer(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({"serverTime": 5})

    pool = rest_pool(FakeClocks(WALL_MS))
    pool.restore_ban(WALL_MS + 60_000)
    async with asking(answer, pool=pool) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.server_time(), 0.2)

    assert asked == []


async def test_who_needs_the_time_does_not_wait_for_a_ban_to_end() -> None:
    pool = rest_pool(FakeClocks(WALL_MS))
    pool.restore_ban(WALL_MS + 60_000)
    async with asking(lambda _: web.json_response({"serverTime": 5}), pool=pool) as client:
        clock = VenueClock(WALL_MS, 0)
        assert await VenueTime(clock, client, lambda: 0.0, structlog.get_logger()).ask() is None

    assert not clock.asked


async def test_a_pool_goes_on_when_the_time_has_come() -> None:
    clocks = RealClocks()
    pool = rest_pool(clocks)
    pool.restore_ban(clocks.wall_ns() // 1_000_000 + 200)
    async with asking(lambda _: web.json_response({"serverTime": 5}), pool=pool) as client:
        assert await client.server_time() == 5


@pytest.mark.parametrize(
    ("name", "value", "date_ms", "expected"),
    [
        ("X-MBX-USED-WEIGHT-1M", "35", 60_000 * 7 + 12_000, [Usage(60_000, 35, 48_000)]),
        ("x-mbx-used-weight-10s", "35", None, [Usage(10_000, 35, 10_000)]),
        ("X-MBX-USED-WEIGHT-1D", "35", 0, [Usage(86_400_000, 35, 86_400_000)]),
        ("X-MBX-USED-WEIGHT", "35", None, []),
        ("X-MBX-USED-WEIGHT-", "35", None, []),
        ("X-MBX-USED-WEIGHT-1Q", "35", None, []),
        ("X-MBX-USED-WEIGHT-1M", "many", None, []),
        ("X-MBX-ORDER-COUNT-1M", "35", None, []),
    ],
)
def test_the_used_weight_of_any_window_is_read(
    name: str, value: str, date_ms: int | None, expected: list[Usage]
) -> None:
    assert usages_of({name: value}, date_ms) == expected
