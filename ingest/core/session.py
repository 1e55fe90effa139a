"""The life of one socket as a state machine: what happened goes in, what to do comes out.

No socket, no clock, no randomness: the edge tells what it saw and when (monotonic milliseconds), and obeys the actions
in their order. Data frames are none of the session's business beyond the fact that one came, and the first of each
stream. When to open a socket, and which follows which, is decided in :mod:`ingest.core.rotation`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum, StrEnum, auto
from typing import Final

from msgspec import Struct

from ingest.core.endings import Ending
from ingest.core.first_events import FirstEvents
from ingest.core.limits import Allowance
from ingest.core.outcomes import Reply
from ingest.core.pacing import Pacer
from ingest.core.plan import Method, Subscribe, subscribe_messages
from ingest.core.pulse import Pulse
from ingest.core.session_actions import Action, Changed, Close, Live, Ping, Refused, Send, Silent


__all__ = [
    "Action",
    "Changed",
    "Close",
    "Live",
    "Ping",
    "Refused",
    "Send",
    "SessionLimits",
    "Silent",
    "State",
    "StreamSession",
]


class State(StrEnum):
    """Where the socket stands."""

    DOWN = "down"
    SUBSCRIBING = "subscribing"
    """Open; not every subscription that it began with is acknowledged yet."""
    LIVE = "live"
    """Open, and everything that it began with is acknowledged."""
    CLOSING = "closing"
    """Told to close; nothing more is expected."""


_TRANSITIONS: Final = frozenset(
    {
        (State.DOWN, State.SUBSCRIBING),
        (State.SUBSCRIBING, State.LIVE),
        (State.SUBSCRIBING, State.CLOSING),
        (State.LIVE, State.CLOSING),
    }
)


_LONG_HOLD_MS: Final = 5_000


class SessionLimits(Struct, frozen=True):
    """How long is too long, in milliseconds."""

    control_messages: Allowance
    acknowledge_ms: int = 10_000
    """A control message unanswered for so long ends the connection."""
    idle_ms: int = 60_000
    """Nothing heard for so long, not even a pong, ends the connection."""


class _Purpose(Enum):
    """What a control message is sent for."""

    START = auto()
    CHANGE = auto()
    AGAIN = auto()
    """A stream that does not deliver is subscribed to once more."""


class _Request(Struct, frozen=True):
    message: Subscribe
    purpose: _Purpose


class StreamSession:
    """One socket's subscriptions and its health.

    Args:
        names: the streams that it shall carry.
        limits: the venue's and ours.
        deadline_ms: how long after its acknowledgement a stream may keep silent; None: for ever.
        excused: whether it is known why a stream is silent.
    """

    def __init__(
        self,
        names: Iterable[str],
        limits: SessionLimits,
        *,
        deadline_ms: Callable[[str], float | None] = lambda _: None,
        excused: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._names = dict.fromkeys(names)
        self._limits = limits
        self._state = State.DOWN
        self._next_id = 1
        self._unsent: deque[_Request] = deque()
        self._unanswered: dict[int, tuple[_Request, float]] = {}
        self._pacer = Pacer(limits.control_messages)
        self._refused: set[str] = set()
        self._first_events = FirstEvents(deadline_ms, excused)
        self._pulse = Pulse(limits.idle_ms)
        self._held_since_ms: float | None = None

    @property
    def state(self) -> State:
        """Where the socket stands."""
        return self._state

    @property
    def names(self) -> tuple[str, ...]:
        """The streams that it shall carry now."""
        return tuple(self._names)

    @property
    def pending(self) -> frozenset[str]:
        """The streams that were added since it began and are not acknowledged yet."""
        return frozenset(
            name
            for request in self._waiting()
            if request.purpose is _Purpose.CHANGE and request.message.method is Method.SUBSCRIBE
            for name in request.message.names
        )

    @property
    def complete(self) -> bool:
        """Whether every stream that it began with is acknowledged: none is missing, and none was refused."""
        return self._state is State.LIVE and not self._refused

    def connected(self, now_ms: float) -> list[Action]:
        """Begin: the socket is open. Returns the first messages to send."""
        self._to(State.SUBSCRIBING)
        self._pulse.heard(now_ms)
        self._ask(Method.SUBSCRIBE, self._names, _Purpose.START)
        return self._next_messages(now_ms) or self._live_at_last()

    def change(self, add: Iterable[str], remove: Iterable[str], now_ms: float) -> list[Action]:
        """Carry other streams from now on, without reconnecting.

        What is carried already is not added, what is not carried is not removed. The messages are paced like all
        others; each acknowledgement is told by :class:`Changed`.

        Args:
            add: streams to subscribe to.
            remove: streams to leave.
            now_ms: when.
        """
        gone = [name for name in dict.fromkeys(remove) if name in self._names]
        for name in gone:
            del self._names[name]
        new = [name for name in dict.fromkeys(add) if name not in self._names]
        self._names.update(dict.fromkeys(new))
        self._refused.difference_update(gone)
        self._first_events.forget(gone)
        if self._state not in {State.SUBSCRIBING, State.LIVE}:
            return []
        self._ask(Method.UNSUBSCRIBE, gone, _Purpose.CHANGE)
        self._ask(Method.SUBSCRIBE, new, _Purpose.CHANGE)
        return self._next_messages(now_ms)

    def heard(self, now_ms: float) -> None:
        """Take note that something came: a frame, or the pong of a ping."""
        self._pulse.heard(now_ms)

    def delivered(self, names: Iterable[str]) -> None:
        """Take note of the first frame of each of these streams."""
        self._first_events.came(names)

    def replied(self, reply: Reply, now_ms: float) -> list[Action]:
        """Take the answer to a control message."""
        self.heard(now_ms)
        if self._state not in {State.SUBSCRIBING, State.LIVE}:
            return []
        # An error about a request that the venue could not read names none: it answers in order.
        request_id = reply.id if reply.id is not None else next(iter(self._unanswered), None)
        answered = self._unanswered.pop(request_id, None) if request_id is not None else None
        if answered is None:
            return []
        request, _ = answered
        if reply.error is not None:
            actions = self._was_refused(request, reply.error)
        else:
            actions = self._was_acknowledged(request, now_ms)
        return actions + self._live_at_last()

    def tick(self, now_ms: float, *, held: bool = False) -> list[Action]:
        """Let time pass; to be called several times a second.

        Args:
            now_ms: the time.
            held: we do not read, or have not worked on what was read: nothing that is late is the venue's fault.
        """
        if self._state not in {State.SUBSCRIBING, State.LIVE}:
            return []
        self._holds(now_ms, held=held)
        if held:
            self.heard(now_ms)
        elif close := self._overdue(now_ms):
            return self._close(close)
        actions: list[Action] = [] if held else self._silent(now_ms)
        actions += self._next_messages(now_ms)
        if self._pulse.wants_ping(now_ms):
            actions.append(Ping())
        return actions

    def _holds(self, now_ms: float, *, held: bool) -> None:
        """Give first events their time again after we kept them waiting; being busy for a moment is no wait."""
        if held:
            self._held_since_ms = now_ms if self._held_since_ms is None else self._held_since_ms
        elif self._held_since_ms is not None:
            if now_ms - self._held_since_ms >= _LONG_HOLD_MS:
                self._first_events.postpone(now_ms)
            self._held_since_ms = None

    def _was_refused(self, request: _Request, error: str) -> list[Action]:
        message = request.message
        if message.method is Method.SUBSCRIBE:
            self._refused.update(name for name in message.names if name in self._names)
        return [Refused(message.names, error)]

    def _was_acknowledged(self, request: _Request, now_ms: float) -> list[Action]:
        names, removes = request.message.names, request.message.method is Method.UNSUBSCRIBE
        if not removes:
            wanted = [name for name in names if name in self._names]
            self._refused.difference_update(wanted)
            self._first_events.acknowledged(wanted, now_ms)
        if request.purpose is not _Purpose.CHANGE:
            return []
        if removes:
            return [Changed(removed=names)]
        # One that was left, and perhaps taken again, since it was asked for is carried once that is acknowledged too.
        asked_later = {name for later in self._waiting() for name in later.message.names}
        added = tuple(name for name in names if name in self._names and name not in asked_later)
        return [Changed(added=added)] if added else []

    def _waiting(self) -> list[_Request]:
        """Return what the venue has not answered."""
        return [*self._unsent, *(request for request, _ in self._unanswered.values())]

    def _live_at_last(self) -> list[Action]:
        if self._state is not State.SUBSCRIBING:
            return []
        if any(request.purpose is _Purpose.START for request in self._waiting()):
            return []
        self._to(State.LIVE)
        return [Live()]

    def _overdue(self, now_ms: float) -> Close | None:
        """Say what the venue owes us for too long."""
        for request, sent_ms in self._unanswered.values():
            if now_ms - sent_ms > self._limits.acknowledge_ms:
                message = request.message
                return Close(Ending.UNACKNOWLEDGED, f"{message.method} {message.id} not acknowledged")
        return Close(Ending.IDLE, "idle") if self._pulse.is_gone(now_ms) else None

    def _silent(self, now_ms: float) -> list[Action]:
        """See to the streams whose first event is overdue."""
        overdue = self._first_events.overdue(now_ms)
        if overdue is None:
            return []
        actions: list[Action] = [Silent(overdue.silent)] if overdue.silent else []
        if overdue.everything:
            return actions + self._close(Close(Ending.SILENT, "acknowledged, but nothing came"))
        self._ask(Method.UNSUBSCRIBE, overdue.again, _Purpose.AGAIN)
        self._ask(Method.SUBSCRIBE, overdue.again, _Purpose.AGAIN)
        return actions

    def _ask(self, method: Method, names: Iterable[str], purpose: _Purpose) -> None:
        messages = subscribe_messages(names, self._next_id, method=method)
        self._next_id += len(messages)
        self._unsent.extend(_Request(message, purpose) for message in messages)

    def _next_messages(self, now_ms: float) -> list[Action]:
        actions: list[Action] = []
        while self._unsent and self._state is not State.CLOSING and self._pacer.take(now_ms):
            request = self._unsent.popleft()
            self._unanswered[request.message.id] = (request, now_ms)
            actions.append(Send(request.message.text))
        return actions

    def _close(self, close: Close) -> list[Action]:
        self._to(State.CLOSING)
        return [close]

    def _to(self, state: State) -> None:
        if (self._state, state) not in _TRANSITIONS:
            msg = f"connection cannot go from {self._state} to {state}"
            raise ValueError(msg)
        self._state = state
