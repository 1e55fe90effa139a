"""What accounts are answered: the venue's keys, and the choice of items by id and time."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts.stage import Stage, keys


SPOT, USDM, COINM = Market.SPOT, Market.USDM, Market.COINM
SYMBOL = {SPOT: "BTCUSDT", USDM: "BTCUSDT", COINM: "BTCUSD_PERP"}
QUANTITY = {SPOT: "0.0010", USDM: "0.002", COINM: "1"}
TRADES = {SPOT: "myTrades", USDM: "userTrades", COINM: "userTrades"}
FUTURES_ORDER = keys(
    "symbol orderId clientOrderId price avgPrice origQty executedQty status timeInForce type origType side",
    "positionSide stopPrice reduceOnly closePosition priceProtect workingType priceMatch selfTradePreventionMode",
    "time updateTime",
)
ORDER = {
    SPOT: keys(
        "symbol orderId orderListId clientOrderId price origQty executedQty cummulativeQuoteQty status timeInForce",
        "type side stopPrice icebergQty time updateTime isWorking workingTime origQuoteOrderQty",
        "selfTradePreventionMode",
    ),
    USDM: FUTURES_ORDER | {"cumQuote", "goodTillDate"},
    COINM: FUTURES_ORDER | {"cumBase", "pair"},
}
FUTURES_TRADE = keys(
    "symbol id orderId side price qty realizedPnl commission commissionAsset time positionSide buyer maker"
)
TRADE = {
    SPOT: keys(
        "symbol id orderId orderListId price qty quoteQty commission commissionAsset time isBuyer isMaker",
        "isBestMatch",
    ),
    USDM: FUTURES_TRADE | {"quoteQty"},
    COINM: FUTURES_TRADE | {"baseQty", "pair", "marginAsset"},
}


class History:
    """Five orders of a minute each, every one filled at once."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.stage = Stage()
        self.orders: list[dict[str, Any]] = []
        for _ in range(5):
            placed = self.stage.ask(
                market,
                "POST",
                "order",
                symbol=SYMBOL[market],
                side="BUY",
                type="MARKET",
                quantity=QUANTITY[market],
            )
            self.orders.append(self.ask("order", orderId=str(placed["orderId"])))
            for _ in range(60):
                self.stage.advance()
        self.trades = self.ask(TRADES[market])

    def ask(self, path: str, **params: str) -> Any:
        return self.stage.ask(self.market, "GET", path, symbol=SYMBOL[self.market], **params)


@pytest.fixture(scope="module", params=list(Market))
def history(request: pytest.FixtureRequest) -> History:
    return History(request.param)


def test_an_order_is_told_with_all_its_keys(history: History) -> None:
    assert all(order.keys() == ORDER[history.market] for order in history.orders)
    assert all(order["status"] == "FILLED" for order in history.orders)
    assert len({order["time"] for order in history.orders}) == 5


def test_a_trade_is_told_with_all_its_keys(history: History) -> None:
    assert all(trade.keys() == TRADE[history.market] for trade in history.trades)
    assert sorted({trade["orderId"] for trade in history.trades}) == [order["orderId"] for order in history.orders]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (lambda orders: {}, [0, 1, 2, 3, 4]),
        (lambda orders: {"limit": "2"}, [3, 4]),
        (lambda orders: {"orderId": str(orders[1]["orderId"])}, [1, 2, 3, 4]),
        (lambda orders: {"orderId": str(orders[1]["orderId"]), "limit": "2"}, [1, 2]),
        (lambda orders: {"startTime": str(orders[2]["time"])}, [2, 3, 4]),
        (lambda orders: {"startTime": str(orders[2]["time"] + 1), "limit": "1"}, [3]),
        (lambda orders: {"endTime": str(orders[2]["time"])}, [0, 1, 2]),
        (lambda orders: {"endTime": str(orders[2]["time"]), "limit": "1"}, [2]),
        (lambda orders: {"startTime": str(orders[1]["time"]), "endTime": str(orders[3]["time"])}, [1, 2, 3]),
    ],
)
def test_orders_are_chosen_by_id_and_time(
    history: History, params: Callable[[list[dict[str, Any]]], dict[str, str]], expected: list[int]
) -> None:
    found = history.ask("allOrders", **params(history.orders))

    assert found == [history.orders[index] for index in expected]


def test_trades_are_chosen_by_id_order_and_time(history: History) -> None:
    path, trades = TRADES[history.market], history.trades
    third = history.orders[2]

    assert history.ask(path, fromId=str(trades[-2]["id"])) == trades[-2:]
    assert history.ask(path, fromId=str(trades[0]["id"]), limit="1") == trades[:1]
    assert history.ask(path, limit="1") == trades[-1:]
    assert history.ask(path, orderId=str(third["orderId"])) == [
        each for each in trades if each["orderId"] == third["orderId"]
    ]
    assert history.ask(path, startTime=str(third["time"])) == [each for each in trades if each["time"] >= third["time"]]


