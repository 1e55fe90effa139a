"""A trader without a mind: what it asks next depends on a seed, on prices, and on what it was answered; never on time.

It knows only what a client of the venue knows, so it can trade through the venue's own REST interface: it takes the
rules of symbols from ``exchangeInfo``, best prices from whoever drives it, and its orders from the answers that it got.
Some of what it asks is refused, as in life: orders are filled before it cancels them, stop prices are passed, and
reducing orders meet no position.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

from sandbox.simulation.accounts.robot_knowledge import Knowledge, Quote, Rules
from sandbox.simulation.accounts.robot_moves import FUTURES_MOVES, SPOT_MOVES, cancel
from sandbox.simulation.accounts.robot_situation import Ask, Situation
from schemas.markets import Market


__all__ = ["Ask", "Quote", "Robot", "Rules"]

_MOST_OPEN: Final = 30
"""Open orders of a symbol beyond which it cancels rather than adds."""


class Robot:
    """Trades for one account on one market."""

    def __init__(self, market: Market, name: str, rules: Mapping[str, Rules], seed: int) -> None:
        """Trade these symbols.

        Args:
            market: where.
            name: begins the client ids of its orders.
            rules: by symbol.
            seed: of all its choices; equal seeds, prices and answers give equal requests.
        """
        self.market = market
        self.knowledge = Knowledge()
        self._name = name
        self._rules = rules
        self._symbols = sorted(rules)
        self._random = Random(f"{seed} {market} {name}")  # noqa: S311  (a simulation, no secret)
        self._count = 0
        self._moves = SPOT_MOVES if market is Market.SPOT else FUTURES_MOVES

    def next(self, quotes: Mapping[str, Quote]) -> Ask:
        """Return the next request; `quotes` are the best prices of all its symbols, by symbol."""
        symbol = self._random.choice(self._symbols)
        self._count += 1
        situation = Situation(
            random=self._random,
            rules=self._rules[symbol],
            quote=quotes[symbol],
            standing=self.knowledge.of(symbol),
            client_id=f"{self._name}-{self._count}",
            leaning=self.knowledge.leaning(symbol),
        )
        if len(situation.standing) >= _MOST_OPEN:
            return cancel(situation)
        moves, weights = [move for move, _ in self._moves], [weight for _, weight in self._moves]
        move = self._random.choices(moves, weights)[0]
        return move(situation)

    def answered(self, ask: Ask, status: int, body: Any) -> None:
        """Take account of the answer to a request; `body` is the decoded JSON."""
        self.knowledge.learn(ask.params, ask.path, ask.method, status, body)
