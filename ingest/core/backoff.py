"""How long to wait before trying again."""

from __future__ import annotations

from collections.abc import Callable, Iterator


__all__ = ["backoff", "delay_s"]


def delay_s(attempt: int, jitter: float, *, initial_s: float = 1.0, ceiling_s: float = 60.0) -> float:
    """Return the delay before the next try: 1, 2, 4 … s up to a ceiling, spread so that not all come at once.

    Args:
        attempt: tries that failed before this one, from 0.
        jitter: a random number in [0, 1): the delay is cut by up to a quarter of it.
        initial_s: the first delay.
        ceiling_s: the longest.
    """
    whole = min(ceiling_s, initial_s * 2.0 ** min(attempt, 32))
    return whole * (1 - 0.25 * jitter)


def backoff(random: Callable[[], float], *, initial_s: float = 1.0, ceiling_s: float = 60.0) -> Iterator[float]:
    """Yield the delays of one series of tries, without end."""
    attempt = 0
    while True:
        yield delay_s(attempt, random(), initial_s=initial_s, ceiling_s=ceiling_s)
        attempt += 1
