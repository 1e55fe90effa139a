"""A WebSocket whose frames go straight into a bounded queue.

``recv()`` of the library costs as much per frame as everything that ingest does to it: a coroutine, a queue and flow
control of its own. So the frames are taken where the library hands them over, which its ``create_connection`` is for;
the socket is not read while the queue is full.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame, Opcode

from ingest.frame_queue import FrameQueue


__all__ = ["LOOPBACK", "FeedSocket", "open_feed"]

_CLOSE_S = 1.0
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_DATA = frozenset({Opcode.TEXT, Opcode.BINARY, Opcode.CONT})


class FeedSocket(ClientConnection):
    """A client connection that fills a queue; nobody may call ``recv`` on it.

    Args:
        queue: where the frames go; its emptying lets the socket be read again.
        wall_ns: the time since the epoch: frames are stamped before anything is done to them.
    """

    transport: asyncio.Transport

    def __init__(self, queue: FrameQueue, wall_ns: Callable[[], int], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._queue = queue
        self._wall_ns = wall_ns
        self._fragments: list[bytes] = []
        queue.on_room = self._read_on

    def process_event(self, event: Any) -> None:
        """Take an event of the protocol: the library's hook."""
        if not isinstance(event, Frame) or event.opcode not in _DATA:
            super().process_event(event)
        elif event.fin and not self._fragments:
            self._put(event.data)
        else:
            self._fragments.append(bytes(event.data))
            if event.fin:
                self._put(b"".join(self._fragments))
                self._fragments.clear()

    @property
    def closing_words(self) -> str:
        """Say how the connection ended; to be asked when it is closed."""
        return str(self.protocol.close_exc)

    def _put(self, frame: bytes | bytearray | memoryview) -> None:
        if self._queue.put(self._wall_ns(), bytes(frame)) and not self.transport.is_closing():
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()


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
    socket = await connect(
        url,
        create_connection=partial(FeedSocket, queue, wall_ns),  # type: ignore[arg-type]  # "a wrapper or a subclass"
        max_size=max_frame_bytes,
        open_timeout=open_limit_s,
        close_timeout=_CLOSE_S,
        # The venue pings; the session pings when it must: all count against the venue's message rate.
        ping_interval=None,
        compression=None,
        # A proxy of the environment is for the way out, not to a server on this machine.
        proxy=None if urlsplit(url).hostname in LOOPBACK else True,
    )
    assert isinstance(socket, FeedSocket)  # noqa: S101 - what the factory makes
    return socket
