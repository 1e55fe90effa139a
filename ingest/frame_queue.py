"""Frames between the socket and the worker; full stops the reading, never drops."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from itertools import repeat


__all__ = ["FrameQueue", "TimedFrame"]

TimedFrame = tuple[int, bytes]
"""Receive time in nanoseconds, and the frame."""


class FrameQueue:
    """A queue bounded by bytes, taken from in chunks; for one socket and one worker.

    Args:
        max_bytes: full beyond this.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._frames: deque[TimedFrame] = deque()
        self._bytes = 0
        self._full = False
        self._closed = False
        self._hungry: asyncio.Future[None] | None = None
        """The worker, waiting for a frame."""
        self.on_room: Callable[[], object] = _nobody
        """Called when a queue that was full has room again."""

    def __len__(self) -> int:
        return len(self._frames)

    def put(self, receive_time_ns: int, frames: Collection[bytes]) -> bool:
        """Append frames; returns whether they filled the queue, so that nothing more should come.

        Into a closed queue nothing goes: who closed it does not read any more.
        """
        if self._closed:
            return False
        self._frames.extend(zip(repeat(receive_time_ns), frames))
        self._bytes += sum(map(len, frames))
        if self._hungry is not None:
            self._feed()
        if self._bytes >= self._max_bytes and not self._full:
            self._full = True
            return True
        return False

    async def take(self, most: int) -> list[TimedFrame]:
        """Return the next frames, waiting for the first; none when the queue is closed and empty."""
        while not self._frames:
            if self._closed:
                return []
            self._hungry = asyncio.get_running_loop().create_future()
            await self._hungry
        if len(self._frames) <= most:
            taken, self._bytes = list(self._frames), 0
            self._frames.clear()
        else:
            taken = [self._frames.popleft() for _ in range(most)]
            self._bytes -= sum(len(frame) for _, frame in taken)
        if self._full and self._bytes <= self._max_bytes / 2:
            self._full = False
            self.on_room()
        return taken

    def close(self) -> None:
        """Let nothing more in; what is in it can still be taken."""
        self._closed = True
        if self._full:
            self._full = False
            self.on_room()  # the socket has to read to be closed in good order
        if self._hungry is not None:
            self._feed()

    def _feed(self) -> None:
        hungry, self._hungry = self._hungry, None
        if hungry is not None and not hungry.done():
            hungry.set_result(None)


def _nobody() -> None:
    """Stand in until a socket is there."""
