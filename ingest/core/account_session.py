"""The life of one socket that carries what happens to an account, as a state machine.

On spot the socket is one of the WebSocket API: what happens to the account comes after ``userDataStream.subscribe``,
on a session that an Ed25519 key has logged on, or after ``userDataStream.subscribe.signature`` with a key of any kind.
Nothing is to be kept alive, and nothing expires but the connection. On futures the listen key is in the address, and
there is nothing to ask for on the socket.

Pure as :mod:`ingest.core.session` is. Which socket follows which is decided in :mod:`ingest.core.rotation`.

Source: binance-spot-api-docs, "User Data Stream" and "Public WebSocket API for Binance" (2026-07-21).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Final

from ingest.core.account_faults import Fault, advice_for, fault_of
from ingest.core.endings import Ending
from ingest.core.outcomes import Reply
from ingest.core.pulse import Pulse
from ingest.core.secrecy import Secret
from ingest.core.session import SessionLimits, State
from ingest.core.session_actions import Action, Close, Live, Ping, SendSecret
from ingest.core.signing import KeyKind
from schemas.markets import Market


__all__ = ["AccountSession", "Request", "requests_of"]

_EXISTS: Final = -2035
"""The account is subscribed to on this connection already."""


class Request(StrEnum):
    """What is asked of the WebSocket API, by its own names."""

    LOGON = "session.logon"
    SUBSCRIBE = "userDataStream.subscribe"
    SUBSCRIBE_SIGNED = "userDataStream.subscribe.signature"

    @property
    def signed(self) -> bool:
        """Whether it bears key, time and signature."""
        return self is not Request.SUBSCRIBE


def requests_of(market: Market, kind: KeyKind) -> tuple[Request, ...]:
    """Return what is asked for on a new socket, one after the other."""
    if market.is_futures:
        return ()
    if kind is KeyKind.ED25519:
        return (Request.LOGON, Request.SUBSCRIBE)
    return (Request.SUBSCRIBE_SIGNED,)


_FAULTS: Final = {Fault.CLOCK: Ending.CLOCK, Fault.KEY: Ending.REFUSED}


class AccountSession:
    """One socket's subscription and its health.

    Args:
        requests: what is to be asked for on it, each when the one before is granted.
        compose: makes the text of a request, given its id: signed with the key and the time of the moment.
        limits: ours.
    """

    def __init__(
        self, requests: Iterable[Request], compose: Callable[[Request, int], Secret], limits: SessionLimits
    ) -> None:
        self._requests = deque(requests)
        self._compose = compose
        self._limits = limits
        self._state = State.DOWN
        self._pulse = Pulse(limits.idle_ms)
        self._last_id = 0
        self._asked: Request | None = None
        self._asked_ms = 0.0

    @property
    def state(self) -> State:
        """Where the socket stands."""
        return self._state

    @property
    def pending(self) -> frozenset[str]:
        """What was added since it began and is not acknowledged yet: nothing ever is."""
        return frozenset()

    @property
    def complete(self) -> bool:
        """Whether everything that it asked for is granted."""
        return self._state is State.LIVE

    def connected(self, now_ms: float) -> list[Action]:
        """Begin: the socket is open. Returns the first request to send."""
        self._state = State.SUBSCRIBING
        self._pulse.heard(now_ms)
        return self._next(now_ms)

    def change(self, add: Iterable[str], remove: Iterable[str], now_ms: float) -> list[Action]:
        """Do nothing: there are no single streams to add or to leave."""
        return []

    def heard(self, now_ms: float) -> None:
        """Take note that something came: a frame, or the pong of a ping."""
        self._pulse.heard(now_ms)

    def delivered(self, names: Iterable[str]) -> None:
        """Take note of event types that came; an account that does nothing delivers none, and that is no fault."""

    def replied(self, reply: Reply, now_ms: float) -> list[Action]:
        """Take the answer to a request, or an error that nobody asked for: a key is revoked."""
        self.heard(now_ms)
        if self._state not in {State.SUBSCRIBING, State.LIVE}:
            return []
        asked = self._asked if reply.id == self._last_id or reply.id is None else None
        if reply.error is not None and not (reply.code == _EXISTS and asked is not None):
            # What is about no request of ours, and no fault of the key, is nothing to us.
            is_ours = asked is not None or fault_of(reply.status, reply.code) is Fault.KEY
            return self._refused(asked, reply) if is_ours else []
        if asked is None or reply.id is None:
            return []
        self._asked = None
        return self._next(now_ms)

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
        elif self._asked is not None and now_ms - self._asked_ms > self._limits.acknowledge_ms:
            return self._close(Ending.UNACKNOWLEDGED, f"{self._asked} not answered")
        elif self._pulse.is_gone(now_ms):
            return self._close(Ending.IDLE, "idle")
        return [Ping()] if self._pulse.wants_ping(now_ms) else []

    def _next(self, now_ms: float) -> list[Action]:
        if not self._requests:
            self._state = State.LIVE
            return [Live()]
        self._last_id += 1
        self._asked, self._asked_ms = self._requests.popleft(), now_ms
        return [SendSecret(self._compose(self._asked, self._last_id))]

    def _refused(self, asked: Request | None, reply: Reply) -> list[Action]:
        fault = fault_of(reply.status, reply.code)
        what = "the venue" if asked is None else asked
        advice = f"; {advice_for(reply.code)}" if fault is Fault.KEY else ""
        return self._close(_FAULTS.get(fault, Ending.DECLINED), f"{what}: {reply.error}{advice}")

    def _close(self, ending: Ending, reason: str) -> list[Action]:
        self._state = State.CLOSING
        return [Close(ending, reason)]
