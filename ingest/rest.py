"""The venue's REST interface, as far as ingest asks it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import aiohttp
import msgspec

from ingest.errors import RestRefusedError, RestUnreachableError
from schemas import rest


__all__ = ["RestClient", "RestGate", "retry_after_s"]

_BANNED_UNTIL: Final = re.compile(r"until (\d{13})")
_BUSY: Final = frozenset({418, 429})
_DEFAULT_PAUSE_S: Final = 10.0

_decode_error: Final = msgspec.json.Decoder(rest.ApiError).decode
T = TypeVar("T")


class RestGate:
    """Closed while the venue wants to be left alone; shared by everything that counts against one address's weight.

    Args:
        now_ms: the monotonic clock.
    """

    def __init__(self, now_ms: Callable[[], float]) -> None:
        self._now_ms = now_ms
        self._until_ms = 0.0

    def close(self, for_s: float) -> None:
        """Let no request through for so long."""
        self._until_ms = max(self._until_ms, self._now_ms() + for_s * 1000)

    def wait_s(self) -> float:
        """Return how long it stays closed."""
        return max(0.0, self._until_ms - self._now_ms()) / 1000

    async def passed(self) -> None:
        """Wait until requests may be sent."""
        while (wait_ms := self._until_ms - self._now_ms()) > 0:  # noqa: ASYNC110 - for a time, not for an event
            await asyncio.sleep(wait_ms / 1000)


class RestClient:
    """Asks one market.

    Args:
        base_url: what paths are appended to, ``https://api.binance.com/api/v3``.
        session: the HTTP client.
        gate: closed while the venue wants to be left alone.
        wall_ms: our clock, milliseconds since the epoch; bans are told as a time.
        timeout_s: how long an answer may take.
    """

    def __init__(
        self,
        base_url: str,
        session: aiohttp.ClientSession,
        gate: RestGate,
        wall_ms: Callable[[], int],
        timeout_s: float = 10.0,
    ) -> None:
        self._base_url = base_url
        self._session = session
        self._gate = gate
        self._wall_ms = wall_ms
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def get(self, path: str, params: Mapping[str, str | int] | None = None) -> bytes:
        """Return the body of an answer.

        Raises:
            RestRefusedError: the answer is an error.
            RestUnreachableError: there was none.
        """
        await self._gate.passed()
        url = f"{self._base_url}/{path}"
        try:
            async with self._session.get(url, params=params, timeout=self._timeout) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RestUnreachableError(url, str(error) or type(error).__name__) from error
        if answer.status == 200:
            return body
        refused = self._refused(url, answer.status, answer.headers, body)
        if refused.status in _BUSY:
            self._gate.close(refused.retry_after_s or _DEFAULT_PAUSE_S)
        raise refused

    def wait_s(self) -> float:
        """Return how long a request would wait now."""
        return self._gate.wait_s()

    async def server_time(self) -> int:
        """Return the venue's time, milliseconds since the epoch."""
        return self._read(await self.get("time"), rest.ServerTime, "time").server_time

    async def depth(self, symbol: str, limit: int) -> bytes:
        """Return a depth snapshot as answered."""
        return await self.get("depth", {"symbol": symbol, "limit": limit})

    async def exchange_info(self) -> rest.ExchangeInfo:
        """Return what the market trades."""
        return self._read(await self.get("exchangeInfo"), rest.ExchangeInfo, "exchangeInfo")

    def _read(self, body: bytes, of: type[T], path: str) -> T:
        try:
            return msgspec.json.decode(body, type=of)
        except msgspec.DecodeError as error:
            url = f"{self._base_url}/{path}"
            raise RestUnreachableError(url, f"not its answer: {error}") from error

    def _refused(self, url: str, status: int, headers: Mapping[str, str], body: bytes) -> RestRefusedError:
        code: int | None = None
        try:
            error = _decode_error(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = body[:200].decode(errors="replace")  # a proxy's page, not the venue's JSON
        else:
            code, message = error.code, error.message
        return RestRefusedError(url, status, code, message, retry_after_s(headers, message, self._wall_ms()))


def retry_after_s(headers: Mapping[str, str], message: str, wall_ms: int) -> float | None:
    """Return how long the venue wants to be left alone.

    Futures do not promise the header; a ban's message names its end (code -1003, "banned until ...").
    """
    text = headers.get("Retry-After", "")
    if text.isdecimal():
        return float(text)
    if found := _BANNED_UNTIL.search(message):
        return max(0.0, (int(found[1]) - wall_ms) / 1000)
    return None
