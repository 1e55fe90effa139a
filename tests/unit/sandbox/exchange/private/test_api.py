"""The WebSocket API of spot, over sockets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection

from sandbox.exchange.server import ExchangeServer
from tests.unit.sandbox.exchange.private.keeper import KeyFiles, account_event, keeping, sent, signed_params
from tests.unit.sandbox.exchange.serving import socket_to
from tests.unit.sandbox.payloads import EPOCH_MS


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}
TERMINATED = {"e": "eventStreamTerminated", "E": EPOCH_MS}


def api(server: ExchangeServer, query: str = "") -> Any:
    return socket_to(server, f"/ws-api/v3{query}")


def code_of(reply: Any) -> tuple[int, int]:
    return reply["status"], reply["error"]["code"]


async def log_on(client: ClientConnection, keys: Path) -> Any:
    return await sent(client, "session.logon", signed_params(KeyFiles(keys, "hedge")))


async def test_a_request_is_answered_with_its_id_and_the_limits(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        reply = await sent(client, "time", id="abc")

    assert reply == {
        "id": "abc",
        "status": 200,
        "result": {"serverTime": EPOCH_MS},
        "rateLimits": [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000, "count": 3}
        ],
    }


@pytest.mark.parametrize("label", ["main", "hedge"])
async def test_a_signed_order_is_placed(tmp_path: Path, label: str) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        reply = await sent(client, "order.place", signed_params(KeyFiles(tmp_path, label), **ORDER))

    assert reply["result"] == {"is": ["spot", label, "POST", "order"], "params": ORDER}
    assert [(each["rateLimitType"], each["count"]) for each in reply["rateLimits"]] == [
        ("ORDERS", 1),
        ("ORDERS", 1),
        ("REQUEST_WEIGHT", 2),
    ]


async def test_a_logged_on_session_needs_no_signature(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        status = await log_on(client, tmp_path)
        placed = await sent(client, "order.place", {**ORDER, "timestamp": EPOCH_MS})
        late = await sent(client, "order.place", {**ORDER, "timestamp": 1})
        timeless = await sent(client, "order.place", ORDER)
        await sent(client, "session.logout")
        after = await sent(client, "order.place", {**ORDER, "timestamp": EPOCH_MS})

    assert (status["result"]["authorizedSince"], status["result"]["userDataStream"]) == (EPOCH_MS, False)
    assert placed["result"]["is"] == ["spot", "hedge", "POST", "order"]
    # Without a pace no time is wrong; that there must be one is seen all the same.
    assert late["status"] == 200
    assert code_of(timeless) == (400, -1102)
    assert code_of(after) == (400, -1102)


async def test_only_an_ed25519_key_logs_on(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        refused = await sent(client, "session.logon", signed_params(KeyFiles(tmp_path, "main")))
        status = await sent(client, "session.status")
        subscribed = await sent(client, "userDataStream.subscribe")

    assert code_of(refused) == (400, -2028)
    assert status["result"]["apiKey"] is None
    assert code_of(subscribed) == (401, -1193)


async def test_subscriptions_of_two_accounts_share_a_connection(tmp_path: Path) -> None:
    events = [account_event("executionReport", 7), account_event("balanceUpdate", 8, account="hedge")]
    async with keeping(tmp_path, events) as server, api(server) as client:
        method = "userDataStream.subscribe.signature"
        first = await sent(client, method, signed_params(KeyFiles(tmp_path, "main")))
        again = await sent(client, method, signed_params(KeyFiles(tmp_path, "main")))
        second = await sent(client, method, signed_params(KeyFiles(tmp_path, "hedge")))
        listed = await sent(client, "session.subscriptions")
        server.start()
        heard = [json.loads(await client.recv()) for _ in range(2)]

    assert (first["result"], second["result"]) == ({"subscriptionId": 0}, {"subscriptionId": 1})
    assert code_of(again) == (400, -2035)
    assert listed["result"] == [{"subscriptionId": 0}, {"subscriptionId": 1}]
    assert heard == [
        {"subscriptionId": 0, "event": {"e": "executionReport", "E": EPOCH_MS, "i": 7}},
        {"subscriptionId": 1, "event": {"e": "balanceUpdate", "E": EPOCH_MS, "i": 8}},
    ]


async def test_what_is_unsubscribed_ends_with_an_event(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        await sent(client, "userDataStream.subscribe.signature", signed_params(KeyFiles(tmp_path, "main")))
        unknown = await sent(client, "userDataStream.unsubscribe", {"subscriptionId": 5})
        last = await sent(client, "userDataStream.unsubscribe", {"subscriptionId": 0})
        reply = json.loads(await client.recv())
        listed = await sent(client, "session.subscriptions")

    assert code_of(unknown) == (400, -2036)
    assert last == {"subscriptionId": 0, "event": TERMINATED}
    assert (reply["status"], reply["result"], listed["result"]) == (200, {}, [])


async def test_a_logout_ends_what_the_session_subscribed_to_and_nothing_else(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        await sent(client, "userDataStream.subscribe.signature", signed_params(KeyFiles(tmp_path, "main")))
        await log_on(client, tmp_path)
        await sent(client, "userDataStream.subscribe")
        last = await sent(client, "session.logout")
        reply = json.loads(await client.recv())
        listed = await sent(client, "session.subscriptions")

    assert last == {"subscriptionId": 1, "event": TERMINATED}
    assert reply["result"]["apiKey"] is None
    assert listed["result"] == [{"subscriptionId": 0}]


async def test_a_revoked_key_ends_its_session_and_its_subscriptions(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client, aiohttp.ClientSession() as session:
        await log_on(client, tmp_path)
        await sent(client, "userDataStream.subscribe")
        await session.delete(f"{server.url}/sandbox/accounts/hedge/keys")
        last, told = json.loads(await client.recv()), json.loads(await client.recv())
        after = await sent(client, "account.status", {"timestamp": EPOCH_MS})

    assert last == {"subscriptionId": 0, "event": TERMINATED}
    assert (told["id"], *code_of(told)) == (None, 401, -2015)
    assert code_of(after) == (400, -1102)


@pytest.mark.parametrize(
    ("frame", "refusal"),
    [
        ("{", (None, 400, -1135)),
        ("[]", (None, 400, -1135)),
        ('{"id":1.5,"method":"time"}', (None, 400, -1100)),
        ('{"id":3}', (3, 400, -1102)),
        ('{"id":3,"method":"time","params":[]}', (3, 200, 0)),
        ('{"id":3,"method":"time","params":[1]}', (3, 400, -1102)),
        ('{"id":null,"method":"no.such"}', (None, 400, -1020)),
        ('{"id":3,"method":"order.place","params":{"apiKey":"x"}}', (3, 401, -2014)),
    ],
)
async def test_a_request_that_means_nothing_is_refused(
    tmp_path: Path, frame: str, refusal: tuple[object, int, int]
) -> None:
    async with keeping(tmp_path) as server, api(server) as client:
        await client.send(frame)
        reply = json.loads(await client.recv())

    assert (reply["id"], reply["status"], reply.get("error", {"code": 0})["code"]) == refusal


async def test_limits_can_be_left_out(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        async with api(server, "?returnRateLimits=false") as client:
            silent = await sent(client, "ping")
            asked = await sent(client, "ping", {"returnRateLimits": True})
        async with api(server) as client:
            left_out = await sent(client, "ping", {"returnRateLimits": False})

    assert silent == left_out == {"id": 1, "status": 200, "result": {}}
    assert "rateLimits" in asked


async def test_times_come_in_microseconds_where_they_are_wanted(tmp_path: Path) -> None:
    events = [account_event("executionReport")]
    async with keeping(tmp_path, events) as server, api(server, "?timeUnit=MICROSECOND") as client:
        await sent(client, "userDataStream.subscribe.signature", signed_params(KeyFiles(tmp_path, "main")))
        time = await sent(client, "time")
        server.start()
        event = json.loads(await client.recv())

    assert time["result"]["serverTime"] == event["event"]["E"] == EPOCH_MS * 1_000


async def test_too_much_weight_is_refused_with_the_time_of_the_next_try(tmp_path: Path) -> None:
    async with keeping(tmp_path, weight_limits={"spot": 4}) as server, api(server) as client:
        await sent(client, "session.status")
        refused = await sent(client, "session.status")

    assert code_of(refused) == (429, -1003)
    assert refused["error"]["data"]["serverTime"] == EPOCH_MS
    assert EPOCH_MS < refused["error"]["data"]["retryAfter"] <= EPOCH_MS + 60_000


async def test_a_shutdown_is_announced_in_the_envelope_of_events(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, api(server) as client, aiohttp.ClientSession() as session:
        await sent(client, "ping")
        await session.post(f"{server.url}/sandbox/faults", json={"fault": "shutdown", "after_s": 60})
        told = json.loads(await client.recv())

    assert told == {"event": {"e": "serverShutdown", "E": EPOCH_MS}}


async def test_events_of_one_account_are_lost_and_the_others_are_not(tmp_path: Path) -> None:
    events = [
        account_event("executionReport", 1),
        account_event("executionReport", 2, account="hedge"),
        account_event("executionReport", 3),
    ]
    fault = {"fault": "drop", "account": "main", "stream": "executionReport", "count": 1}
    async with keeping(tmp_path, events) as server, api(server) as client, aiohttp.ClientSession() as session:
        for label in ("main", "hedge"):
            await sent(client, "userDataStream.subscribe.signature", signed_params(KeyFiles(tmp_path, label)))
        await session.post(f"{server.url}/sandbox/faults", json=fault)
        await session.post(f"{server.url}/sandbox/faults", json=fault | {"account": None, "stream": "*"})
        server.start()
        heard = [json.loads(await client.recv())["event"]["i"] for _ in range(2)]

    assert heard == [2, 3]


async def test_a_connection_of_one_account_is_broken_and_the_others_are_not(tmp_path: Path) -> None:
    fault = {"fault": "close", "account": "hedge", "connection": "all"}
    async with keeping(tmp_path) as server, api(server) as mine, api(server) as hedges:
        for client, label in ((mine, "main"), (hedges, "hedge")):
            await sent(client, "userDataStream.subscribe.signature", signed_params(KeyFiles(tmp_path, label)))
        async with aiohttp.ClientSession() as session:
            await session.post(f"{server.url}/sandbox/faults", json=fault)
        await hedges.wait_closed()
        alive = await sent(mine, "ping")

    assert alive["status"] == 200
