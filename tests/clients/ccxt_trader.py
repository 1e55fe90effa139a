"""Places, asks for and cancels orders with ccxt, as its users do, and prints what it was told.

An ordinary user's program: it knows nothing of this repository. Arguments: the address of the exchange and the
directory of a key (``api-key`` with ``secret`` or ``private-key.pem``).
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import ccxt.pro


CLIENT_ID = "desk/7:a"
"""With letters that are percent-encoded on their way."""
SETTLE_S = 10


def exchange_at(address: str, key: Path) -> ccxt.pro.binance:
    """Return ccxt's Binance client, pointed at another address with all that it may ever call."""
    secret, pem = key / "secret", key / "private-key.pem"
    exchange = ccxt.pro.binance(
        {
            "apiKey": (key / "api-key").read_text().strip(),
            "secret": secret.read_text().strip() if secret.exists() else pem.read_text(),
            "options": {
                "fetchMarkets": {"types": ["spot", "linear"]},
                "fetchCurrencies": False,
                "fetchMargins": False,
                "adjustForTimeDifference": True,
            },
        }
    )
    paths = {
        "public": "/api/v3",
        "private": "/api/v3",
        "fapiPublic": "/fapi/v1",
        "fapiPublicV2": "/fapi/v2",
        "fapiPrivate": "/fapi/v1",
        "fapiPrivateV2": "/fapi/v2",
        "fapiPrivateV3": "/fapi/v3",
    }
    stream_address = address.replace("http", "ws", 1)
    exchange.urls["api"] = {name: address + paths.get(name, "/nowhere") for name in exchange.urls["api"]}
    exchange.urls["api"]["ws"] = {
        "ws-api": {"spot": f"{stream_address}/ws-api/v3", "linear": f"{stream_address}/ws-fapi/v1"}
    }
    return exchange


async def trade(exchange: ccxt.pro.binance, symbol: str, amount: float) -> dict[str, Any]:
    """Place an order that rests, over REST and over a socket, cancel it, and buy."""
    bid = (await exchange.fetch_bids_asks([symbol]))[symbol]["bid"]
    price = float(exchange.price_to_precision(symbol, bid * 0.97))
    placed = await exchange.create_order(symbol, "limit", "buy", amount, price, {"newClientOrderId": CLIENT_ID})
    found = await exchange.fetch_order(None, symbol, {"origClientOrderId": CLIENT_ID})
    cancelled = await exchange.cancel_order(placed["id"], symbol)
    over_socket = await exchange.create_order_ws(symbol, "limit", "buy", amount, price)
    cancelled_over_socket = await exchange.cancel_order_ws(over_socket["id"], symbol)
    bought = await exchange.create_order(symbol, "market", "buy", amount)
    return {
        "placed": placed,
        "found": found,
        "cancelled": cancelled,
        "overSocket": over_socket,
        "cancelledOverSocket": cancelled_over_socket,
        "bought": bought,
        "trades": await exchange.fetch_my_trades(symbol),
        "open": await exchange.fetch_open_orders(symbol),
    }


async def main(address: str, key: Path) -> None:
    """Trade on both markets, listening to spot's orders."""
    exchange = exchange_at(address, key)
    try:
        await exchange.load_markets()
        traded = {"spot": await trade(exchange, "BTC/USDT", 0.01), "usdm": await trade(exchange, "BTC/USDT:USDT", 0.01)}
        traded["balance"] = await exchange.fetch_balance()
        sys.stdout.write(json.dumps(traded))
    finally:
        await exchange.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
