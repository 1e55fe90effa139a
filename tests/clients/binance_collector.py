"""Collects trades and keeps a book with python-binance, as its users do, and prints them when told to finish.

An ordinary user's program: it knows nothing of this repository. Arguments: the address of the exchange and a symbol,
which is collected on spot and on USD-M. A line on standard input ends it; then what was missed before the start is
fetched over REST.
"""

import asyncio
import json
import sys
from typing import Any

from binance import AsyncClient, BinanceSocketManager, DepthCacheManager
from binance.enums import FuturesType


SETTLE_S = 1.5
BEFORE = 300
"""Trades before the first one heard that are fetched."""


def client_of(address: str) -> AsyncClient:
    """Return a client of another address."""
    client = AsyncClient(api_key="anything")
    client.API_URL = f"{address}/api"
    client.FUTURES_URL = f"{address}/fapi"
    client.FUTURES_COIN_URL = f"{address}/dapi"
    return client


def sockets_of(address: str, client: AsyncClient) -> BinanceSocketManager:
    """Return the sockets of another address."""
    sockets = BinanceSocketManager(client, max_queue_size=100_000)
    stream_address = address.replace("http", "ws", 1)
    sockets.STREAM_URL = f"{stream_address}/spot/"
    sockets.FSTREAM_URL = f"{stream_address}/usdm/"
    sockets.DSTREAM_URL = f"{stream_address}/coinm/"
    return sockets


async def hear(socket: Any, heard: dict[str, list[Any]]) -> None:
    """Note every payload under its stream."""
    async with socket as stream:
        while True:
            frame = await stream.recv()
            heard.setdefault(frame["stream"], []).append(frame["data"])


async def follow(manager: DepthCacheManager) -> None:
    """Keep a book in sync."""
    async with manager:
        while True:
            await manager.recv()


async def facts(client: AsyncClient, symbol: str) -> dict[str, Any]:
    """Ask for one of everything."""
    await client.ping()
    await client.futures_ping()
    return {
        "time": await client.get_server_time(),
        "exchangeInfo": await client.get_exchange_info(),
        "futuresExchangeInfo": await client.futures_exchange_info(),
        "depth": await client.get_order_book(symbol=symbol, limit=5000),
        "futuresDepth": await client.futures_order_book(symbol=symbol, limit=1000),
        "trades": await client.get_recent_trades(symbol=symbol, limit=10),
        "klines": await client.get_klines(symbol=symbol, interval="1m"),
        "futuresKlines": await client.futures_klines(symbol=symbol, interval="1m"),
        "ticker": await client.get_ticker(symbol=symbol),
        "bookTicker": await client.get_orderbook_ticker(symbol=symbol),
        "futuresMarkPrice": await client.futures_mark_price(symbol=symbol),
    }


async def earlier(client: AsyncClient, symbol: str, heard: dict[str, dict[str, list[Any]]]) -> dict[str, list[Any]]:
    """Fetch what was traded before the first trade that was heard."""
    first = heard["spot"]["trade"][0]["t"]
    first_aggregate = heard["spot"]["aggTrade"][0]["a"]
    futures_first = heard["usdm"]["trade"][0]["t"]
    futures_first_aggregate = heard["usdm"]["aggTrade"][0]["a"]
    aggregates = []
    async for each in client.aggregate_trade_iter(symbol, last_id=first_aggregate - BEFORE - 1):
        if each["a"] >= first_aggregate:
            break
        aggregates.append(each)
    return {
        "trades": await client.get_historical_trades(symbol=symbol, fromId=first - BEFORE, limit=BEFORE),
        "aggTrades": aggregates,
        "futuresTrades": await client.futures_historical_trades(
            symbol=symbol, fromId=futures_first - BEFORE, limit=BEFORE
        ),
        "futuresAggTrades": await client.futures_aggregate_trades(
            symbol=symbol, fromId=futures_first_aggregate - BEFORE, limit=BEFORE
        ),
    }


async def main(address: str, symbol: str) -> None:
    """Collect until told to finish."""
    client = client_of(address)
    sockets = sockets_of(address, client)
    name = symbol.lower()
    heard: dict[str, dict[str, list[Any]]] = {"spot": {}, "usdm": {}}
    book = DepthCacheManager(client, symbol=symbol, bm=sockets, limit=5000, conv_type=str, ws_interval=100)
    listeners = [
        hear(sockets.multiplex_socket([f"{name}@trade", f"{name}@aggTrade", f"{name}@kline_1m"]), heard["spot"]),
        hear(
            sockets.futures_multiplex_socket([f"{name}@trade"], futures_type=FuturesType.USD_M, category="public"),
            heard["usdm"],
        ),
        hear(
            sockets.futures_multiplex_socket([f"{name}@aggTrade"], futures_type=FuturesType.USD_M, category="market"),
            heard["usdm"],
        ),
        follow(book),
    ]
    try:
        known = await facts(client, symbol)
        tasks = [asyncio.create_task(each) for each in listeners]
        finish = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
        done, _ = await asyncio.wait([finish, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {finish}:
            task.result()
        await asyncio.sleep(SETTLE_S)
        kinds = {
            market: {stream.partition("@")[2]: payloads for stream, payloads in streams.items()}
            for market, streams in heard.items()
        }
        cache = book.get_depth_cache()
        found = {
            "facts": known,
            "heard": kinds,
            "earlier": await earlier(client, symbol, kinds),
            "book": {"bids": cache.get_bids(), "asks": cache.get_asks()},
        }
        sys.stdout.write(json.dumps(found))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await client.close_connection()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
