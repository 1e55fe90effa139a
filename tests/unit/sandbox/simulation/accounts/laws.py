"""What has to hold of accounts at every moment, checked on nothing but what they are told and asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from sandbox.exchange.source import StreamEvent
from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts.stage import OPENING, of_orders


Books = Mapping[str, Any]
Events = list[dict[str, Any]]

OPEN = {"NEW", "PARTIALLY_FILLED"}
_QUOTES = ("USDT", "BTC")


def check_orders(books: Books) -> None:
    """Cumulative quantities are sums of fills, and an order is filled when all of it is."""
    for order in books["orders"]:
        fills, ordered, executed = order["fills"], Decimal(order["origQty"]), Decimal(order["executedQty"])
        value = order.get("cummulativeQuoteQty") or order.get("cumQuote") or order["cumBase"]
        value_name = "quoteQty" if "quoteQty" in (fills or [{"quoteQty": 0}])[0] else "baseQty"

        assert executed == sum(Decimal(fill["qty"]) for fill in fills), order
        assert Decimal(value) == sum(Decimal(fill[value_name]) for fill in fills), order
        assert (order["status"] == "FILLED") == (executed == ordered), order
        assert (order["status"] == "PARTIALLY_FILLED") <= (0 < executed < ordered), order
        assert order["status"] != "NEW" or not executed, order
        assert [fill["id"] for fill in fills] == sorted({fill["id"] for fill in fills}), order


def check_spot_money(books: Books, transfers: Mapping[str, Decimal] | None = None) -> None:
    """Each asset is what the account began with, bought, sold and paid."""
    expected: dict[str, Decimal] = defaultdict(Decimal)
    for asset, amount in OPENING[Market.SPOT].items():
        expected[asset] += Decimal(amount)
    for asset, change in (transfers or {}).items():
        expected[asset] += change
    for order in books["orders"]:
        base, quote = order["symbol"].removesuffix("USDT"), "USDT"
        for fill in order["fills"]:
            sign = 1 if fill["isBuyer"] else -1
            expected[base] += sign * Decimal(fill["qty"])
            expected[quote] -= sign * Decimal(fill["quoteQty"])
            expected[fill["commissionAsset"]] -= Decimal(fill["commission"])
    found = {asset: Decimal(each["free"]) + Decimal(each["locked"]) for asset, each in books["balances"].items()}

    assert found == {asset: expected[asset] for asset in found}
    assert all(Decimal(each["free"]) >= 0 for each in books["balances"].values())


def check_locks(books: Books) -> None:
    """What is locked is what the open orders need; two of a list need it once."""
    needs: dict[str, Decimal] = defaultdict(Decimal)
    lists: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for order in books["orders"]:
        if order["status"] not in OPEN:
            continue
        remaining = Decimal(order["origQty"]) - Decimal(order["executedQty"])
        price = Decimal(order["price"]) or Decimal(order["stopPrice"])
        asset, need = (
            ("USDT", remaining * price) if order["side"] == "BUY" else (order["symbol"].removesuffix("USDT"), remaining)
        )
        if order["orderListId"] < 0:
            needs[asset] += need
        else:
            of_list = lists[order["orderListId"]]
            of_list[asset] = max(of_list.get(asset, Decimal()), need)
    for of_list in lists.values():
        for asset, need in of_list.items():
            needs[asset] += need

    assert {asset: Decimal(each["locked"]) for asset, each in books["balances"].items()} == {
        asset: needs[asset] for asset in books["balances"]
    }


def check_futures_money(books: Books) -> None:
    """A wallet is what was paid in and earned, less commissions; a position is the sum of its fills."""
    changes: dict[str, Decimal] = defaultdict(Decimal)
    amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    realized: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for order in books["orders"]:
        for fill in order["fills"]:
            key = fill["symbol"], fill["positionSide"]
            changes[fill["commissionAsset"]] += Decimal(fill["realizedPnl"]) - Decimal(fill["commission"])
            amounts[key] += Decimal(fill["qty"]) * (1 if fill["buyer"] else -1)
            realized[key] += Decimal(fill["realizedPnl"])
    for asset, each in books["balances"].items():
        assert Decimal(each["wallet"]) == Decimal(each["paidIn"]) + changes[asset]
    positions = {(each["symbol"], each["positionSide"]): each for each in books["positions"]}

    assert set(positions) >= set(amounts)
    for key, each in positions.items():
        assert Decimal(each["positionAmt"]) == amounts[key]
        assert Decimal(each["realized"]) == realized[key]
        assert (Decimal(each["entryPrice"]) > 0) == (amounts[key] != 0)


def check_reducing(books: Books) -> None:
    """Orders that only reduce could all trade, with all others before them, and turn no position round."""
    amounts = {(each["symbol"], each["positionSide"]): Decimal(each["positionAmt"]) for each in books["positions"]}
    sums: Counter[tuple[str, str, str]] = Counter()
    reducing = set()
    for order in books["orders"]:
        if order["status"] in OPEN:
            key = order["symbol"], order["positionSide"], order["side"]
            sums[key] += Decimal(order["origQty"]) - Decimal(order["executedQty"])  # type: ignore[assignment]
            if order["reduceOnly"]:
                reducing.add(key)
    for symbol, position_side, side in reducing:
        amount = amounts[symbol, position_side]
        assert sums[symbol, position_side, side] <= (amount if side == "SELL" else -amount)


def check_spot_told(books: Books, events: Events) -> None:
    """The last thing that was told of each order and each asset is how it is kept."""
    reports = {event["i"]: event for event in events if event["e"] == "executionReport"}
    balances = {each["a"]: each for event in events if event["e"] == "outboundAccountPosition" for each in event["B"]}
    for order in books["orders"]:
        told = reports.pop(order["orderId"])
        assert (told["X"], told["z"], told["Z"], told["q"]) == (
            order["status"],
            order["executedQty"],
            order["cummulativeQuoteQty"],
            order["origQty"],
        )
        assert told["T"] == order["updateTime"]
    assert not reports
    for asset, each in balances.items():
        assert {"free": each["f"], "locked": each["l"]} == books["balances"][asset]


def check_futures_told(books: Books, events: Events) -> None:
    """The last thing that was told of each order, wallet and position is how it is kept."""
    reports = {event["o"]["i"]: event["o"] for event in events if event["e"] == "ORDER_TRADE_UPDATE"}
    algos = {event["o"]["aid"]: event["o"] for event in events if event["e"] == "ALGO_UPDATE"}
    for order in books["orders"]:
        told = reports.pop(order["orderId"])
        assert told["X"] == order["status"]
        for key, name in (("z", "executedQty"), ("q", "origQty"), ("p", "price"), ("ap", "avgPrice")):
            assert Decimal(told[key]) == Decimal(order[name])
        assert told["T"] == order["updateTime"]
    for algo in books["algoOrders"]:
        told = algos.pop(algo["algoId"])
        assert (told["X"], told["ai"]) == (algo["algoStatus"], algo["actualOrderId"])
    assert not reports
    assert not algos
    updates = [event["a"] for event in events if event["e"] == "ACCOUNT_UPDATE"]
    wallets = {each["a"]: each["wb"] for update in updates for each in update["B"]}
    positions = {(each["s"], each["ps"]): each for update in updates for each in update["P"]}
    for asset, wallet in wallets.items():
        assert Decimal(wallet) == Decimal(books["balances"][asset]["wallet"])
    for each in books["positions"]:
        told = positions[each["symbol"], each["positionSide"]]
        assert Decimal(told["pa"]) == Decimal(each["positionAmt"])
        assert Decimal(told["ep"]) == Decimal(each["entryPrice"])
        assert Decimal(told["cr"]) == Decimal(each["realized"])


def check_ids_rise(events: Events) -> None:
    """Execution ids rise with every report of a symbol; an order's trades do, and its filled quantity."""
    executions: dict[str, int] = defaultdict(int)
    trades: dict[int, int] = defaultdict(int)
    filled: dict[int, Decimal] = defaultdict(Decimal)
    for event in of_orders(events):
        if "i" not in event:
            continue
        if "I" in event:
            assert event["I"] > executions[event["s"]]
            executions[event["s"]] = event["I"]
        if event["x"] == "TRADE":
            assert event["t"] > trades[event["i"]]
            trades[event["i"]] = event["t"]
            filled[event["i"]] += Decimal(event["l"])
        assert Decimal(event["z"]) == filled[event["i"]]


def check_public(events: Iterable[StreamEvent], decode: Any) -> int:
    """Every fill that an account was told is a trade that everybody was told before; return how many there were."""
    public: dict[tuple[Market, str, int], tuple[Decimal, Decimal, bool]] = {}
    count = 0
    for event in events:
        if event.stream.endswith("@trade"):
            trade = decode(event.data)
            key = event.market, trade["s"], trade["t"]
            public[key] = Decimal(trade["p"]), Decimal(trade["q"]), trade["m"]
        elif event.stream in {"executionReport", "ORDER_TRADE_UPDATE"}:
            found = decode(event.data)
            order = found.get("o") if event.market is not Market.SPOT else found
            if order["x"] == "TRADE":
                buyer_makes = order["m"] == (order["S"] == "BUY")
                told = Decimal(order["L"]), Decimal(order["l"]), buyer_makes
                assert public[event.market, order["s"], order["t"]] == told
                count += 1
    return count
