"""Orders of accounts: their terms, how far they have come, and where to find them."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from msgspec import Struct

from sandbox.simulation.accounts.ledger import Lock
from sandbox.simulation.engine import Side
from sandbox.simulation.instruments import Instrument


__all__ = [
    "OPEN",
    "AccountOrder",
    "FillRecord",
    "OrderFile",
    "OrderList",
    "Prevention",
    "Status",
    "Terms",
]


class Status(StrEnum):
    """Where an order stands."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


OPEN: Final = frozenset({Status.NEW, Status.PARTIALLY_FILLED})
_RESTLESS: Final = frozenset({"MARKET", "STOP_LOSS", "TAKE_PROFIT"})
"""Spot types without a price; of the futures' ones only MARKET reaches the engine."""


class Terms(Struct, frozen=True, kw_only=True):
    """What was ordered."""

    instrument: Instrument
    client_id: str
    side: Side
    order_type: str
    time_in_force: str = "GTC"
    quantity: int = 0
    """In steps."""
    price: int = 0
    """In ticks; 0: any."""
    stop_price: int = 0
    """In ticks; 0: it is no conditional order."""
    quote_quantity: int = 0
    """Spot, market orders: the value that was ordered, in units; 0: a quantity was."""
    prevention: str = "EXPIRE_MAKER"
    """What happens where it meets an order of its own account."""
    position_side: str = "BOTH"
    reduce_only: bool = False
    close_position: bool = False
    price_protect: bool = False
    working_type: str = "CONTRACT_PRICE"
    good_till_ms: int = 0
    activation_price: int = 0
    """Of a trailing stop, in ticks: from there on it follows the price; 0: from the start."""
    callback: int = 0
    """Of a trailing stop, in hundredths of a percent: so far the price has to come back."""
    original_type: str = ""
    """Futures: the type of the conditional order that it comes from; its own by default."""

    @property
    def limit(self) -> int | None:
        """The worst price, None where any will do."""
        return self.price or None

    @property
    def rests(self) -> bool:
        """Whether what does not trade at once stays in the book."""
        return self.order_type not in _RESTLESS and self.time_in_force not in {"IOC", "FOK"}

    @property
    def post_only(self) -> bool:
        """Whether it is to be a maker or nothing."""
        return self.order_type == "LIMIT_MAKER" or self.time_in_force == "GTX"


class FillRecord(Struct, frozen=True, kw_only=True):
    """One trade of an order."""

    trade_id: int
    price: int
    quantity: int
    value: int
    """In units of the quote asset; COIN-M: of the base asset."""
    maker: bool
    commission: int
    commission_asset: str
    time_ms: int
    realized: int = 0
    """Futures: what the position earned by it, in units."""


class Prevention(Struct, frozen=True):
    """A trade of an account with itself that did not happen."""

    match_id: int
    quantity: int
    price: int
    counter_order_id: int
    group_id: int


class OrderList(Struct, eq=False):
    """Two orders of which one cancels the other."""

    list_id: int
    client_id: str
    instrument: Instrument
    created_ms: int
    legs: list[AccountOrder]
    done: bool = False
    kind: str = "OCO"


class AccountOrder(Struct, eq=False, kw_only=True):
    """One order and how far it has come; the desk that took it changes it."""

    account: str
    order_id: int
    terms: Terms
    created_ms: int
    update_ms: int
    status: Status = Status.NEW
    filled: int = 0
    """In steps."""
    value: int = 0
    """Of all fills, in units."""
    fills: list[FillRecord]
    working_ms: int = -1
    """When it went to work in the book; -1: it waits for its stop price."""
    expiry: str = ""
    """Why it expired, in the venue's word or number."""
    order_list: OrderList | None = None
    lock: Lock | None = None
    """Spot: what is set aside for it."""
    engine_id: int | None = None
    """Its number in the matching engine while it stands there."""
    algo_id: int = 0
    """Futures: the conditional order that it comes from; 0: none."""
    prevention: Prevention | None = None
    prevented: int = 0
    """Quantity that was not traded with itself, in steps."""

    @property
    def open(self) -> bool:
        """Whether it may still trade."""
        return self.status in OPEN

    @property
    def remaining(self) -> int:
        """What is not filled, in steps."""
        return self.terms.quantity - self.filled

    @property
    def waiting(self) -> bool:
        """Whether it waits for its stop price."""
        return self.open and self.working_ms < 0

    def add(self, fill: FillRecord) -> None:
        """Take account of a fill.

        Raises:
            ValueError: it is more than remains.
        """
        if fill.quantity > self.remaining or not self.open:
            msg = f"order {self.order_id}: a fill of {fill.quantity} where {self.remaining} remain ({self.status})"
            raise ValueError(msg)
        self.fills.append(fill)
        self.filled += fill.quantity
        self.value += fill.value
        self.update_ms = fill.time_ms
        self.status = Status.PARTIALLY_FILLED if self.remaining else Status.FILLED


class OrderFile:
    """All orders of one account on one market, the finished ones too."""

    def __init__(self) -> None:
        self._orders: dict[int, AccountOrder] = {}
        self._open: dict[int, AccountOrder] = {}
        self._by_client_id: dict[tuple[str, str], AccountOrder] = {}
        self._by_symbol: dict[str, list[AccountOrder]] = {}
        self._fills: dict[str, list[tuple[AccountOrder, FillRecord]]] = {}
        self.lists: dict[int, OrderList] = {}

    def put(self, order: AccountOrder) -> None:
        """Keep a new order."""
        symbol = order.terms.instrument.symbol
        self._orders[order.order_id] = self._open[order.order_id] = order
        self._by_client_id[symbol, order.terms.client_id] = order
        self._by_symbol.setdefault(symbol, []).append(order)

    def rename(self, order: AccountOrder) -> None:
        """Find an order by its new client id from now on."""
        self._by_client_id[order.terms.instrument.symbol, order.terms.client_id] = order

    def add(self, order: AccountOrder, fill: FillRecord) -> None:
        """Take account of a fill of an order."""
        order.add(fill)
        self._fills.setdefault(order.terms.instrument.symbol, []).append((order, fill))
        self._sort_out(order)

    def end(self, order: AccountOrder, status: Status, now_ms: int, expiry: str = "") -> None:
        """Let an open order be over."""
        order.status, order.update_ms, order.expiry = status, now_ms, expiry
        self._sort_out(order)

    def _sort_out(self, order: AccountOrder) -> None:
        if not order.open:
            self._open.pop(order.order_id, None)

    def find(self, symbol: str, order_id: int | None, client_id: str | None) -> AccountOrder | None:
        """Return an order by its id, which goes first, or by the client's id: the last one of that name."""
        if order_id is None:
            return self._by_client_id.get((symbol, client_id or ""))
        order = self._orders.get(order_id)
        if order is None or order.terms.instrument.symbol != symbol:
            return None
        return order if client_id is None or client_id == order.terms.client_id else None

    def open(self, symbol: str | None = None) -> list[AccountOrder]:
        """Return the open orders, oldest first."""
        return [each for each in self._open.values() if symbol in {None, each.terms.instrument.symbol}]

    def of(self, symbol: str) -> list[AccountOrder]:
        """Return all orders of a symbol, oldest first."""
        return self._by_symbol.get(symbol, [])

    def all(self) -> Iterator[AccountOrder]:
        """Return all orders, oldest first."""
        return iter(self._orders.values())

    def fills(self, symbol: str) -> list[tuple[AccountOrder, FillRecord]]:
        """Return all trades of a symbol, oldest first."""
        return self._fills.get(symbol, [])
