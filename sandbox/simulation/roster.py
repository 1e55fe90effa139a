"""Which symbols a market has at the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["Markets", "Roster"]

Markets = Callable[[], Sequence[SymbolMarket]]
"""Says, whenever asked, whose symbols a stream of many symbols tells of."""


class Roster:
    """The symbols of one market, in the order of their first listing."""

    def __init__(self) -> None:
        self._symbols: dict[str, SymbolMarket] = {}
        self._trading: tuple[SymbolMarket, ...] = ()

    @property
    def symbols(self) -> Mapping[str, SymbolMarket]:
        """All by name, those that are delisted among them."""
        return self._symbols

    def trading(self) -> Sequence[SymbolMarket]:
        """Return those that are traded."""
        return self._trading

    def put(self, market: SymbolMarket) -> None:
        """Take in a symbol; what had its name before is history."""
        self._symbols[market.instrument.symbol] = market
        self.refresh()

    def refresh(self) -> None:
        """Take note that a symbol is traded no more."""
        self._trading = tuple(each for each in self._symbols.values() if each.delisted_us is None)
