"""What the venue's answers had to add to what its streams told: counted, and logged with both sides."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog

from processors import metrics
from processors.core.records import Difference
from schemas.accounts import Balance, Order, Position
from schemas.documents import to_document


__all__ = ["tell_difference"]

_log = structlog.get_logger(__name__)

_SCHEMAS = {Order: "order", Balance: "balance", Position: "position"}
_IDENTITY = ("account", "symbol", "kind", "order_id", "asset", "position_side")
_OWN = frozenset({"source", "recovered", "event_time", "input_offset", "snapshot_offset"})
"""Fields that say how we know, not what is."""


def tell_difference(difference: Difference, *, amounts: bool = True) -> None:
    """Count a difference and log both sides of it.

    Args:
        difference: what was different.
        amounts: whether to log the values on both sides; otherwise only which fields differ.
    """
    metrics.ACCOUNT_DIFFERENCES.labels(difference.market, difference.what).inc()
    document = _document(difference.after)
    named = {name: document.pop(name) for name in _IDENTITY if name in document}
    known = {} if difference.before is None else _document(difference.before)
    both = {
        name: [known.get(name), value]
        for name, value in document.items()
        if name not in _OWN and known.get(name) != value
    }
    # What no event had told of yet: at the first start of an account that is everything.
    tell = _log.info if difference.what.startswith("unknown-") else _log.warning
    tell(
        "the venue's answer tells what its stream did not",
        market=difference.market, what=difference.what, **named, cause=difference.cause,
        answer=f"{difference.record.type}:{difference.record.partition}:{difference.record.offset}",
        before_and_after=both if amounts else sorted(both),
    )  # fmt: skip


def _document(value: Order | Balance | Position) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(to_document(_SCHEMAS[type(value)], value))
    return plain
