"""What recorded events say, in plain numbers; read here by code that shares nothing with the pipeline's.

Sources: reference "Spot events", "USD-M user data", "COIN-M user data".
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.shapes import SHAPES
from schemas.markets import Market


__all__ = [
    "ALGO",
    "TERMINAL",
    "Fields",
    "Fill",
    "OrderId",
    "OrderReport",
    "UnreadableEventError",
    "decode_event",
    "fill_of",
    "is_triggered",
    "number",
    "order_of",
    "report_of",
]

ALGO: Final = "algo"
REGULAR: Final = "regular"
TERMINAL: Final = frozenset({"FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH", "FINISHED"})
_FILLING: Final = frozenset({"TRADE", "CALCULATED"})
"""Execution types of a fill; CALCULATED is a liquidation's, and may come without one."""
_CONDITIONAL: Final = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
"""Types of futures orders that wait for a price; where these are no algo orders, they go on as another type."""
_ALLOCATIONS_BELOW: Final = -(2**62)
"""What smart order routing allots is no trade: its ids rise as well, and are here below those of trades."""
_STAGES: Final = {
    "PENDING_NEW": 0,
    "NEW": 1,
    "PARTIALLY_FILLED": 2,
    "PENDING_CANCEL": 2,
    "TRIGGERING": 2,
    "TRIGGERED": 3,
}
_ENDED: Final = 9

Fields = Mapping[str, Any]
"""A decoded JSON object."""
OrderId = tuple[str, str, int]
"""Symbol, kind and id of an order."""


class UnreadableEventError(ValueError):
    """An event lacks what every event of its type has."""


class Fill(msgspec.Struct, frozen=True):
    """One fill of an order."""

    trade_id: int | None
    """Negative: an allocation. None: the venue gives it no id."""
    price: Decimal
    quantity: Decimal
    quote: Decimal | None
    """As the venue says; None where it does not."""
    commission: Decimal | None
    commission_asset: str | None
    realized_profit: Decimal | None
    time_ms: int
    side: str


class OrderReport(msgspec.Struct, frozen=True):
    """What one event says of an order."""

    order: OrderId
    fields: Fields
    """Of the order, as the venue names them."""
    rank: tuple[int, ...]
    """Of two reports of an order the later one's is the larger."""
    execution: str
    """What happened; of an algo order its status."""
    status: str
    cumulative: Decimal
    cumulative_quote: Decimal | None
    quantity: Decimal
    fill: Fill | None
    time_ms: int
    """Of the transaction."""
    event_time_ms: int


def number(fields: Fields, name: str) -> Decimal:
    """Return a decimal number; 0 where it is not there.

    Raises:
        UnreadableEventError: It is none.
    """
    value = fields.get(name)
    if value is None or value == "":
        return Decimal(0)
    try:
        result = Decimal(value) if isinstance(value, str | int) else Decimal(str(value))
    except ArithmeticError as error:
        msg = f'{name} "{value}" is not a number'
        raise UnreadableEventError(msg) from error
    if not result.is_finite():
        msg = f'{name} "{value}" is not a number'
        raise UnreadableEventError(msg)
    return result


def decode_event(event: PrivateEvent) -> dict[str, Any]:
    """Return an event's fields, of which what its type needs is there and of the right kind.

    Raises:
        UnreadableEventError: It is not.
    """
    fields = _decode(event.data)
    shape = SHAPES.get(event.type)
    if shape is not None:
        try:
            msgspec.convert(fields, shape)
        except msgspec.ValidationError as error:
            msg = f"{event.type}: {error}"
            raise UnreadableEventError(msg) from error
    return fields


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def report_of(event: PrivateEvent, fields: Fields) -> OrderReport | None:
    """Return what an event says of the state of an order; None where it says nothing.

    Raises:
        UnreadableEventError: A number is none.
    """
    readers = {"executionReport": _spot, "ORDER_TRADE_UPDATE": _futures, "ALGO_UPDATE": _algo}
    reader = readers.get(event.type)
    if reader is None:
        return None
    return reader(event.market, fields)


