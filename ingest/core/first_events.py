"""Streams that are acknowledged and have not said anything yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct


__all__ = ["FirstEvents", "Overdue"]

_NEVER: Final = float("inf")


class Overdue(Struct, frozen=True):
    """Streams whose first event is overdue."""

    everything: bool = False
    """Nothing at all came over the connection."""
    again: tuple[str, ...] = ()
    """To be subscribed to once more."""
    silent: tuple[str, ...] = ()
    """To be reported: asking again did not help, or cannot help."""


class FirstEvents:
    """Waits for the first event of every stream of one socket that must have one.

    Args:
        deadline_ms: how long after its acknowledgement a stream may keep silent; None: for ever.
        excused: whether it is known why a stream is silent: asking again would not help.
    """

    def __init__(self, deadline_ms: Callable[[str], float | None], excused: Callable[[str], bool]) -> None:
        self._deadline_ms = deadline_ms
        self._excused = excused
        self._due_ms: dict[str, float] = {}
        self._asked_again: set[str] = set()
        self._came: set[str] = set()
        self._next_ms = _NEVER

    def acknowledged(self, names: Iterable[str], now_ms: float) -> None:
        """Begin to wait for these streams."""
        for name in names:
            deadline_ms = self._deadline_ms(name)
            if deadline_ms is not None and name not in self._came:
                self._due_ms[name] = now_ms + deadline_ms
                self._next_ms = min(self._next_ms, now_ms + deadline_ms)

    def came(self, names: Iterable[str]) -> None:
        """Take note of streams that delivered."""
        for name in names:
            self._came.add(name)
            self._due_ms.pop(name, None)

    def forget(self, names: Iterable[str]) -> None:
        """Wait no more for streams that nobody wants any more."""
        for name in names:
            self._asked_again.discard(name)
            self._came.discard(name)
            self._due_ms.pop(name, None)

    def postpone(self, now_ms: float) -> None:
        """Give everything its whole time again: what is late is not the venue's fault."""
        self.acknowledged(tuple(self._due_ms), now_ms)

    def overdue(self, now_ms: float) -> Overdue | None:
        """Return what is overdue now; every stream is reported once."""
        if now_ms < self._next_ms:
            return None
        late = [name for name, due_ms in self._due_ms.items() if due_ms <= now_ms]
        excused = {name for name in late if self._excused(name)}
        everything = not self._came and len(excused) < len(late)
        again = () if everything else tuple(one for one in late if one not in excused | self._asked_again)
        silent = tuple(name for name in late if name not in again)
        for name in late:
            del self._due_ms[name]
        self._asked_again.update(again)
        self._next_ms = min(self._due_ms.values(), default=_NEVER)
        return Overdue(everything, again, silent) if late else None
