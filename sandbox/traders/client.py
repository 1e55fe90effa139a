"""A client that signs, as any client of the venue does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from sandbox.exchange.private.keys import FreshKey
from schemas.markets import Market


__all__ = ["PREFIXES", "SignedClient"]

PREFIXES: Mapping[Market, str] = {Market.SPOT: "/api/v3", Market.USDM: "/fapi/v1", Market.COINM: "/dapi/v1"}
_WRONG_TIME = -1021
_IN_QUERY = frozenset(["GET", "DELETE"])
_TOO_MANY = 429
_PATIENCE_S = 1.0
"""How long it waits after a 429 that does not say."""


class SignedClient:
    """Asks for one account.

    Args:
        session: What it asks through.
        url: The exchange.
        key: The account's.
        wall_ms: The machine's clock.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, key: FreshKey, wall_ms: Callable[[], int]) -> None:
        self._session = session
        self._url = url
        self._key = key
        self._wall_ms = wall_ms
        self._ahead_ms = 0

    async def measure(self) -> None:
        """Find out how far the venue's clock is ahead."""
        async with self._session.get(f"{self._url}/api/v3/time") as reply:
            self._ahead_ms = int((await reply.json())["serverTime"]) - self._wall_ms()

    async def ask(self, market: Market, method: str, path: str, params: Mapping[str, str]) -> tuple[int, Any]:
        """Return status and answer of a request.

        A time that is wrong is measured anew, once; a request that is too much is made again when it may be.
        """
        status, answer = await self._ask(market, method, path, params)
        if status != 200 and answer["code"] == _WRONG_TIME:
            await self.measure()
            status, answer = await self._ask(market, method, path, params)
        return status, answer

    async def _ask(self, market: Market, method: str, path: str, params: Mapping[str, str]) -> tuple[int, Any]:
        while True:
            text = urlencode({**params, "timestamp": str(self._wall_ms() + self._ahead_ms)})
            text += f"&signature={quote(self._key.sign(text.encode()), safe='')}"
            query, body = (f"?{text}", None) if method in _IN_QUERY else ("", text)
            url = URL(f"{self._url}{PREFIXES[market]}/{path}{query}", encoded=True)
            headers = {"X-MBX-APIKEY": self._key.name, "Content-Type": "application/x-www-form-urlencoded"}
            async with self._session.request(method, url, data=body, headers=headers) as reply:
                if reply.status != _TOO_MANY:
                    return reply.status, await reply.json()
                wait_s = float(reply.headers.get("Retry-After", _PATIENCE_S))
            await asyncio.sleep(wait_s)
