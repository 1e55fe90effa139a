"""Faults ordered over HTTP and by scenarios, seen by clients over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from sandbox.exchange.faults.model import FaultError
from sandbox.exchange.faults.scenario import parse_scenario
from sandbox.exchange.server import ExchangeServer
from sandbox.exchange.source import StreamEvent
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from tests.unit.sandbox.exchange.serving import get, serving, socket_to
from tests.unit.sandbox.exchange.sources import ListSource, SteeredSource, event, numbered
from tests.unit.sandbox.payloads import EPOCH_MS


def trades(count: int, every_ms: int = 1) -> list[StreamEvent]:
    return [
        StreamEvent(each.due_ns, each.market, each.stream, b'{"e":"trade","E":1000,"t":%d}' % number)
        for number, each in enumerate(numbered(count, every_ms))
    ]


async def order(server: ExchangeServer, **fault: Any) -> int:
    status, body = await ask(server, fault)
    assert status == 200, body
    return int(body["id"])


async def ask(server: ExchangeServer, fault: object) -> tuple[int, Any]:
    url = f"{server.url}/sandbox/faults"
    async with aiohttp.ClientSession() as session, session.post(url, data=json.dumps(fault)) as reply:
        return reply.status, await reply.json()


async def end(server: ExchangeServer, number: int) -> int:
    url = f"{server.url}/sandbox/faults/{number}"
    async with aiohttp.ClientSession() as session, session.delete(url) as reply:
        return reply.status


async def ids(client: ClientConnection, server: ExchangeServer) -> list[int]:
    """Return the trade ids that a client gets until the source has ended."""
    await server.wait_ended()
    await client.send('{"method":"LIST_SUBSCRIPTIONS","id":99}')
    got = []
    while "result" not in (frame := json.loads(await client.recv())):
        got.append(frame["t"])
    return got


def journal(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "faults.jsonl").read_text().splitlines()]


async def test_what_one_connection_loses_another_gets_and_the_journal_says_which(tmp_path: Path) -> None:
    async with (
        serving(ListSource(trades(10)), truth=tmp_path) as server,
        socket_to(server, "/ws/btcusdt@trade") as first,
        socket_to(server, "/ws/btcusdt@trade") as second,
    ):
        number = await order(server, fault="drop", market="spot", stream="*@trade", count=3)
        server.start()
        got = await ids(first, server), await ids(second, server)
        _, listed, _ = await get(server, "/sandbox/faults")

    assert sorted(map(len, got)) == [7, 10]
    (loser,) = (position for position, each in enumerate(got) if len(each) == 7)
    assert got[loser] == list(range(3, 10))
    deeds = journal(tmp_path)
    assert [(deed["id"], deed["fault"], deed["market"], deed["stream"], deed["ids"]) for deed in deeds] == [
        (number, "drop", "spot", "btcusdt@trade", {"t": each}) for each in range(3)
    ]
    assert {deed["connection"] for deed in deeds} == {loser + 1}
    assert listed == [
        {"id": 1, "state": "ended", "hits": 3}
        | {"fault": "drop", "market": "spot", "stream": "*@trade", "connection": "one", "count": 3}
    ]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"fault": "drop", "count": 2, "connection": "all"}, [2, 3, 4]),
        ({"fault": "duplicate", "count": 2}, [0, 0, 1, 1, 2, 3, 4]),
        ({"fault": "reorder", "count": 2}, [1, 0, 3, 2, 4]),
        ({"fault": "delay", "count": 2, "delay_ms": 3_600_000}, [2, 3, 4, 0, 1]),
        ({"fault": "silence", "seconds": 3_600}, []),
        ({"fault": "drop", "market": "usdm"}, [0, 1, 2, 3, 4]),
        ({"fault": "drop", "stream": "ethusdt@*"}, [0, 1, 2, 3, 4]),
        ({"fault": "drop", "connection": 7}, [0, 1, 2, 3, 4]),
    ],
)
async def test_faults_of_frames(fault: dict[str, Any], expected: Sequence[int]) -> None:
    """What is still delayed when the source ends is sent then."""
    async with serving(ListSource(trades(5))) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        await order(server, **({"stream": "*"} | fault))
        server.start()

        assert await ids(client, server) == expected


async def test_a_delayed_frame_comes_when_its_time_is_over() -> None:
    source = ListSource([*trades(2), event(9, at_ms=10**9)])
    async with serving(source, speed=1) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        await order(server, fault="delay", stream="*", count=1, delay_ms=20)
        server.start()

        assert [json.loads(await client.recv())["t"] for _ in range(2)] == [1, 0]


async def test_a_fault_that_was_ended_happens_no_more() -> None:
    async with serving(ListSource(trades(3))) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        number = await order(server, fault="drop", stream="*", count=100)
        assert await end(server, number) == 200
        assert await end(server, 77) == 404
        server.start()

        assert await ids(client, server) == [0, 1, 2]


async def test_event_times_can_be_an_hour_off() -> None:
    async with serving(ListSource(trades(2))) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        await order(server, fault="event-time", stream="*", offset_s=3_600, count=1)
        server.start()

        assert [json.loads(await client.recv())["E"] for _ in range(2)] == [3_601_000, 1_000]


async def test_two_connections_get_the_same_changes_cut_at_different_ids() -> None:
    diffs = [
        StreamEvent(
            each.due_ns, each.market, "btcusdt@depth@100ms", b'{"e":"depthUpdate","U":%d,"u":%d,"b":[],"a":[]}' % (n, n)
        )
        for n, each in enumerate(numbered(5))
    ]
    async with (
        serving(ListSource(diffs)) as server,
        socket_to(server, "/ws/btcusdt@depth@100ms") as first,
        socket_to(server, "/ws/btcusdt@depth@100ms") as second,
    ):
        await order(server, fault="cut-depth", market="spot")
        server.start()
        spans = []
        for client, count in ((first, 5), (second, 3)):
            frames = [json.loads(await client.recv()) for _ in range(count)]
            spans.append([(frame["U"], frame["u"]) for frame in frames])

        assert sorted(spans) == [[(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)], [(0, 1), (2, 3), (4, 4)]]


@pytest.mark.parametrize(("name", "code"), [("reset", 1006), ("close", 1001)])
async def test_a_connection_can_be_ended(name: str, code: int, tmp_path: Path) -> None:
    async with (
        serving(ListSource(trades(1)), truth=tmp_path) as server,
        socket_to(server, "/ws/btcusdt@trade") as first,
        socket_to(server, "/ws/btcusdt@trade") as second,
    ):
        _, there, _ = await get(server, "/sandbox/connections")
        await order(server, fault=name, connection=there[0]["id"])
        with pytest.raises(ConnectionClosed):
            await first.recv()
        server.start()

        assert first.close_code == code
        assert await ids(second, server) == [0]
    assert [(deed["fault"], deed["connection"]) for deed in journal(tmp_path)] == [(name, there[0]["id"])]


async def test_a_half_open_connection_stays_and_answers_nothing() -> None:
    async with serving(ListSource(trades(3))) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        await order(server, fault="half-open", connection="all")
        server.start()
        await server.wait_ended()
        await client.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
        waiting = asyncio.create_task(client.recv())
        done, _ = await asyncio.wait({waiting}, timeout=0.1)
        _, there, _ = await get(server, "/sandbox/connections")
        waiting.cancel()
        client.transport.abort()

        assert not done
        assert [(each["half_open"], each["frames_sent"]) for each in there] == [(True, 0)]


async def test_one_connection_is_the_oldest_of_those_that_work() -> None:
    async with (
        serving(ListSource(trades(1))) as server,
        socket_to(server, "/ws/btcusdt@trade") as first,
        socket_to(server, "/ws/btcusdt@trade") as second,
        socket_to(server, "/ws/btcusdt@trade") as third,
    ):
        await order(server, fault="half-open")
        await order(server, fault="close", count=1)
        with pytest.raises(ConnectionClosed):
            await second.recv()
        server.start()

        assert await ids(third, server) == [0]
        first.transport.abort()


async def test_a_shutdown_that_was_called_off_cuts_nobody() -> None:
    async with serving(ListSource(trades(1))) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        number = await order(server, fault="shutdown", after_s=0.05)
        await client.recv()
        await end(server, number)
        await asyncio.sleep(0.1)
        server.start()

        assert await ids(client, server) == [0]


async def test_a_shutdown_is_announced_in_both_framings_and_then_happens() -> None:
    async with (
        serving(ListSource(trades(1))) as server,
        socket_to(server, "/ws") as raw,
        socket_to(server, "/stream") as combined,
        socket_to(server, "/usdm/public/ws"),
    ):
        await order(server, fault="shutdown", after_s=0.01)
        said = json.loads(await raw.recv()), json.loads(await combined.recv())
        for client in (raw, combined):
            with pytest.raises(ConnectionClosed):
                await client.recv()

        _, left, _ = await get(server, "/sandbox/connections")

        assert said[0].keys() == {"e", "E"}
        assert said[0]["e"] == "serverShutdown"
        assert said[1] == {"stream": "!serverShutdown", "data": said[0]}
        assert [each["market"] for each in left] == ["usdm"]


@pytest.mark.parametrize(
    ("fault", "status"), [({"kind": "5xx"}, 502), ({"kind": "429"}, 429), ({"kind": 429}, 429), ({"kind": "418"}, 418)]
)
async def test_a_request_can_fail_in_the_venues_ways(fault: dict[str, Any], status: int) -> None:
    async with serving(ListSource(trades(1))) as server:
        await order(server, fault="rest", path="*/depth", **fault)
        others = (await get(server, "/api/v3/ping"))[0]
        got, _, headers = await get(server, "/api/v3/depth?symbol=BTCUSDT", as_text=True)

        assert (others, got) == (200, status)
        assert headers.get("Retry-After") == (None if status == 502 else "5")


async def test_a_futures_ban_is_told_in_the_text_alone() -> None:
    async with serving(ListSource(trades(1))) as server:
        await order(server, fault="rest", market="usdm", kind="418", retry_after_s=60)
        _, body, headers = await get(server, "/fapi/v1/ping")
        again = (await get(server, "/dapi/v1/ping"))[0]
        spot = (await get(server, "/api/v3/ping"))[0]

        assert body["msg"].startswith(f"Way too much request weight used; IP banned until {EPOCH_MS + 60_000}")
        assert "Retry-After" not in headers
        assert (again, spot) == (418, 200)


async def test_an_answer_can_be_garbage_or_slow() -> None:
    async with serving(ListSource(trades(1))) as server:
        await order(server, fault="rest", path="/api/v3/time", kind="garbage")
        await order(server, fault="rest", path="/api/v3/ping", kind="slow", delay_s=0.01)
        _, garbage, _ = await get(server, "/api/v3/time", as_text=True)
        slow = await get(server, "/api/v3/ping")
        good = await get(server, "/api/v3/time")

        with pytest.raises(json.JSONDecodeError):
            json.loads(garbage)
        assert slow[:2] == (200, {})
        assert good[0] == 200


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"fault": "explode"}, 'there is no fault "explode"'),
        ({"fault": "drop", "stream": "*", "colour": 1}, 'fault "drop": it has no field "colour"'),
        ({"fault": "drop", "stream": "*", "count": 0}, 'fault "drop": field "count": Expected `int` >= 1'),
        ({"fault": "shutdown", "market": "usdm"}, "serverShutdown exists on spot only"),
        ({"fault": "list", "market": "spot", "symbol": "NEWUSDT"}, "this source cannot be steered"),
        ([], "a fault is an object"),
    ],
)
async def test_an_order_that_means_nothing_is_refused_with_a_sentence(fault: object, text: str) -> None:
    async with serving(ListSource(trades(1))) as server:
        status, body = await ask(server, fault)

        assert status == 400
        assert text in body["error"]


async def test_a_steerable_source_is_told_what_to_change() -> None:
    source = SteeredSource(trades(1))
    async with serving(source) as server:
        await order(server, fault="list", market="spot", symbol="NEWUSDT")
        await order(server, fault="delist", market="usdm", symbol="BTCUSDT")
        await order(server, fault="wipe", market="spot")
        status, body = await ask(server, {"fault": "delist", "market": "spot", "symbol": "NOSUCH"})

        assert source.steered == [
            ("list", Market.SPOT, "NEWUSDT"),
            ("delist", Market.USDM, "BTCUSDT"),
            ("wipe", Market.SPOT, None),
        ]
        assert (status, body) == (400, {"error": 'fault "delist": symbol "NOSUCH" is not traded'})


async def test_a_scenario_happens_at_the_venues_time(tmp_path: Path) -> None:
    scenario = parse_scenario(
        "test",
        """
        faults:
          - {at: 5s, fault: drop, stream: "*@trade", count: 1}
          - {at: 2, fault: duplicate, stream: "*@trade", count: 1}
        """,
    )
    source = ListSource(trades(8, every_ms=1_000))
    async with (
        serving(source, scenario=scenario, truth=tmp_path) as server,
        socket_to(server, "/ws/btcusdt@trade") as client,
    ):
        server.start()

        assert await ids(client, server) == [0, 1, 2, 2, 3, 4, 6, 7]
    deeds = journal(tmp_path)
    assert [(deed["fault"], deed["ids"]) for deed in deeds] == [("duplicate", {"t": 2}), ("drop", {"t": 5})]


async def test_a_scenario_that_the_source_cannot_show_is_refused_at_the_start() -> None:
    scenario = parse_scenario("test", "faults: [{at: 0, fault: wipe, market: spot}]")
    with pytest.raises(FaultError, match="cannot be steered"):
        async with serving(ListSource([]), scenario=scenario):
            pass


async def test_a_stale_snapshot_is_older_than_the_streams() -> None:
    source = SteeredSource(trades(3, every_ms=1_000))
    async with serving(source) as server, socket_to(server, "/ws/btcusdt@depth") as client:
        await order(server, fault="snapshot", kind="stale", symbol="BTC*")
        await asyncio.sleep(0.01)
        server.start()
        await server.wait_ended()
        replies = [await get(server, "/api/v3/depth?symbol=BTCUSDT&limit=5") for _ in range(2)]
        del client

        assert [(reply[1]["lastUpdateId"], len(reply[1]["bids"])) for reply in replies] == [(0, 5), (3, 5)]


async def test_a_snapshot_can_be_newer_than_all_that_the_stream_told() -> None:
    diffs = [
        StreamEvent(each.due_ns, each.market, "btcusdt@depth", b'{"e":"depthUpdate","U":%d,"u":%d}' % (n, n))
        for n, each in enumerate(numbered(400))
    ]
    async with (
        serving(SteeredSource(diffs), speed=1) as server,
        socket_to(server, "/ws/btcusdt@depth") as client,
    ):
        await order(server, fault="snapshot", kind="new", age_s=0.1)
        server.start()
        first = json.loads(await client.recv())["u"]
        _, reply, _ = await get(server, "/api/v3/depth?symbol=BTCUSDT&limit=5")
        _, there, _ = await get(server, "/sandbox/connections")
        told = [first] + [json.loads(await client.recv())["u"] for _ in range(399)]

        assert reply["lastUpdateId"] > there[0]["frames_sent"]
        assert told == list(range(400))


async def test_a_simulated_market_can_be_steered_over_http() -> None:
    """A stream that was subscribed to before its symbol was listed speaks when it is."""
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",)}, duration_s=None))
    async with serving(source, speed=50) as server, socket_to(server, "/stream?streams=ethusdt@trade") as client:
        server.start()
        await order(server, fault="list", market="spot", symbol="ETHUSDT")
        first = json.loads(await client.recv())["data"]
        _, body = await ask(server, {"fault": "list", "market": "spot", "symbol": "ETHUSDT"})
        await order(server, fault="wipe", market="spot", symbol="ETHUSDT")
        later = first
        while later["t"] >= first["t"]:
            first, later = later, json.loads(await client.recv())["data"]

    assert "is traded on spot already" in body["error"]
    assert later["T"] >= first["T"]
