"""What the streams never told, by the raw events alone: all of it must have come over REST. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from schemas.markets import Market


__all__ = ["Told", "told_by"]


class Told(msgspec.Struct):
    """What a stream told of."""

    orders: set[bytes]
    """Keys of the tables' records."""
    fills: set[tuple[str, int]]
    """Symbol and trade id, of those that were told with their commission: ``TRADE_LITE`` tells none."""


def told_by(market: Market, account: str, events: Iterable[tuple[str, bytes]]) -> Told:
    """Return what the events of an account on a market told.

    Args:
        market: which.
        account: its label.
        events: of the raw topic ``order-update``: type and value.
    """
    told = Told(set(), set())
    for kind, value in events:
        if kind in {"executionReport", "ORDER_TRADE_UPDATE"}:
            event: Any = msgspec.json.decode(value)
            order = event["o"] if market.is_futures else event
            told.orders.add(f"{account}|{order['s']}|{order['i']}".encode())
            if order["x"] == "TRADE":
                told.fills.add((order["s"], order["t"]))
        elif kind == "ALGO_UPDATE":
            order = msgspec.json.decode(value)["o"]
            told.orders.add(f"{account}|{order['s']}|algo:{order['aid']}".encode())
    return told
