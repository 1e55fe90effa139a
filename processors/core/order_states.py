"""All that is known of one order."""

from __future__ import annotations

import msgspec

from processors.core.order_fills import NO_FILLS, Fills
from processors.core.order_reports import OrderDetails, OrderKey
from processors.core.order_transitions import TERMINAL
from schemas.accounts import AccountSource
from schemas.markets import Market


__all__ = ["ListState", "OrderState", "Rank"]


class Rank(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Which of two reports about an order is the newer; compared field by field."""

    time: int
    filled_quantity: int
    status_rank: int
    working_time: int
    amended: int
    """Spot: minus the ordered quantity, which an amendment can only make smaller."""
    told_live: bool
    """Of two that agree in all above, an event counts more than an answer: answers do not tell the next two."""
    execution_rank: int
    execution_id: int

    @property
    def moment(self) -> tuple[int, ...]:
        """What events and answers tell alike."""
        return self.time, self.filled_quantity, self.status_rank, self.working_time, self.amended


class ListState(msgspec.Struct, frozen=True, array_like=True):
    """The order list that an order is a leg of."""

    time: int
    order_list_id: int
    order_list_client_id: str
    contingency_type: str
    order_list_status: str


class OrderState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All that is known of one order."""

    market: Market
    account: str
    key: OrderKey
    status: str | None = None
    """None: there are fills or links of it, and no report yet that tells where it stands."""
    rank: Rank | None = None
    """Of the report that told the status."""
    details: OrderDetails = OrderDetails()
    filled_quantity: int = 0
    """The largest that was told."""
    filled_quote: int | None = None
    """What the venue told of the quote quantity, and for which filled quantity."""
    filled_quote_at: int = -1
    average_price: int | None = None
    """The same."""
    average_price_at: int = -1
    fills: Fills = NO_FILLS
    order_list: ListState | None = None
    execution_id: int | None = None
    event_time: int | None = None
    source: AccountSource = AccountSource.STREAM
    recovered: bool = False
    irregular_count: int = 0
    """How many reports no legal life of it has."""
    last_irregular: tuple[Rank, str, str | None] | None = None
    """The last of these: its repetition is none."""
    streamed: bool = False
    """Whether an event told of it; if not, it was known from answers alone."""

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
        return self.status in TERMINAL[self.key.kind]
