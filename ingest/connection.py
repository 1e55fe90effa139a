"""One connection to the venue: the edge that obeys :mod:`ingest.core.session`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final, Protocol, TypeVar

from structlog.stdlib import BoundLogger
from websockets.exceptions import ConnectionClosed, WebSocketException

from ingest.core.outcomes import Reply
from ingest.core.plan import ConnectionPlan
from ingest.core.session import Action, Close, Live, Ping, Refused, Send, StreamSession
from ingest.feed_socket import FeedSocket, open_feed
from ingest.frame_queue import FrameQueue
from ingest.pipeline import Pipeline
from ingest.publisher import Publisher


__all__ = ["Clocks", "Connection", "ConnectionLimits", "ConnectionListener"]

T = TypeVar("T")

_CHUNK_FRAMES: Final = 1_000
"""Worked on between two looks at anything else: some 10 ms."""
_TICK_S: Final = 0.1


class ConnectionLimits(Protocol):
    """What a connection is told to keep to; the settings of the section ``connection``."""

    @property
    def open_limit_s(self) -> float:
        """How long opening may take."""

    @property
    def max_frame_bytes(self) -> int:
        """A longer frame ends the connection."""

    @property
    def queue_bytes(self) -> int:
        """Frames read but not worked on."""


class Clocks(Protocol):
    """The clocks and the chance that the composition root chose."""

    def wall_ns(self) -> int:
        """Return the time since the epoch."""

    def now_ms(self) -> float:
        """Return the monotonic time."""

    def random(self) -> float:
        """Return a random number in [0, 1)."""


class ConnectionListener(Protocol):
    """Who wants to know what becomes of a connection."""

    def opened(self, plan: ConnectionPlan, connection_id: str, url: str) -> None:
        """The socket is open."""

    def live_now(self, plan: ConnectionPlan, *, complete: bool) -> None:
        """Every SUBSCRIBE is answered; complete: none was refused."""

    def worked(self, plan: ConnectionPlan, frame_count: int, byte_count: int, newest_event: int | None) -> None:
        """A chunk of frames was handed to the publisher."""

    def busy(self, plan: ConnectionPlan) -> None:
        """Frames wait for us: the connection is not silent."""

    def refused(self, plan: ConnectionPlan, names: Sequence[str], error: str) -> None:
        """The venue refuses some streams."""

    def closed(self, plan: ConnectionPlan, connection_id: str | None, url: str, reason: str) -> None:
        """The connection ended, or could not be opened (no id then)."""


class Connection:
    """Keeps the streams of a plan flowing, over all disconnects, until told to stop.

    Args:
        plan: what it carries.
        url: the combined stream address.
        session: decides what to do.
        limits: sizes and times.
        attempt: waits until a connection may be attempted.
        pipeline: makes the pipeline of a new socket, given its connection id.
        connection_ids: names the sockets.
        publisher: full stops the work, and the work stops the reader.
        listener: is told.
        clocks: time and chance.
        log: bound to the connection.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        url: str,
        session: StreamSession,
        limits: ConnectionLimits,
        *,
        attempt: Callable[[], Coroutine[Any, Any, None]],
        pipeline: Callable[[str], Pipeline],
        connection_ids: Iterable[str],
        publisher: Publisher,
        listener: ConnectionListener,
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self._plan = plan
        self._url = url
        self._session = session
        self._limits = limits
        self._attempt = attempt
        self._pipeline = pipeline
        self._connection_ids = iter(connection_ids)
        self._publisher = publisher
        self._listener = listener
        self._clocks = clocks
        self._log = log
        self._stopping = asyncio.Event()
        self._reason = ""

    def stop(self) -> None:
        """Stop reading; what was read is still handed over before :meth:`run` returns."""
        self._stopping.set()

    async def run(self) -> None:
        """Connect, and connect again, until told to stop."""
        while not self._stopping.is_set():
            await self._unless_stopping(self._attempt())
            if self._stopping.is_set():
                return
            await self._life()
            delay_ms = self._session.disconnected(self._clocks.now_ms(), self._clocks.random())
            if delay_ms > 0:
                await self._unless_stopping(asyncio.sleep(delay_ms / 1000))

    async def _unless_stopping(self, action: Coroutine[Any, Any, T]) -> T | None:
        """Do something, but give it up when told to stop; returns its result if it came to one."""
        doing = asyncio.ensure_future(action)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
            return doing.result() if doing.done() else None
        finally:
            stopping.cancel()
            doing.cancel()

    async def _life(self) -> None:
        """Open a socket and use it to its end."""
        queue, limits = FrameQueue(self._limits.queue_bytes), self._limits
        opening = open_feed(
            self._url,
            queue,
            self._clocks.wall_ns,
            open_limit_s=limits.open_limit_s,
            max_frame_bytes=limits.max_frame_bytes,
        )
        try:
            socket = await self._unless_stopping(opening)
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            reason = str(error) or type(error).__name__
            self._log.warning("cannot connect", url=self._url, reason=reason)
            self._listener.closed(self._plan, None, self._url, reason)
            return
        if socket is None:
            return
        connection_id = next(self._connection_ids)
        self._reason = ""
        self._log.info("connected", connection_id=connection_id, url=self._url, stream_count=len(self._plan.streams))
        self._listener.opened(self._plan, connection_id, self._url)
        try:
            await self._use(socket, queue, self._pipeline(connection_id))
        finally:
            self._log.info("disconnected", connection_id=connection_id, reason=self._reason)
            self._listener.closed(self._plan, connection_id, self._url, self._reason)

    async def _use(self, socket: FeedSocket, queue: FrameQueue, pipeline: Pipeline) -> None:
        async with asyncio.TaskGroup() as tasks:
            worker = tasks.create_task(self._work(socket, queue, pipeline))
            ticker = tasks.create_task(self._tick(socket, queue))
            ended = tasks.create_task(socket.wait_closed())
            stopping = tasks.create_task(self._stopping.wait())
            await asyncio.wait([worker, ended, stopping], return_when=asyncio.FIRST_COMPLETED)
            self._reason = self._reason or ("stopping" if not ended.done() else socket.closing_words)
            for task in (ticker, ended, stopping):
                task.cancel()
            queue.close()
            await socket.close()

    async def _work(self, socket: FeedSocket, queue: FrameQueue, pipeline: Pipeline) -> None:
        """Work on frames until the queue is closed and empty."""
        session, now_ms = self._session, self._clocks.now_ms
        await self._obey(socket, session.connected(now_ms()))
        while frames := await queue.take(_CHUNK_FRAMES):
            worked = await pipeline.work(frames)
            session.heard(now_ms())
            for signal in worked.signals:
                if isinstance(signal, Reply):
                    await self._obey(socket, session.replied(signal, now_ms()))
                else:
                    await self._obey(socket, session.shutdown_announced())
            byte_count = sum(len(frame) for _, frame in frames)
            self._listener.worked(self._plan, len(frames), byte_count, worked.newest_event)
            if self._publisher.full:
                # When told to stop, what was read shall be among what is counted as undelivered.
                await self._unless_stopping(self._publisher.room())
            else:
                await asyncio.sleep(0)

    async def _tick(self, socket: FeedSocket, queue: FrameQueue) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            held = bool(queue) or self._publisher.full
            if held:
                self._listener.busy(self._plan)
            await self._obey(socket, self._session.tick(self._clocks.now_ms(), held=held))

    async def _obey(self, socket: FeedSocket, actions: Iterable[Action]) -> None:
        for action in actions:
            with suppress(ConnectionClosed):  # whoever waits for the end sees it too, and says why
                await self._do(socket, action)

    async def _do(self, socket: FeedSocket, action: Action) -> None:
        match action:
            case Send(text):
                await socket.send(text)
            case Ping():
                pong = asyncio.ensure_future(await socket.ping())
                pong.add_done_callback(self._ponged)
            case Close(reason):
                self._reason = reason
                self._log.warning("closing", reason=reason)
                await socket.close()
            case Live():
                self._listener.live_now(self._plan, complete=self._session.complete)
            case Refused(names, error):
                self._listener.refused(self._plan, names, error)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self._session.heard(self._clocks.now_ms())
