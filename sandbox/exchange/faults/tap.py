"""Lets the faults of frames happen: stands between the fan-out and the connections while there are any."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from sandbox.exchange.fanout import Client, Fanout, Numbered
from sandbox.exchange.faults.frames import Frame, Touch, Transform
from sandbox.exchange.faults.journal import ids_of
from sandbox.exchange.faults.orders import Order, Orders, OrderState
from sandbox.exchange.source import StreamEvent
from schemas.markets import Market


__all__ = ["FrameTap"]

_Numbered = TypeVar("_Numbered", bound=Numbered)


class _Work:
    """One transform, and the order that it is done for."""

    def __init__(self, order: Order, matches: Callable[[Market, str], bool], transform: Transform) -> None:
        self.order = order
        self.matches = matches
        self.transform = transform


class FrameTap:
    """The fan-out's tap.

    Args:
        fanout: What it taps, while there is something to do.
        orders: Where it is noted what was done.
        connections: Those that are open.
        clock: A monotonic clock, seconds.
    """

    def __init__(
        self,
        fanout: Fanout,
        orders: Orders,
        connections: Callable[[], Sequence[Client]],
        clock: Callable[[], float],
    ) -> None:
        self._fanout = fanout
        self._orders = orders
        self._connections = connections
        self._clock = clock
        self._work: list[_Work] = []
        self._by_stream: dict[tuple[Market, str], list[_Work]] = {}
        self._event = 0
        self._delayed: dict[asyncio.TimerHandle, tuple[Numbered, Market, str, bytes]] = {}

    def add(self, order: Order, matches: Callable[[Market, str], bool], transform: Transform) -> None:
        """Let a transform work from the next event on, behind those that work already."""
        self._work.append(_Work(order, matches, transform))
        self._by_stream.clear()
        self._fanout.tap = self

    def end(self, order: Order) -> None:
        """Let the transforms of an order work no more; what they held back is sent."""
        for work in [work for work in self._work if work.order is order]:
            self._remove(work)

    def end_spent(self) -> None:
        """Let transforms that have nothing more to do work no more."""
        now_s = self._clock()
        for work in [work for work in self._work if work.transform.spent(now_s)]:
            self._remove(work)
            work.order.state = OrderState.ENDED

    def forget(self, connection: int) -> None:
        """Take note that a connection has ended."""
        for work in self._work:
            work.transform.forget(connection)

    def release(self) -> None:
        """Send all that is delayed or held back: no further frame will push it on."""
        delayed, self._delayed = self._delayed, {}
        for timer, (client, market, stream, data) in delayed.items():
            timer.cancel()
            self._fanout.deliver_to(client, market, stream, data)
        for work in self._work:
            self._release(work)
        self._fanout.flush()

    def touches(self, market: Market, stream: str) -> bool:
        """Return whether anything is to happen to frames of a stream."""
        return bool(self._of(market, stream))

    def feed(self, event: StreamEvent, clients: Sequence[_Numbered]) -> Sequence[tuple[_Numbered, bytes]]:
        """Return which payloads go to which client now."""
        self._event += 1
        now_s = self._clock()
        works = self._of(event.market, event.stream)
        out: list[tuple[_Numbered, bytes]] = []
        for client in clients:
            touch = Touch(self._event, client.number, event.stream, now_s)
            for frame in self._pass(works, event, touch):
                if frame.delay_s:
                    self._send_later(client, event.market, event.stream, frame)
                else:
                    out.append((client, frame.data))
        if any(work.transform.spent(now_s) for work in works):
            self.end_spent()
        return out

    def _of(self, market: Market, stream: str) -> list[_Work]:
        works = self._by_stream.get((market, stream))
        if works is None:
            works = [work for work in self._work if work.matches(market, stream)]
            self._by_stream[(market, stream)] = works
        return works

    def _pass(self, works: list[_Work], event: StreamEvent, touch: Touch) -> tuple[Frame, ...]:
        frames: tuple[Frame, ...] = (Frame(event.data),)
        for work in works:
            if not frames:
                break
            passed = work.transform.feed(touch, frames)
            frames = passed.frames
            if passed.touched:
                self._orders.did(
                    work.order, event.market, stream=event.stream, connection=touch.connection, ids=ids_of(event.data)
                )
        return frames

    def _send_later(self, client: Numbered, market: Market, stream: str, frame: Frame) -> None:
        def send() -> None:
            del self._delayed[timer]
            self._fanout.deliver_to(client, market, stream, frame.data)
            self._fanout.flush()

        timer = asyncio.get_running_loop().call_later(frame.delay_s, send)
        self._delayed[timer] = client, market, stream, frame.data

    def _remove(self, work: _Work) -> None:
        self._work.remove(work)
        self._by_stream.clear()
        self._release(work)
        if not self._work:
            self._fanout.tap = None

    def _release(self, work: _Work) -> None:
        clients = {client.number: client for client in self._connections()}
        for number, stream, frame in work.transform.release():
            if number in clients:
                for market in Market:  # it is subscribed to on one
                    self._fanout.deliver_to(clients[number], market, stream, frame.data)
        self._fanout.flush()
