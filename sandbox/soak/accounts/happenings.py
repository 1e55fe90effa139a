"""When what happens to accounts, as a scenario's numbers and its seed lay it out. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, Final

import msgspec

from sandbox.soak.accounts.plan import AccountsPlan
from schemas.markets import Market


__all__ = ["Happening", "HappeningKind", "fault_of", "happenings_of"]

_SILENCE_S: Final = 2.0
_OF_FUTURES: Final = ("ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ALGO_UPDATE", "*")
_EVENTS: Final[Mapping[Market, Sequence[str]]] = {
    Market.SPOT: ("executionReport", "outboundAccountPosition", "*"),
    Market.USDM: (*_OF_FUTURES, "TRADE_LITE"),
    Market.COINM: _OF_FUTURES,
}
"""What may be lost, or come twice."""


class HappeningKind(StrEnum):
    """What happens."""

    RESET = "reset"
    HALF_OPEN = "half-open"
    CLOSE = "close"
    DROP = "drop"
    DUPLICATE = "duplicate"
    SILENCE = "silence"
    EXPIRY = "key expiry"
    NEW_KEY = "new key"
    TRANSFER = "transfer"
    INGEST_RESTART = "restart of ingest"
    INGEST_KILL = "SIGKILL of ingest"
    WORKER_KILL = "SIGKILL of the processors"


class Happening(msgspec.Struct, frozen=True):
    """One thing that happens."""

    at: float
    """Part of the hour, 0 to 1."""
    kind: HappeningKind
    account: str = ""
    market: Market | None = None
    """None: all of them."""
    events: str = "*"
    """Of losses and repetitions: the type of the events."""


def happenings_of(plan: AccountsPlan, labels: Sequence[str], seed: int, calm: tuple[float, float]) -> list[Happening]:
    """Lay out what happens, in its order.

    Args:
        plan: how often.
        labels: the accounts.
        seed: says when, and to whom.
        calm: the parts of the hour before and after which nothing happens.
    """
    chance = Random(seed)  # noqa: S311 - a scenario, no secret
    kinds = [kind for kind, count in _counts(plan).items() for _ in range(count)]
    chance.shuffle(kinds)
    first, last = calm
    room = (1 - last - first) / max(1, len(kinds))
    return [
        _happening(first + room * (number + chance.random() * 0.8), kind, labels, plan, chance)
        for number, kind in enumerate(kinds)
    ]


def fault_of(happening: Happening, plan: AccountsPlan) -> dict[str, Any] | None:
    """Return what the exchange is told to do; None where it is not the exchange that does it."""
    whom: dict[str, Any] = {"account": happening.account}
    if happening.market is not None:
        whom["market"] = str(happening.market)
    match happening.kind:
        case HappeningKind.RESET | HappeningKind.HALF_OPEN | HappeningKind.CLOSE:
            return {"fault": str(happening.kind), "connection": "all", **whom}
        case HappeningKind.DROP | HappeningKind.DUPLICATE:
            of = {"stream": happening.events, "connection": "all", "count": plan.dropped_events}
            return {"fault": str(happening.kind), **of, **whom}
        case HappeningKind.SILENCE:
            return {"fault": "silence", "stream": "*", "seconds": _SILENCE_S, **whom}
        case HappeningKind.EXPIRY:
            return {"fault": "expire-key", **whom}
        case _:
            return None


def _happening(at: float, kind: HappeningKind, labels: Sequence[str], plan: AccountsPlan, chance: Random) -> Happening:
    account, market = chance.choice(labels), chance.choice(list(plan.symbols))
    match kind:
        case HappeningKind.INGEST_RESTART | HappeningKind.INGEST_KILL | HappeningKind.WORKER_KILL:
            return Happening(at, kind)
        case HappeningKind.DROP | HappeningKind.DUPLICATE:
            return Happening(at, kind, account, market, chance.choice(_EVENTS[market]))
        case HappeningKind.HALF_OPEN | HappeningKind.CLOSE | HappeningKind.TRANSFER:
            return Happening(at, kind, account, market)
        case _:
            return Happening(at, kind, account)


def _counts(plan: AccountsPlan) -> Mapping[HappeningKind, int]:
    return {
        HappeningKind.RESET: plan.resets,
        HappeningKind.HALF_OPEN: plan.half_opens,
        HappeningKind.CLOSE: plan.closes,
        HappeningKind.DROP: plan.drops,
        HappeningKind.DUPLICATE: plan.duplicates,
        HappeningKind.SILENCE: plan.silences,
        HappeningKind.EXPIRY: plan.key_expiries,
        HappeningKind.NEW_KEY: plan.new_keys,
        HappeningKind.TRANSFER: plan.transfers,
        HappeningKind.INGEST_RESTART: plan.ingest_restarts,
        HappeningKind.INGEST_KILL: plan.ingest_kills,
        HappeningKind.WORKER_KILL: plan.worker_kills,
    }
