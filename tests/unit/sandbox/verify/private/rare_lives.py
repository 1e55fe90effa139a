"""Lives of orders that are right although they look odd: what the venue does in rare cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tests.unit.sandbox.accounts import (
    T0,
    Event,
    account_position,
    account_update,
    execution,
    trade_lite,
    trade_update,
)


__all__ = ["RARE_LIVES"]


def _filled(last: str, cumulative: str, trade_id: int, quote: str, **fields: Any) -> dict[str, Any]:
    """A fill at 10 on spot."""
    return {"l": last, "z": cumulative, "L": "10", "Y": f"{10 * int(last)}", "Z": quote, "t": trade_id} | fields


def _matched(last: str, cumulative: str, trade_id: int, **fields: Any) -> dict[str, Any]:
    """A fill at 20 on futures."""
    return {"l": last, "z": cumulative, "L": "20", "ap": "20", "t": trade_id, "n": "0.01", "rp": "0"} | fields


_PREVENTED: Final = {"v": 3, "A": "1", "B": "1", "u": 9, "U": 88, "V": "DECREMENT"}
_ROUTED: Final = {"uS": True, "k": "SOR", "b": "ONE_PARTY_TRADE_REPORT"}
_LIQUIDATION: Final = {"c": "autoclose-1", "o": "LIQUIDATION", "ot": "LIQUIDATION", "f": "IOC"}
_WAITS: Final = {"o": "STOP_MARKET", "ot": "STOP_MARKET", "sp": "21", "p": "0"}
_WENT_ON: Final = {**_WAITS, "o": "MARKET"}

RARE_LIVES: Final[Mapping[str, Sequence[Event]]] = {
    "self-trade prevention took a part, and only its own report says so": [
        execution("NEW", "NEW", 1, T0, V="DECREMENT"),
        execution("TRADE_PREVENTION", "NEW", 2, T0, **_PREVENTED),
        execution("TRADE", "FILLED", 3, T0 + 4, V="DECREMENT", **_filled("2", "2", 50, "20")),
    ],
    "smart order routing allots, which is no trade": [
        execution("NEW", "NEW", 1, T0),
        execution("TRADE", "PARTIALLY_FILLED", 2, T0, a=3, **_ROUTED, **_filled("1", "1", -1, "10")),
        execution("TRADE", "FILLED", 3, T0, a=4, **_ROUTED, **_filled("2", "3", -1, "30")),
    ],
    "a lock elsewhere is not in what is locked here": [
        account_position(T0 - 1, USDT=("100", "0")),
        {"e": "externalLockUpdate", "E": T0, "a": "USDT", "d": "5", "T": T0},
        account_position(T0, USDT=("95", "0")),
        execution("NEW", "NEW", 1, T0 + 1),
        execution("TRADE", "FILLED", 2, T0 + 2, **_filled("3", "3", 50, "30")),
        account_position(T0 + 2, USDT=("65", "0"), BTC=("3", "0")),
    ],
    "a liquidation begins with CALCULATED and no fill": [
        trade_update("CALCULATED", "NEW", T0, **_LIQUIDATION),
        trade_update("TRADE", "PARTIALLY_FILLED", T0, **_LIQUIDATION | _matched("1", "1", 60)),
        trade_update("TRADE", "FILLED", T0 + 1, **_LIQUIDATION | _matched("2", "3", 61)),
    ],
    "the insurance fund takes over what is left, without a trade": [
        trade_update("NEW", "NEW", T0, **_LIQUIDATION),
        trade_update("TRADE", "PARTIALLY_FILLED", T0, **_LIQUIDATION | _matched("1", "1", 60)),
        trade_update("CALCULATED", "FILLED", T0 + 1, **_LIQUIDATION | _matched("2", "3", 0, n="0")),
    ],
    "TRADE_LITE alone tells of a fill": [
        trade_update("NEW", "NEW", T0),
        trade_lite(T0 + 1, 60, "20", "1"),
        trade_lite(T0 + 2, 61, "20", "2"),
        trade_update("TRADE", "FILLED", T0 + 2, **_matched("2", "3", 61)),
    ],
    "a stop that is no algo order expires and goes on": [
        trade_update("NEW", "NEW", T0, **_WAITS),
        trade_update("EXPIRED", "EXPIRED", T0 + 8, er="8", **_WAITS),
        trade_update("NEW", "NEW", T0 + 8, **_WENT_ON),
        trade_update("TRADE", "FILLED", T0 + 8, **_WENT_ON | _matched("3", "3", 60)),
    ],
    "a transfer to an isolated position": [
        account_update(T0 - 5, "1000", "3"),
        trade_update("NEW", "NEW", T0, q="1"),
        trade_update("TRADE", "FILLED", T0, q="1", **_matched("1", "1", 60)),
        account_update(T0, "999.99", "2"),
        account_update(T0 + 9, "999.99", "2", change="-10", reason="MARGIN_TRANSFER"),
    ],
    "every event twice, the second time sent later": [
        dict(event, E=event["E"] + late)
        for event in (
            account_update(T0 - 5, "1000", "3", change="1000", reason="DEPOSIT"),
            account_update(T0 + 9, "999", "3", change="-1", reason="FUNDING_FEE"),
        )
        for late in (0, 3)
    ],
}
