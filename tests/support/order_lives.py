"""Legal lives of orders, as the venue would tell of them: a naive order that reports what happens to it.

The order below keeps the truth in whole lots and cents; events and answers are made of that, so that what a fold makes
of them can be compared with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

from processors.core.records import RawRecord
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["ACCOUNT", "Life", "answer_record", "event_record", "futures_lives", "lives", "spot_lives"]

ACCOUNT = b"main"
START_MS = 1_772_459_280_000
SYMBOL = "ACHUSDT"
_PATHS = {Market.SPOT: "/api/v3/", Market.USDM: "/fapi/v1/", Market.COINM: "/dapi/v1/"}

Json = dict[str, Any]


class Life(msgspec.Struct, frozen=True):
    """An order from its first report to its last."""

    market: Market
    events: list[Json]
    """In the venue's order."""
    orders: list[Json]
    """After each event: what REST would answer about the order."""
    trades: list[Json]
    """All its fills, as REST answers them."""
    trades_known: list[int]
    """After each event: how many of these there were."""
    ordered: int
    """Quantity at the end, in lots."""
    filled: int
    """Filled at the end, in lots."""
    status: str

    def shorts(self) -> list[Json]:
        """Return its fills as ``TRADE_LITE`` tells of them; USD-M alone does."""
        if self.market is not Market.USDM:
            return []
        filling = [event for event in self.events if event["o"]["x"] == "TRADE"]
        names = ("s", "q", "p", "m", "c", "S", "L", "l", "t", "i")
        return [
            {"e": "TRADE_LITE", "E": event["T"], "T": event["T"], **{name: event["o"][name] for name in names}}
            for event in filling
        ]

    def answers_at(self, moment: int) -> tuple[Json, list[Json]]:
        """Return what REST would answer after an event: about the order, and about its fills."""
        return self.orders[moment], self.trades[: self.trades_known[moment]]


def event_record(market: Market, event: Json, offset: int) -> RawRecord:
    """Return an event as ingest writes it."""
    account = event["e"] in {"outboundAccountPosition", "balanceUpdate", "externalLockUpdate"} or event["e"].startswith(
        ("ACCOUNT_", "MARGIN_")
    )
    type_ = RawType.ACCOUNT_UPDATE if account else RawType.ORDER_UPDATE
    return RawRecord(market, type_, 0, offset, event["E"], ACCOUNT, json.dumps(event).encode())


def answer_record(market: Market, endpoint: str, answer: object, offset: int, **headers: str) -> RawRecord:
    """Return an answer as ingest writes it."""
    account = endpoint in {"account", "balance", "positionRisk"}
    told = {"endpoint": _PATHS[market] + endpoint, "origin": "rest", **headers}
    return RawRecord(
        market,
        RawType.ACCOUNT_SNAPSHOT if account else RawType.ORDER_SNAPSHOT,
        0,
        offset,
        START_MS,
        ACCOUNT,
        json.dumps(answer).encode(),
        tuple((name, value.encode()) for name, value in told.items()),
    )


def _decimal(number: int, places: int) -> str:
    digits = str(abs(number)).rjust(places + 1, "0")
    return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"


def _lots(lots: int) -> str:
    return _decimal(lots, 3)


