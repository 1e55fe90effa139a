"""The venue's REST interface, as far as ingest asks it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from ingest.core.budget import Importance
from ingest.core.clock_offset import Reading
from ingest.core.replies import UNREADABLE
from ingest.core.weights import day_tickers_weight, depth_weight, weight_of
from ingest.core.windows import limits_of
from ingest.errors import RestUnreachableError
from ingest.rest_pool import RestPool
from ingest.rest_transport import RestTransport
from schemas import rest
from schemas.markets import Market


__all__ = ["RestClient"]

T = TypeVar("T")
_Tickers: Any = rest.DayTicker | list[rest.DayTicker]


class RestClient:
    """Asks one market, as its pool's budget allows.

    Args:
        market: which.
        base_url: what paths are appended to, ``https://api.binance.com/api/v3``.
        session: the HTTP client.
        pool: gives turns; shared by everything that counts against one address's limit.
        wall_ms: our clock, milliseconds since the epoch; bans are told as a time.
        timeout_s: how long an answer may take.
        api_key: sent where the venue wants one for market data; futures' older trades.
    """

    def __init__(
        self,
        market: Market,
        base_url: str,
        session: aiohttp.ClientSession,
        pool: RestPool,
        wall_ms: Callable[[], int],
        *,
        timeout_s: float = 10.0,
        api_key: str | None = None,
    ) -> None:
        self._market = market
        self._base_url = base_url
        self._transport = RestTransport(session, pool, wall_ms, timeout_s=timeout_s)
        self._api_key = api_key

    @property
    def base_url(self) -> str:
        """Return what paths are appended to."""
        return self._base_url

    @property
    def transport(self) -> RestTransport:
        """Return what sends the requests."""
        return self._transport

    @property
    def reaches_history(self) -> bool:
        """Return whether :meth:`historical_trades` can answer: futures want an API key for it."""
        return not self._market.is_futures or self._api_key is not None

    def wait_s(self, weight: int, importance: Importance) -> float:
        """Return about how long a request would wait for its turn now; 0: not at all."""
        return self._transport.pool.wait_s(weight, importance)

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        weight: int,
        importance: Importance,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """Return the body of an answer, when the request's turn has come.

        Args:
            path: the endpoint.
            params: its parameters.
            weight: what it counts.
            importance: what it is for.
            headers: sent with it.

        Raises:
            RestRefusedError: the answer is an error.
            RestUnreachableError: there was none.
        """
        return await self._transport.send(
            "GET",
            f"{self._base_url}/{path}",
            weight=weight,
            importance=importance,
            query=lambda: urlencode(params or {}, safe=",", quote_via=quote),
            headers=lambda: headers or {},
        )

    async def server_time(self) -> int:
        """Return the venue's time, milliseconds since the epoch."""
        return (await self._ask("time", rest.ServerTime, {}, Importance.CLOCK)).server_time

    async def time_reading(self, now_ms: Callable[[], float]) -> Reading:
        """Return the venue's time and how long the answer took, the wait for its turn left out.

        Args:
            now_ms: the monotonic clock.
        """
        sent_ms = 0.0

        def sent() -> str:
            nonlocal sent_ms
            sent_ms = now_ms()
            return ""

        weight, url = weight_of(self._market, "time"), f"{self._base_url}/time"
        body = await self._transport.send("GET", url, weight=weight, importance=Importance.CLOCK, query=sent)
        received_ms = now_ms()
        return Reading(self._read(body, rest.ServerTime, "time").server_time, sent_ms, received_ms)

    async def exchange_info(self, importance: Importance = Importance.CLOCK) -> rest.ExchangeInfo:
        """Return what the market trades; the budget takes the limits that it names."""
        info = await self._ask("exchangeInfo", rest.ExchangeInfo, {}, importance)
        self._transport.pool.learn(limits_of(info.rate_limits))
        return info

    async def depth(self, symbol: str, limit: int, importance: Importance = Importance.BOOK) -> bytes:
        """Return a depth snapshot as answered."""
        weight = depth_weight(self._market, limit)
        return await self.get("depth", {"symbol": symbol, "limit": limit}, weight=weight, importance=importance)

    async def trades(self, symbol: str, limit: int) -> list[rest.RestTrade]:
        """Return the latest trades, oldest first; ``limit`` is 1000 at most."""
        return await self._ask("trades", list[rest.RestTrade], {"symbol": symbol, "limit": limit}, Importance.HOLE)

    async def historical_trades(self, symbol: str, from_id: int, limit: int) -> list[rest.RestTrade]:
        """Return trades from an id on; ``limit`` is 1000 at most on spot, 500 on futures, which want an API key."""
        params: dict[str, str | int] = {"symbol": symbol, "fromId": from_id, "limit": limit}
        key = {} if self._api_key is None else {"X-MBX-APIKEY": self._api_key}
        return await self._ask("historicalTrades", list[rest.RestTrade], params, Importance.HOLE, key)

    async def agg_trades(
        self, symbol: str, from_id: int, limit: int, importance: Importance = Importance.HOLE
    ) -> list[rest.RestAggTrade]:
        """Return aggregate trades from an id on; ``limit`` is 1000 at most."""
        params: dict[str, str | int] = {"symbol": symbol, "fromId": from_id, "limit": limit}
        return await self._ask("aggTrades", list[rest.RestAggTrade], params, importance)

    async def day_tickers(self, symbols: Sequence[str] | None, importance: Importance) -> list[rest.DayTicker]:
        """Return how far the trades of symbols go.

        Args:
            symbols: up to 100 on spot, one on futures; None: all of the market.
            importance: what it is for.
        """
        params: dict[str, str] = {}
        if symbols is not None and self._market.is_futures:
            (params["symbol"],) = symbols
        elif symbols is not None:
            params["symbols"] = msgspec.json.encode(symbols).decode()
        weight = day_tickers_weight(self._market, None if symbols is None else len(symbols))
        body = await self.get("ticker/24hr", params, weight=weight, importance=importance)
        # USD-M answers one symbol with one object, COIN-M with an array.
        answer = self._read(body, _Tickers, "ticker/24hr")
        return answer if isinstance(answer, list) else [answer]

    async def _ask(
        self,
        path: str,
        of: type[T],
        params: Mapping[str, str | int],
        importance: Importance,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        weight = weight_of(self._market, path)
        return self._read(await self.get(path, params, weight=weight, importance=importance, headers=headers), of, path)

    def _read(self, body: bytes, of: type[T], path: str) -> T:
        try:
            return msgspec.json.decode(body, type=of)
        except UNREADABLE as error:
            url = f"{self._base_url}/{path}"
            raise RestUnreachableError(url, f"not its answer: {error}") from error
