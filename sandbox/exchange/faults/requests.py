"""Lets the faults of REST requests happen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sandbox.exchange.faults.model import Rest, RestKind, Snapshot, SnapshotKind
from sandbox.exchange.faults.orders import Order, Orders, OrderState
from sandbox.exchange.faults.rest import RestFailure
from sandbox.exchange.faults.snapshots import HeldDiffs, RememberedBooks
from sandbox.exchange.faults.tap import FrameTap
from sandbox.exchange.rest import ENDPOINTS
from sandbox.exchange.source import RestReply, Source
from schemas.markets import Market


__all__ = ["RequestFaults"]

_CLOCK_POLL_S = 0.05


class _SnapshotWork:
    """A fault of snapshots at work."""

    def __init__(self, order: Order, fault: Snapshot, books: RememberedBooks | None) -> None:
        self.order = order
        self.fault = fault
        self.books = books
        self.left = fault.count


class RequestFaults:
    """Faults of requests.

    Args:
        orders: Where it is noted what was done.
        source: Whose books are remembered.
        tap: Where diffs are held back.
        clock: A monotonic clock, seconds.
    """

    def __init__(self, orders: Orders, source: Source, tap: FrameTap, clock: Callable[[], float]) -> None:
        self._orders = orders
        self._source = source
        self._tap = tap
        self._clock = clock
        self._failures: list[tuple[Order, RestFailure]] = []
        self._snapshots: list[_SnapshotWork] = []
        self._reminders: dict[int, asyncio.Task[None]] = {}

    def add(self, order: Order, fault: Rest | Snapshot) -> None:
        """Let a fault happen to requests from now on."""
        if isinstance(fault, Rest):
            self._failures.append((order, RestFailure(fault, self._clock())))
            return
        books = None
        if fault.kind is SnapshotKind.STALE:
            books = RememberedBooks(fault, self._symbols(), self._deepest, self._source.clock_ms())
            reminding = self._remember(books)
            self._reminders[order.number] = asyncio.get_running_loop().create_task(reminding)
        self._snapshots.append(_SnapshotWork(order, fault, books))

    def end(self, order: Order) -> None:
        """Let a fault happen no more."""
        self._failures = [failure for failure in self._failures if failure[0] is not order]
        self._snapshots = [work for work in self._snapshots if work.order is not order]
        reminding = self._reminders.pop(order.number, None)
        if reminding is not None:
            reminding.cancel()

    def close(self) -> None:
        """Remember nothing any more."""
        for reminding in self._reminders.values():
            reminding.cancel()

    async def failure(
        self, market: Market, path: str, clock_ms: int, limit: int
    ) -> tuple[Rest | None, RestReply | None]:
        """Return the fault that happens to a request, if one does, and what is answered instead, if that is known.

        A slow answer is waited for.
        """
        fault, reply = self.failing(market, path, clock_ms, limit)
        if fault is not None and fault.kind is RestKind.SLOW:
            await asyncio.sleep(fault.delay_s)
        return fault, reply

    def failing(self, market: Market, path: str, clock_ms: int, limit: int) -> tuple[Rest | None, RestReply | None]:
        """Return the fault that happens to a request, if one does, and what is answered instead, if that is known."""
        now_s = self._clock()
        for order, failure in list(self._failures):
            taken = failure.takes(market, path, now_s)
            if failure.spent(now_s):
                self._finish(order)
            if not taken:
                continue
            self._orders.did(order, market, detail=path)
            return failure.fault, failure.reply(market, clock_ms, limit)
        return None, None

    async def snapshot(
        self, market: Market, symbol: str, limit: int, answer: Callable[[], RestReply], venue_ms: Callable[[], int]
    ) -> RestReply:
        """Return the answer to a depth request: as it is, of another time if a fault says so."""
        for work in self._snapshots:
            if not work.fault.matches(market, symbol):
                continue
            if work.books is None:
                self._count(work, market, symbol)
                return await self._too_new(work, market, symbol, answer)
            now = answer()
            stale = work.books.answer(market, symbol, limit, now, venue_ms())
            if stale is not None:
                self._count(work, market, symbol)
                return stale
        return answer()

    async def _too_new(
        self, work: _SnapshotWork, market: Market, symbol: str, answer: Callable[[], RestReply]
    ) -> RestReply:
        """Hold the symbol's diffs back while the market runs on, answer, and hold them as long again."""
        held = HeldDiffs(market, symbol)
        holding = Order(work.order.number, work.fault, None)
        self._tap.add(holding, held.matches, held)
        loop = asyncio.get_running_loop()
        await asyncio.sleep(work.fault.age_s)
        loop.call_later(work.fault.age_s, self._tap.end, holding)
        return answer()

    def _count(self, work: _SnapshotWork, market: Market, symbol: str) -> None:
        work.left -= 1
        self._orders.did(work.order, market, detail=symbol)
        if not work.left:
            self._finish(work.order)

    def _finish(self, order: Order) -> None:
        order.state = OrderState.ENDED
        self.end(order)

    async def _remember(self, books: RememberedBooks) -> None:
        while True:
            await asyncio.sleep(_CLOCK_POLL_S)
            books.remember_one(self._source.clock_ms())

    def _symbols(self) -> set[tuple[Market, str]]:
        return {
            (market, stream.partition("@")[0].upper())
            for market in Market
            for stream in self._source.streams(market)
            if "@depth" in stream
        }

    def _deepest(self, market: Market, symbol: str) -> RestReply:
        path = next(
            path for path, endpoint in ENDPOINTS.items() if endpoint.market is market and path.endswith("/depth")
        )
        return self._source.rest(market, path, {"symbol": symbol, "limit": str(ENDPOINTS[path].max_limit)})
