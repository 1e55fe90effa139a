"""A raw private log as ingest writes it: what a small spot market does to two accounts, told by events and by answers.

Some events are lost on the way; answers tell everything, and say what the streams had told before them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from schemas.markets import Market
from schemas.topics import RawType, TopicTable, partition_of
from tests.support.broker_io import Sent


__all__ = ["LABELS", "T0", "AccountLog", "Entry"]

T0: Final = 1_772_459_280_000
LABELS: Final = ("main", "second")
SYMBOLS: Final = ("ACHUSDT", "PHAUSDT")
_DAY_MS: Final = 86_400_000
_ENDED: Final = ("FILLED", "CANCELED")


@dataclass(frozen=True)
class Entry:
    """A record, and its offset in its topic; those of all accounts are in one partition."""

    type: RawType
    offset: int
    label: str
    value: bytes
    time_ms: int
    headers: tuple[tuple[str, bytes], ...]

    def sent(self, table: TopicTable) -> Sent:
        topic = table.raw(Market.SPOT, self.type).name
        return Sent(topic, partition_of(self.label), self.value, self.label.encode(), self.time_ms, self.headers)


@dataclass
class _Order:
    label: str
    symbol: str
    order_id: int
    quantity: int
    time: int
    status: str = "NEW"
    filled: int = 0
    fills: list[dict[str, Any]] = field(default_factory=list)
    updated: int = 0


class AccountLog:
    """What happened, and the log of it.

    Args:
        seed: of everything that is left to chance.
        losing: share of the events that are lost.
        day_every: in one of so many steps a day goes by.
        labels: of the accounts. On a broker those of several are in several partitions, and the offsets are wrong.
    """

    def __init__(self, seed: int, *, losing: float = 0.2, day_every: int = 40, labels: Sequence[str] = LABELS) -> None:
        self.entries: list[Entry] = []
        self.orders: dict[int, _Order] = {}
        self.free = dict.fromkeys(labels, 1_000_000)
        self._labels = labels
        self.lost = 0
        self.now = T0
        self._random = Random(seed)  # noqa: S311 - the same each time
        self._losing = losing
        self._day_every = day_every
        self._offsets = dict.fromkeys(RawType, 0)
        self._ids = iter(range(1, 10**9))

    def run(self, steps: int) -> AccountLog:
        """Let things happen, and reconcile now and then, and at the end."""
        for _ in range(steps):
            self.now += self._random.choice((0, 1, 5, 900)) if self._random.randrange(self._day_every) else _DAY_MS
            choice = self._random.randrange(10)
            open_orders = [order for order in self.orders.values() if order.status not in _ENDED]
            if choice < 3 or not open_orders:
                self._place()
            elif choice < 7:
                self._fill(self._random.choice(open_orders))
            elif choice < 9:
                self._cancel(self._random.choice(open_orders))
            else:
                self.reconcile(self._random.choice(self._labels), "timer")
        self.now += 1_000
        for label in self._labels:
            self.reconcile(label, "reconnect")
        return self

    def _place(self) -> None:
        order = _Order(
            self._random.choice(self._labels), self._random.choice(SYMBOLS), next(self._ids),
            self._random.randrange(1, 500), self.now, updated=self.now,
        )  # fmt: skip
        self.orders[order.order_id] = order
        self._report(order, "NEW", None)

    def _fill(self, order: _Order) -> None:
        quantity = self._random.randrange(1, order.quantity - order.filled + 1)
        fill = {
            "id": next(self._ids), "price": f"0.0{self._random.randrange(100, 999)}", "qty": f"{quantity}",
            "commission": f"0.0000000{self._random.randrange(10)}", "time": self.now,
            "commissionAsset": self._random.choice(("BNB", "USDT")),
        }  # fmt: skip
        order.filled += quantity
        order.fills.append(fill)
        order.updated = self.now
        order.status = "FILLED" if order.filled == order.quantity else "PARTIALLY_FILLED"
        self._report(order, "TRADE", fill)
        self.free[order.label] -= quantity
        self._balance(order.label)

    def _cancel(self, order: _Order) -> None:
        order.status, order.updated = "CANCELED", self.now
        self._report(order, "CANCELED", None)

    def _report(self, order: _Order, execution: str, fill: Mapping[str, Any] | None) -> None:
        event = {
            "e": "executionReport", "E": self.now, "s": order.symbol, "c": f"o{order.order_id}", "S": "BUY",
            "o": "LIMIT", "f": "GTC", "q": f"{order.quantity}", "p": "0.05", "P": "0", "F": "0", "g": -1, "C": "",
            "x": execution, "X": order.status, "r": "NONE", "i": order.order_id, "l": fill["qty"] if fill else "0",
            "z": f"{order.filled}", "L": fill["price"] if fill else "0", "n": fill["commission"] if fill else "0",
            "N": fill["commissionAsset"] if fill else None, "T": self.now, "t": fill["id"] if fill else -1,
            "I": next(self._ids), "w": order.status not in _ENDED, "m": False, "M": False, "O": order.time,
            "Z": _quote(order), "Y": "0", "Q": "0", "W": order.time, "V": "NONE",
        }  # fmt: skip
        self._tell(RawType.ORDER_UPDATE, order.label, event)

    def _balance(self, label: str) -> None:
        balances = [{"a": "USDT", "f": f"{self.free[label]}", "l": "5"}]
        event = {"e": "outboundAccountPosition", "E": self.now, "u": self.now, "B": balances}
        self._tell(RawType.ACCOUNT_UPDATE, label, event)

    def _tell(self, of: RawType, label: str, event: Mapping[str, Any]) -> None:
        if self._random.random() < self._losing:
            self.lost += 1
            return
        self._append(of, label, json.dumps(event).encode(), (("connection_id", b"c1"),))

    def reconcile(self, label: str, cause: str) -> None:
        """Ask the venue for everything about an account."""
        own = [order for order in self.orders.values() if order.label == label]
        self._answer(RawType.ORDER_SNAPSHOT, label, "/api/v3/openOrders", [
            _answer(order) for order in own if order.status not in _ENDED
        ], cause)  # fmt: skip
        for symbol in SYMBOLS:
            there = [order for order in own if order.symbol == symbol]
            question = f"symbol={symbol}"
            answers = [_answer(order) for order in there]
            self._answer(RawType.ORDER_SNAPSHOT, label, "/api/v3/allOrders", answers, cause, of_symbol=question)
            fills = [
                {"symbol": symbol, "orderId": order.order_id, "orderListId": -1, "quoteQty": "0", "isBuyer": True,
                 "isMaker": False, "isBestMatch": True, **fill}
                for order in there for fill in order.fills
            ]  # fmt: skip
            self._answer(RawType.ORDER_SNAPSHOT, label, "/api/v3/myTrades", fills, cause, of_symbol=question)
        account = {
            "updateTime": self.now,
            "balances": [
                {"asset": "USDT", "free": f"{self.free[label]}", "locked": "5"},
                {"asset": "NEVER", "free": "0", "locked": "0"},
            ],
        }
        self._answer(RawType.ACCOUNT_SNAPSHOT, label, "/api/v3/account", account, cause)

    def _answer(self, of: RawType, label: str, endpoint: str, answer: Any, cause: str, *, of_symbol: str = "") -> None:
        update = RawType.ORDER_UPDATE if of is RawType.ORDER_SNAPSHOT else RawType.ACCOUNT_UPDATE
        headers = {
            "origin": "rest", "endpoint": endpoint, "request": of_symbol, "request_time": str(self.now), "cause": cause,
            "after_offset": str(self._offsets[update]),
        }  # fmt: skip
        self._append(of, label, json.dumps(answer).encode(), tuple((k, v.encode()) for k, v in headers.items()))

    def _append(self, of: RawType, label: str, value: bytes, headers: tuple[tuple[str, bytes], ...]) -> None:
        offset = self._offsets[of]
        self._offsets[of] += 1
        received = self.now * 1_000_000 + len(self.entries)
        sequence = ("receive_time_ns", b"%d" % received), ("connection_sequence", b"%d" % offset)
        self.entries.append(Entry(of, offset, label, value, self.now, (*sequence, *headers)))

    def interleaved(self, random: Random) -> Iterator[Entry]:
        """Yield everything, each topic in its order, the topics among each other in any."""
        left = {of: [one for one in self.entries if one.type is of][::-1] for of in RawType}
        while waiting := [entries for entries in left.values() if entries]:
            entries = random.choice(waiting)
            for _ in range(min(len(entries), random.randrange(1, 30))):
                yield entries.pop()


def _quote(order: _Order) -> str:
    total = sum(int(fill["qty"]) * int(fill["price"].removeprefix("0.")) for fill in order.fills)
    return f"{total // 10_000}.{total % 10_000:04}"


def _answer(order: _Order) -> dict[str, Any]:
    return {
        "symbol": order.symbol, "orderId": order.order_id, "orderListId": -1, "clientOrderId": f"o{order.order_id}",
        "price": "0.05", "origQty": f"{order.quantity}", "executedQty": f"{order.filled}",
        "cummulativeQuoteQty": _quote(order), "status": order.status, "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "stopPrice": "0", "icebergQty": "0", "time": order.time, "updateTime": order.updated,
        "isWorking": order.status not in _ENDED, "workingTime": order.time, "origQuoteOrderQty": "0",
        "selfTradePreventionMode": "NONE",
    }  # fmt: skip
