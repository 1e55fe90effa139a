"""One socket from its opening to its end: the edge that obeys :mod:`ingest.core.session`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Final, Generic, Protocol, TypeVar

from structlog.stdlib import BoundLogger
from websockets.exceptions import ConnectionClosed, WebSocketException

from ingest.core.endings import Ending
from ingest.core.outcomes import Reply, ShutdownNotice, Signal, StreamEnded
from ingest.core.session_actions import Action, Changed, Close, Live, Ping, Refused, Send, SendSecret, Silent
from ingest.errors import AddressError
from ingest.feed_socket import FeedSocket, open_feed
from ingest.frame_queue import FrameQueue
from ingest.pipeline import Pipeline, Worked
from ingest.publisher import Publisher


__all__ = ["Clocks", "ConnectionLimits", "LifeListener", "Session", "SocketLife"]

T = TypeVar("T")
S = TypeVar("S", bound="Session")

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


class Session(Protocol):
    """What decides about a socket, as :class:`ingest.core.session.StreamSession` does."""

    @property
    def complete(self) -> bool:
        """Whether everything that it began with is granted."""

    @property
    def pending(self) -> frozenset[str]:
        """The streams that were added since it began and are not acknowledged yet."""

    def connected(self, now_ms: float) -> list[Action]:
        """Begin: the socket is open."""

    def change(self, add: Iterable[str], remove: Iterable[str], now_ms: float) -> list[Action]:
        """Carry other streams from now on."""

    def heard(self, now_ms: float) -> None:
        """Take note that something came."""

    def delivered(self, names: Iterable[str]) -> None:
        """Take note of what came for the first time."""

    def replied(self, reply: Reply, now_ms: float) -> list[Action]:
        """Take an answer."""

    def tick(self, now_ms: float, *, held: bool = False) -> list[Action]:
        """Let time pass."""


class LifeListener(Protocol[S]):
    """The connection that a socket belongs to."""

    def life_opened(self, life: SocketLife[S]) -> Pipeline:
        """The socket is open; returns what works on its frames."""

    def life_acted(self, life: SocketLife[S], action: Live | Refused | Changed | Silent) -> None:
        """The session has something to tell."""

    def life_worked(self, life: SocketLife[S], frame_count: int, byte_count: int, worked: Worked) -> None:
        """A chunk of frames was handed to the publisher."""

    def life_busy(self, life: SocketLife[S]) -> None:
        """Frames wait for us."""

    def life_leaving(self, life: SocketLife[S]) -> None:
        """The venue announced that it will close the socket."""


class SocketLife(Generic[S]):
    """Opens a socket, uses it to its end, and knows why it ended.

    Args:
        number: tells it from the connection's other sockets.
        session: decides what to do.
        limits: sizes and times.
        publisher: full stops the work, and the work stops the reader.
        listener: is told.
        clocks: time.
        log: bound to the connection.
    """

    def __init__(
        self,
        number: int,
        session: S,
        limits: ConnectionLimits,
        *,
        publisher: Publisher,
        listener: LifeListener[S],
        clocks: Clocks,
        log: BoundLogger,
    ) -> None:
        self.number = number
        self.session = session
        self.connection_id: str | None = None
        """Set by the connection when the socket is open."""
        self.ending = Ending.FAULT
        self.reason = ""
        self._limits = limits
        self._publisher = publisher
        self._listener = listener
        self._clocks = clocks
        self._log = log
        self._leave = asyncio.Event()
        self._announced = False
        self._working = False
        """Whether frames are being worked on; a chunk may have to wait for the venue's time."""
        self._socket: FeedSocket | None = None
        self._probes: set[asyncio.Task[None]] = set()

    def leave(self, ending: Ending, reason: str) -> None:
        """End the socket; what was read is still handed over before :meth:`run` returns."""
        if not self._leave.is_set():
            self.ending, self.reason = ending, reason
            self._leave.set()

    async def run(self, attempt: Coroutine[Any, Any, str]) -> None:
        """Live: returns at the end of the socket, or when it could not be opened.

        Args:
            attempt: waits until a connection may be attempted, and returns the address.
        """
        try:
            url = await self._unless_leaving(attempt)
        except AddressError as error:
            self.ending, self.reason = error.ending, str(error)
            return
        if self._leave.is_set() or url is None:
            return
        queue, limits = FrameQueue(self._limits.queue_bytes), self._limits
        opening = open_feed(
            url,
            queue,
            self._clocks.wall_ns,
            open_limit_s=limits.open_limit_s,
            max_frame_bytes=limits.max_frame_bytes,
        )
        try:
            socket = await self._unless_leaving(opening)
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            self.ending, self.reason = Ending.UNREACHABLE, str(error) or type(error).__name__
            return
        if socket is not None:
            self._socket = socket
            await self._use(socket, queue, self._listener.life_opened(self))

    def change(self, add: Iterable[str], remove: Iterable[str]) -> None:
        """Carry other streams from now on; the messages go out with the next ticks."""
        actions = self.session.change(add, remove, self._clocks.now_ms())
        self._in_background(self._obey_all(actions))

    def probe(self, answered: Callable[[], None]) -> None:
        """Ping the venue, and tell when it answers: everything that it sent before was read then."""
        self._in_background(self._probe(answered))

    async def _probe(self, answered: Callable[[], None]) -> None:
        if self._socket is not None:
            with suppress(ConnectionClosed):
                await (await self._socket.ping())
                answered()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._probes.add(task)
        task.add_done_callback(self._probes.discard)

    async def _unless_leaving(self, action: Coroutine[Any, Any, T]) -> T | None:
        """Do something, but give it up when told to leave; returns its result if it came to one."""
        doing = asyncio.ensure_future(action)
        leaving = asyncio.ensure_future(self._leave.wait())
        try:
            await asyncio.wait([doing, leaving], return_when=asyncio.FIRST_COMPLETED)
            return doing.result() if doing.done() else None
        finally:
            leaving.cancel()
            doing.cancel()

    async def _use(self, socket: FeedSocket, queue: FrameQueue, pipeline: Pipeline) -> None:
        async with asyncio.TaskGroup() as tasks:
            worker = tasks.create_task(self._work(socket, queue, pipeline))
            ticker = tasks.create_task(self._tick(socket, queue))
            ended = tasks.create_task(socket.wait_closed())
            leaving = tasks.create_task(self._leave.wait())
            await asyncio.wait([worker, ended, leaving], return_when=asyncio.FIRST_COMPLETED)
            if ended.done() and not self.reason:
                self.ending = Ending.SHUTDOWN if self._announced else Ending.VENUE
                self.reason = socket.closing_words
            for task in (ticker, ended, leaving, *self._probes):
                task.cancel()
            queue.close()
            await socket.close()

    async def _work(self, socket: FeedSocket, queue: FrameQueue, pipeline: Pipeline) -> None:
        """Work on frames until the queue is closed and empty."""
        session, now_ms = self.session, self._clocks.now_ms
        await self._obey(socket, session.connected(now_ms()))
        while frames := await queue.take(_CHUNK_FRAMES):
            self._working = True
            worked = await pipeline.work(frames)
            self._working = False
            session.heard(now_ms())
            if worked.first:
                session.delivered(worked.first)
            for signal in worked.signals:
                await self._heed(socket, signal)
            byte_count = sum(len(frame) for _, frame in frames)
            self._listener.life_worked(self, len(frames), byte_count, worked)
            if self._publisher.full:
                # When told to stop, what was read shall be among what is counted as undelivered.
                await self._unless_leaving(self._publisher.room())
            else:
                await asyncio.sleep(0)

    async def _heed(self, socket: FeedSocket, signal: Signal) -> None:
        match signal:
            case Reply():
                await self._obey(socket, self.session.replied(signal, self._clocks.now_ms()))
            case ShutdownNotice():
                self._announced = True
                self._listener.life_leaving(self)
            case StreamEnded(ending, reason):
                self.leave(ending, reason)

    async def _tick(self, socket: FeedSocket, queue: FrameQueue) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            held = self._working or bool(queue) or self._publisher.full
            if held:
                self._listener.life_busy(self)
            await self._obey(socket, self.session.tick(self._clocks.now_ms(), held=held))

    async def _obey_all(self, actions: Iterable[Action]) -> None:
        if self._socket is not None:
            await self._obey(self._socket, actions)

    async def _obey(self, socket: FeedSocket, actions: Iterable[Action]) -> None:
        for action in actions:
            with suppress(ConnectionClosed):  # whoever waits for the end sees it too, and says why
                await self._do(socket, action)

    async def _do(self, socket: FeedSocket, action: Action) -> None:
        match action:
            case Send(text):
                await socket.send(text)
            case SendSecret(text):
                await socket.send(text.reveal())
            case Ping():
                pong = asyncio.ensure_future(await socket.ping())
                pong.add_done_callback(self._ponged)
            case Close(ending, reason):
                self._log.warning("closing", connection_id=self.connection_id, reason=reason)
                self.leave(ending, reason)
            case Live() | Refused() | Changed() | Silent():
                self._listener.life_acted(self, action)

    def _ponged(self, pong: asyncio.Future[float]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self.session.heard(self._clocks.now_ms())
