"""What an exchange produced, written down at its source."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

from sandbox.exchange.source import RestReply, StreamEvent
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market


__all__ = ["Witness"]


class Witness:
    """A simulated market that notes every trade that was sent.

    Args:
        config: what is simulated.
    """

    def __init__(self, config: SimulationConfig) -> None:
        self._source = SimulatedSource(config)
        self.trades: defaultdict[str, list[int]] = defaultdict(list)
        """Trade ids by symbol."""

    def streams(self, market: Market) -> frozenset[str]:
        return self._source.streams(market)

    def events(self) -> Iterator[StreamEvent]:
        for event in self._source.events():
            yield event
            # Who asks for the next one has sent this one; the last one of a server that is stopped stays unsent.
            if event.stream.endswith("@trade"):
                trade = json.loads(event.data)
                self.trades[trade["s"]].append(trade["t"])

    def clock_ms(self) -> int:
        return self._source.clock_ms()

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        return self._source.rest(market, path, params)

    def advance_clock(self, to_ms: int) -> None:
        self._source.advance_clock(to_ms)

    def set_demand(self, streams: frozenset[tuple[Market, str]]) -> None:
        self._source.set_demand(streams)