def fill_of(event: PrivateEvent, fields: Fields) -> tuple[OrderId, Fill] | None:
    """Return the fill that TRADE_LITE tells of; None for another event.

    Raises:
        UnreadableEventError: A number is none.
    """
    if event.type != "TRADE_LITE":
        return None
    fill = Fill(
        fields["t"],
        number(fields, "L"),
        number(fields, "l"),
        None,
        None,
        None,
        None,
        fields["T"],
        fields["S"],
    )
    return (fields["s"], REGULAR, fields["i"]), fill


def order_of(event: PrivateEvent, fields: Fields) -> OrderId | None:
    """Return the order that an event is about."""
    report = report_of(event, fields)
    if report is not None:
        return report.order
    fill = fill_of(event, fields)
    return fill[0] if fill else None


def _spot(_: Market, fields: Fields) -> OrderReport:
    fill = None
    if fields["x"] in _FILLING:
        commission = number(fields, "n")
        fill = Fill(
            _spot_fill_id(fields),
            number(fields, "L"),
            number(fields, "l"),
            number(fields, "Y") if fields.get("Y") else number(fields, "L") * number(fields, "l"),
            commission,
            fields.get("N"),
            None,
            fields["T"],
            fields["S"],
        )
    return OrderReport(
        order=(fields["s"], REGULAR, fields["i"]),
        fields=fields,
        rank=(fields["I"],),
        execution=fields["x"],
        status=fields["X"],
        cumulative=number(fields, "z"),
        cumulative_quote=number(fields, "Z"),
        quantity=number(fields, "q"),
        fill=fill,
        time_ms=fields["T"],
        event_time_ms=fields["E"],
    )


def _spot_fill_id(fields: Fields) -> int | None:
    if fields["t"] >= 0:
        return int(fields["t"])
    return _ALLOCATIONS_BELOW + int(fields["a"]) if fields.get("a") is not None else None


def _futures(_: Market, event: Fields) -> OrderReport:
    fields = event["o"]
    fill = None
    if fields["x"] == "TRADE" or (fields["x"] in _FILLING and number(fields, "l")):
        fill = Fill(
            fields["t"] if fields["t"] > 0 else None,
            number(fields, "L"),
            number(fields, "l"),
            None,
            number(fields, "n"),
            fields.get("N"),
            number(fields, "rp"),
            fields["T"],
            fields["S"],
        )
    cumulative = number(fields, "z")
    stage = _STAGES.get(fields["X"], _ENDED)
    return OrderReport(
        order=(fields["s"], REGULAR, fields["i"]),
        fields=fields,
        # The venue gives its reports no number: what is filled and how far the life has gone tells those of one moment.
        rank=(fields["T"], int(is_triggered(fields)), int(cumulative.scaleb(8)), stage, fields["t"]),
        execution=fields["x"],
        status=fields["X"],
        cumulative=cumulative,
        cumulative_quote=None,
        quantity=number(fields, "q"),
        fill=fill,
        time_ms=fields["T"],
        event_time_ms=int(event["E"]),
    )


def is_triggered(fields: Fields) -> bool:
    """Whether a futures order that waited for a price is in the book since: it is of another type then."""
    return fields.get("ot") in _CONDITIONAL and fields.get("o") != fields["ot"]


def _algo(_: Market, event: Fields) -> OrderReport:
    fields = event["o"]
    return OrderReport(
        order=(fields["s"], ALGO, fields["aid"]),
        fields=fields,
        rank=(event["T"], _STAGES.get(fields["X"], _ENDED), int(bool(fields.get("ia")))),
        execution=fields["X"],
        status=fields["X"],
        cumulative=number(fields, "aq"),
        cumulative_quote=None,
        quantity=number(fields, "q"),
        fill=None,
        time_ms=event["T"],
        event_time_ms=int(event["E"]),
    )
