"""The server's pings and the deadlines of their answers, without a clock."""

from __future__ import annotations

from sandbox.exchange.rules import MarketRules


__all__ = ["Keepalive"]


class Keepalive:
    """When to ping a client, and when to give it up.

    Only a pong that copies a ping's payload answers it; it answers all pings before it too. Pongs that nobody asked
    for count for nothing.
    """

    def __init__(self, rules: MarketRules, now_s: float) -> None:
        self._rules = rules
        self._next_ping_s = now_s + rules.ping_interval_s
        self._unanswered: dict[bytes, float] = {}

    @property
    def next_s(self) -> float:
        """When something is to be done next."""
        return min(self._next_ping_s, self._deadline_s)

    @property
    def _deadline_s(self) -> float:
        oldest_s = next(iter(self._unanswered.values()), None)
        return float("inf") if oldest_s is None else oldest_s + self._rules.pong_deadline_s

    def expired(self, now_s: float) -> bool:
        """Return whether a ping has gone unanswered for too long."""
        return now_s >= self._deadline_s

    def ping(self, now_s: float, payload: bytes) -> bool:
        """Return whether a ping with this payload is to be sent now; it is then waited for."""
        if now_s < self._next_ping_s:
            return False
        self._next_ping_s = now_s + self._rules.ping_interval_s
        self._unanswered[payload] = now_s
        return True

    def pong(self, payload: bytes) -> None:
        """Take in a client's pong."""
        if payload in self._unanswered:
            while next(iter(self._unanswered)) != payload:
                del self._unanswered[next(iter(self._unanswered))]
            del self._unanswered[payload]
