"""Which socket follows which: the slot of one connection plan, over all its sockets.

The venue ends every socket after 24 hours, and says so before others. A planned end loses nothing: the successor is
opened and subscribed beside the old socket, and the old one is retired only when the successor has delivered every
stream that the old one delivered since the successor is acknowledged, when the old one was read beyond that moment,
and when the two have run side by side for a while. What is quiet on both counts as covered then.

Pure: what happened goes in with its time (monotonic milliseconds), what to do comes out, in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from ingest.core.backoff import delay_s
from ingest.core.endings import Ending


__all__ = ["Advance", "Open", "Probe", "Retire", "Rotation", "RotationLimits"]

_NEVER: Final = float("inf")
_AT_ONCE: Final = frozenset({Ending.EXPIRED, Ending.TERMINATED, Ending.CLOCK})
"""What another socket sets right: the next one need not wait, the first time."""
_REFUSALS: Final = 6
"""Where a key is not taken, trying again soon is no use: it is waited as after so many failures."""


class RotationLimits(Struct, frozen=True):
    """When a socket is replaced, in milliseconds."""

    rotate_after_ms: float = _NEVER
    """So old, a socket gets a successor."""
    give_up_after_ms: float = _NEVER
    """So old, it goes even if its successor is not proven: the venue would cut it soon."""
    overlap_ms: float = 5_000
    """How long both run side by side at least."""
    proof_ms: float = 120_000
    """A successor not proven for so long is given up, and another is tried."""
    settled_ms: float = 30_000
    """A socket that was live for so long failed by accident: the next try begins with the shortest delay."""


class Open(Struct, frozen=True):
    """Open a socket; tell :meth:`Rotation.opened`, or :meth:`Rotation.closed` if it could not be."""

    number: int
    succeeds: int | None
    """The socket that it is to follow; None: there is none."""


class Probe(Struct, frozen=True):
    """Tell from now on anew which streams this socket delivers, and tell when it has answered a ping."""

    number: int


class Retire(Struct, frozen=True):
    """Close a socket, work on all that was read from it, then tell :meth:`Rotation.closed`."""

    number: int
    successor: int | None
    """Who carries its streams now; None: it is the successor itself that failed."""
    unproven: tuple[str, ...] = ()
    """Streams that the successor has not shown to carry."""
    announced: bool = False
    """The venue had said that it would close the socket."""
    reason: str = ""
    """What the proof lacked; empty: nothing."""


Advance = Open | Probe | Retire


class _Socket:
    """What is known of one socket."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.opened_ms: float | None = None
        self.live_ms: float | None = None
        self.complete = False
        self.leaving = False
        """The venue has announced its end."""
        self.outdated = False
        """It was opened with what is not to be used any more."""
        self.probed = False
        """It has answered since its successor is live: everything sent before was read."""
        self.delivered: set[str] = set()

    def age_ms(self, now_ms: float) -> float:
        return 0.0 if self.opened_ms is None else now_ms - self.opened_ms

    def live_for_ms(self, now_ms: float) -> float:
        return -1.0 if self.live_ms is None else now_ms - self.live_ms


