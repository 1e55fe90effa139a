"""One run of the simulated venue with every stream of every symbol, kept for many questions."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market


REST_PREFIX = {Market.SPOT: "/api/v3/", Market.USDM: "/fapi/v1/", Market.COINM: "/dapi/v1/"}

CONFIG = SimulationConfig(
    symbols={
        Market.SPOT: ("BTCUSDT", "PEPEUSDT", "ETHBTC", "NKNUSDT"),
        Market.USDM: ("BTCUSDT", "ETHUSDT_261225"),
        Market.COINM: ("BTCUSD_PERP", "ETHUSD_261225"),
    },
    seed=11,
    start_ms=1_793_577_630_000,
    duration_s=100.0,
    depth_levels=60,
    second_klines=True,
)
"""It begins in the middle of a minute and contains one whole minute."""


class Run:
    """What the streams said, and snapshots that were taken while they did."""

    def __init__(self, config: SimulationConfig) -> None:
        self.source = SimulatedSource(config)
        self.source.set_demand(
            frozenset((market, stream) for market in Market for stream in self.source.streams(market))
        )
        self.events: list[StreamEvent] = []
        self.snapshots: dict[tuple[Market, str], tuple[int, dict[str, Any]]] = {}
        """By market and symbol: how many events came before it, and the snapshot."""
        for event in self.source.events():
            self.events.append(event)
            if len(self.events) == 20_000:
                self._take_snapshots()
        assert self.snapshots

    def _take_snapshots(self) -> None:
        for market, symbol in self.symbols():
            self.snapshots[(market, symbol)] = (
                len(self.events),
                self.rest(market, "depth", symbol=symbol, limit="1000"),
            )

    def symbols(self) -> list[tuple[Market, str]]:
        return [(market, symbol) for market, symbols in self.source.config.symbols.items() for symbol in symbols]

    def of(self, market: Market, stream: str) -> list[dict[str, Any]]:
        """Return the payloads of one stream."""
        return [
            msgspec.json.decode(event.data)
            for event in self.events
            if event.stream == stream and event.market is market
        ]

    def rest(self, market: Market, endpoint: str, **params: str) -> Any:
        """Return what a request is answered."""
        reply = self.source.rest(market, REST_PREFIX[market] + endpoint, params)
        return msgspec.json.decode(reply.body)


@pytest.fixture(scope="session")
def run() -> Run:
    """The run."""
    return Run(CONFIG)
