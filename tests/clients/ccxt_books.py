"""Keeps order books in sync with ccxt, as its users do, and prints them when told to finish.

An ordinary user's program: it knows nothing of this repository. Arguments: the address of the exchange, then the
symbols as ccxt spells them, ``BTC/USDT`` (spot) or ``BTC/USDT:USDT`` (USD-M). A line on standard input ends it.
"""

import asyncio
import json
import sys

import ccxt.pro


LIMIT = 1000
SETTLE_S = 1.5


def exchange_at(address: str) -> ccxt.pro.binance:
    """Return ccxt's Binance client, pointed at another address with all that it may ever call."""
    exchange = ccxt.pro.binance({"options": {"fetchMarkets": {"types": ["spot", "linear"]}, "fetchCurrencies": False}})
    stream_address = address.replace("http", "ws", 1)
    paths = {"public": "/api/v3", "fapiPublic": "/fapi/v1", "fapiPublicV2": "/fapi/v2"}
    exchange.urls["api"] = {name: address + paths.get(name, "/nowhere") for name in exchange.urls["api"]}
    # ccxt takes a connection for spot's where "/stream" is in its URL, as it is in Binance's host name.
    exchange.urls["api"]["ws"] = {
        "spot": f"{stream_address}/spot/ws?host=/stream",
        "linear": f"{stream_address}/usdm/ws",
    }
    return exchange


async def follow(exchange: ccxt.pro.binance, symbol: str, updates: dict[str, int]) -> None:
    """Count the states of a book that the user would see."""
    while True:
        await exchange.watch_order_book(symbol, LIMIT)
        updates[symbol] += 1


async def main(address: str, symbols: list[str]) -> None:
    """Follow the books until told to finish."""
    exchange = exchange_at(address)
    updates = dict.fromkeys(symbols, 0)
    try:
        await exchange.load_markets()
        followers = [asyncio.create_task(follow(exchange, symbol, updates)) for symbol in symbols]
        finish = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        done, _ = await asyncio.wait([finish, *followers], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {finish}:
            task.result()
        await asyncio.sleep(SETTLE_S)
        for task in followers:
            task.cancel()
        books = {
            symbol: {
                "id": exchange.orderbooks[symbol]["nonce"],
                "bids": list(exchange.orderbooks[symbol]["bids"]),
                "asks": list(exchange.orderbooks[symbol]["asks"]),
                "updates": updates[symbol],
            }
            for symbol in symbols
        }
    finally:
        await exchange.close()
    sys.stdout.write(json.dumps(books))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2:]))
