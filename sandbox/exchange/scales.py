"""The weight that addresses use, on the clock of the rules; over REST and the WebSocket APIs together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sandbox.exchange.faults.rest import refusal
from sandbox.exchange.limits import LIMITS, Granted, Pool, Refused, WeightLimits, pool_of
from sandbox.exchange.source import RestReply
from schemas.markets import Market


__all__ = ["Scales"]


class Scales:
    """Weighs requests.

    Args:
        limits: Weight per minute by pool, where it is not the venue's.
        clock: A monotonic clock, seconds.
        time_factor: How many times as fast the clock of the rules runs.
    """

    def __init__(self, limits: Mapping[Pool, int], clock: Callable[[], float], time_factor: float) -> None:
        self._limits = LIMITS | dict(limits)
        self._weights = WeightLimits(self._limits)
        self._clock = clock
        self._time_factor = time_factor

    def now_s(self) -> float:
        """Return the time by the clock of the rules."""
        return self._clock() * self._time_factor

    def client_seconds(self, seconds: float) -> float:
        """Return how long a time of the clock of the rules is by the client's."""
        return seconds / self._time_factor

    def limit(self, market: Market) -> int:
        """Return the weight per minute."""
        return self._limits[pool_of(market)]

    def weigh(self, address: str, market: Market, weight: int) -> Granted | Refused:
        """Count a request and return whether it is to be answered."""
        return self._weights.request(address, pool_of(market), weight, self.now_s())

    def give_back(self, address: str, market: Market, weight: int) -> int:
        """Count a request no more; return the weight used in this minute."""
        return self._weights.give_back(address, pool_of(market), weight, self.now_s())

    def refusal(self, market: Market, verdict: Refused, venue_ms: int) -> RestReply:
        """Return the answer to a request that is too much."""
        wait_s = verdict.retry_after_s / self._time_factor
        return refusal(market, wait_s, venue_ms, self.limit(market), banned=verdict.banned)

    def ban(self, address: str, market: Market, seconds: float) -> None:
        """Ban an address, whatever it did, for seconds of the client's clock."""
        self._weights.ban(address, pool_of(market), seconds * self._time_factor, self.now_s())
