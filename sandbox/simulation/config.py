"""What is simulated."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from sandbox.simulation.assets import ASSETS, QUOTE_ASSETS, contract_base
from sandbox.simulation.intervals import INTERVALS
from schemas.markets import Market


__all__ = ["DEFAULT_STREAMS", "DEFAULT_SYMBOLS", "SimulationConfig", "universe"]

DEFAULT_SYMBOLS: Mapping[Market, tuple[str, ...]] = {
    Market.SPOT: ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "PEPEUSDT", "ETHBTC", "NKNUSDT"),
    Market.USDM: ("BTCUSDT", "ETHUSDT", "1000PEPEUSDT"),
    Market.COINM: ("BTCUSD_PERP", "ETHUSD_PERP"),
}
"""Different scales of price and activity; NKNUSDT has minutes without a trade."""

DEFAULT_STREAMS = (
    "trade",
    "aggTrade",
    "bookTicker",
    "depth@100ms",
    "depth20@100ms",
    "kline_1m",
    "miniTicker",
    "ticker",
    "markPrice@1s",
    "forceOrder",
    "!miniTicker@arr",
    "!ticker@arr",
    "!markPrice@arr@1s",
)
"""Stream names without the symbol; a market leaves out what it does not have."""


class SimulationConfig(Struct, frozen=True, kw_only=True):
    """What is simulated; equal configurations give equal bytes."""

    symbols: Mapping[Market, tuple[str, ...]] = field(default_factory=lambda: dict(DEFAULT_SYMBOLS))
    """Symbols of each market; a market left out does not exist."""
    seed: int = 1
    """Seed of all random numbers."""
    start_ms: int = 1_793_577_600_000
    """First moment, milliseconds since the epoch, UTC (2026-11-02T00:00:00Z)."""
    duration_s: float | None = 60.0
    """How long there is trading, in simulated seconds; None: for ever."""
    activity: float = 1.0
    """Factor on every symbol's rate of orders and cancellations."""
    depth_levels: int = 500
    """Price levels on each side of each book, about."""
    second_klines: bool = False
    """Whether spot has klines of one second too."""
    streams: tuple[str, ...] = DEFAULT_STREAMS
    """What is produced as long as nobody says which streams are wanted, as stream names without the symbol."""
    trades_kept: int = 100_000
    """Trades, and aggregate trades, that REST remembers, per symbol."""
    minutes_kept: int = 20_160
    """Klines of one minute that REST remembers, per symbol (14 days)."""

    def __post_init__(self) -> None:
        """Refuse what cannot be simulated.

        Raises:
            ValueError: naming the field.
        """
        problem = self._problem()
        if problem:
            raise ValueError(problem)

    def _problem(self) -> str | None:
        checks = (
            (any(self.symbols.values()), "symbols: there are none"),
            (
                all(len(set(symbols)) == len(symbols) for symbols in self.symbols.values()),
                "symbols: one is named twice",
            ),
            (self.start_ms >= 0, "start_ms: before 1970"),
            (self.duration_s is None or self.duration_s > 0, "duration_s: not positive"),
            (self.activity > 0, "activity: not positive"),
            (20 <= self.depth_levels <= 10_000, "depth_levels: outside 20 to 10000"),
            (
                min(self.trades_kept, self.minutes_kept) >= 1_500,
                "trades_kept, minutes_kept: below 1500, which one request may ask for",
            ),
        )
        return next((message for fine, message in checks if not fine), None)

    def kline_intervals(self, market: Market) -> tuple[str, ...]:
        """Return the kline intervals that a market has; ``1s`` exists on spot alone."""
        seconds = market is Market.SPOT and self.second_klines
        return tuple(name for name in INTERVALS if name != "1s" or seconds)


def universe(count: int) -> dict[Market, tuple[str, ...]]:
    """Return about a market of `count` symbols: six tenths spot, three tenths USD-M, the rest COIN-M.

    The most traded assets come first; after the real ones there are invented ones.
    """
    usdm, coinm = count * 3 // 10, count // 10
    names = [name for name in ASSETS if name not in QUOTE_ASSETS or name in {"BTC", "ETH", "BNB"}]
    names += [f"COIN{number}" for number in range(1, count + 1)]
    return {
        Market.SPOT: tuple(f"{name}USDT" for name in names[: count - usdm - coinm]),
        Market.USDM: tuple(f"{contract_base(name)}USDT" for name in names[:usdm]),
        Market.COINM: tuple(f"{name}USD_PERP" for name in names[:coinm]),
    }
