"""Signed requests over HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from sandbox.exchange.private.accounts import AccountSpec
from tests.unit.sandbox.exchange.private.keeper import KeyFiles, ask, keeping
from tests.unit.sandbox.exchange.serving import get


ORDER = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "2"}


@pytest.mark.parametrize("label", ["main", "hedge"])
async def test_an_order_reaches_the_account_whose_key_signed_it(tmp_path: Path, label: str) -> None:
    async with keeping(tmp_path) as server:
        status, answer, headers = await ask(server, KeyFiles(tmp_path, label), "POST", "/api/v3/order", **ORDER)

    assert (status, answer) == (200, {"is": ["spot", label, "POST", "order"], "params": ORDER})
    assert {name: headers[name] for name in headers if name.startswith("X-MBX")} == {
        "X-MBX-USED-WEIGHT-1M": "0",
        "X-MBX-ORDER-COUNT-10S": "1",
        "X-MBX-ORDER-COUNT-1D": "1",
    }


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/api/v3/openOrders", ["spot", "main", "GET", "openOrders"]),
        ("DELETE", "/api/v3/order", ["spot", "main", "DELETE", "order"]),
        ("GET", "/fapi/v3/account", ["usdm", "main", "GET", "account"]),
        ("PUT", "/fapi/v1/order", ["usdm", "main", "PUT", "order"]),
        ("POST", "/fapi/v1/algoOrder", ["usdm", "main", "POST", "algoOrder"]),
        ("GET", "/dapi/v1/positionRisk", ["coinm", "main", "GET", "positionRisk"]),
        ("POST", "/api/v3/order/test", ["spot", "main", "POST", "order/test"]),
    ],
)
async def test_a_path_is_told_without_prefix_and_version(
    tmp_path: Path, method: str, path: str, told: list[str]
) -> None:
    async with keeping(tmp_path) as server:
        key = KeyFiles(tmp_path, "main")
        _, answer, _ = await ask(server, key, method, path, **ORDER, algoType="CONDITIONAL")

    assert answer["is"] == told


async def test_an_order_that_is_refused_weighs_and_does_not_count(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        refused = {**ORDER, "symbol": "NOSUCH"}
        status, answer, headers = await ask(server, KeyFiles(tmp_path, "main"), "POST", "/api/v3/order", **refused)

    assert (status, answer["code"]) == (400, -1121)
    assert (headers["X-MBX-USED-WEIGHT-1M"], headers["X-MBX-ORDER-COUNT-10S"]) == ("1", "0")


async def test_too_many_orders_are_refused(tmp_path: Path) -> None:
    # On a clock so slow no ten seconds end meanwhile.
    async with keeping(tmp_path, time_factor=1e-6) as server:
        key = KeyFiles(tmp_path, "main")
        replies = [await ask(server, key, "POST", "/api/v3/order", **ORDER) for _ in range(101)]
        last, others = replies[-1], {status for status, _, _ in replies[:-1]}
        _, counts, _ = await ask(server, key, "GET", "/api/v3/rateLimit/order")
        _, other, _ = await ask(server, KeyFiles(tmp_path, "hedge"), "GET", "/api/v3/rateLimit/order")

    assert others == {200}
    assert (last[0], last[1]["code"]) == (429, -1015)
    assert [each["count"] for each in counts] == [100, 100]
    assert [each["count"] for each in other] == [0, 0]


async def test_without_a_key_nothing_is_told(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        status, answer, _ = await ask(server, None, "GET", "/api/v3/account")

    assert (status, answer["code"]) == (401, -2014)


async def test_without_accounts_every_key_is_unknown(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        key = KeyFiles(tmp_path, "main")
        key.name = "X" * 64
        status, answer, _ = await ask(server, key, "GET", "/api/v3/account")

    assert (status, answer["code"]) == (401, -2015)


async def test_values_are_signed_as_they_travel(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        key = KeyFiles(tmp_path, "main")
        _, answer, _ = await ask(server, key, "GET", "/api/v3/openOrders", symbol="\uff11\uff12\uff13/&=")

    assert answer["params"] == {"symbol": "\uff11\uff12\uff13/&="}


async def test_what_a_key_may_do_is_told_and_can_be_kept_from_view(tmp_path: Path) -> None:
    specs = [AccountSpec(label="main", withdraws=True)]
    path = "/sapi/v1/account/apiRestrictions"
    async with keeping(tmp_path, specs=specs) as server:
        _, allowed, _ = await ask(server, KeyFiles(tmp_path, "main"), "GET", path)
    async with keeping(tmp_path, specs=specs, restrictions=False) as server:
        status, _, _ = await ask(server, KeyFiles(tmp_path, "main"), "GET", path)

    assert (allowed["enableReading"], allowed["enableWithdrawals"]) == (True, True)
    assert status == 404


async def test_the_listen_keys_of_spot_are_gone(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        status, answer, _ = await ask(server, KeyFiles(tmp_path, "main"), "POST", "/api/v3/userDataStream")

    assert (status, answer["code"]) == (410, -1016)


async def test_a_path_that_there_is_not_is_said_to_be_invalid(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        status, answer, _ = await ask(server, KeyFiles(tmp_path, "main"), "POST", "/api/v3/nothing")

    assert (status, answer["code"]) == (404, -5000)


async def test_a_fault_of_requests_happens_to_signed_ones_too(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        fault = {"fault": "rest", "path": "*/openOrders", "kind": "429"}
        async with aiohttp.ClientSession() as session:
            await session.post(f"{server.url}/sandbox/faults", json=fault)
        key = KeyFiles(tmp_path, "main")
        statuses = [(await ask(server, key, "GET", "/api/v3/openOrders"))[0] for _ in range(2)]

    assert statuses == [429, 200]


async def test_a_key_is_added_beside_the_old_one_and_the_old_one_is_revoked(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server, aiohttp.ClientSession() as session:
        old = KeyFiles(tmp_path, "hedge")
        signing = old.sign(b"")
        url = f"{server.url}/sandbox/accounts/hedge/keys"
        added = await (await session.post(url)).json()
        new = KeyFiles(tmp_path, "hedge")
        assert new.name != old.name
        assert new.sign(b"") != signing
        fresh, _, _ = await ask(server, new, "GET", "/api/v3/account")
        await session.delete(f"{url}?keep=newest")
        revoked, answer, _ = await ask(server, old, "GET", "/api/v3/account")
        kept, _, _ = await ask(server, new, "GET", "/api/v3/account")
        await session.delete(url)
        gone, _, _ = await ask(server, new, "GET", "/api/v3/account")
        status = (await session.post(f"{server.url}/sandbox/accounts/nobody/keys")).status

    assert [each["keys"] for each in added] == [["hmac"], ["ed25519", "ed25519"]]
    assert (fresh, revoked, answer["code"], kept, gone, status) == (200, 401, -2015, 200, 401, 404)


async def test_the_books_of_accounts_are_told(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        _, books, _ = await get(server, "/sandbox/accounts/books?market=usdm")
        status, _, _ = await get(server, "/sandbox/accounts/books?market=moon")

    assert books == {"market": "usdm", "accounts": ["hedge", "main"], "moved": []}
    assert status == 400


async def test_an_amount_arrives_at_an_account(tmp_path: Path) -> None:
    wish = {"market": "spot", "asset": "USDT", "amount": "-5"}
    async with keeping(tmp_path) as server, aiohttp.ClientSession() as session:
        url = f"{server.url}/sandbox/accounts"
        good = await session.post(f"{url}/main/transfers", json=wish)
        others = [
            await session.post(f"{url}/nobody/transfers", json=wish),
            await session.post(f"{url}/main/transfers", json=wish | {"market": "moon"}),
        ]
        _, books, _ = await get(server, "/sandbox/accounts/books?market=spot")

    assert [each.status for each in (good, *others)] == [200, 400, 400]
    assert books["moved"] == [["spot", "main", "USDT", "-5"]]


async def test_microseconds_are_taken_and_told_on_spot(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        key = KeyFiles(tmp_path, "main")
        text = "timestamp=1723161600000000"
        url = f"{server.url}/sapi/v1/account/apiRestrictions?{text}&signature={key.sign(text.encode())}"
        headers = {"X-MBX-APIKEY": key.name, "X-MBX-TIME-UNIT": "MICROSECOND"}
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as reply:
            answer = await reply.json()

    assert answer["createTime"] == 1723161600000000


async def test_accounts_are_opened_on_every_market(tmp_path: Path) -> None:
    async with keeping(tmp_path) as server:
        await asyncio.sleep(0)
        _, accounts, _ = await get(server, "/sandbox/accounts")

    assert [(each["label"], each["trades"], each["withdraws"]) for each in accounts] == [
        ("main", True, False),
        ("hedge", True, False),
    ]
