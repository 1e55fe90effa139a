"""Which streams of a market have delivered, and which ought to have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Set

from structlog.stdlib import BoundLogger

from ingest.core.deadlines import READY_WITHIN_MS, first_event_ms
from ingest.core.plan import ConnectionPlan
from ingest.core.silence import TRADING, Cause, likely_cause
from ingest.core.streams import Stream, parse
from ingest.metrics import Metrics
from schemas.markets import Market


__all__ = ["StreamWatch"]


class StreamWatch:
    """Keeps who has delivered, over all sockets, and tells who is silent: once, until it speaks.

    Args:
        market: which.
        plans: the connections.
        status: whether a symbol trades, in the venue's word; empty: not listed; None: not known.
        metrics: shows how many are silent.
        log: is told.
    """

    def __init__(
        self,
        market: Market,
        plans: Iterable[ConnectionPlan],
        status: Callable[[str], str | None],
        *,
        metrics: Metrics,
        log: BoundLogger,
    ) -> None:
        self._market = market
        self._status = status
        self._metrics = metrics
        self._log = log
        self._awaited: dict[str, set[str]] = {}
        """Per connection, the streams without which it is not ready."""
        self._delivered: defaultdict[str, set[str]] = defaultdict(set)
        self._silent: defaultdict[str, set[str]] = defaultdict(set)
        self._given_up: defaultdict[str, set[str]] = defaultdict(set)
        """Of the silent ones, those that no other process would get either."""
        for plan in plans:
            self.expect(plan)

    def expect(self, plan: ConnectionPlan) -> None:
        """Take note of what a connection is to carry, now or from now on."""
        names = {stream.name for stream in plan.streams}
        self._delivered[plan.label] &= names
        self._silent[plan.label] &= names
        self._awaited[plan.label] = {
            stream.name
            for stream in plan.streams
            if (deadline_ms := first_event_ms(stream)) is not None and deadline_ms <= READY_WITHIN_MS
        } - self._delivered[plan.label]
        self._awaited[plan.label] -= self._given_up[plan.label]
        self._show(plan.label)

    def missing(self, label: str) -> int:
        """Return how many streams of a connection must deliver before it does what it is for."""
        return sum(not self.excused(name) for name in self._awaited.get(label, ()))

    def deadline_ms(self, name: str) -> float | None:
        """Return how long after its acknowledgement a stream may keep silent; None: for ever."""
        stream = parse(self._market, name)
        return None if stream is None else first_event_ms(stream)

    def excused(self, name: str) -> bool:
        """Return whether it is known why a stream is silent."""
        stream = parse(self._market, name)
        return stream is not None and stream.symbol is not None and self._status(stream.symbol) not in {None, TRADING}

    def delivered(self, label: str, names: Iterable[str]) -> None:
        """Take note of the first frames of streams."""
        names = set(names)
        self._delivered[label] |= names
        self._awaited[label] -= names
        self._given_up[label] -= names
        if spoke := self._silent[label] & names:
            self._silent[label] -= spoke
            self._show(label)
            self._log.info("silent streams deliver after all", connection=label, streams=sorted(spoke))

    def silent(self, label: str, names: Iterable[str]) -> None:
        """Say which streams are silent, and why they likely are."""
        new = [stream for name in names if name not in self._silent[label] and (stream := parse(self._market, name))]
        by_cause: defaultdict[Cause, list[str]] = defaultdict(list)
        speaking = self._speaking() if new else frozenset()
        for stream in new:
            by_cause[self._cause(label, stream, speaking)].append(stream.name)
        for cause, silent in by_cause.items():
            self._silent[label].update(silent)
            if cause.of_the_symbol:
                self._given_up[label].update(silent)
                self._awaited[label].difference_update(silent)
            self._log.error("acknowledged, but silent", connection=label, streams=silent, reason=cause.value)
        self._show(label)

    def _cause(self, label: str, stream: Stream, speaking: Set[str]) -> Cause:
        status = None if stream.symbol is None else self._status(stream.symbol)
        return likely_cause(
            stream,
            status,
            connection_speaks=bool(self._delivered[label]),
            symbol_speaks=stream.symbol in speaking,
        )

    def _speaking(self) -> frozenset[str]:
        """Return the symbols of which anything was delivered."""
        delivered = (parse(self._market, name) for names in self._delivered.values() for name in names)
        return frozenset(one.symbol for one in delivered if one is not None and one.symbol is not None)

    def _show(self, label: str) -> None:
        self._metrics.silent_streams.labels(label).set(len(self._silent[label]))
