"""One moment of an account's market, and what accounts are told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.agenda import Output
from sandbox.simulation.feed import SEND_DELAY_US
from schemas.markets import Market


__all__ = ["Moment"]

_encode: Final = msgspec.json.Encoder().encode


class Moment(Struct, eq=False):
    """What happens at one time of the engine."""

    market: Market
    now_us: int
    output: Output
    """What the streams say of it, in this order."""
    first_told: dict[int, int] = {}
    """By order id: where in `output` the order was first told of."""

    @property
    def now_ms(self) -> int:
        """When it happens."""
        return self.now_us // 1000

    @property
    def event_ms(self) -> int:
        """When it is told."""
        return (self.now_us + SEND_DELAY_US) // 1000

    def tell(self, account: str, event: Mapping[str, object]) -> None:
        """Tell an account of something."""
        self.output.append(self._event(account, event))

    def tell_of_new(self, account: str, order_id: int, event: Mapping[str, object]) -> None:
        """Tell an account of a new order."""
        self.first_told.setdefault(order_id, len(self.output))
        self.tell(account, event)

    def tell_too_early(self, account: str, order_id: int, event: Mapping[str, object]) -> None:
        """Tell something of an order before it was first told of, if that is now."""
        place = self.first_told.get(order_id)
        if place is None:
            self.tell(account, event)
            return
        self.output.insert(place, self._event(account, event))
        for each, index in self.first_told.items():
            if index >= place:
                self.first_told[each] = index + 1

    def _event(self, account: str, event: Mapping[str, object]) -> StreamEvent:
        due_ns = (self.now_us + SEND_DELAY_US) * 1000
        return StreamEvent(due_ns, self.market, str(event["e"]), _encode(event), account)
