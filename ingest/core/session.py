"""The life of one connection as a state machine: what happened goes in, what to do comes out.

No socket, no clock, no randomness: the edge tells what it saw and when (monotonic milliseconds), and obeys the actions
in their order. Data frames are none of the session's business beyond the fact that one came.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from ingest.core.backoff import delay_s
from ingest.core.limits import Allowance
from ingest.core.outcomes import Reply
from ingest.core.pacing import Pacer
from ingest.core.plan import Subscribe, subscribe_messages


__all__ = ["Action", "Close", "Live", "Ping", "Refused", "Send", "SessionLimits", "State", "StreamSession"]


class State(StrEnum):
    """Where the connection stands."""

    DOWN = "down"
    SUBSCRIBING = "subscribing"
    """Open; not every subscription is acknowledged yet."""
    LIVE = "live"
    """Open, and everything asked for is acknowledged."""
    CLOSING = "closing"
    """Told to close; nothing more is expected."""


_TRANSITIONS: Final = frozenset(
    {
        (State.DOWN, State.SUBSCRIBING),
        (State.SUBSCRIBING, State.LIVE),
        (State.SUBSCRIBING, State.CLOSING),
        (State.LIVE, State.CLOSING),
        (State.SUBSCRIBING, State.DOWN),
        (State.LIVE, State.DOWN),
        (State.CLOSING, State.DOWN),
    }
)


class Send(Struct, frozen=True):
    """Send this text frame."""

    text: str


class Ping(Struct, frozen=True):
    """Send a ping, and report its pong as something heard."""


class Close(Struct, frozen=True):
    """Close the connection."""

    reason: str


class Live(Struct, frozen=True):
    """Take note: every subscription is acknowledged."""


class Refused(Struct, frozen=True):
    """Take note: the venue refuses these streams; the others go on."""

    names: tuple[str, ...]
    error: str


Action = Send | Ping | Close | Live | Refused


class SessionLimits(Struct, frozen=True):
    """How long is too long, in milliseconds."""

    control_messages: Allowance
    acknowledge_ms: int = 10_000
    """A SUBSCRIBE unanswered for so long ends the connection."""
    idle_ms: int = 60_000
    """Nothing heard for so long, not even a pong, ends the connection."""
    settled_ms: int = 30_000
    """A connection that was live for so long failed by accident: the next try begins with the shortest delay."""


class StreamSession:
    """One connection's subscriptions and its health, over all its reconnects.

    Args:
        names: the streams that it shall carry.
        limits: the venue's and ours.
    """

    def __init__(self, names: Sequence[str], limits: SessionLimits) -> None:
        self._names = tuple(names)
        self._limits = limits
        self._state = State.DOWN
        self._failures = 0
        self._at_once = False
        self._unsent: deque[Subscribe] = deque()
        self._unanswered: dict[int, tuple[Subscribe, float]] = {}
        self._pacer = Pacer(limits.control_messages)
        self._refused: list[str] = []
        self._heard_ms = 0.0
        self._pinged = False
        self._live_since_ms = 0.0

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._state

    @property
    def complete(self) -> bool:
        """Whether every stream asked for is acknowledged: none is missing, none was refused."""
        return self._state is State.LIVE and not self._refused

    def connected(self, now_ms: float) -> list[Action]:
        """Begin: the socket is open. Returns the first messages to send."""
        self._to(State.SUBSCRIBING)
        self._unsent = deque(subscribe_messages(self._names))
        self._unanswered = {}
        self._pacer = Pacer(self._limits.control_messages)
        self._refused = []
        self._heard_ms = now_ms
        self._pinged = False
        self._at_once = False
        return self._next_messages(now_ms)

    def heard(self, now_ms: float) -> None:
        """Take note that something came: a frame, or the pong of a ping."""
        self._heard_ms = now_ms
        self._pinged = False

    def replied(self, reply: Reply, now_ms: float) -> list[Action]:
        """Take the answer to a control message."""
        self.heard(now_ms)
        if self._state is not State.SUBSCRIBING:
            return []
        # An error about a request that the venue could not read names none: it answers in order.
        request_id = reply.id if reply.id is not None else next(iter(self._unanswered), None)
        answered = self._unanswered.pop(request_id, None) if request_id is not None else None
        if answered is None:
            return []
        actions: list[Action] = []
        if reply.error is not None:
            self._refused.extend(answered[0].names)
            actions.append(Refused(answered[0].names, reply.error))
        if not self._unanswered and not self._unsent:
            self._to(State.LIVE)
            self._live_since_ms = now_ms
            actions.append(Live())
        return actions

    def shutdown_announced(self) -> list[Action]:
        """Take the server's notice that it will close: leave now, and come back at once."""
        self._at_once = True
        return self._close("server shutdown announced")

    def tick(self, now_ms: float, *, held: bool = False) -> list[Action]:
        """Let time pass; to be called several times a second.

        Args:
            now_ms: the time.
            held: we do not read, or have not worked on what was read: nothing that is late is the venue's fault.
        """
        if self._state not in {State.SUBSCRIBING, State.LIVE}:
            return []
        if held:
            self.heard(now_ms)
        elif reason := self._overdue(now_ms):
            return self._close(reason)
        actions = self._next_messages(now_ms)
        if now_ms - self._heard_ms > self._limits.idle_ms / 2 and not self._pinged:
            self._pinged = True
            actions.append(Ping())
        return actions

    def disconnected(self, now_ms: float, jitter: float) -> float:
        """Take the end of the connection, or the failure of an attempt to open it.

        Args:
            now_ms: when.
            jitter: a random number in [0, 1).

        Returns:
            How long to wait before the next attempt, in milliseconds.
        """
        was_live = self._live_since_ms > 0 and now_ms - self._live_since_ms >= self._limits.settled_ms
        if self._state is not State.DOWN:
            self._to(State.DOWN)
        if was_live:
            self._failures = 0
        self._live_since_ms = 0.0
        if self._at_once:
            self._at_once = False
            return 0.0
        self._failures += 1
        return delay_s(self._failures - 1, jitter) * 1000

    def _overdue(self, now_ms: float) -> str | None:
        """Say what the venue owes us for too long."""
        for message, sent_ms in self._unanswered.values():
            if now_ms - sent_ms > self._limits.acknowledge_ms:
                return f"SUBSCRIBE {message.id} not acknowledged"
        return "idle" if now_ms - self._heard_ms > self._limits.idle_ms else None

    def _next_messages(self, now_ms: float) -> list[Action]:
        actions: list[Action] = []
        while self._unsent and self._pacer.take(now_ms):
            message = self._unsent.popleft()
            self._unanswered[message.id] = (message, now_ms)
            actions.append(Send(message.text))
        return actions

    def _close(self, reason: str) -> list[Action]:
        if self._state not in {State.SUBSCRIBING, State.LIVE}:
            return []
        self._to(State.CLOSING)
        return [Close(reason)]

    def _to(self, state: State) -> None:
        if (self._state, state) not in _TRANSITIONS:
            msg = f"connection cannot go from {self._state} to {state}"
            raise ValueError(msg)
        self._state = state
