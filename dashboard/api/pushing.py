"""Pushes to pages what their views find due: ten times a second at most, each thing written once for all of them.

A page that reads slowly is waited for by its own coroutine alone; when it has read, it is told the state of then.
Besides what the operating system holds of a connection nothing is kept for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Final

import msgspec

from dashboard import metrics
from dashboard.core.answers import Document, Moment
from dashboard.core.views import Push, View
from dashboard.errors import TooManyPagesError
from dashboard.reader import Reader
from schemas.markets import Market


__all__ = ["BEAT_S", "PAGES", "Pusher"]

BEAT_S: Final = 0.1
PAGES: Final = ("market", "operations")
"""Kinds of pages, for the metrics."""
_RETRY: Final = b"retry: 1000\n\n"
"""How long a page waits until it connects again, ms."""


class Pusher:
    """Pushes to a bounded number of pages.

    Args:
        reader: the present.
        limit: pages at once.
        sleep: waits.
    """

    def __init__(self, reader: Reader, limit: int, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._reader = reader
        self._limit = limit
        self._sleep = sleep
        self._beat: _Beat | None = None
        self._pages = 0
        self._closing = False

    def close(self) -> None:
        """End all streams at their next beat, and begin none."""
        self._closing = True

    def open(self, view: View, page: str) -> AsyncIterator[bytes]:
        """Return the stream of a page.

        Args:
            view: what it looks at.
            page: its kind, for the metrics.

        Raises:
            TooManyPagesError: as many are open as may be.
        """
        if self._pages >= self._limit:
            metrics.PAGES_REFUSED.inc()
            raise TooManyPagesError(self._limit)
        return self._stream(view, page)

    async def _stream(self, view: View, page: str) -> AsyncIterator[bytes]:
        if self._pages >= self._limit:
            return  # another one came first, since it was asked whether there is room
        self._pages += 1
        metrics.PAGES.labels(page).inc()
        try:
            yield _RETRY
            told = self._number()
            while not self._closing:
                beat = self._present()
                metrics.BEATS_MISSED.inc(max(0, beat.number - told - 1))
                told = beat.number
                pushes = list(view.due(beat))
                if pushes:
                    yield b"".join([beat.written(push) for push in pushes])
                    for push in pushes:
                        metrics.MESSAGES.labels(push.event).inc()
                await self._sleep(self._until_next(told))
        finally:
            self._pages -= 1
            metrics.PAGES.labels(page).dec()

    def _number(self) -> int:
        return int(self._reader.clock_s() / BEAT_S)

    def _present(self) -> _Beat:
        """Return the beat of now, the same for all that ask within it."""
        number = self._number()
        if self._beat is None or self._beat.number != number:
            self._beat = _Beat(number, self._reader)
        return self._beat

    def _until_next(self, number: int) -> float:
        """Return how long it is until the beat after another one begins; 0: it has."""
        now_s = self._reader.clock_s()
        return max(0.0, (number + 1) * BEAT_S - now_s)


class _Beat:
    """One moment, and what was written in it."""

    def __init__(self, number: int, reader: Reader) -> None:
        self.number = number
        self.moment: Moment = reader.moment()
        self._reader = reader
        self._readable: dict[tuple[Market, str], bool] = {}
        self._written: dict[Hashable, bytes] = {}

    def status(self) -> Document:
        """Return where data come from, and whether they are of the present."""
        return self._reader.status()

    def operations(self) -> Document:
        """Return what operators are told."""
        return self._reader.operations_document()

    def readable(self, market: Market, schema: str) -> bool:
        """Whether a topic is read to its present."""
        known = self._readable.get((market, schema))
        if known is None:
            known = self._readable[market, schema] = self._reader.readable(market, schema)
        return known

    def written(self, push: Push) -> bytes:
        """Return a push as it goes over the line."""
        text = self._written.get(push.key)
        if text is None:
            data = msgspec.json.encode(push.document())
            text = self._written[push.key] = b"event: %b\ndata: %b\n\n" % (push.event.encode(), data)
        return text
