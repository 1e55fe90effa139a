"""Numbers about the flow, over a stretch of time that moves along: rates and percentiles."""

from __future__ import annotations

from collections import deque
from math import ceil


__all__ = ["Rate", "Sample"]


class Rate:
    """How fast a count grows.

    Args:
        over_s: the stretch that it is the average of.
    """

    __slots__ = ("_over_s", "_seen")

    def __init__(self, over_s: float) -> None:
        self._over_s = over_s
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, total: int, at_s: float) -> None:
        """Note the count; one that is smaller than before is of something else, and begins anew."""
        if self._seen and total < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((at_s, total))
        while len(self._seen) > 2 and self._seen[1][0] <= at_s - self._over_s:
            self._seen.popleft()

    def per_s(self) -> float | None:
        """Return the rate; None: it was looked at less than twice."""
        if len(self._seen) < 2:
            return None
        (began_at, first), (at_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / (at_s - began_at) if at_s > began_at else None


class Sample:
    """The last measurements of something.

    Args:
        over_s: how long each counts.
        kept: how many, at most.
    """

    __slots__ = ("_over_s", "_values")

    def __init__(self, over_s: float, kept: int) -> None:
        self._over_s = over_s
        self._values: deque[tuple[float, int]] = deque(maxlen=kept)

    def note(self, value: int, at_s: float) -> None:
        """Note a measurement."""
        self._values.append((at_s, value))

    def percentiles(self, *shares: float, at_s: float) -> list[int | None]:
        """Return, for each share, the smallest measurement that so many are not above; None: there are none."""
        while self._values and self._values[0][0] < at_s - self._over_s:
            self._values.popleft()
        ordered = sorted(value for _, value in self._values)
        if not ordered:
            return [None] * len(shares)
        return [ordered[max(0, ceil(share * len(ordered)) - 1)] for share in shares]
