"""The server over real sockets on the loopback, with the client library that ingest uses."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sandbox.errors import PortTakenError
from sandbox.exchange.connection_settings import ConnectionSettings, SlowReaders
from sandbox.exchange.rules import RULES
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.exchange.source import StreamEvent
from sandbox.recordings import Frame, Recording, RestAnswer, read, survey
from sandbox.replay import ReplaySource
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from tests.unit.sandbox.exchange.serving import get, post, serving, socket_to, stays_silent
from tests.unit.sandbox.exchange.sources import DemandedSource, ListSource, SteeredSource, event, numbered
from tests.unit.sandbox.payloads import EPOCH_MS


async def subscribe(client: ClientConnection, *streams: str, request_id: int = 1) -> None:
    await client.send(json.dumps({"method": "SUBSCRIBE", "params": streams, "id": request_id}))
    assert json.loads(await client.recv()) == {"result": None, "id": request_id}


async def receive(client: ClientConnection, count: int) -> list[str | bytes]:
    return [await client.recv() for _ in range(count)]


def payloads(events: Sequence[StreamEvent]) -> list[str]:
    return [each.data.decode() for each in events]


async def test_a_raw_connection_gets_every_frame_of_its_stream_once_in_order() -> None:
    events = numbered(500)
    async with serving(ListSource(events)) as server, socket_to(server, "/ws/btcusdt@trade") as client:
        server.start()

        assert await receive(client, 500) == payloads(events)
        assert await stays_silent(client, server)


async def test_a_combined_connection_gets_frames_with_the_streams_name() -> None:
    events = [event(1), event(2, stream="ethusdt@trade"), event(3, stream="xrpusdt@trade")]
    async with (
        serving(ListSource(events)) as server,
        socket_to(server, "/spot/stream?streams=btcusdt@trade/ethusdt@trade") as client,
    ):
        server.start()

        assert await receive(client, 2) == [
            '{"stream":"btcusdt@trade","data":{"t":1}}',
            '{"stream":"ethusdt@trade","data":{"t":2}}',
        ]
        assert await stays_silent(client, server)


async def test_a_url_may_be_percent_encoded() -> None:
    async with (
        serving(ListSource([event(1, stream="币@trade")])) as server,
        socket_to(server, "/stream?streams=%E5%B8%81%40trade") as client,
    ):
        server.start()

        assert json.loads(await client.recv())["stream"] == "币@trade"


async def test_subscriptions_framing_and_errors_over_the_wire() -> None:
    events = [event(1), event(2, stream="ethusdt@trade")]
    async with serving(ListSource(events)) as server, socket_to(server, "/ws") as client:
        await subscribe(client, "btcusdt@trade", "ethusdt@trade", "nosuch@trade")
        replies = []
        for request in (
            '{"method":"UNSUBSCRIBE","params":["ethusdt@trade"],"id":2}',
            '{"method":"SET_PROPERTY","params":["combined",true],"id":3}',
            '{"method":"NONSENSE","id":4}',
        ):
            await client.send(request)
            replies.append(json.loads(await client.recv()))
        server.start()

        assert [reply.get("result", reply.get("error", {}).get("code")) for reply in replies] == [None, None, 2]
        assert await client.recv() == '{"stream":"btcusdt@trade","data":{"t":1}}'


async def test_a_usdm_stream_asked_for_on_the_wrong_route_is_acknowledged_and_silent() -> None:
    events = [
        event(1, market=Market.USDM, stream="btcusdt@aggTrade"),
        event(2, market=Market.USDM, stream="btcusdt@depth"),
    ]
    async with (
        serving(ListSource(events)) as server,
        socket_to(server, "/usdm/public/ws") as public,
        socket_to(server, "/usdm/market/ws") as market,
        socket_to(server, "/usdm/private/ws") as private,
    ):
        for client in (public, market, private):
            await subscribe(client, "btcusdt@aggTrade", "btcusdt@depth")
        server.start()

        assert await public.recv() == '{"t":2}'
        assert await market.recv() == '{"t":1}'
        for client in (public, market, private):
            assert await stays_silent(client, server)


async def test_markets_with_equal_stream_names_are_kept_apart() -> None:
    events = [event(number, market=market) for number, market in enumerate(Market)]
    async with (
        serving(ListSource(events)) as server,
        socket_to(server, "/ws/btcusdt@trade") as spot,
        socket_to(server, "/usdm/public/ws/btcusdt@trade") as usdm,
        socket_to(server, "/coinm/ws/btcusdt@trade") as coinm,
    ):
        server.start()

        assert [await client.recv() for client in (spot, usdm, coinm)] == payloads(events)


async def test_every_client_gets_every_frame_however_slow_one_is() -> None:
    """The slow one slows the replay; nothing is dropped."""
    events = [
        StreamEvent(each.due_ns, each.market, each.stream, b'{"t":%d,"x":"%s"}' % (number, b"x" * 5_000))
        for number, each in enumerate(numbered(3_000))
    ]
    async with (
        serving(ListSource(events)) as server,
        connect(f"ws://127.0.0.1:{server.port}/ws/btcusdt@trade", proxy=None, max_queue=1) as slow,
        socket_to(server, "/ws/btcusdt@trade") as fast,
    ):
        server.start()
        for _ in range(200):
            await asyncio.sleep(0)
        early = server.status()["frames_sent"]
        frames = await asyncio.gather(receive(fast, 3_000), receive(slow, 3_000))

        assert isinstance(early, int)
        assert early < 6_000
        assert list(frames) == [payloads(events), payloads(events)]


async def test_pings_come_by_the_markets_schedule_and_an_answering_client_lives() -> None:
    rules = {market: RULES[market].hastened(400) for market in Market}
    async with serving(ListSource(numbered(1)), rules=rules) as server, socket_to(server, "/ws") as client:
        await asyncio.sleep(0.4)

        assert await stays_open(client)


async def test_a_client_that_answers_no_ping_is_closed() -> None:
    rules = {market: RULES[market].hastened(400) for market in Market}
    async with (
        serving(ListSource(numbered(1)), rules=rules) as server,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{server.url}/ws", autoping=False) as client,
    ):
        kinds = [message.type async for message in client]

        assert aiohttp.WSMsgType.PING in kinds
        assert client.closed


async def stays_open(client: ClientConnection) -> bool:
    await client.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
    return await client.recv() == '{"result":[],"id":1}'


async def test_a_clients_own_ping_is_answered_with_its_payload() -> None:
    async with serving(ListSource(numbered(1))) as server, socket_to(server, "/ws") as client:
        waiter = await client.ping(b"hello")

        assert await waiter >= 0


async def test_too_many_messages_end_the_connection() -> None:
    async with serving(ListSource(numbered(1))) as server, socket_to(server, "/ws") as client:
        for request_id in range(6):
            await client.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": request_id}))
        with pytest.raises(ConnectionClosed):
            await receive(client, 7)


async def test_a_request_that_is_too_long_ends_the_connection() -> None:
    async with serving(ListSource(numbered(1))) as server, socket_to(server, "/ws") as client:
        await client.send(json.dumps({"method": "SUBSCRIBE", "params": ["a@b"] * 5_000, "id": 1}))
        with pytest.raises(ConnectionClosed):
            await client.recv()


async def test_automatic_start_waits_until_every_stream_is_subscribed_to() -> None:
    events = [event(1), event(2, stream="ethusdt@trade")]
    async with serving(ListSource(events), start=StartMode.AUTO) as server, socket_to(server, "/ws") as client:
        await subscribe(client, "btcusdt@trade")
        state = server.status()["state"]
        await subscribe(client, "ethusdt@trade", request_id=2)

        assert state == "waiting"
        assert await receive(client, 2) == payloads(events)


async def test_automatic_start_waits_no_longer_when_nobody_subscribes_to_more() -> None:
    events = [event(1), event(2, stream="ethusdt@trade")]
    async with (
        serving(ListSource(events), start=StartMode.AUTO, start_quiet_s=0.05) as server,
        socket_to(server, "/ws/btcusdt@trade") as client,
    ):
        assert await client.recv() == '{"t":1}'


async def test_an_immediate_start_waits_for_nobody() -> None:
    async with serving(ListSource(numbered(3)), start=StartMode.NOW) as server, socket_to(server, "/ws") as client:
        assert await stays_silent(client, server)


async def test_the_control_api_starts_stops_and_tells_the_state() -> None:
    source = ListSource(numbered(3, every_ms=3_600_000))
    settings = ExchangeSettings(port=0, speed=1, start=StartMode.MANUAL)
    async with (
        ExchangeServer(source, settings, event_count=3) as server,
        socket_to(server, "/ws/btcusdt@trade") as client,
    ):
        _, before, _ = await get(server, "/sandbox/status")
        started = await post(server, "/sandbox/start")
        await client.recv()
        await post(server, "/sandbox/stop")
        await server.wait_ended()
        _, after, _ = await get(server, "/sandbox/status")

    assert before == {
        "state": "waiting",
        "clock_ms": EPOCH_MS,
        "frames_sent": 0,
        "events_total": 3,
        "connections": 1,
        "subscriptions": 1,
    }
    assert started["state"] == "running"
    assert (after["state"], after["frames_sent"]) == ("ended", 1)
    assert EPOCH_MS + 15_000 <= after["clock_ms"] < EPOCH_MS + 60_000


async def test_rest_is_answered_under_the_venues_paths_with_the_used_weight() -> None:
    async with serving(ListSource(numbered(1))) as server:
        status, body, headers = await get(server, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000")
        _, _, later = await get(server, "/dapi/v1/ping")
        _, _, spot = await get(server, "/api/v3/ping")

    assert status == 200
    assert body == {
        "market": "usdm",
        "path": "/fapi/v1/depth",
        "params": {"symbol": "BTCUSDT", "limit": "1000"},
        "passed": 0,
    }
    assert headers["X-MBX-USED-WEIGHT-1M"] == "20"
    assert later["X-MBX-USED-WEIGHT-1M"] == "21"
    assert spot["X-MBX-USED-WEIGHT-1M"] == "1"


async def test_ping_and_time_need_no_source() -> None:
    async with serving(ListSource(numbered(1))) as server:
        replies = [(await get(server, path))[1] for path in ("/api/v3/ping", "/fapi/v1/time", "/dapi/v1/time")]

    assert replies == [{}, {"serverTime": EPOCH_MS}, {"serverTime": EPOCH_MS}]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/api/v3/depth", 400, -1102),
        ("/api/v3/depth?symbol=NOSUCH", 400, -1121),
        ("/fapi/v1/historicalTrades?symbol=BTCUSDT", 401, -2014),
        ("/api/v3/nothing", 404, -5000),
        ("/ws", 404, -5000),
        ("/", 404, -5000),
    ],
)
async def test_refusals_have_the_venues_form(path: str, status: int, code: int) -> None:
    async with serving(ListSource(numbered(1))) as server:
        got_status, body, _ = await get(server, path)

    assert (got_status, body["code"]) == (status, code)
    assert body.keys() == {"code", "msg"}


async def test_a_key_of_any_kind_opens_old_futures_trades() -> None:
    async with serving(ListSource(numbered(1))) as server:
        status, _, _ = await get(
            server, "/fapi/v1/historicalTrades?symbol=BTCUSDT", headers={"X-MBX-APIKEY": "sandbox"}
        )

    assert status == 200


async def test_a_source_that_produces_on_demand_is_told_what_is_wanted() -> None:
    source = DemandedSource([event(1), event(2, market=Market.USDM, stream="btcusdt@aggTrade")])
    async with (
        serving(source) as server,
        socket_to(server, "/ws") as spot,
        socket_to(server, "/usdm/market/ws") as usdm,
    ):
        await subscribe(spot, "btcusdt@trade", "nosuch@trade")
        await subscribe(usdm, "btcusdt@aggTrade", "btcusdt@trade")

        assert source.demanded == [
            {(Market.SPOT, "btcusdt@trade"), (Market.SPOT, "nosuch@trade")},
            {(Market.SPOT, "btcusdt@trade"), (Market.SPOT, "nosuch@trade"), (Market.USDM, "btcusdt@aggTrade")},
        ]


async def test_a_taken_port_is_an_error_that_names_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"port {port} on 127.0.0.1 is taken"):
            async with serving(ListSource([]), port=port):
                pass


async def test_closing_the_server_says_goodbye_to_its_clients() -> None:
    async with serving(ListSource(numbered(1))) as server:
        client = await socket_to(server, "/ws")
    with pytest.raises(ConnectionClosed):
        await client.recv()

    assert client.close_code == 1001
    await client.close()


async def test_what_is_sent_can_be_recorded_with_the_depth_answers_between(tmp_path: Path) -> None:
    events = [event(1), event(2, at_ms=1, stream="ethusdt@trade"), event(3, at_ms=2)]
    async with (
        serving(ListSource(events), record=tmp_path) as server,
        socket_to(server, "/ws/btcusdt@trade") as client,
    ):
        await get(server, "/api/v3/depth?symbol=BTCUSDT")
        await get(server, "/api/v3/depth?symbol=NOSUCH")
        server.start()
        await receive(client, 2)

    entries = list(read(Recording.find([tmp_path])))
    assert [entry.data for entry in entries if isinstance(entry, Frame)] == [b'{"t":1}', b'{"t":3}']
    assert [entry.params for entry in entries if isinstance(entry, RestAnswer)] == [{"symbol": "BTCUSDT"}]


async def test_a_recording_goes_over_the_wire_whole_and_verbatim(recordings: Path) -> None:
    """Ten symbols on one connection."""
    summary = survey(Recording.find([recordings / "cryptofeed" / "BINANCE_DELIVERY"]))
    frames = [entry for entry in read(summary.recording) if isinstance(entry, Frame)]
    expected = [f'{{"stream":"{frame.stream}","data":{frame.data.decode()}}}' for frame in frames]
    async with (
        serving(ReplaySource(summary), start=StartMode.AUTO) as server,
        socket_to(server, "/coinm/stream") as client,
    ):
        await client.send(
            json.dumps({"method": "SUBSCRIBE", "params": sorted(summary.stream_names(Market.COINM)), "id": 1})
        )
        received = await receive(client, len(frames) + 1)

        assert [frame for frame in received if frame != '{"result":null,"id":1}'] == expected
        assert await client_knows_the_book(server)


async def client_knows_the_book(server: ExchangeServer) -> bool:
    await server.wait_ended()
    status, body, _ = await get(server, "/dapi/v1/depth?symbol=ETHUSD_210924&limit=5")
    return status == 200 and len(body["bids"]) == 5


async def test_who_asks_too_much_is_refused_and_then_banned_in_each_markets_words() -> None:
    async with serving(ListSource(numbered(1)), weight_limits={"spot": 50, "futures": 40}) as server:
        spot = [await get(server, "/api/v3/trades?symbol=BTCUSDT") for _ in range(9)]
        futures = [await get(server, "/dapi/v1/ticker/24hr") for _ in range(9)]

    for replies, over in ((spot, 2), (futures, 1)):
        assert [reply[0] for reply in replies] == ([200] * over + [429] * 5 + [418] * 9)[:9]
        assert {reply[1]["code"] for reply in replies[over:]} == {-1003}
        assert (
            [int(reply[2]["X-MBX-USED-WEIGHT-1M"]) for reply in replies[:3]] == [25, 50, 75]
            if over == 2
            else [40, 80, 120]
        )
    assert [reply[2].get("Retry-After") for reply in spot[:2]] == [None, None]
    assert 1 <= int(spot[2][2]["Retry-After"]) <= 60
    assert 110 <= int(spot[8][2]["Retry-After"]) <= 120
    assert {reply[2].get("Retry-After") for reply in futures} == {None}
    until_ms = int(futures[8][1]["msg"].partition("until ")[2].partition(".")[0])
    assert EPOCH_MS + 110_000 <= until_ms <= EPOCH_MS + 120_000


async def test_the_clock_of_the_rules_can_be_hastened() -> None:
    async with serving(ListSource(numbered(1)), weight_limits={"spot": 1}, time_factor=6_000) as server:
        statuses = set()
        while 200 not in statuses or 429 not in statuses:
            statuses.add((await get(server, "/api/v3/ping"))[0])

    assert statuses <= {200, 429, 418}


async def test_a_weight_limit_that_is_set_is_stated_by_exchange_info() -> None:
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",), Market.USDM: ("BTCUSDT",)}))
    async with serving(source, weight_limits={"spot": 1_234}) as server:
        stated = [
            (await get(server, path))[1]["rateLimits"][0] for path in ("/api/v3/exchangeInfo", "/fapi/v1/exchangeInfo")
        ]

    assert [limit["limit"] for limit in stated] == [1_234, 2_400]
    assert {limit["rateLimitType"] for limit in stated} == {"REQUEST_WEIGHT"}


async def test_answers_carry_the_venues_date() -> None:
    async with serving(ListSource(numbered(1))) as server:
        _, _, headers = await get(server, "/api/v3/ping")

    assert parsedate_to_datetime(headers["Date"]).timestamp() == EPOCH_MS // 1000


async def test_too_many_connection_attempts_are_refused_at_the_handshake() -> None:
    rules = {market: msgspec.structs.replace(RULES[market], attempts=2) for market in Market}
    async with serving(ListSource(numbered(1)), rules=rules) as server:
        async with socket_to(server, "/ws"), socket_to(server, "/stream"), socket_to(server, "/usdm/public/ws"):
            with pytest.raises(InvalidStatus) as refused:
                await socket_to(server, "/ws")

        assert refused.value.response.status_code == 429
        assert 290 <= int(refused.value.response.headers["Retry-After"]) <= 300


async def test_a_connection_is_cut_without_a_word_when_its_time_is_over() -> None:
    rules = {market: msgspec.structs.replace(RULES[market], lifetime_s=0.05) for market in Market}
    async with serving(ListSource(numbered(1)), rules=rules) as server, socket_to(server, "/ws") as client:
        with pytest.raises(ConnectionClosed):
            await client.recv()

        assert client.close_code == 1006


async def test_a_slow_reader_is_cut_where_slow_readers_are_and_holds_nobody_up() -> None:
    events = [
        StreamEvent(each.due_ns, each.market, each.stream, b'{"t":%d,"x":"%s"}' % (number, b"x" * 5_000))
        for number, each in enumerate(numbered(4_000))
    ]
    settings = ConnectionSettings(slow_readers=SlowReaders.CUT, most_unsent_bytes=1_000_000)
    async with (
        serving(ListSource(events), speed=1, connections=settings) as server,
        connect(f"ws://127.0.0.1:{server.port}/ws/btcusdt@trade", proxy=None, max_queue=1) as slow,
        socket_to(server, "/ws/btcusdt@trade") as fast,
    ):
        server.start()

        assert await receive(fast, 4_000) == payloads(events)
        with pytest.raises(ConnectionClosed):
            await receive(slow, 4_000)


async def test_the_whole_book_can_be_asked_for() -> None:
    async with serving(SteeredSource(numbered(1))) as server:
        good = await get(server, "/sandbox/book?market=spot&symbol=btcusdt")
        bad = await get(server, "/sandbox/book?market=moon&symbol=BTCUSDT")

    assert (good[0], len(good[1]["bids"])) == (200, 5_000)
    assert (bad[0], bad[1]["error"]) == (400, "market is none of spot, usdm, coinm")


async def test_times_in_microseconds_can_be_asked_for_on_spot() -> None:
    data = b'{"e":"trade","E":1723161600000,"t":5,"T":1723161599999}'
    events = [StreamEvent(1, market, "btcusdt@trade", data) for market in (Market.SPOT, Market.USDM)]
    unit = "timeUnit=MICROSECOND"
    async with (
        serving(ListSource(events)) as server,
        socket_to(server, f"/ws/btcusdt@trade?{unit}") as micro,
        socket_to(server, "/ws/btcusdt@trade") as milli,
        socket_to(server, f"/stream?streams=btcusdt@trade&{unit}") as combined,
        socket_to(server, f"/usdm/public/ws/btcusdt@trade?{unit}") as futures,
    ):
        server.start()
        got = [json.loads(await client.recv()) for client in (micro, milli, combined, futures)]

    told = {"e": "trade", "E": 1723161600000000, "t": 5, "T": 1723161599999000}
    assert got == [told, json.loads(data), {"stream": "btcusdt@trade", "data": told}, json.loads(data)]


async def test_answers_in_microseconds_can_be_asked_for_on_spot() -> None:
    unit = {"X-MBX-TIME-UNIT": "microsecond"}
    async with serving(ListSource(numbered(1))) as server:
        _, spot, _ = await get(server, "/api/v3/time", headers=unit)
        _, futures, _ = await get(server, "/fapi/v1/time", headers=unit)

    assert (spot, futures) == ({"serverTime": EPOCH_MS * 1_000}, {"serverTime": EPOCH_MS})


async def test_another_unit_of_time_is_refused() -> None:
    async with serving(ListSource(numbered(1))) as server:
        status, body, _ = await get(server, "/api/v3/time", headers={"X-MBX-TIME-UNIT": "NANOSECOND"})
        with pytest.raises(InvalidStatus) as refused:
            await socket_to(server, "/ws?timeUnit=second")

    assert (status, body["code"]) == (400, -1194)
    assert refused.value.response.status_code == 400
