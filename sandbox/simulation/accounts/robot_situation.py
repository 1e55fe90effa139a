"""What a robot makes one request from."""

from __future__ import annotations

from decimal import Decimal
from random import Random
from typing import Final

from msgspec import Struct

from sandbox.simulation.accounts.robot_knowledge import Quote, Rules, Standing


__all__ = ["Ask", "Params", "Situation"]

Params = dict[str, str]

_TYPICAL_VALUE: Final = Decimal(400)
"""In the quote asset; quantities are around it."""
_CONTRACTS: Final = 5
"""COIN-M: at most so many at once."""


class Ask(Struct, frozen=True):
    """One request."""

    method: str
    path: str
    """Without prefix and version."""
    params: Params
    kind: str
    """What it is, for counting: ``limit``, ``cancel``, …"""

    @property
    def places(self) -> bool:
        """Whether it is a new order, or a list of two."""
        return self.method == "POST" and self.path in {"order", "algoOrder", "orderList/oco"}


class Situation(Struct, frozen=True):
    """What one request is made from."""

    random: Random
    rules: Rules
    quote: Quote
    standing: list[Standing]
    client_id: str
    leaning: int
    """Whether more was bought or sold so far: it prefers the other side."""

    def side(self) -> str:
        """Return a side, rather the one that brings it back."""
        chance = 0.5 - 0.2 * self.leaning
        return "BUY" if self.random.random() < chance else "SELL"

    def quantity(self, price: Decimal) -> Decimal:
        """Return a quantity for a price, worth enough to be ordered."""
        if self.rules.coinm:
            return Decimal(self.random.randint(1, _CONTRACTS))
        value = _TYPICAL_VALUE * self.rules.quote_factor * Decimal(self.random.randint(1, 100)) / 40
        least = self.rules.min_notional * Decimal("1.1")
        return self.rules.up_to_step(max(value, least) / price)

    def price(self, side: str, part: Decimal, *, across: bool = False) -> Decimal:
        """Return a price at a random distance from the touch, behind it or across the spread."""
        buying = side == "BUY"
        touch = self.quote.ask if buying == across else self.quote.bid
        distance = touch * part * Decimal(self.random.randint(0, 100)) / 100
        return self.rules.to_tick(touch + distance if buying == across else touch - distance)

    def order(self, side: str, order_type: str, quantity: Decimal, **more: str) -> Params:
        """Return the parameters of an order."""
        params = {
            "symbol": self.rules.symbol,
            "side": side,
            "type": order_type,
            "quantity": f"{quantity:f}",
            "newClientOrderId": self.client_id,
            "newOrderRespType": "RESULT",
        }
        return params | more
