"""Spot's cancelling of one order and placing of another in one request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sandbox.exchange.source import RestReply, json_reply
from sandbox.simulation.accounts.fields import Fields
from sandbox.simulation.rest.requests import RefusedError


__all__ = ["cancel_and_replace"]

_MODES: Final = ("STOP_ON_FAILURE", "ALLOW_FAILURE")
_NOT_ATTEMPTED: Final = "NOT_ATTEMPTED"


def cancel_and_replace(fields: Fields, cancel: Callable[[Fields], object], place: Callable[[Fields], object]) -> object:
    """Cancel, then place; where one of them fails, say what became of each.

    Raises:
        RefusedError: the mode is missing or unknown.
    """
    mode = fields.choice(
        "cancelReplaceMode", _MODES, (-1130, "Data sent for parameter 'cancelReplaceMode' is not valid.")
    )
    names = {
        "orderId": "cancelOrderId",
        "origClientOrderId": "cancelOrigClientOrderId",
        "newClientOrderId": "cancelNewClientOrderId",
    }
    cancelled, cancel_response = _attempt(lambda: cancel(fields.renamed(names)))
    if not cancelled and mode == _MODES[0]:
        placed, new_response = None, None
    else:
        placed, new_response = _attempt(lambda: place(fields))
    answer = {
        "cancelResult": _result(cancelled),
        "newOrderResult": _result(placed),
        "cancelResponse": cancel_response,
        "newOrderResponse": new_response,
    }
    if cancelled and placed:
        return answer
    return _failure(answer, partly=bool(cancelled or placed))


def _attempt(action: Callable[[], object]) -> tuple[bool, object]:
    try:
        return True, action()
    except RefusedError as refusal:
        return False, {"code": refusal.code, "msg": refusal.message}


def _result(success: bool | None) -> str:
    if success is None:
        return _NOT_ATTEMPTED
    return "SUCCESS" if success else "FAILURE"


def _failure(answer: dict[str, Any], *, partly: bool) -> RestReply:
    if partly:
        return json_reply({"code": -2021, "msg": "Order cancel-replace partially failed.", "data": answer}, 409)
    return json_reply({"code": -2022, "msg": "Order cancel-replace failed.", "data": answer}, 400)
