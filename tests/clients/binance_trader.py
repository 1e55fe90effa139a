"""Places, asks for and cancels orders with python-binance, as its users do, and prints what it was told.

An ordinary user's program: it knows nothing of this repository. Arguments: the address of the exchange, the directory
of a key (``api-key`` with ``secret`` or ``private-key.pem``) and a symbol of spot and USD-M.
"""

import asyncio
import json
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from binance import AsyncClient, BinanceSocketManager


SETTLE_S = 10


def client_of(address: str, key: Path) -> AsyncClient:
    """Return a client of another address with its own way to sign."""
    api_key = (key / "api-key").read_text().strip()
    secret, pem = key / "secret", key / "private-key.pem"
    if secret.exists():
        client = AsyncClient(api_key, secret.read_text().strip())
    else:
        client = AsyncClient(api_key, private_key=pem)
    client.API_URL = f"{address}/api"
    client.FUTURES_URL = f"{address}/fapi"
    client.ws_api._url = f"{address.replace('http', 'ws', 1)}/ws-api/v3"
    return client


def sockets_of(address: str, client: AsyncClient) -> BinanceSocketManager:
    """Return the sockets of another address."""
    sockets = BinanceSocketManager(client)
    sockets.FSTREAM_URL = f"{address.replace('http', 'ws', 1)}/usdm/"
    return sockets


async def hear(socket: Any, heard: list[Any], listening: asyncio.Event, enough: int) -> None:
    """Note events until there are enough."""
    async with socket as stream:
        listening.set()
        while len(heard) < enough:
            heard.append(await stream.recv())


def far_below(bid: str, places: int) -> str:
    """Return a price at which nobody sells."""
    return str((Decimal(bid) * Decimal("0.97")).quantize(Decimal(1).scaleb(-places)))


async def trade_on_spot(client: AsyncClient, symbol: str) -> dict[str, Any]:
    """Place orders over REST and over the WebSocket API, and cancel those that rest."""
    bid = (await client.get_orderbook_ticker(symbol=symbol))["bidPrice"]
    resting = {
        "symbol": symbol,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": far_below(bid, 2),
    }
    placed = await client.create_order(**resting, newClientOrderId="rest-1")
    found = await client.get_order(symbol=symbol, orderId=placed["orderId"])
    open_orders = await client.get_open_orders(symbol=symbol)
    cancelled = await client.cancel_order(symbol=symbol, origClientOrderId="rest-1")
    over_socket = await client.ws_create_order(**resting, newClientOrderId="socket-1")
    cancelled_over_socket = await client.ws_cancel_order(symbol=symbol, orderId=over_socket["orderId"])
    await client.create_test_order(**resting)
    return {
        "placed": placed,
        "found": found,
        "open": open_orders,
        "cancelled": cancelled,
        "overSocket": over_socket,
        "cancelledOverSocket": cancelled_over_socket,
        "bought": await client.create_order(symbol=symbol, side="BUY", type="MARKET", quantity="0.01"),
        "orders": await client.get_all_orders(symbol=symbol),
        "trades": await client.get_my_trades(symbol=symbol),
        "account": await client.get_account(omitZeroBalances="true"),
    }


async def trade_on_futures(client: AsyncClient, symbol: str) -> dict[str, Any]:
    """Place an order and cancel it, and buy."""
    bid = (await client.futures_orderbook_ticker(symbol=symbol))["bidPrice"]
    placed = await client.futures_create_order(
        symbol=symbol, side="BUY", type="LIMIT", timeInForce="GTC", quantity="0.01", price=far_below(bid, 1)
    )
    cancelled = await client.futures_cancel_order(symbol=symbol, orderId=placed["orderId"])
    return {
        "placed": placed,
        "cancelled": cancelled,
        "bought": await client.futures_create_order(symbol=symbol, side="BUY", type="MARKET", quantity="0.01"),
        "positions": await client.futures_position_information(symbol=symbol),
        "balances": await client.futures_account_balance(),
        "trades": await client.futures_account_trades(symbol=symbol),
    }


async def main(address: str, key: Path, symbol: str) -> None:
    """Trade on both markets while listening."""
    client = client_of(address, key)
    sockets = sockets_of(address, client)
    told: dict[str, list[Any]] = {"spot": [], "usdm": []}
    try:
        client.timestamp_offset = (await client.get_server_time())["serverTime"] - time.time_ns() // 1_000_000
        ready = [asyncio.Event(), asyncio.Event()]
        listeners = [
            asyncio.create_task(hear(sockets.user_socket(), told["spot"], ready[0], 7)),
            asyncio.create_task(hear(sockets.futures_user_socket(), told["usdm"], ready[1], 4)),
        ]
        await asyncio.gather(*(each.wait() for each in ready))
        traded = {"spot": await trade_on_spot(client, symbol), "usdm": await trade_on_futures(client, symbol)}
        await asyncio.wait(listeners, timeout=SETTLE_S)
        for each in listeners:
            each.cancel()
        sys.stdout.write(json.dumps({"traded": traded, "told": told}))
    finally:
        await client.close_connection()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))
