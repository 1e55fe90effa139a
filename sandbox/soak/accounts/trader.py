"""Robots that trade for every account on every market, over signed REST as any client must."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
import msgspec
from yarl import URL

from sandbox.exchange.private.endpoints import PRIVATE_ENDPOINTS
from sandbox.exchange.private.keys import read_key
from sandbox.simulation.accounts.robot import Ask, Quote, Robot, Rules
from sandbox.traders.client import PREFIXES
from schemas.markets import Market


__all__ = ["Trader"]

_PATHS: Final = {(each.market, each.method, each.name): path for (_, path), each in PRIVATE_ENDPOINTS.items()}
"""Of several versions the last."""
_LOOK_S: Final = 0.2
"""Between two looks at the prices and the venue's clock."""
_WAIT_S: Final = 0.05
_PAUSE_S: Final = 1.0
"""After a refusal for asking too much."""
_RECV_WINDOW: Final = "60000"
_TOO_MUCH: Final = (418, 429)
_CLOCK, _KEY = -1021, -2015
_OK: Final = 200
_TIMEOUT_S: Final = 30.0


class Trader:
    """Trades until the hour is over and enough orders were placed.

    Args:
        url: where the exchange answers.
        keys_dir: where the accounts' keys are; a request that is refused for its key reads it again.
        labels: the accounts.
        symbols: what they trade, by market.
        orders: how many orders are to be placed at least.
        seed: of all choices.
        span_s: how long the venue's hour is.
    """

    def __init__(
        self,
        url: str,
        keys_dir: Path,
        labels: Sequence[str],
        symbols: Mapping[Market, Sequence[str]],
        *,
        orders: int,
        seed: int,
        span_s: float,
    ) -> None:
        self._url = url
        self._keys_dir = keys_dir
        self._labels = labels
        self._symbols = symbols
        self._each = -(-orders // (len(labels) * len(symbols)))
        self._seed = seed
        self._span_ms = span_s * 1_000
        self._keys = {label: read_key(keys_dir, label) for label in labels}
        self._quotes: dict[Market, dict[str, Quote]] = {}
        self._began_ms: int | None = None
        self._venue_ms = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trader", daemon=True)
        self._error: BaseException | None = None
        self.placed: Counter[Market] = Counter()
        """Orders that were placed."""
        self.requests = 0
        self.refused: Counter[str] = Counter()
        """Requests that were refused, by code."""

    @property
    def part(self) -> float:
        """How much of the hour is over, 0 to 1 and further."""
        return 0.0 if self._began_ms is None else (self._venue_ms - self._began_ms) / self._span_ms

    def start(self) -> None:
        """Begin; the exchange must have begun, too."""
        self._thread.start()

    def ended(self) -> bool:
        """Return whether it has done all.

        Raises:
            Exception: what ended it.
        """
        if self._thread.is_alive():
            return False
        if self._error is not None:
            raise self._error
        return True

    def stop(self) -> None:
        """Let it end, wherever it is."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(_TIMEOUT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._trade_all())
        except BaseException as error:  # noqa: BLE001 - whoever waits is told
            self._error = error

    async def _trade_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            robots = [
                Robot(market, label, rules, self._seed)
                for market in self._symbols
                for rules in [await self._rules(session, market)]
                for label in self._labels
            ]
            await self._look(session)
            self._began_ms = self._venue_ms
            labels = list(self._labels) * len(self._symbols)
            async with asyncio.TaskGroup() as group:
                looking = group.create_task(self._keep_looking(session))
                trading = [
                    group.create_task(self._trade(session, robot, label))
                    for robot, label in zip(robots, labels, strict=True)
                ]
                await asyncio.wait(trading)
                looking.cancel()

    async def _trade(self, session: aiohttp.ClientSession, robot: Robot, label: str) -> None:
        placed = 0
        while not self._stop.is_set() and (placed < self._each or self.part < 1):
            if placed >= self.part * self._each:
                await asyncio.sleep(_WAIT_S)
                continue
            ask = robot.next(self._quotes[robot.market])
            status, body = await self._ask(session, robot.market, label, ask)
            robot.answered(ask, status, body)
            if ask.places and status == _OK:
                count = len(body["orders"]) if ask.path == "orderList/oco" else 1
                placed += count
                self.placed[robot.market] += count

    async def _ask(self, session: aiohttp.ClientSession, market: Market, label: str, ask: Ask) -> tuple[int, Any]:
        """Ask, and again where the exchange looked at nothing but the time or the key."""

        async def once() -> tuple[int, Any]:
            key = self._keys[label]
            timing = {"timestamp": str(self._venue_ms), "recvWindow": _RECV_WINDOW}
            path = _PATHS[market, ask.method, ask.path]
            payload = urlencode({**ask.params, **timing})
            query = f"{payload}&{urlencode({'signature': key.sign(payload.encode())})}"
            url = URL(f"{self._url}{path}?{query}", encoded=True)
            async with session.request(ask.method, url, headers={"X-MBX-APIKEY": key.name}) as answer:
                self.requests += 1
                return answer.status, msgspec.json.decode(await answer.read())

        return await self._again(once, lambda: self._look(session), label)

    async def _again(
        self, once: Callable[[], Awaitable[tuple[int, Any]]], look: Callable[[], Awaitable[None]], label: str
    ) -> tuple[int, Any]:
        while True:
            status, body = await once()
            if status == _OK:
                return status, body
            code = body["code"]
            self.refused[str(code)] += 1
            if code == _CLOCK:
                await look()
            elif code == _KEY:
                self._keys[label] = read_key(self._keys_dir, label)
            elif status in _TOO_MUCH:
                await asyncio.sleep(_PAUSE_S)
            else:
                return status, body
            if self._stop.is_set():
                return status, body

    async def _rules(self, session: aiohttp.ClientSession, market: Market) -> dict[str, Rules]:
        info = await self._get(session, f"{PREFIXES[market]}/exchangeInfo")
        wanted = frozenset(self._symbols[market])
        return {each["symbol"]: Rules.of(market, each) for each in info["symbols"] if each["symbol"] in wanted}

    async def _keep_looking(self, session: aiohttp.ClientSession) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            await self._look(session)

    async def _look(self, session: aiohttp.ClientSession) -> None:
        """Ask for the time, then for the prices, so that no request is stamped with a time to come."""
        self._venue_ms = (await self._get(session, "/api/v3/time"))["serverTime"]
        for market in self._symbols:
            answers = await self._get(session, f"{PREFIXES[market]}/ticker/bookTicker")
            self._quotes[market] = {
                each["symbol"]: Quote(Decimal(each["bidPrice"]), Decimal(each["askPrice"])) for each in answers
            }

    async def _get(self, session: aiohttp.ClientSession, path: str) -> Any:
        async with session.get(f"{self._url}{path}") as answer:
            answer.raise_for_status()
            return msgspec.json.decode(await answer.read())
