"""What an order would meet in the book if it came now."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sandbox.simulation.accounts.amounts import value_units
from sandbox.simulation.accounts.orders import Terms
from sandbox.simulation.engine import Order
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["Sight"]


class Sight:
    """Looks, and changes nothing."""

    def __init__(self, market: Callable[[str], SymbolMarket | None]) -> None:
        """Take how to find a symbol's market."""
        self._market = market

    def reachable(self, account: str, terms: Terms) -> Iterator[Order]:
        """Yield the orders that an order of an account could trade with, in their line."""
        market = self._market(terms.instrument.symbol)
        if market is None:
            return
        for each in market.engine.side(terms.side.opposite).until(terms.limit):
            if each.owner == account and terms.prevention != "NONE":
                if terms.prevention != "EXPIRE_MAKER":
                    return
                continue
            yield each

    def available(self, account: str, terms: Terms, wanted: int) -> int:
        """Return how much could trade at once, at most what is wanted: own orders are in the way, or step aside."""
        found = 0
        for each in self.reachable(account, terms):
            found += each.remaining
            if found >= wanted:
                return wanted
        return found

    def cost(self, account: str, terms: Terms) -> int:
        """Return what it would cost now to trade the quantity, or as much of it as there is, in units."""
        cost, left = 0, terms.quantity
        for each in self.reachable(account, terms):
            taken = min(left, each.remaining)
            cost += value_units(terms.instrument, each.price or 0, taken)
            left -= taken
            if not left:
                break
        return cost

    def steps_for(self, account: str, terms: Terms, value: int) -> int:
        """Return how many steps can be traded now for a value."""
        steps = 0
        for each in self.reachable(account, terms):
            one = value_units(terms.instrument, each.price or 0, 1)
            taken = min(each.remaining, value // one)
            steps += taken
            value -= taken * one
            if taken < each.remaining:
                break
        return steps

    def would_match(self, terms: Terms) -> bool:
        """Return whether anything stands in the way of a maker, an order of its own account too."""
        market = self._market(terms.instrument.symbol)
        if market is None:
            return False
        return next(market.engine.side(terms.side.opposite).until(terms.limit), None) is not None