def test_a_window_is_no_wider_than_the_venue_answers(history: History) -> None:
    day = 86_400_000
    widest = day if history.market is SPOT else 7 * day
    stage, symbol = history.stage, SYMBOL[history.market]

    history.ask("allOrders", startTime="0", endTime=str(widest))
    for path in ("allOrders", TRADES[history.market]):
        refusal = stage.refusal(history.market, "GET", path, symbol=symbol, startTime="0", endTime=str(widest + 1))
        assert refusal == (-1127, f"More than {widest // 3_600_000} hours between startTime and endTime.")
        assert stage.refusal(history.market, "GET", path, symbol=symbol, startTime="2", endTime="1")[0] == -1128
        assert stage.refusal(history.market, "GET", path, symbol=symbol, limit="0")[0] == -1130


def test_open_orders_are_those_of_a_symbol_or_of_all() -> None:
    stage = Stage()
    for symbol, price in (("BTCUSDT", "83000"), ("ETHUSDT", "2800"), ("BTCUSDT", "82000")):
        for market in (SPOT, USDM):
            stage.ask(
                market,
                "POST",
                "order",
                symbol=symbol,
                side="BUY",
                type="LIMIT",
                timeInForce="GTC",
                price=price,
                quantity="0.01",
            )
    for market in (SPOT, USDM):
        assert [each["symbol"] for each in stage.ask(market, "GET", "openOrders")] == ["BTCUSDT", "ETHUSDT", "BTCUSDT"]
        assert len(stage.ask(market, "GET", "openOrders", symbol="BTCUSDT")) == 2
    assert len(stage.ask(USDM, "GET", "allOrders")) == 3

    stage.ask(SPOT, "DELETE", "openOrders", symbol="BTCUSDT")
    assert stage.ask(USDM, "DELETE", "allOpenOrders", symbol="BTCUSDT")["code"] == 200
    for market in (SPOT, USDM):
        assert [each["symbol"] for each in stage.ask(market, "GET", "openOrders")] == ["ETHUSDT"]
    assert stage.refusal(SPOT, "DELETE", "openOrders", symbol="BTCUSDT") == (-2011, "Unknown order sent.")


def test_spot_tells_balances_with_or_without_zeros() -> None:
    stage = Stage()
    stage.source.transfer(SPOT, "main", "ETH", "-100")

    whole, short = stage.ask(SPOT, "GET", "account"), stage.ask(SPOT, "GET", "account", omitZeroBalances="true")

    assert whole["balances"] == [
        {"asset": "BTC", "free": "20.00000000", "locked": "0.00000000"},
        {"asset": "ETH", "free": "0.00000000", "locked": "0.00000000"},
        {"asset": "USDT", "free": "1000000.00000000", "locked": "0.00000000"},
    ]
    assert [each["asset"] for each in short["balances"]] == ["BTC", "USDT"]
    assert whole["commissionRates"]["taker"] == "0.00100000"


@pytest.mark.parametrize("market", [USDM, COINM])
def test_futures_tell_wallets_and_positions_alike_everywhere(market: Market) -> None:
    stage, symbol = Stage(), SYMBOL[market]
    stage.ask(market, "POST", "order", symbol=symbol, side="SELL", type="MARKET", quantity=QUANTITY[market])

    account, balances = stage.ask(market, "GET", "account"), stage.ask(market, "GET", "balance")
    risks = stage.ask(market, "GET", "positionRisk")
    books = stage.books(market)

    (held,) = (each for each in risks if Decimal(each["positionAmt"]))
    (kept,) = books["positions"]
    assert held["symbol"] == symbol
    assert (held["positionAmt"], held["entryPrice"]) == (kept["positionAmt"], kept["entryPrice"])
    (told,) = (each for each in account["positions"] if each["symbol"] == symbol)
    assert told["positionAmt"] == kept["positionAmt"]
    assert len(account["positions"]) == (1 if market is USDM else 2)
    for balance in balances:
        asset = balance["asset"]
        assert balance["balance"] == books["balances"][asset]["wallet"]
        (of_account,) = (each for each in account["assets"] if each["asset"] == asset)
        assert of_account["walletBalance"] == balance["balance"]
        assert of_account["availableBalance"] == balance["availableBalance"]
        assert ("withdrawAvailable" in balance) == (market is COINM)
    assert stage.ask(market, "GET", "positionRisk", symbol="NONE") == []


def test_leverage_and_mode_are_answered() -> None:
    stage = Stage()

    assert stage.ask(USDM, "POST", "leverage", symbol="BTCUSDT", leverage="30")["leverage"] == 30
    assert stage.refusal(USDM, "POST", "leverage", symbol="BTCUSDT", leverage="126") == (
        -4028,
        "Leverage 126 is not valid",
    )
    assert stage.ask(USDM, "GET", "positionSide/dual") == {"dualSidePosition": False}
    assert stage.refusal(USDM, "POST", "positionSide/dual", dualSidePosition="false")[0] == -4059
