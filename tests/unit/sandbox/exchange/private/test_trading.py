"""Accounts of the simulated market, over the exchange's own protocol: what they are told is what the exchange keeps."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
from websockets.asyncio.client import ClientConnection

from sandbox.exchange.private.accounts import AccountSpec, PrivateSettings
from sandbox.exchange.private.keys import KeyKind
from sandbox.exchange.server import ExchangeServer, StartMode
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from tests.unit.sandbox.exchange.private.keeper import KeyFiles, ask, sent, signed_params
from tests.unit.sandbox.exchange.serving import get, serving, socket_to
from tests.unit.sandbox.payloads import EPOCH_MS


SYMBOLS = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}
LABELS = ("main", "hedge")
PREFIX = {Market.SPOT: "/api/v3", Market.USDM: "/fapi/v1", Market.COINM: "/dapi/v1"}
LONG = {"recvWindow": "60000"}


class Listener:
    """Notes the last status of every order that an account is told of."""

    def __init__(self, client: ClientConnection) -> None:
        self.orders: dict[int, str] = {}
        self.kinds: set[str] = set()
        self._task = asyncio.create_task(self._hear(client))

    async def _hear(self, client: ClientConnection) -> None:
        async for frame in client:
            value = json.loads(frame)
            event = value.get("event", value)
            self.kinds.add(event["e"])
            if event["e"] in {"executionReport", "ORDER_TRADE_UPDATE"}:
                order = event.get("o") if event["e"] == "ORDER_TRADE_UPDATE" else event
                self.orders[order["i"]] = order["X"]

    async def tells(self, statuses: dict[int, str]) -> None:
        while self.orders != statuses:  # noqa: ASYNC110 - what changes it is a socket
            await asyncio.sleep(0.01)


async def best_bid(server: ExchangeServer, market: Market) -> Decimal:
    _, book, _ = await get(server, f"/sandbox/book?market={market}&symbol={SYMBOLS[market]}")
    return Decimal(book["bids"][0][0])


async def trade(server: ExchangeServer, key: KeyFiles, market: Market) -> None:
    """Place an order that rests and cancel it, leave one, and take from the market."""
    path = f"{PREFIX[market]}/order"
    price = str((await best_bid(server, market) * Decimal("0.97")).quantize(Decimal(1)))
    common = {"symbol": SYMBOLS[market], "side": "BUY", **LONG}
    quantity = "1" if market is Market.COINM else "0.01"
    resting = {**common, "type": "LIMIT", "timeInForce": "GTC", "quantity": quantity, "price": price}
    status, placed, _ = await ask(server, key, "POST", path, **resting)
    assert status == 200, placed
    status, gone, _ = await ask(
        server, key, "DELETE", path, symbol=SYMBOLS[market], orderId=str(placed["orderId"]), **LONG
    )
    assert (status, gone["status"]) == (200, "CANCELED")
    for order in (resting, {**common, "type": "MARKET", "quantity": quantity}):
        status, placed, _ = await ask(server, key, "POST", path, **order)
        assert status == 200, placed


async def socket_of(server: ExchangeServer, market: Market, key: KeyFiles) -> Any:
    """Connect to what tells an account of a market's events."""
    if market is Market.SPOT:
        client = await socket_to(server, "/ws-api/v3")
        subscribed = await sent(client, "userDataStream.subscribe.signature", signed_params(key, recvWindow=60000))
        assert subscribed["status"] == 200
        return client
    async with (
        aiohttp.ClientSession(headers={"X-MBX-APIKEY": key.name}) as session,
        session.post(f"{server.url}{PREFIX[market]}/listenKey") as reply,
    ):
        name = (await reply.json())["listenKey"]
    return await socket_to(server, f"/{market}/{'private/' if market is Market.USDM else ''}ws/{name}")


async def test_two_accounts_hear_on_three_markets_what_the_exchange_keeps(tmp_path: Path) -> None:
    source = SimulatedSource(
        SimulationConfig(
            symbols={market: (symbol,) for market, symbol in SYMBOLS.items()}, duration_s=None, start_ms=EPOCH_MS
        )
    )
    specs = [AccountSpec(label="main"), AccountSpec(label="hedge", kind=KeyKind.ED25519)]
    private = PrivateSettings(accounts=specs, keys_dir=tmp_path)
    async with serving(source, private=private, speed=5, start=StartMode.NOW) as server:
        keys = {label: KeyFiles(tmp_path, label) for label in LABELS}
        places = [(label, market) for label in LABELS for market in SYMBOLS]
        clients = {place: await socket_of(server, place[1], keys[place[0]]) for place in places}
        listeners = {place: Listener(client) for place, client in clients.items()}
        for label, market in places:
            await trade(server, keys[label], market)
        for (label, market), listener in listeners.items():
            _, books, _ = await get(server, f"/sandbox/accounts/books?market={market}")
            kept = {order["orderId"]: order["status"] for order in books[label]["orders"]}
            assert sorted(kept.values()) == ["CANCELED", "FILLED", "NEW"]
            async with asyncio.timeout(10):
                await listener.tells(kept)
        for client in clients.values():
            await client.close()

    assert {market: listeners["main", market].kinds for market in SYMBOLS} == {
        Market.SPOT: {"executionReport", "outboundAccountPosition"},
        Market.USDM: {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "TRADE_LITE"},
        Market.COINM: {"ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE"},
    }
