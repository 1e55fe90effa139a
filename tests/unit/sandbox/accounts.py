"""Events of accounts for tests, as the venue spells them: whole lives that are right, to be falsified one by one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from sandbox.recordings.private import PrivateEvent, PrivateRecording, read_private


__all__ = [
    "T0",
    "account_position",
    "account_update",
    "algo_update",
    "events_of",
    "execution",
    "falsified",
    "futures_life",
    "list_status",
    "recorded",
    "spot_life",
    "trade_lite",
    "trade_update",
    "written",
]

Event = dict[str, Any]

T0 = 1_772_459_340_000


def execution(execution_type: str, status: str, id_: int, at_ms: int, **fields: Any) -> Event:
    """An execution report about order 7 of BTCUSDT: buy 3 at 10."""
    event: Event = {
        "e": "executionReport",
        "E": at_ms,
        "s": "BTCUSDT",
        "c": "mine",
        "S": "BUY",
        "o": "LIMIT",
        "f": "GTC",
        "q": "3.00000000",
        "p": "10.00000000",
        "P": "0.00000000",
        "F": "0.00000000",
        "g": -1,
        "C": "",
        "x": execution_type,
        "X": status,
        "r": "NONE",
        "i": 7,
        "l": "0.00000000",
        "z": "0.00000000",
        "L": "0.00000000",
        "n": "0",
        "N": None,
        "T": at_ms,
        "t": -1,
        "I": id_,
        "w": status in {"NEW", "PARTIALLY_FILLED"},
        "m": False,
        "M": False,
        "O": T0,
        "Z": "0.00000000",
        "Y": "0.00000000",
        "Q": "0.00000000",
        "W": T0,
        "V": "EXPIRE_MAKER",
    }
    return event | fields


def account_position(at_ms: int, **assets: tuple[str, str]) -> Event:
    """An outboundAccountPosition: free and locked of each asset."""
    balances = [{"a": asset, "f": free, "l": locked} for asset, (free, locked) in assets.items()]
    return {"e": "outboundAccountPosition", "E": at_ms, "u": at_ms, "B": balances}


def spot_life() -> list[Event]:
    """A limit order that is filled in two, with the balances around it, a transfer, and an order that is cancelled."""
    first = {"l": "1.00000000", "z": "1.00000000", "L": "10.00000000", "Y": "10.00000000", "Z": "10.00000000"}
    second = {"l": "2.00000000", "z": "3.00000000", "L": "9.50000000", "Y": "19.00000000", "Z": "29.00000000"}
    other = {"i": 8, "c": "other", "O": T0 + 60, "W": T0 + 60, "q": "1.00000000", "p": "8.00000000"}
    return [
        account_position(T0 - 5, USDT=("100.00000000", "0.00000000"), BTC=("1.00000000", "0.00000000")),
        execution("NEW", "NEW", 100, T0),
        account_position(T0, USDT=("70.00000000", "30.00000000")),
        execution("TRADE", "PARTIALLY_FILLED", 101, T0 + 10, t=50, n="0.00100000", N="BTC", **first),
        account_position(T0 + 10, USDT=("70.00000000", "20.00000000"), BTC=("1.99900000", "0.00000000")),
        execution("TRADE", "FILLED", 103, T0 + 20, t=52, n="-0.00100000", N="BTC", m=True, **second),
        account_position(T0 + 20, USDT=("71.00000000", "0.00000000"), BTC=("4.00000000", "0.00000000")),
        {"e": "balanceUpdate", "E": T0 + 31, "a": "USDT", "d": "-11.00000000", "T": T0 + 30},
        account_position(T0 + 30, USDT=("60.00000000", "0.00000000")),
        execution("NEW", "NEW", 110, T0 + 60, **other),
        execution("CANCELED", "CANCELED", 111, T0 + 70, **other | {"c": "cancel-8", "C": "other", "w": False}),
    ]


def list_status(status: str, at_ms: int, *orders: int) -> Event:
    """News of order list 4."""
    legs = [{"s": "BTCUSDT", "i": order, "c": f"leg-{order}"} for order in orders]
    kind = "EXEC_STARTED" if status == "EXECUTING" else "ALL_DONE"
    about = {"c": "OCO", "l": kind, "L": status, "r": "NONE", "C": "list", "T": at_ms, "O": legs}
    return {"e": "listStatus", "E": at_ms, "s": "BTCUSDT", "g": 4, **about}


def trade_update(execution_type: str, status: str, at_ms: int, **fields: Any) -> Event:
    """An ORDER_TRADE_UPDATE about order 9 of BTCUSDT: sell 3 at 20."""
    order: Event = {
        "s": "BTCUSDT",
        "c": "theirs",
        "S": "SELL",
        "o": "LIMIT",
        "f": "GTC",
        "q": "3",
        "p": "20",
        "ap": "0",
        "sp": "0",
        "x": execution_type,
        "X": status,
        "i": 9,
        "l": "0",
        "z": "0",
        "L": "0",
        "n": "0",
        "N": "USDT",
        "T": at_ms,
        "t": 0,
        "b": "0",
        "a": "0",
        "m": False,
        "R": False,
        "wt": "CONTRACT_PRICE",
        "ot": "LIMIT",
        "ps": "BOTH",
        "cp": False,
        "rp": "0",
        "pP": False,
        "si": 0,
        "ss": 0,
        "V": "EXPIRE_MAKER",
        "pm": "NONE",
        "gtd": 0,
        "er": "0",
    }
    return {"e": "ORDER_TRADE_UPDATE", "T": at_ms, "E": at_ms + 1, "o": order | fields}


def trade_lite(at_ms: int, trade_id: int, price: str, quantity: str) -> Event:
    """The same fill, told faster."""
    about = {"s": "BTCUSDT", "q": "3", "p": "20", "m": False, "c": "theirs", "S": "SELL", "i": 9}
    return {"e": "TRADE_LITE", "E": at_ms - 1, "T": at_ms, **about, "L": price, "l": quantity, "t": trade_id}


def account_update(at_ms: int, wallet: str, amount: str, *, change: str = "0", reason: str = "ORDER") -> Event:
    """An ACCOUNT_UPDATE of USDT and BTCUSDT."""
    balance = {"a": "USDT", "wb": wallet, "cw": wallet, "bc": change}
    position = {
        "s": "BTCUSDT",
        "pa": amount,
        "ep": "20",
        "bep": "20.1",
        "cr": "0",
        "up": "0",
        "mt": "cross",
        "iw": "0",
        "ps": "BOTH",
    }
    return {
        "e": "ACCOUNT_UPDATE",
        "T": at_ms,
        "E": at_ms + 1,
        "a": {"m": reason, "B": [balance], "P": [position] if reason == "ORDER" else []},
    }


def algo_update(status: str, at_ms: int, **fields: Any) -> Event:
    """An ALGO_UPDATE about algo order 3 of BTCUSDT."""
    order: Event = {
        "caid": "stop",
        "aid": 3,
        "at": "CONDITIONAL",
        "o": "STOP_MARKET",
        "s": "BTCUSDT",
        "S": "SELL",
        "ps": "BOTH",
        "f": "GTC",
        "q": "3",
        "X": status,
        "ai": "",
        "tp": "21",
        "p": "0",
        "V": "EXPIRE_MAKER",
        "wt": "CONTRACT_PRICE",
        "pm": "NONE",
        "cp": False,
        "pP": False,
        "R": False,
        "tt": 0,
        "gtd": 0,
    }
    return {"e": "ALGO_UPDATE", "T": at_ms, "E": at_ms, "o": order | fields}


def futures_life() -> list[Event]:
    """A stop that is triggered and filled in two, with TRADE_LITE before each fill, and the wallet that follows."""
    first = {"l": "1", "z": "1", "L": "20", "ap": "20", "t": 60, "n": "0.01", "rp": "0"}
    second = {"l": "2", "z": "3", "L": "21.5", "ap": "21", "t": 61, "n": "-0.02", "rp": "1.5"}
    engine = {"ai": "9", "tt": T0 + 50}
    return [
        account_update(T0 - 5, "1000", "4", change="1000", reason="DEPOSIT"),
        account_update(T0 - 4, "1000", "4"),
        algo_update("NEW", T0),
        algo_update("TRIGGERING", T0 + 49),
        algo_update("TRIGGERED", T0 + 50, **engine),
        trade_lite(T0 + 51, 60, "20", "1"),
        trade_update("NEW", "NEW", T0 + 51),
        account_update(T0 + 51, "999.99", "3"),
        trade_update("TRADE", "PARTIALLY_FILLED", T0 + 51, **first),
        trade_lite(T0 + 52, 61, "21.5", "2"),
        account_update(T0 + 52, "1001.51", "1"),
        trade_update("TRADE", "FILLED", T0 + 52, **second),
        algo_update("FINISHED", T0 + 52, **engine, aq="3", ap="21", act="MARKET"),
        account_update(T0 + 90, "1001.41", "1", change="-0.1", reason="FUNDING_FEE"),
        {"e": "ACCOUNT_CONFIG_UPDATE", "T": T0 + 95, "E": T0 + 95, "ac": {"s": "BTCUSDT", "l": 20}},
    ]


def falsified(events: Sequence[Event], number: int, change: Callable[[Event], None]) -> list[Event]:
    """The same events but for one that is changed."""
    changed = copy.deepcopy(list(events))
    change(changed[number])
    return changed


def written(path: Path, events: Iterable[Event]) -> Path:
    """A recording of bare events, one a line."""
    path.write_text("".join(f"{json.dumps(event)}\n" for event in events))
    return path


def recorded(path: Path, events: Iterable[Event]) -> PrivateRecording:
    """The same, read."""
    return read_private([written(path, events)])


def events_of(path: Path, events: Iterable[Event]) -> list[PrivateEvent]:
    """The events of a recording."""
    return list(recorded(path, events).events)
