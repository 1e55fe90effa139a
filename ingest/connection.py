"""One connection to the venue, over all its sockets: the edge that obeys :mod:`ingest.core.rotation`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, Final, Generic, TypeVar

from msgspec.structs import replace
from structlog.stdlib import BoundLogger

from ingest.core.endings import Ending
from ingest.core.overlap import HOLD_MS, Overlap
from ingest.core.plan import ConnectionPlan
from ingest.core.rotation import Advance, Open, Probe, Retire, Rotation
from ingest.core.session_actions import Changed, Live, Refused, Silent
from ingest.listener import ConnectionListener, Ended
from ingest.pipeline import Pipeline, Worked
from ingest.publisher import Publisher
from ingest.socket_life import Clocks, ConnectionLimits, Session, SocketLife
from schemas.topics import RawType


__all__ = ["Clocks", "Connection", "ConnectionLimits"]

S = TypeVar("S", bound=Session)

_LOOK_S: Final = 0.1
_LINGER_MS: Final = 5_000
"""How long after the end of a socket the other one may still bring copies of what it brought."""
_NAMED: Final = 20
"""Streams named in a line of the log."""


class Connection(Generic[S]):
    """Keeps the streams of a plan flowing, over all disconnects and rotations, until told to stop.

    Args:
        plan: what it carries.
        url: the address, as it may be told.
        rotation: decides which socket follows which.
        limits: sizes and times.
        session: makes the session of a new socket that is to carry these streams.
        attempt: waits until a connection may be attempted, and returns the address to open for a session.
        pipeline: makes the pipeline of a new socket, given its connection id and session.
        raw_types: the stream types of the raw topics.
        connection_ids: names the sockets.
        publisher: full stops the work, and the work stops the reader.
        listener: is told.
        clocks: time and chance.
        log: bound to the connection.
        redact: takes what must not be told out of what others said.
        hold_ms: how long what a new socket brings waits for the old one, where it is ahead.
    """

    def __init__(
        self,
        plan: ConnectionPlan,
        url: str,
        rotation: Rotation,
        limits: ConnectionLimits,
        *,
        session: Callable[[Iterable[str]], S],
        attempt: Callable[[S], Coroutine[Any, Any, str]],
        pipeline: Callable[[str, S], Pipeline],
        raw_types: Mapping[str, RawType],
        connection_ids: Iterable[str],
        publisher: Publisher,
        listener: ConnectionListener,
        clocks: Clocks,
        log: BoundLogger,
        redact: Callable[[str], str] = str,
        hold_ms: int = HOLD_MS,
    ) -> None:
        self._plan = plan
        self._url = url
        self._rotation = rotation
        self._limits = limits
        self._new_session = session
        self._attempt = attempt
        self._new_pipeline = pipeline
        self._raw_types = raw_types
        self._connection_ids = iter(connection_ids)
        self._publisher = publisher
        self._listener = listener
        self._clocks = clocks
        self._log = log
        self._redact = redact
        self._hold_ms = hold_ms
        self._lives: dict[int, SocketLife[S]] = {}
        self._pipelines: dict[int, Pipeline] = {}
        """Those of the open sockets."""
        self._overlap: Overlap | None = None
        self._overlap_ends_ms = float("inf")
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = False
        self._wake = asyncio.Event()

    @property
    def plan(self) -> ConnectionPlan:
        """What it carries now."""
        return self._plan

    def stop(self) -> None:
        """Stop reading; what was read is still handed over before :meth:`run` returns."""
        self._stopping = True
        for life in self._lives.values():
            life.leave(Ending.STOPPING, "stopping")
        self._wake.set()

    def change(self, plan: ConnectionPlan) -> None:
        """Carry other streams from now on, without a reconnect; each socket's acknowledgement is told."""
        old = {stream.name for stream in self._plan.streams}
        new = {stream.name for stream in plan.streams}
        self._plan = plan
        add, remove = [one.name for one in plan.streams if one.name not in old], sorted(old - new)
        self._rotation.forget(remove)
        for life in self._lives.values():
            life.change(add, remove)

    def renew(self) -> None:
        """Open a successor at once, and go on with the present socket until that is proven."""
        self._obey(self._rotation.renew(self._clocks.now_ms()))
        self._wake.set()

    def end(self, ending: Ending, reason: str) -> None:
        """End what is open: it brings nothing any more."""
        for life in self._lives.values():
            life.leave(ending, reason)

    def forget_targets(self) -> None:
        """Ask for every symbol's extra headers anew: more is known of the symbols now."""
        for pipeline in self._pipelines.values():
            pipeline.forget_targets()

    async def run(self) -> None:
        """Connect, rotate, and connect again, until told to stop."""
        async with asyncio.TaskGroup() as self._tasks:
            while not self._stopping:
                now_ms, jitter = self._clocks.now_ms(), self._clocks.random()
                self._obey(self._rotation.tick(now_ms, joined=self._joined(), jitter=jitter))
                self._tend_overlap(now_ms)
                self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await self._wake.wait()

    # What the sockets tell

    def life_opened(self, life: SocketLife[S]) -> Pipeline:
        """Name the socket and give it a pipeline."""
        life.connection_id = next(self._connection_ids)
        pipeline = self._pipelines[life.number] = self._new_pipeline(life.connection_id, life.session)
        self._rotation.opened(life.number, self._clocks.now_ms())
        if len(self._pipelines) > 1:
            self._begin_overlap(life.connection_id)
        self._log.info(
            "connected", connection_id=life.connection_id, url=self._url, stream_count=len(self._plan.streams)
        )
        self._listener.opened(self._plan, life.connection_id, self._url)
        return pipeline

    def life_acted(self, life: SocketLife[S], action: Live | Refused | Changed | Silent) -> None:
        """Pass on what a session has to tell."""
        match action:
            case Live():
                self._live(life)
            case Refused(names, error):
                self._listener.refused(self._plan, names, error)
            case Changed(added, removed):
                if added:
                    # One that was carried before is no news to the decoder; it has to show anew that it delivers.
                    self._pipelines[life.number].watch()
                self._listener.changed(self._plan, life.connection_id or "", added, removed)
            case Silent(names):
                self._listener.silent(self._plan, names)

    def life_worked(self, life: SocketLife[S], frame_count: int, byte_count: int, worked: Worked) -> None:
        """Pass on what came."""
        if worked.first:
            self._rotation.delivered(life.number, worked.first)
            self._listener.delivered(self._plan, worked.first)
        self._listener.worked(self._plan, life.connection_id or "", frame_count, byte_count, worked.newest_event)

    def life_busy(self, life: SocketLife[S]) -> None:
        """Pass on that frames wait."""
        self._listener.busy(self._plan, life.connection_id or "")

    def life_leaving(self, life: SocketLife[S]) -> None:
        """Open a successor at once; the socket goes on until that is proven, or the venue cuts it."""
        self._log.warning("server shutdown announced", connection_id=life.connection_id)
        self._obey(self._rotation.shutdown_announced(life.number, self._clocks.now_ms()))

    def _live(self, life: SocketLife[S]) -> None:
        complete = life.session.complete
        succeeds = self._rotation.successor == life.number
        self._obey(self._rotation.live(life.number, self._clocks.now_ms(), complete=complete))
        pending = life.session.pending
        carried = tuple(stream for stream in self._plan.streams if stream.name not in pending)
        plan = replace(self._plan, streams=carried) if pending else self._plan
        self._listener.live_now(plan, life.connection_id or "", complete=complete, succeeds=succeeds)

    def _closed(self, life: SocketLife[S]) -> None:
        now_ms, life.reason = self._clocks.now_ms(), self._redact(life.reason)
        self._release(None)
        del self._lives[life.number]
        self._pipelines.pop(life.number, None)
        if len(self._pipelines) <= 1:
            self._overlap_ends_ms = min(self._overlap_ends_ms, now_ms + _LINGER_MS)
        self._rotation.closed(life.number, life.ending, now_ms, self._clocks.random())
        if life.connection_id is None and life.ending in {Ending.UNREACHABLE, Ending.REFUSED}:
            self._log.warning("cannot connect", url=self._url, reason=life.reason)
        elif life.connection_id is None:
            return  # given up before it was anything
        else:
            self._log.info(
                "disconnected", connection_id=life.connection_id, ending=life.ending.value, reason=life.reason
            )
        self._listener.closed(self._plan, Ended(life.connection_id, self._url, life.ending, life.reason))
        self._wake.set()

    # What the rotation wants

    def _obey(self, advances: Iterable[Advance]) -> None:
        for advance in advances:
            match advance:
                case Open(number, succeeds):
                    self._open(number, succeeds)
                case Probe(number):
                    self._pipelines[number].watch()
                    self._lives[number].probe(partial(self._rotation.answered, number))
                case Retire():
                    self._retire(advance)

    def _open(self, number: int, succeeds: int | None) -> None:
        if self._stopping or self._tasks is None:
            return
        if succeeds is not None:
            self._log.info("opening a successor", connection_id=self._lives[succeeds].connection_id)
            if self._plan.account is not None:
                # The address subscribes by itself: its events may come before it is known that it is open.
                self._begin_overlap("")
        life = self._lives[number] = SocketLife(
            number,
            self._new_session([stream.name for stream in self._plan.streams]),
            self._limits,
            publisher=self._publisher,
            listener=self,
            clocks=self._clocks,
            log=self._log,
        )
        self._tasks.create_task(self._run(life))

    async def _run(self, life: SocketLife[S]) -> None:
        try:
            await life.run(self._attempt(life.session))
        finally:
            self._closed(life)

    def _retire(self, retire: Retire) -> None:
        life = self._lives[retire.number]
        if retire.successor is None:
            reason = f"given up as a successor: {retire.reason}"
            self._log.warning("successor given up", connection_id=life.connection_id, reason=retire.reason)
            life.leave(Ending.UNPROVEN, reason)
            return
        occasion = "server shutdown announced" if retire.announced else "rotated"
        successor = self._lives[retire.successor].connection_id
        proof = f"not proven: {retire.reason}" if retire.reason else "proven"
        if retire.reason:
            unproven, count = list(retire.unproven[:_NAMED]), len(retire.unproven)
            self._log.error("successor not proven in time", streams=unproven, count=count, reason=retire.reason)
        ending = Ending.SHUTDOWN if retire.announced else Ending.ROTATED
        life.leave(ending, f"{occasion}: successor {successor} {proof}")

    def _joined(self) -> bool:
        current, successor = self._rotation.current, self._rotation.successor
        if current is None or successor is None:
            return True
        old, new = self._lives[current].connection_id, self._lives[successor].connection_id
        return old is not None and new is not None and self._listener.joined(self._plan, old, new)

    # Copies

    def _begin_overlap(self, newest: str) -> None:
        """Let several sockets through as one: begins before the newest subscribes, so it misses nothing.

        Args:
            newest: the socket; empty: it is not open yet.
        """
        self._release(None)
        if self._overlap is None:
            self._overlap = Overlap(newest, self._raw_types, hold_ms=self._hold_ms)
        else:
            self._overlap.begin(newest)
        self._overlap_ends_ms = float("inf")
        self._set_overlap()

    def _tend_overlap(self, now_ms: float) -> None:
        self._release(self._clocks.wall_ns())
        if now_ms >= self._overlap_ends_ms:
            self._overlap, self._overlap_ends_ms = None, float("inf")
            self._set_overlap()

    def _release(self, now_ns: int | None) -> None:
        """Hand over what waited for the other socket for long enough; None: everything."""
        if self._overlap is not None and (released := self._overlap.release(now_ns)):
            next(iter(self._pipelines.values())).hand_over(released)

    def _set_overlap(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.overlaps(self._overlap)
