"""A WebSocket whose frames go straight into a bounded queue.

The library's way costs more per frame than everything that ingest does to it: a parser that is ready for everything, a
coroutine, a queue and flow control of its own. So messages of the ordinary kind are cut out of what the socket read;
the library, for which its ``create_connection`` leaves room, gets the handshake, control frames, fragments and whatever
is wrong. The socket is not read while the queue is full.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from ingest.core.cutting import cut_messages, frame_end
from ingest.frame_queue import FrameQueue


__all__ = ["LOOPBACK", "FeedSocket", "open_feed"]

_CLOSE_S = 1.0
_SILENT = logging.getLogger("ingest.feed_socket")
"""The library tells whole frames and addresses to who listens, and there are keys in some: nobody can."""
_SILENT.setLevel(logging.CRITICAL)
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_HEAD_BYTES = 14
"""The longest head of a frame."""
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class FeedSocket(ClientConnection):
    """A client connection that fills a queue; nobody may call ``recv`` on it.

    Args:
        queue: where the frames go; its emptying lets the socket be read again.
        wall_ns: the time since the epoch: frames are stamped before anything is done to them.
        max_bytes: a longer message ends the connection.
    """

    transport: asyncio.Transport

    def __init__(
        self, queue: FrameQueue, wall_ns: Callable[[], int], max_bytes: int, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._queue = queue
        self._wall_ns = wall_ns
        self._max_bytes = max_bytes
        self._time_ns = 0
        """When what is worked on was read."""
        self._rest = bytearray()
        """The beginning of a frame."""
        self._wanted = 0
        """As much must be there before another look is worth it."""
        self._fragments: list[bytes] = []
        queue.on_room = self._read_on

    def data_received(self, data: bytes) -> None:
        """Take what the socket read: asyncio's hook."""
        self._time_ns = self._wall_ns()
        while data and self.protocol.state is State.CONNECTING:
            # Line by line: behind the last one of the answer frames may follow, and those are ours.
            line, newline, data = data.partition(b"\n")
            super().data_received(line + newline)
        if self._rest:
            self._rest += data
            if len(self._rest) < self._wanted:
                return
            data = bytes(self._rest)
            self._rest.clear()
        start = self._take(data)
        if start < len(data):
            self._rest += data[start:]

    def process_event(self, event: Any) -> None:
        """Take an event of the protocol: the library's hook."""
        if not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
            return
        self._fragments.append(bytes(event.data))
        if event.fin:
            self._put([b"".join(self._fragments)])
            self._fragments.clear()

    @property
    def closing_words(self) -> str:
        """Say how the connection ended; to be asked when it is closed."""
        return str(self.protocol.close_exc)

    def _take(self, data: bytes) -> int:
        """Take every frame that is there to its end; returns where the next one starts."""
        start, size = 0, len(data)
        while start < size:
            if self.protocol.state is not State.OPEN:
                super().data_received(data[start:])
                return size
            if not self._fragments:
                messages, start = cut_messages(data, start, self._max_bytes)
                if messages:
                    self._put(messages)
            end = frame_end(data, start)
            if end is None or end > size:
                if end is not None and end - start > self._max_bytes + _HEAD_BYTES:
                    super().data_received(data[start:])  # which ends the connection
                    return size
                self._wanted = 0 if end is None else end - start
                break
            super().data_received(data[start:end])
            start = end
        return start

    def _put(self, frames: list[bytes]) -> None:
        if self._queue.put(self._time_ns, frames) and not self.transport.is_closing():
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


class _ConnectHere(connect):
    """Connects to the address that is given and to no other: what is sent there may bear a key."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Follow no redirect."""
        return exc


async def open_feed(
    url: str, queue: FrameQueue, wall_ns: Callable[[], int], *, open_limit_s: float, max_frame_bytes: int
) -> FeedSocket:
    """Connect to a stream address.

    Raises:
        OSError: the network says no.
        TimeoutError: it took too long.
        WebSocketException: the other side is no WebSocket server, or refuses.
        ValueError: the address is none.
    """
    factory = partial(FeedSocket, queue, wall_ns, max_frame_bytes)
    socket = await _ConnectHere(
        url,
        create_connection=factory,  # type: ignore[arg-type]  # "a wrapper or a subclass"
        max_size=max_frame_bytes,
        open_timeout=open_limit_s,
        close_timeout=_CLOSE_S,
        # The venue pings; the session pings when it must: all count against the venue's message rate.
        ping_interval=None,
        compression=None,
        logger=_SILENT,
        # A proxy of the environment is for the way out, not to a server on this machine.
        proxy=None if urlsplit(url).hostname in LOOPBACK else True,
    )
    assert isinstance(socket, FeedSocket)  # noqa: S101 - what the factory makes
    return socket
