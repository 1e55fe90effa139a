"""What an order is after each event, told from the events alone.

Naively: of an order's reports the latest says how it stands, and an earlier one what the later ones leave out; its
fills, each once, are added up. So a report that comes late or again changes nothing but what nobody had said before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import Any, Final

import msgspec

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.order_details import DETAILS, details_of
from sandbox.verify.private.reports import (
    ALGO,
    Fields,
    Fill,
    OrderId,
    OrderReport,
    fill_of,
    number,
    report_of,
)
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

    def take(self, event: PrivateEvent, fields: Fields) -> list[tuple[bytes, State]]:
        """Return the orders that an event changes, and what each is then.

        Raises:
            UnreadableEventError: It lacks what every event of its type has.
        """
        changes = []
        for order, told in self._told(event, fields):
            known = self._orders.setdefault(order, _Order(self._market))
            if known.take(told) and (state := known.state()) is not None:
                changes.append((order_key(self._account, order), state))
        return changes

    def state(self, order: OrderId) -> State | None:
        """Return what an order is now; None where no report told of it."""
        known = self._orders.get(order)
        return known.state() if known else None

    def _told(self, event: PrivateEvent, fields: Fields) -> Iterator[tuple[OrderId, _Told]]:
        """Yield the orders that an event is about, and what it tells of each."""
        report, lite = report_of(event, fields), fill_of(event, fields)
        if report is not None:
            details = details_of(self._market, report)
            yield report.order, _Told(report.event_time_ms, report=report, fill=report.fill, details=details)
            if report.order[1] == ALGO and report.fields.get("ai"):
                engine = report.order[0], "regular", int(report.fields["ai"])
                yield engine, _Told(report.event_time_ms, beside={"algo_id": report.order[2]})
        elif lite is not None:
            yield lite[0], _Told(int(fields["E"]), fill=lite[1])
        elif event.type == "listStatus":
            for leg in fields["O"]:
                yield (leg["s"], "regular", leg["i"]), _Told(fields["E"], order_list=fields)
        elif event.type == "CONDITIONAL_ORDER_TRIGGER_REJECT":
            refused = fields["or"]
            beside = {"reject_reason": refused["r"]}
            yield (refused["s"], "regular", refused["i"]), _Told(int(fields["E"]), beside=beside)


class _Told(msgspec.Struct, frozen=True):
    """What one event tells of one order."""

    event_time_ms: int
    report: OrderReport | None = None
    fill: Fill | None = None
    details: Mapping[str, Any] = {}
    beside: Mapping[str, Any] = {}
    """What is told by itself."""
    order_list: Fields | None = None


class _Order:
    """One order: its latest report, what all of them say of it, and its fills."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._latest: OrderReport | None = None
        self._details: dict[str, Any] = {}
        self._fills: dict[int, Fill] = {}
        self._list: Fields | None = None
        self._event_time: int | None = None
        self._known: State = {}

    def take(self, told: _Told) -> bool:
        """Take in what is told; return whether the order is another than before."""
        fill, report = told.fill, told.report
        if fill is not None and (report is not None or fill.trade_id not in self._fills):
            self._fills[fill.trade_id] = fill
        if report is not None:
            self._report(report, told.details)
        self._details = {**told.beside, **self._details}
        if told.order_list is not None and (self._list is None or told.order_list["T"] >= self._list["T"]):
            self._list = told.order_list
        known, self._known = self._known, self._facts()
        changed = known != self._known
        if changed:
            self._event_time = told.event_time_ms
        return changed

    def state(self) -> State | None:
        """Return what it is; None as long as no report told of it."""
        if self._latest is None:
            return None
        return {**self._known, "event_time": self._event_time}

    def _report(self, report: OrderReport, details: Mapping[str, Any]) -> None:
        told = {name: value for name, value in details.items() if value is not None}
        if self._latest is None or report.rank > self._latest.rank:
            self._latest = report
            self._details = {**self._details, **told}
        else:
            self._details = {**told, **self._details}
        if self._market.is_futures and report.execution == "NEW":
            self._details["created_time"] = min(report.time_ms, self._details.get("created_time", report.time_ms))

    def _facts(self) -> State:
        latest = self._latest
        if latest is None:
            return {"fills": frozenset(self._fills), "list": self._list, **self._details}
        facts: dict[str, Any] = {
            **dict.fromkeys(DETAILS),
            **self._details,
            "symbol": latest.order[0],
            "kind": latest.order[1],
            "order_id": latest.order[2],
            "status": latest.status,
            "filled_quantity": latest.cumulative,
            "update_time": latest.time_ms,
            "irregular_count": 0,
            "source": "stream",
            "recovered": False,
        }
        if self._list is not None:
            facts |= {
                "order_list_id": self._list["g"],
                "order_list_client_id": self._list["C"],
                "contingency_type": self._list["c"],
                "order_list_status": self._list["L"],
            }
        if latest.order[1] == ALGO:
            average = number(latest.fields, "ap")
            return facts | {"average_price": average if latest.cumulative and average else None}
        return facts | self._filled(latest)

    def _filled(self, latest: OrderReport) -> dict[str, Any]:
        fills = self._fills.values()
        last = self._fills[max(self._fills)] if fills else None
        filled: dict[str, Any] = {
            "fills_known_quantity": sum((fill.quantity for fill in fills), Decimal(0)),
            "fill_count": len(fills),
            "commissions": _commissions(self._fills),
            "last_trade_id": last and last.trade_id,
            "last_fill_price": last and last.price,
            "last_fill_quantity": last and last.quantity,
        }
        if self._market is Market.SPOT:
            return filled | {"filled_quote_quantity": latest.cumulative_quote, "average_price": _average(latest)}
        average = number(latest.fields, "ap")
        filled["average_price"] = average if latest.cumulative and average else None
        filled["realized_profit"] = sum((fill.realized_profit or Decimal(0) for fill in fills), Decimal(0))
        if self._market is Market.COINM:
            filled["filled_quote_quantity"] = None
        elif filled["fills_known_quantity"] == latest.cumulative:
            filled["filled_quote_quantity"] = sum((fill.price * fill.quantity for fill in fills), Decimal(0))
        return filled


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
