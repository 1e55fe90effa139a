"""What ingest needs of the venue's answers about orders and fills: ids, and whether an order is open.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21); derivatives documentation, "Trade"
(2026-05-28), "New Algo Order" (2025-12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from ingest.core.account_endpoints import Asked


__all__ = ["Item", "is_list", "read_items", "symbols_of_event"]

_TERMINAL: Final = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH"})
_ALGO_TERMINAL: Final = frozenset({"FINISHED", "CANCELED", "REJECTED", "EXPIRED"})


class Item(Struct, frozen=True):
    """One order or fill of an answer."""

    symbol: str
    item_id: int
    is_open: bool = False
    """Of an order: whether anything more can happen to it. A status that nobody knows may be one in which it can."""


class _Order(Struct, frozen=True):
    symbol: str
    order_id: int = field(name="orderId")
    status: str


class _Algo(Struct, frozen=True):
    symbol: str
    algo_id: int = field(name="algoId")
    status: str = field(name="algoStatus")


class _Fill(Struct, frozen=True):
    symbol: str
    trade_id: int = field(name="id")


class _Within(Struct, frozen=True):
    s: str = ""


class _Account(Struct, frozen=True):
    positions: tuple[_Within, ...] = field(name="P", default=())


class _Event(Struct, frozen=True):
    # One letter means different things in different events: `o` is an order, or the type of one.
    s: str = ""
    order: _Within | str | int | float | bool | None = field(name="o", default=None)
    rejected: _Within | str | int | float | bool | None = field(name="or", default=None)
    account: _Account | str | int | float | bool | None = field(name="a", default=None)


def _orders(body: bytes) -> list[Item]:
    return [Item(one.symbol, one.order_id, one.status not in _TERMINAL) for one in _decode_orders(body)]


def _algos(body: bytes) -> list[Item]:
    return [Item(one.symbol, one.algo_id, one.status not in _ALGO_TERMINAL) for one in _decode_algos(body)]


def _fills(body: bytes) -> list[Item]:
    return [Item(one.symbol, one.trade_id) for one in _decode_fills(body)]


_decode_orders: Final = msgspec.json.Decoder(list[_Order]).decode
_decode_algos: Final = msgspec.json.Decoder(list[_Algo]).decode
_decode_fills: Final = msgspec.json.Decoder(list[_Fill]).decode
_decode_any: Final = msgspec.json.Decoder(Any).decode
_decode_event: Final = msgspec.json.Decoder(_Event).decode
_READERS: Final[Mapping[Asked, Callable[[bytes], list[Item]]]] = {
    Asked.OPEN_ORDERS: _orders,
    Asked.ORDERS: _orders,
    Asked.OPEN_ALGOS: _algos,
    Asked.ALGOS: _algos,
    Asked.FILLS: _fills,
}


def is_list(asked: Asked) -> bool:
    """Return whether an answer is a list of orders or fills."""
    return asked in _READERS


def read_items(asked: Asked, body: bytes) -> Sequence[Item]:
    """Return what an answer lists; of other answers nothing, but that they are JSON is looked at.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no answer to this question.
    """
    if (reader := _READERS.get(asked)) is not None:
        return reader(body)
    _decode_any(body)
    return ()


def symbols_of_event(event: bytes) -> frozenset[str]:
    """Return the symbols that an event about an account names; of something strange, none."""
    try:
        read = _decode_event(event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    named = {read.s}
    named.update(one.s for one in (read.order, read.rejected) if isinstance(one, _Within))
    if isinstance(read.account, _Account):
        named.update(position.s for position in read.account.positions)
    return frozenset(named - {""})