class Rotation:
    """Decides when sockets are opened and retired; there are two at most, besides those that are on their way out.

    Args:
        limits: when.
    """

    def __init__(self, limits: RotationLimits) -> None:
        self._limits = limits
        self._current: _Socket | None = None
        self._successor: _Socket | None = None
        self._opened_count = 0
        self._failures = 0
        self._next_try_ms = -_NEVER

    @property
    def current(self) -> int | None:
        """The socket that carries the streams, or is about to."""
        return None if self._current is None else self._current.number

    @property
    def successor(self) -> int | None:
        """The socket that is to follow."""
        return None if self._successor is None else self._successor.number

    # What happens

    def opened(self, number: int, now_ms: float) -> None:
        """Take note that a socket is open."""
        if socket := self._socket(number):
            socket.opened_ms = now_ms

    def live(self, number: int, now_ms: float, *, complete: bool) -> list[Advance]:
        """Take note that everything is answered; complete: nothing was refused."""
        socket = self._socket(number)
        if socket is None:
            return []
        socket.live_ms, socket.complete = now_ms, complete
        if socket is not self._successor or self._current is None:
            return []
        self._current.delivered.clear()
        self._current.probed = False
        return [Probe(self._current.number)]

    def delivered(self, number: int, names: Iterable[str]) -> None:
        """Take note of streams that a socket delivered: each once after its opening, and once after a probe."""
        if socket := self._socket(number):
            socket.delivered.update(names)

    def answered(self, number: int) -> None:
        """Take note that a socket answered the ping of a probe."""
        if self._current is not None and self._current.number == number:
            self._current.probed = True

    def forget(self, names: Iterable[str]) -> None:
        """Take note that these streams are not wanted any more."""
        gone = set(names)
        for socket in (self._current, self._successor):
            if socket is not None:
                socket.delivered -= gone

    def renew(self, now_ms: float) -> list[Advance]:
        """Open a successor at once, and again as long as none is proven: there is another key to open it with."""
        dropped = [] if self._successor is None else [self._drop_successor(now_ms, 0.0, "opened with an old key")]
        if self._current is not None:
            self._current.outdated = True
        self._next_try_ms = now_ms
        return [*dropped]

    def shutdown_announced(self, number: int, now_ms: float) -> list[Advance]:
        """Take the venue's notice that it will close a socket: its successor is opened at once."""
        socket = self._socket(number)
        if socket is None or socket.leaving:
            return []
        socket.leaving = True
        if socket is self._successor:
            return [self._drop_successor(now_ms, 0.0, "server shutdown announced")]
        # Whether a successor that is there already is proven is for the next tick, which knows whether the two join.
        return self.tick(now_ms) if self._successor is None else []

    def closed(self, number: int, ending: Ending, now_ms: float, jitter: float) -> None:
        """Take note that a socket ended, or could not be opened.

        Args:
            number: which.
            ending: why.
            now_ms: when.
            jitter: a random number in [0, 1).
        """
        if self._successor is not None and self._successor.number == number:
            self._successor = None
            self._failed(now_ms, jitter, ending)
        elif self._current is not None and self._current.number == number:
            ended, self._current = self._current, self._successor
            self._successor = None
            if self._current is None:
                self._ended(ended, ending, now_ms, jitter)

    def tick(self, now_ms: float, *, joined: bool = True, jitter: float = 0.0) -> list[Advance]:
        """Let time pass; to be called several times a second.

        Args:
            now_ms: the time.
            joined: what the two sockets were read up to joins: nothing is missing between them.
            jitter: a random number in [0, 1).
        """
        current, successor = self._current, self._successor
        if current is None:
            if now_ms < self._next_try_ms:
                return []
            self._current = self._new()
            return [Open(self._current.number, None)]
        if successor is None:
            if not self._is_due(current, now_ms) or now_ms < self._next_try_ms:
                return []
            self._successor = self._new()
            return [Open(self._successor.number, current.number)]
        return self._prove(current, successor, now_ms, joined, jitter)

    # Decisions

    def _prove(self, current: _Socket, successor: _Socket, now_ms: float, joined: bool, jitter: float) -> list[Advance]:
        overlap_ms = successor.live_for_ms(now_ms)
        if overlap_ms < self._limits.overlap_ms:
            return []
        unproven = tuple(sorted(current.delivered - successor.delivered))
        lack = self._lack(current, successor, unproven, joined)
        if not lack or current.age_ms(now_ms) >= self._limits.give_up_after_ms:
            self._current, self._successor, self._failures = successor, None, 0
            return [Retire(current.number, successor.number, unproven, current.leaving, lack)]
        if overlap_ms >= self._limits.proof_ms or (current.complete and not successor.complete):
            return [self._drop_successor(now_ms, jitter, lack, unproven)]
        return []

    def _lack(self, current: _Socket, successor: _Socket, unproven: tuple[str, ...], joined: bool) -> str:
        """Say what the proof lacks; empty: nothing."""
        if current.complete and not successor.complete:
            return "the venue refuses it streams"
        if unproven:
            return f"streams it did not deliver: {len(unproven)}"
        if not current.probed:
            return "the old socket does not answer"
        return "" if joined else "the old socket was not read up to where it began"

    def _drop_successor(self, now_ms: float, jitter: float, reason: str, unproven: tuple[str, ...] = ()) -> Retire:
        assert self._successor is not None  # noqa: S101 - who calls it has one
        dropped, self._successor = self._successor, None
        self._failed(now_ms, jitter)
        return Retire(dropped.number, None, unproven, dropped.leaving, reason)

    def _is_due(self, current: _Socket, now_ms: float) -> bool:
        return current.opened_ms is not None and (
            current.leaving or current.outdated or current.age_ms(now_ms) >= self._limits.rotate_after_ms
        )

    def _ended(self, ended: _Socket, ending: Ending, now_ms: float, jitter: float) -> None:
        """Decide when to try again, now that there is no socket at all."""
        if ended.live_for_ms(now_ms) >= self._limits.settled_ms and ending is not Ending.SILENT:
            self._failures = 0
        first = self._failures == 0
        self._failed(now_ms, jitter, ending)
        if (ended.leaving or ending in _AT_ONCE) and first:
            # At once, but only once: a venue that lets nobody stay must not be stormed.
            self._next_try_ms = now_ms

    def _failed(self, now_ms: float, jitter: float, ending: Ending | None = None) -> None:
        if ending is Ending.REFUSED:
            # No failure of the connection, and nothing against the next one with another key.
            self._next_try_ms = now_ms + delay_s(_REFUSALS, jitter) * 1000
            return
        self._failures += 1
        self._next_try_ms = now_ms + delay_s(self._failures - 1, jitter) * 1000

    def _new(self) -> _Socket:
        self._opened_count += 1
        return _Socket(self._opened_count)

    def _socket(self, number: int) -> _Socket | None:
        return next((one for one in (self._current, self._successor) if one and one.number == number), None)
