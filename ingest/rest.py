"""The venue's REST interface, as far as ingest asks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import aiohttp
import msgspec

from ingest.core.budget import Importance
from ingest.core.replies import UNREADABLE
from ingest.core.restraint import MOST_BELIEVED_S
from ingest.core.weights import day_tickers_weight, depth_weight, weight_of
from ingest.core.windows import limits_of, usages_of
from ingest.errors import RestRefusedError, RestUnreachableError
from ingest.rest_pool import RestPool, Turn
from schemas import rest
from schemas.markets import Market


__all__ = ["RestClient", "retry_after_s"]

_BANNED_UNTIL: Final = re.compile(r"until (\d{13})")
_SLOW_DOWN, _BANNED = 429, 418

_decode_error: Final = msgspec.json.Decoder(rest.ApiError).decode
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
        self._session = session
        self._pool = pool
        self._wall_ms = wall_ms
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._api_key = api_key

    @property
    def reaches_history(self) -> bool:
        """Return whether :meth:`historical_trades` can answer: futures want an API key for it."""
        return not self._market.is_futures or self._api_key is not None

    def wait_s(self, weight: int, importance: Importance) -> float:
        """Return about how long a request would wait for its turn now; 0: not at all."""
        return self._pool.wait_s(weight, importance)

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
        url = f"{self._base_url}/{path}"
        async with self._pool.turn(weight, importance) as turn:
            try:
                async with self._session.get(url, params=params, headers=headers, timeout=self._timeout) as answer:
                    turn.usages = usages_of(answer.headers, date_ms(answer.headers))
                    body = await answer.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise RestUnreachableError(url, str(error) or type(error).__name__) from error
            if answer.status != 200:
                raise self._refused(url, answer.status, answer.headers, body, turn)
            self._pool.succeeded(turn)
            return body

    async def server_time(self) -> int:
        """Return the venue's time, milliseconds since the epoch."""
        return (await self._ask("time", rest.ServerTime, {}, Importance.CLOCK)).server_time

    async def exchange_info(self, importance: Importance = Importance.CLOCK) -> rest.ExchangeInfo:
        """Return what the market trades; the budget takes the limits that it names."""
        info = await self._ask("exchangeInfo", rest.ExchangeInfo, {}, importance)
        self._pool.learn(limits_of(info.rate_limits))
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

    def _refused(self, url: str, status: int, headers: Mapping[str, str], body: bytes, turn: Turn) -> RestRefusedError:
        code: int | None = None
        try:
            error = _decode_error(body)
        except UNREADABLE:
            message = body[:200].decode(errors="replace")  # a proxy's page, not the venue's JSON
        else:
            code, message = error.code, error.message
        # The venue's own clock, where it tells it: ours may be off.
        told_ms = date_ms(headers)
        wait_s = retry_after_s(headers, message, self._wall_ms() if told_ms is None else told_ms)
        turn.outcome = "refused"
        if status in {_SLOW_DOWN, _BANNED}:
            self._pool.refused(turn, wait_s, banned=status == _BANNED)
        return RestRefusedError(url, status, code, message, wait_s)


def retry_after_s(headers: Mapping[str, str], message: str, wall_ms: int) -> float | None:
    """Return how long the venue wants to be left alone.

    Futures do not promise the header; a ban's message names its end (code -1003, "banned until ..."). A time far beyond
    any ban is not believed, or nothing would be asked again.
    """
    wait_s = _told_wait_s(headers, message, wall_ms)
    return None if wait_s is None else min(wait_s, MOST_BELIEVED_S)


def _told_wait_s(headers: Mapping[str, str], message: str, wall_ms: int) -> float | None:
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    if found := _BANNED_UNTIL.search(message):
        return max(0.0, (int(found[1]) - wall_ms) / 1000)
    return None


def date_ms(headers: Mapping[str, str]) -> int | None:
    """Return when an answer was made by the clock of who made it, cut to seconds; None: it does not say."""
    try:
        return int(parsedate_to_datetime(headers["Date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError):
        return None
