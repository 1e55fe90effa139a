"""What spot tells an account, in the venue's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from sandbox.simulation.accounts.amounts import fixed
from sandbox.simulation.accounts.ledger import Ledger
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord, OrderList


__all__ = ["Report", "account_position", "balance_update", "execution_report", "list_status"]

_ZERO = fixed(0)


class Report(Struct, frozen=True, kw_only=True):
    """What has just happened to an order."""

    execution_type: str
    execution_id: int
    fill: FillRecord | None = None
    cancel_id: str = ""
    """The client's id of the request that cancelled it."""


def execution_report(order: AccountOrder, report: Report, moment: Moment) -> dict[str, Any]:
    """Return an ``executionReport``."""
    terms, fill = order.terms, report.fill
    price, quantity = terms.instrument.price.text, terms.instrument.quantity.text
    working = order.working_ms >= 0
    event: dict[str, Any] = {
        "e": "executionReport",
        "E": moment.event_ms,
        "s": terms.instrument.symbol,
        "c": report.cancel_id or terms.client_id,
        "S": terms.side.value,
        "o": terms.order_type,
        "f": terms.time_in_force,
        "q": quantity(terms.quantity),
        "p": price(terms.price),
        "P": price(terms.stop_price),
        "F": _ZERO,
        "g": -1 if order.order_list is None else order.order_list.list_id,
        "C": terms.client_id if report.cancel_id else "",
        "x": report.execution_type,
        "X": order.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": quantity(fill.quantity) if fill else _ZERO,
        "z": quantity(order.filled),
        "L": price(fill.price) if fill else _ZERO,
        "n": fixed(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else None,
        "T": moment.now_ms,
        "t": fill.trade_id if fill else -1,
        "I": report.execution_id,
        "w": working and order.open and (terms.rests or report.execution_type == "NEW"),
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": order.created_ms,
        "Z": fixed(order.value),
        "Y": fixed(fill.value) if fill else _ZERO,
        "Q": fixed(terms.quote_quantity),
    }
    if working:
        event["W"] = order.working_ms
    event["V"] = terms.prevention
    event |= _prevented(order)
    if order.expiry:
        event["eR"] = order.expiry
    return event


def _prevented(order: AccountOrder) -> dict[str, Any]:
    prevention = order.prevention
    if prevention is None:
        return {}
    each = order.terms.instrument
    prevented = each.quantity.text(prevention.quantity)
    return {
        "v": prevention.match_id,
        "A": each.quantity.text(order.prevented),
        "B": prevented,
        "u": prevention.group_id,
        "U": prevention.counter_order_id,
        "Cs": each.symbol,
        "pl": prevented,
        "pL": each.price.text(prevention.price),
        "pY": each.second.text(each.second_quantity(prevention.price, prevention.quantity)),
    }


def account_position(ledger: Ledger, assets: Iterable[str], moment: Moment) -> dict[str, Any]:
    """Return an ``outboundAccountPosition``."""
    balances = ((asset, ledger.balance(asset)) for asset in dict.fromkeys(assets))
    return {
        "e": "outboundAccountPosition",
        "E": moment.event_ms,
        "u": moment.now_ms,
        "B": [{"a": asset, "f": fixed(each.free), "l": fixed(each.locked)} for asset, each in balances],
    }


def balance_update(asset: str, change: int, moment: Moment) -> dict[str, Any]:
    """Return a ``balanceUpdate``."""
    return {"e": "balanceUpdate", "E": moment.event_ms, "a": asset, "d": fixed(change), "T": moment.now_ms}


def list_status(each: OrderList, moment: Moment) -> dict[str, Any]:
    """Return a ``listStatus``."""
    symbol = each.instrument.symbol
    return {
        "e": "listStatus",
        "E": moment.event_ms,
        "s": symbol,
        "g": each.list_id,
        "c": each.kind,
        "l": "ALL_DONE" if each.done else "EXEC_STARTED",
        "L": "ALL_DONE" if each.done else "EXECUTING",
        "r": "NONE",
        "C": each.client_id,
        "T": moment.now_ms,
        "O": [{"s": symbol, "i": leg.order_id, "c": leg.terms.client_id} for leg in each.legs],
    }
