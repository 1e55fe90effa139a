"""What one report says of an order beside how far it has come: what was ordered, when, why it ended."""

from __future__ import annotations

from typing import Any, Final

from sandbox.verify.private.reports import ALGO, TERMINAL, Fields, OrderReport, number
from schemas.markets import Market


__all__ = ["DETAILS", "details_of"]


def details_of(market: Market, report: OrderReport) -> dict[str, Any]:
    """Return what a report says of the order beside how far it has come; None: it does not say."""
    if report.order[1] == ALGO:
        return _common(report) | _of_futures(report.fields) | _algo(report)
    return _common(report) | (_spot(report) if market is Market.SPOT else _of_futures(report.fields) | _futures(report))


def _common(report: OrderReport) -> dict[str, Any]:
    fields = report.fields
    return {
        "side": fields["S"],
        "order_type": fields["o"],
        "time_in_force": fields["f"],
        "price": number(fields, "p"),
        "quantity": report.quantity,
        "self_trade_prevention_mode": fields.get("V"),
    }


def _spot(report: OrderReport) -> dict[str, Any]:
    fields = report.fields
    amended = fields["x"] == "REPLACED"
    canceled = bool(fields.get("C")) and not amended
    return {
        "client_order_id": fields["C"] if canceled else fields["c"],
        "cancel_client_order_id": fields["c"] if canceled else None,
        "order_list_id": _positive(fields.get("g")),
        "working": False if report.status in TERMINAL else fields.get("w"),
        "stop_price": number(fields, "P"),
        "trailing_delta": fields.get("d"),
        "iceberg_quantity": number(fields, "F"),
        "quote_order_quantity": number(fields, "Q") or None,
        "execution_id": fields["I"],
        "created_time": _positive(fields.get("O")),
        "working_time": _positive(fields.get("W")),
        "prevented_quantity": number(fields, "A") or None,
        "reject_reason": _reason(fields.get("r")),
        "expiry_reason": _reason(fields.get("eR")),
    }


def _of_futures(fields: Fields) -> dict[str, Any]:
    """Return what regular and algo orders of futures call alike."""
    return {
        "position_side": fields.get("ps"),
        "good_till_time": fields.get("gtd") or None,
        "reduce_only": fields.get("R"),
        "close_position": fields.get("cp"),
        "price_protect": fields.get("pP"),
        "working_type": fields.get("wt"),
        "price_match": fields.get("pm"),
    }


def _futures(report: OrderReport) -> dict[str, Any]:
    fields = report.fields
    return {
        "client_order_id": fields["c"],
        "original_type": fields.get("ot"),
        "stop_price": number(fields, "sp"),
        "activation_price": number(fields, "AP") or None,
        "callback_rate": number(fields, "cr") or None,
        "expiry_reason": _reason(fields.get("er")),
    }


def _algo(report: OrderReport) -> dict[str, Any]:
    fields = report.fields
    return {
        "client_order_id": fields["caid"],
        "stop_price": number(fields, "tp"),
        "triggered_order_id": int(fields["ai"]) if fields.get("ai") else None,
        "triggered_time": fields.get("tt") or None,
        "expiry_reason" if report.status == "EXPIRED" else "reject_reason": _reason(fields.get("rm")),
    }


def _positive(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


def _reason(value: str | int | None) -> str | None:
    return None if value in {None, "NONE", "", "0", 0} else str(value)


DETAILS: Final = (
    "client_order_id",
    "cancel_client_order_id",
    "order_list_id",
    "position_side",
    "original_type",
    "working",
    "activation_price",
    "callback_rate",
    "trailing_delta",
    "quote_order_quantity",
    "execution_id",
    "created_time",
    "working_time",
    "good_till_time",
    "reduce_only",
    "close_position",
    "price_protect",
    "working_type",
    "price_match",
    "prevented_quantity",
    "reject_reason",
    "expiry_reason",
    "algo_id",
    "triggered_order_id",
    "triggered_time",
)
"""What is None where no event said it."""
