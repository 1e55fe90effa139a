"""What an order is after each event, told from the events alone.

Naively: of an order's reports the latest says how it stands; its fills, each once, are added up. A report that comes
late or again says nothing new but the fill that it may carry.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.reports import ALGO, Fields, Fill, OrderId, OrderReport, fill_of, number, report_of
from schemas.markets import Market


__all__ = ["State", "States", "order_key"]

State = Mapping[str, Any]
"""What fields of a record have to be; those that are not named may be anything."""
_PLACES: Final = Decimal("1e-16")
_DIGITS: Final = 60


def order_key(account: str, order: OrderId) -> bytes:
    """Return the key of an order's records."""
    symbol, kind, number_ = order
    return f"{account}|{symbol}|{'algo:' if kind == ALGO else ''}{number_}".encode()


class States:
    """The orders of an account on a market, event by event."""

    def __init__(self, market: Market, account: str) -> None:
        self._market = market
        self._account = account
        self._orders: dict[OrderId, _Order] = {}
        self._lists: dict[int, Fields] = {}

    def take(self, event: PrivateEvent, fields: Fields) -> list[tuple[bytes, State]]:
        """Return the orders that an event changes, and what each is then.

        Raises:
            UnreadableEventError: It lacks what every event of its type has.
        """
        if event.type == "listStatus":
            return self._take_list(fields)
        report, lite = report_of(event, fields), fill_of(event, fields)
        if report is None and lite is None:
            return []
        order = report.order if report is not None else lite[0] if lite is not None else None
        if order is None:
            return []
        known = self._orders.setdefault(order, _Order(self._market))
        before = known.state(self._lists)
        if report is not None:
            known.report(report)
        elif lite is not None:
            known.fill(lite[1])
        after = known.state(self._lists)
        return [(order_key(self._account, order), after)] if after is not None and after != before else []

    def state(self, order: OrderId) -> State | None:
        """Return what an order is now; None where no report told of it."""
        known = self._orders.get(order)
        return known.state(self._lists) if known else None

    def _take_list(self, fields: Fields) -> list[tuple[bytes, State]]:
        orders = [(leg["s"], "regular", leg["i"]) for leg in fields["O"]]
        before = {order: self.state(order) for order in orders}
        newest = self._lists.get(fields["g"])
        if newest is not None and newest["T"] > fields["T"]:
            return []
        self._lists[fields["g"]] = fields
        after = {order: self.state(order) for order in orders}
        return [
            (order_key(self._account, order), state)
            for order, state in after.items()
            if state is not None and state != before[order]
        ]


