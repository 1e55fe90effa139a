"""Never faster than allowed."""

from __future__ import annotations

from ingest.core.limits import Allowance


__all__ = ["Pacer"]


class Pacer:
    """A bucket of permissions that refills by the clock it is shown.

    Args:
        allowance: how many at once and per second.
    """

    def __init__(self, allowance: Allowance) -> None:
        self._burst = float(allowance.burst)
        self._per_ms = allowance.per_s / 1000
        self._left = self._burst
        self._at_ms: float | None = None

    def wait_ms(self, now_ms: float) -> float:
        """Return how long to wait for the next permission; 0 if there is one now."""
        missing = 1 - self._refilled(now_ms)
        return max(0.0, missing / self._per_ms)

    def take(self, now_ms: float) -> bool:
        """Use up one permission; False, and nothing used, if there is none."""
        self._left, self._at_ms = self._refilled(now_ms), now_ms
        # The caller who waited as long as told must not fail for a rounding error.
        if self._left < 1 - 1e-6:
            return False
        self._left = max(0.0, self._left - 1)
        return True

    def _refilled(self, now_ms: float) -> float:
        if self._at_ms is None:
            return self._left
        return min(self._burst, self._left + max(0.0, now_ms - self._at_ms) * self._per_ms)
