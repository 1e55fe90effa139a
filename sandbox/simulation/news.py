"""Word that something has changed, for those who have nothing to do until then."""

from __future__ import annotations

from collections.abc import Callable


__all__ = ["News", "Waker"]

Waker = Callable[[int], None]
"""Called with the time (microseconds) at which something has changed."""


class News:
    """What those who wait for a change are told through: once each, then they must wait anew."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[Waker] = []
        """Whom the next change wakes; nothing needs to be told while it is empty."""

    def tell(self, now_us: int) -> None:
        """Wake everybody who waits."""
        waiting, self.waiting = self.waiting, []
        for wake in waiting:
            wake(now_us)