class _Order:
    """One order: its latest report, and its fills."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._latest: OrderReport | None = None
        self._fills: dict[int, Fill] = {}
        self._working_time: int | None = None
        self._created_time: int | None = None
        self._cancel_id: str | None = None

    def report(self, report: OrderReport) -> None:
        """Take in a report."""
        if report.fill is not None:
            self._fills[report.fill.trade_id] = report.fill
        if self._latest is None or report.rank > self._latest.rank:
            self._latest = report

    def fill(self, fill: Fill) -> None:
        """Take in a fill that TRADE_LITE told of: nothing new where it is known with its commission."""
        self._fills.setdefault(fill.trade_id, fill)

    def state(self, lists: Mapping[int, Fields]) -> State | None:
        """Return what it is; None as long as no report told of it."""
        latest = self._latest
        if latest is None:
            return None
        state: dict[str, Any] = {
            "symbol": latest.order[0],
            "kind": latest.order[1],
            "order_id": latest.order[2],
            "side": latest.fields["S"],
            "time_in_force": latest.fields["f"],
            "status": latest.status,
            "price": number(latest.fields, "p"),
            "quantity": latest.quantity,
            "self_trade_prevention_mode": latest.fields.get("V"),
            "update_time": latest.time_ms,
            "event_time": latest.event_time_ms,
            "irregular_count": 0,
            "source": "stream",
            "recovered": False,
        }
        if latest.order[1] == ALGO:
            state |= _algo(latest.fields)
        else:
            state |= self._filled(latest)
            state |= _spot(latest, lists) if self._market is Market.SPOT else _futures(latest.fields)
        return state

    def _filled(self, latest: OrderReport) -> State:
        fills = self._fills.values()
        state: dict[str, Any] = {
            "filled_quantity": latest.cumulative,
            "fills_known_quantity": sum((fill.quantity for fill in fills), Decimal(0)),
            "fill_count": len(fills),
            "commissions": _commissions(self._fills),
        }
        if fills:
            last = self._fills[max(self._fills)]
            state |= {
                "last_trade_id": last.trade_id,
                "last_fill_price": last.price,
                "last_fill_quantity": last.quantity,
            }
        else:
            state |= {"last_trade_id": None, "last_fill_price": None, "last_fill_quantity": None}
        if self._market is Market.SPOT:
            state |= {"filled_quote_quantity": latest.cumulative_quote, "average_price": _average(latest)}
        else:
            state |= {"average_price": number(latest.fields, "ap") if latest.cumulative else None}
            if self._market is Market.USDM and state["fills_known_quantity"] == latest.cumulative:
                state["filled_quote_quantity"] = sum((fill.price * fill.quantity for fill in fills), Decimal(0))
            if all(fill.realized_profit is not None for fill in fills) and fills:
                state["realized_profit"] = sum((fill.realized_profit or Decimal(0) for fill in fills), Decimal(0))
        return state


def _commissions(fills: Mapping[int, Fill]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for fill in fills.values():
        if fill.commission and fill.commission_asset:
            sums[fill.commission_asset] = sums.get(fill.commission_asset, Decimal(0)) + fill.commission
    return {asset: amount for asset, amount in sums.items() if amount}


def _average(report: OrderReport) -> Decimal | None:
    if not report.cumulative or report.cumulative_quote is None:
        return None
    with localcontext(prec=_DIGITS):
        return (report.cumulative_quote / report.cumulative).quantize(_PLACES, ROUND_HALF_UP)


def _spot(report: OrderReport, lists: Mapping[int, Fields]) -> State:
    fields = report.fields
    list_id = None if fields.get("g", -1) == -1 else fields["g"]
    state: dict[str, Any] = {
        "client_order_id": fields.get("C") or fields["c"],
        "order_list_id": list_id,
        "position_side": None,
        "order_type": fields["o"],
        "original_type": None,
        "working": fields["w"],
        "stop_price": number(fields, "P"),
        "trailing_delta": fields.get("d"),
        "iceberg_quantity": number(fields, "F"),
        "quote_order_quantity": number(fields, "Q") or None,
        "execution_id": fields["I"],
        "created_time": fields["O"],
        "reject_reason": _reason(fields.get("r")),
        "expiry_reason": _reason(fields.get("eR")),
    }
    if "W" in fields and fields["W"] != -1:
        state["working_time"] = fields["W"]
    if fields["x"] == "CANCELED":
        state["cancel_client_order_id"] = fields["c"] if fields.get("C") else None
    elif fields["x"] == "REPLACED":
        del state["client_order_id"]  # an amendment may give a new one
    if list_id in lists:
        told = lists[list_id]
        state |= {"order_list_client_id": told["C"], "contingency_type": told["c"], "order_list_status": told["L"]}
    return state


def _futures(fields: Fields) -> State:
    return {
        "client_order_id": fields["c"],
        "order_list_id": None,
        "position_side": fields["ps"],
        "order_type": fields["o"],
        "original_type": fields["ot"],
        "stop_price": number(fields, "sp"),
        "activation_price": number(fields, "AP") if "AP" in fields else None,
        "callback_rate": number(fields, "cr") if "cr" in fields else None,
        "good_till_time": fields.get("gtd") or None,
        "reduce_only": fields["R"],
        "close_position": fields["cp"],
        "price_protect": fields["pP"],
        "working_type": fields["wt"],
        "price_match": fields.get("pm"),
        "expiry_reason": None if fields.get("er", "0") in {"0", 0} else str(fields["er"]),
    }


def _algo(fields: Fields) -> State:
    return {
        "client_order_id": fields["caid"],
        "position_side": fields["ps"],
        "order_type": fields["o"],
        "stop_price": number(fields, "tp"),
        "filled_quantity": number(fields, "aq"),
        "average_price": number(fields, "ap") if number(fields, "aq") else None,
        "good_till_time": fields.get("gtd") or None,
        "reduce_only": fields["R"],
        "close_position": fields["cp"],
        "price_protect": fields["pP"],
        "working_type": fields["wt"],
        "price_match": fields.get("pm"),
        "triggered_order_id": int(fields["ai"]) if fields.get("ai") else None,
        "triggered_time": fields.get("tt") or None,
    }


def _reason(value: str | None) -> str | None:
    return None if value in {None, "NONE", ""} else value