class _Order:
    """An order that knows what has become of it."""

    def __init__(self, market: Market, order_type: str, lots: int, order_id: int) -> None:
        self.market = market
        self.type = order_type
        self.lots = lots
        self.order_id = order_id
        self.time = self.created = START_MS
        self.cents = 0 if order_type == "MARKET" else 655
        self.status = "NEW"
        self.filled = 0
        self.quote = 0
        """In lots times cents."""
        self.prevented = 0
        self.execution_id = 2_623_837_276
        self.trade_id = 65_044_223
        self.working = self.working_time = 0
        self.events: list[Json] = []
        self.answers: list[Json] = []
        self.trades: list[Json] = []
        self.trades_known: list[int] = []

    def tell(self, execution: str, fill: tuple[int, int, int, str, int] | None = None, **fields: object) -> None:
        """Report what happened: the fill as lots, cents, commission in 10**-8, its asset, realised profit in cents."""
        self.execution_id += 1 + len(self.events) % 3
        tell = self._spot_event if self.market is Market.SPOT else self._futures_event
        self.events.append({**tell(execution, fill), **fields})
        if fill is not None:
            self.trades.append(self._trade(fill))
        self.answers.append(self._answer())
        self.trades_known.append(len(self.trades))

    def _spot_event(self, execution: str, fill: tuple[int, int, int, str, int] | None) -> Json:
        lots, cents, commission, asset, _ = fill or (0, 0, 0, None, 0)
        event: Json = {
            "e": "executionReport",
            "E": self.time + len(self.events) % 2,
            "s": SYMBOL,
            "c": "of-the-client",
            "S": "SELL",
            "o": self.type,
            "f": "GTC",
            "q": _lots(self.lots),
            "p": _decimal(self.cents, 2),
            "P": "6.60" if self.type.startswith("STOP") else "0.00",
            "F": "0.00",
            "g": -1,
            "C": "",
            "x": execution,
            "X": self.status,
            "r": "NONE",
            "i": self.order_id,
            "l": _lots(lots),
            "z": _lots(self.filled),
            "L": _decimal(cents, 2),
            "n": _decimal(commission, 8),
            "N": asset,
            "T": self.time,
            "t": self.trade_id if fill else -1,
            "I": self.execution_id,
            "w": bool(self.working),
            "m": False,
            "M": False,
            "O": self.created,
            "Z": _decimal(self.quote, 5),
            "Y": _decimal(lots * cents, 5),
            "Q": "0.00",
            "V": "EXPIRE_MAKER",
        }
        if self.working_time:
            event["W"] = self.working_time
        if self.prevented:
            event["A"] = _lots(self.prevented)
        return event

    def _futures_event(self, execution: str, fill: tuple[int, int, int, str, int] | None) -> Json:
        lots, cents, commission, asset, profit = fill or (0, 0, 0, None, 0)
        order: Json = {
            "s": SYMBOL,
            "c": "of-the-client",
            "S": "SELL",
            "o": self.type,
            "f": "GTC",
            "q": _lots(self.lots),
            "p": _decimal(self.cents, 2),
            "ap": self._average(),
            "sp": "0",
            "x": execution,
            "X": self.status,
            "i": self.order_id,
            "l": _lots(lots),
            "z": _lots(self.filled),
            "L": _decimal(cents, 2),
            "T": self.time,
            "t": self.trade_id if fill else 0,
            "b": "0",
            "a": "0",
            "m": False,
            "R": False,
            "wt": "CONTRACT_PRICE",
            "ot": self.type,
            "ps": "BOTH",
            "cp": False,
            "rp": _decimal(profit, 2),
            "pP": False,
            "si": 0,
            "ss": 0,
            "V": "EXPIRE_MAKER",
            "pm": "NONE",
            "gtd": 0,
            "er": "0",
        }
        if fill:
            order |= {"n": _decimal(commission, 8), "N": asset}
        return {"e": "ORDER_TRADE_UPDATE", "T": self.time, "E": self.time + len(self.events) % 2, "o": order}

    def _average(self) -> str:
        if not self.filled:
            return "0"
        return _decimal(self.quote * 10**6 // self.filled, 8)

    def _trade(self, fill: tuple[int, int, int, str, int]) -> Json:
        lots, cents, commission, asset, profit = fill
        trade: Json = {
            "symbol": SYMBOL,
            "id": self.trade_id,
            "orderId": self.order_id,
            "price": _decimal(cents, 2),
            "qty": _lots(lots),
            "quoteQty": _decimal(lots * cents, 5),
            "commission": _decimal(commission, 8),
            "commissionAsset": asset,
            "time": self.time,
        }
        if self.market is Market.SPOT:
            return {**trade, "orderListId": -1, "isBuyer": False, "isMaker": False, "isBestMatch": True}
        return {**trade, "realizedPnl": _decimal(profit, 2), "side": "SELL", "positionSide": "BOTH", "maker": False}

    def _answer(self) -> Json:
        answer: Json = {
            "symbol": SYMBOL,
            "orderId": self.order_id,
            "clientOrderId": "of-the-client",
            "price": _decimal(self.cents, 2),
            "origQty": _lots(self.lots),
            "executedQty": _lots(self.filled),
            "status": self.status,
            "timeInForce": "GTC",
            "type": self.type,
            "side": "SELL",
            "time": self.created,
            "updateTime": self.time,
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }
        if self.market is not Market.SPOT:
            return answer | {
                "avgPrice": self._average(),
                "cumQuote": _decimal(self.quote, 5),
                "origType": self.type,
                "positionSide": "BOTH",
                "stopPrice": "0",
                "reduceOnly": False,
                "closePosition": False,
                "priceProtect": False,
                "workingType": "CONTRACT_PRICE",
                "priceMatch": "NONE",
                "goodTillDate": 0,
            }
        return answer | {
            "orderListId": -1,
            "cummulativeQuoteQty": _decimal(self.quote, 5),
            "stopPrice": "6.60" if self.type.startswith("STOP") else "0.00",
            "icebergQty": "0.00",
            "isWorking": bool(self.working),
            "workingTime": self.working_time or -1,
            "origQuoteOrderQty": "0.00",
            **({"preventedQuantity": _lots(self.prevented)} if self.prevented else {}),
        }

    def life(self) -> Life:
        """Return all that was told."""
        return Life(
            self.market,
            self.events,
            self.answers,
            self.trades,
            self.trades_known,
            self.lots,
            self.filled,
            self.status,
        )


def _fill(draw: st.DrawFn, order: _Order, assets: Sequence[str]) -> None:
    lots = draw(st.integers(1, order.lots - order.prevented - order.filled))
    cents = draw(st.sampled_from((655, 654, 656)))
    order.filled += lots
    order.quote += lots * cents
    order.trade_id += draw(st.sampled_from((1, 1, 2)))
    whole = order.filled + order.prevented == order.lots
    order.status = "FILLED" if whole else "PARTIALLY_FILLED"
    order.working = order.working and not whole
    commission, profit = draw(st.integers(-3, 9)), draw(st.integers(-50, 50))
    order.tell("TRADE", (lots, cents, commission, draw(st.sampled_from(assets)), profit))


def _finish(draw: st.DrawFn, order: _Order, ends: Sequence[str]) -> None:
    end = draw(st.sampled_from(ends))
    order.working = 0
    order.status = end
    if end == "CANCELED" and order.market is Market.SPOT:
        order.tell("CANCELED", c="of-the-cancel", C="of-the-client")
    else:
        order.tell("CANCELED" if end == "CANCELED" else "EXPIRED")


def _live(draw: st.DrawFn, order: _Order, steps: Sequence[Callable[[], None]], ends: Sequence[str]) -> Life:
    for _ in range(draw(st.integers(0, 6))):
        order.time += draw(st.sampled_from((0, 0, 1, 1000)))
        draw(st.sampled_from(steps))()
        if order.status == "FILLED":
            return order.life()
    if draw(st.booleans()):
        order.time += draw(st.sampled_from((0, 1, 1000)))
        _finish(draw, order, ends)
    return order.life()


@st.composite
def spot_lives(draw: st.DrawFn, order_id: int = 1_281_722_113) -> Life:
    """Orders on spot: plain, triggered, waiting in a list, amended, thinned by self-trade prevention."""
    kind = draw(st.sampled_from(("LIMIT", "MARKET", "STOP_LOSS_LIMIT", "PENDING")))
    order = _Order(Market.SPOT, "LIMIT" if kind == "PENDING" else kind, draw(st.integers(2, 12)), order_id)
    if kind == "PENDING":
        order.status = "PENDING_NEW"
        order.tell("NEW")
        order.status = "NEW"
    if kind == "STOP_LOSS_LIMIT":
        order.tell("NEW")
    order.time += draw(st.sampled_from((0, 1)))
    order.working, order.working_time = 1, order.time
    order.tell("NEW")

    def amend() -> None:
        least = order.filled + order.prevented + 1
        if order.lots > least:
            order.lots = draw(st.integers(least, order.lots - 1))
            order.tell("REPLACED")

    def prevent() -> None:
        left = order.lots - order.filled - order.prevented
        if left > 1:
            order.prevented += draw(st.integers(1, left - 1))
            order.tell("TRADE_PREVENTION")

    fill = lambda: _fill(draw, order, ("BNB", "USDT"))  # noqa: E731
    return _live(draw, order, (fill, fill, amend, prevent), ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"))


@st.composite
def futures_lives(draw: st.DrawFn, order_id: int = 4_903_999_096) -> Life:
    """Orders on futures: plain and amended, on USD-M with short forms of their fills."""
    market = draw(st.sampled_from((Market.USDM, Market.COINM)))
    order = _Order(market, draw(st.sampled_from(("LIMIT", "MARKET"))), draw(st.integers(2, 12)), order_id)
    order.tell("NEW")

    def amend() -> None:
        order.time += 1  # two amendments of one moment cannot be told apart
        order.cents += draw(st.sampled_from((-1, 1)))
        order.lots = draw(st.integers(order.filled + 1, order.filled + 12))
        order.tell("AMENDMENT")

    fill = lambda: _fill(draw, order, ("USDT", "BNB"))  # noqa: E731
    return _live(draw, order, (fill, fill, amend), ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"))


def lives() -> st.SearchStrategy[Life]:
    """Orders of all markets."""
    return st.one_of(spot_lives(), futures_lives())
