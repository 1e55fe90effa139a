"""What happens when: activities on one simulated clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import Final

from sandbox.exchange.source import StreamEvent


__all__ = ["Activity", "Agenda", "Output"]

Output = list[StreamEvent]

Activity = Callable[[int, Output], int | None]
"""Does something at a moment (microseconds), adds what streams say of it, returns when to do it again; None: never."""

_TRADING: Final = 1 << 40


class Agenda:
    """Activities by the time at which they are due.

    At one moment streams speak first, in the order in which they were added, then trading happens: a trade at the
    very end of a minute belongs to the next one.
    """

    def __init__(self, now_us: int) -> None:
        self.now_us = now_us
        self.spoke_us = now_us
        """When a stream last said something."""
        self.until_us: int | None = None
        """When everything ends; None: never. It may be brought forward while things happen."""
        self._serial = count()
        self._due: list[tuple[int, int, Activity]] = []
        self._added: list[tuple[int, int, Activity]] = []

    def add(self, due_us: int, activity: Activity, *, trading: bool = False) -> None:
        """Plan an activity; allowed at any time, within activities too."""
        rank = next(self._serial)
        self._added.append((due_us, rank + _TRADING if trading else rank, activity))

    def rank(self) -> int:
        """Return a place in the order of streams that speak at one moment, for `add_ranked`."""
        return next(self._serial)

    def add_ranked(self, due_us: int, rank: int, activity: Activity) -> None:
        """Plan an activity that keeps its place, however late it is planned; one plan a moment."""
        self._added.append((due_us, rank, activity))

    def run(self, until_us: int | None) -> Iterator[Output]:
        """Do everything in its order up to a time, see `until_us`; yield, each time, what streams said.

        The list yielded is used again afterwards.
        """
        due, added = self._due, self._added
        self.until_us = until_us
        output: Output = []
        while True:
            while added:
                heappush(due, added.pop())
            if not due or (self.until_us is not None and due[0][0] > self.until_us):
                return
            now_us, rank, activity = due[0]
            self.now_us = now_us
            again_us = activity(now_us, output)
            if again_us is None:
                heappop(due)
            else:
                heapreplace(due, (again_us, rank, activity))
            if output:
                self.spoke_us = now_us
                yield output
                output.clear()
