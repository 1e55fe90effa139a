"""The simulated venue as a source for an exchange server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sandbox.exchange.source import RestReply, StreamEvent, error_reply
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.feed import SEND_DELAY_US
from sandbox.simulation.rest.requests import Request
from sandbox.simulation.rest.router import answer
from sandbox.simulation.venue import Venue
from schemas.markets import Market


__all__ = ["SimulatedSource"]


class SimulatedSource:
    """A `Source` of simulated markets, deterministic for a configuration.

    The market is computed up to the event that was yielded last; the clock is that of the last event passed.
    """

    def __init__(self, config: SimulationConfig) -> None:
        """Open the markets.

        Raises:
            ValueError: a symbol is not of its market's form.
        """
        self.config = config
        self.venue = Venue(config)
        self._clock_ms = config.start_ms

    def streams(self, market: Market) -> frozenset[str]:
        """Return the names of all streams that can be produced; see `set_demand` for which of them are."""
        return self.venue.catalogue.names(market)

    def set_demand(self, streams: frozenset[tuple[Market, str]]) -> None:
        """Produce these streams and no others from now on.

        Until this is called, those of `SimulationConfig.streams` are produced, of all symbols. It changes what is
        told, never the market. A depth stream that comes late begins with its next whole period.
        """
        self.venue.demand(streams)

    def events(self) -> Iterator[StreamEvent]:
        """Yield what the streams say, in order of time, without end if the configuration has none."""
        for event in self.venue.run():
            yield event
            self._clock_ms = max(self._clock_ms, event.due_ns // 1_000_000)
        self._clock_ms = max(self._clock_ms, (self.venue.now_us + SEND_DELAY_US) // 1000)

    def clock_ms(self) -> int:
        """Return the venue's clock."""
        return self._clock_ms

    def advance_clock(self, to_ms: int) -> None:
        """Move the clock on to `to_ms`; never back."""
        self._clock_ms = max(self._clock_ms, to_ms)

    def rest(self, market: Market, path: str, params: Mapping[str, str]) -> RestReply:
        """Answer a GET request; see `sandbox.exchange.source.Source.rest`."""
        symbols = self.venue.markets.get(market)
        if not symbols:
            return error_reply(404, -5000, f"Path {path}, Method GET is invalid")
        now_us = self.venue.now_us
        if self.venue.ended:
            now_us = max(now_us, self._clock_ms * 1000 - SEND_DELAY_US)
        request = Request(
            market=market, params=params, symbols=symbols, now_us=now_us, clock_ms=max(self._clock_ms, now_us // 1000)
        )
        return answer(path, request)
