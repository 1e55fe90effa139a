"""Listen keys and what comes to those who listen with them, over sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sandbox.exchange.server import ExchangeServer
from schemas.markets import Market
from tests.unit.sandbox.exchange.private.keeper import KeyFiles, account_event, keeping, sent
from tests.unit.sandbox.exchange.serving import get, socket_to, stays_silent


USDM, COINM = Market.USDM, Market.COINM
EVENTS = [
    account_event("ORDER_TRADE_UPDATE", 1, market=USDM),
    account_event("ACCOUNT_UPDATE", 2, market=USDM),
    account_event("ORDER_TRADE_UPDATE", 3, market=USDM, account="hedge"),
    account_event("ORDER_TRADE_UPDATE", 4, market=COINM),
]


async def listen_key(
    server: ExchangeServer, keys: Path, method: str = "POST", *, label: str = "main", prefix: str = "fapi"
) -> Any:
    headers = {"X-MBX-APIKEY": KeyFiles(keys, label).name}
    url = f"{server.url}/{prefix}/v1/listenKey"
    async with aiohttp.ClientSession() as session, session.request(method, url, headers=headers) as reply:
        answer = await reply.json()
        return answer.get("listenKey") or answer.get("code") or answer


async def heard(client: Any, count: int) -> list[Any]:
    return [json.loads(await client.recv()) for _ in range(count)]


async def test_one_who_listens_hears_the_events_that_are_named(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, f"/usdm/private/ws?listenKey={key}&events=ACCOUNT_UPDATE/MARGIN_CALL") as client:
            server.start()
            (first,) = await heard(client, 1)

            assert await stays_silent(client, server)
    assert first["i"] == 2


async def test_without_events_nothing_is_heard(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, f"/usdm/private/ws?listenKey={key}") as client:
            server.start()

            assert await stays_silent(client, server)


async def test_the_form_of_the_path_brings_every_event(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, f"/usdm/private/ws/{key}") as client:
            server.start()

            assert [each["i"] for each in await heard(client, 2)] == [1, 2]


async def test_two_keys_share_a_combined_connection(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        mine, hedges = await listen_key(server, tmp_path), await listen_key(server, tmp_path, label="hedge")
        query = f"listenKey={mine}&events=ACCOUNT_UPDATE&listenKey={hedges}&events=ORDER_TRADE_UPDATE"
        async with socket_to(server, f"/usdm/private/stream?{query}") as client:
            server.start()
            frames = await heard(client, 2)

    assert [(each["stream"] == mine, each["data"]["i"]) for each in frames] == [(True, 2), (False, 3)]


async def test_coin_m_is_listened_to_by_path(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path, prefix="dapi")
        async with socket_to(server, f"/coinm/ws/{key}") as client:
            server.start()
            (first,) = await heard(client, 1)

    assert first["i"] == 4


@pytest.mark.parametrize(
    "path", ["/usdm/market/ws/{key}", "/usdm/ws/{key}", "/usdm/public/ws?listenKey={key}&events=*", "/coinm/ws/{key}"]
)
async def test_in_the_wrong_place_a_key_is_silent(tmp_path: Path, path: str) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, path.format(key=key)) as client:
            server.start()

            assert await stays_silent(client, server)


async def test_events_of_an_account_are_no_public_stream(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        names = "ORDER_TRADE_UPDATE/main/main%2FORDER_TRADE_UPDATE"
        async with socket_to(server, f"/coinm/stream?streams={names}") as client:
            server.start()

            assert await stays_silent(client, server)


async def test_a_key_comes_back_as_long_as_it_lives(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        assert await listen_key(server, tmp_path, "PUT") == -1125
        key = await listen_key(server, tmp_path)
        assert await listen_key(server, tmp_path) == key
        assert await listen_key(server, tmp_path, "PUT") == key
        assert await listen_key(server, tmp_path, "DELETE") == {}
        assert await listen_key(server, tmp_path, "PUT") == -1125
        assert await listen_key(server, tmp_path) != key


async def test_an_expired_key_is_told_and_the_socket_stays_silent(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path)
        events = "ORDER_TRADE_UPDATE/listenKeyExpired"
        async with (
            socket_to(server, f"/usdm/private/ws?listenKey={key}&events={events}") as told,
            socket_to(server, f"/usdm/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE") as untold,
            aiohttp.ClientSession() as session,
        ):
            fault = {"fault": "expire-key", "market": "usdm", "account": "main"}
            await session.post(f"{server.url}/sandbox/faults", json=fault)
            (last,) = await heard(told, 1)
            after = await listen_key(server, tmp_path, "PUT")
            server.start()

            assert await stays_silent(told, server)
            assert await stays_silent(untold, server)
        _, faults, _ = await get(server, "/sandbox/faults")
    assert (last["e"], last["listenKey"], after) == ("listenKeyExpired", key, -1125)
    assert [(each["hits"], each["state"]) for each in faults] == [(1, "ended")]


async def test_the_hour_of_a_key_is_one_of_the_rules_clock(tmp_path: Path) -> None:
    async with keeping(tmp_path, time_factor=36_000) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, f"/usdm/private/ws?listenKey={key}&events=listenKeyExpired") as client:
            (last,) = await heard(client, 1)

    assert last["e"] == "listenKeyExpired"


async def test_a_deleted_key_says_nothing_more(tmp_path: Path) -> None:
    async with keeping(tmp_path, EVENTS) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, f"/usdm/private/ws/{key}") as client:
            await listen_key(server, tmp_path, "DELETE")
            server.start()

            assert await stays_silent(client, server)


async def test_the_websocket_api_of_futures_starts_and_keeps_keys(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, socket_to(server, "/ws-fapi/v1") as client:
        params = {"apiKey": KeyFiles(tmp_path, "main").name}
        none = await sent(client, "userDataStream.ping", params)
        started = await sent(client, "userDataStream.start", params)
        kept = await sent(client, "userDataStream.ping", params)
        over_rest = await listen_key(server, tmp_path)
        stopped = await sent(client, "userDataStream.stop", params)
        no_subscriptions = await sent(client, "userDataStream.subscribe")

    assert none["error"]["code"] == -1125
    assert started["result"] == kept["result"] == {"listenKey": over_rest}
    assert (stopped["result"], no_subscriptions["error"]["code"]) == ({}, -1020)


async def test_connections_are_listed_without_listen_keys(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        key = await listen_key(server, tmp_path)
        async with socket_to(server, f"/usdm/private/ws/{key}"):
            _, (about,), _ = await get(server, "/sandbox/connections")

    assert (about["class"], about["accounts"], about["streams"]) == ("private", ["main"], [])
