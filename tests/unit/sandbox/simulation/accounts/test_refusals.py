"""What the venue refuses, with its code and in its words."""

from __future__ import annotations

import pytest

from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts.stage import Stage


SPOT, USDM, COINM = Market.SPOT, Market.USDM, Market.COINM
LIMIT = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "83000"}
MISSING = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '{}'."
DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
PRECISION = "Precision is over the maximum defined for this asset."
POOR = "Account has insufficient balance for requested action."


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def changed(**changes: str) -> dict[str, str]:
    """Return a good order with changes; a parameter that is empty is left out."""
    params = {"symbol": "BTCUSDT"} | LIMIT | changes
    return {name: value for name, value in params.items() if value}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"symbol": ""}, -1102, MISSING.format("symbol")),
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"side": ""}, -1102, MISSING.format("side")),
        ({"side": "HOLD"}, -1117, "Invalid side."),
        ({"type": "LIMITED"}, -1116, "Invalid orderType."),
        ({"timeInForce": ""}, -1102, MISSING.format("timeInForce")),
        ({"timeInForce": "GTX"}, -1115, "Invalid timeInForce."),
        ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "MARKET", "timeInForce": ""}, -1106, "Parameter 'price' sent when not required."),
        ({"price": ""}, -1102, MISSING.format("price")),
        ({"price": "-1"}, -1100, ILLEGAL.format("price", DECIMAL)),
        ({"price": "1e5"}, -1100, ILLEGAL.format("price", DECIMAL)),
        ({"price": "0"}, -1013, "Invalid price."),
        ({"price": "83000.000000001"}, -1111, "Parameter 'price' has too much precision."),
        ({"price": "83000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "2000000"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"price": "1000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
        ({"quantity": ""}, -1102, MISSING.format("quantity")),
        ({"quantity": "0"}, -1013, "Invalid quantity."),
        ({"quantity": "0.000001"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "10000"}, -1013, "Filter failure: LOT_SIZE"),
        ({"quantity": "500"}, -1013, "Filter failure: NOTIONAL"),
        ({"quantity": "100"}, -2010, POOR),
        ({"side": "SELL", "price": "85000", "quantity": "20.1"}, -2010, POOR),
        ({"newClientOrderId": "with blank"}, -1100, ILLEGAL.format("newClientOrderId", "^[a-zA-Z0-9-_]{1,36}$")),
        ({"newOrderRespType": "SOME"}, -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
        ({"selfTradePreventionMode": "NONE"}, -1130, "Data sent for parameter 'selfTradePreventionMode' is not valid."),
        (
            {"type": "MARKET", "price": "", "timeInForce": "", "quoteOrderQty": "100"},
            -1128,
            "Combination of optional parameters invalid.",
        ),
        (
            {"type": "MARKET", "price": "", "timeInForce": "", "quantity": "", "quoteOrderQty": "0.1"},
            -1013,
            "Filter failure: NOTIONAL",
        ),
    ],
)  # fmt: skip
def test_spot_refuses_an_order(stage: Stage, changes: dict[str, str], code: int, message: str) -> None:
    params = changed(**changes)

    assert stage.refusal(SPOT, "POST", "order", **params) == (code, message)
    if code != -2010:
        assert stage.refusal(SPOT, "POST", "order/test", **params) == (code, message)
    assert stage.told() == []
    assert stage.books(SPOT)["orders"] == []


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"symbol": "NOPE"}, -1121, "Invalid symbol."),
        ({"type": "LIMIT_MAKER"}, -1116, "Invalid orderType."),
        ({"side": "LONG"}, -1117, "Invalid side."),
        ({"timeInForce": ""}, -1102, MISSING.format("timeInForce")),
        ({"price": ""}, -1102, MISSING.format("price")),
        ({"price": "0"}, -4001, "Price less than 0."),
        ({"price": "83000.05"}, -4014, "Price not increased by tick size."),
        ({"price": "83000.001"}, -1111, PRECISION),
        ({"price": "1000001"}, -4002, "Price greater than max price."),
        ({"price": "89000"}, -4016, "Limit price can't be higher than the mark price by so much."),
        ({"side": "SELL", "price": "79000"}, -4024, "Limit price can't be lower than the mark price by so much."),
        ({"quantity": "0"}, -4003, "Quantity less than or equal to zero."),
        ({"quantity": "0.0001"}, -1111, PRECISION),
        ({"quantity": "100001"}, -4005, "Quantity greater than max quantity."),
        ({"quantity": "1000"}, -2019, "Margin is insufficient."),
        ({"positionSide": "LONG"}, -4061, "Order's position side does not match user's setting."),
        ({"reduceOnly": "yes"}, -1100, ILLEGAL.format("reduceOnly", "true|false")),
        ({"workingType": "LAST"}, -1130, "Data sent for parameter 'workingType' is not valid."),
        ({"symbol": "ETHUSDT", "price": "2900", "quantity": "0.001"}, -1111, PRECISION),
    ],
)  # fmt: skip
def test_futures_refuse_an_order(stage: Stage, changes: dict[str, str], code: int, message: str) -> None:
    params = changed(**changes)

    assert stage.refusal(USDM, "POST", "order", **params) == (code, message)
    assert stage.refusal(USDM, "POST", "order/test", **params) == (code, message)
    assert stage.told() == []
    assert stage.books(USDM)["orders"] == []


def test_futures_want_whole_contracts_and_orders_that_are_worth_something(stage: Stage) -> None:
    contracts = {"symbol": "BTCUSD_PERP", "side": "BUY", "type": "MARKET", "quantity": "0.5"}
    small = changed(symbol="ETHUSDT", price="100", quantity="0.01")

    assert stage.refusal(COINM, "POST", "order", **contracts) == (-1111, PRECISION)
    assert stage.refusal(USDM, "POST", "order", **small) == (
        -4164,
        "Order's notional must be no smaller than 5 (unless you choose reduce only).",
    )


@pytest.mark.parametrize("market", [SPOT, USDM])
def test_an_order_that_is_not_there_is_neither_told_of_nor_cancelled(stage: Stage, market: Market) -> None:
    btc = {"symbol": "BTCUSDT"}
    neither = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"

    assert stage.refusal(market, "GET", "order", orderId="1", **btc) == (-2013, "Order does not exist.")
    assert stage.refusal(market, "DELETE", "order", orderId="1", **btc) == (-2011, "Unknown order sent.")
    assert stage.refusal(market, "GET", "order", **btc) == (-1102, neither)
    assert stage.refusal(market, "GET", "order", orderId="1") == (-1102, MISSING.format("symbol"))
    assert stage.refusal(market, "GET", "order", orderId="one", **btc) == (
        -1100,
        "Illegal characters found in parameter 'orderId'; legal range is '^[0-9]{1,20}$'.",
    )


def test_a_client_s_name_for_an_open_order_is_not_given_twice() -> None:
    stage = Stage()
    params = changed(newClientOrderId="mine")
    for market, code, message in (
        (SPOT, -2010, "Duplicate order sent."),
        (USDM, -4116, "ClientOrderId is duplicated."),
    ):
        stage.ask(market, "POST", "order", **params)
        assert stage.refusal(market, "POST", "order", **params) == (code, message)
        stage.ask(market, "DELETE", "order", symbol="BTCUSDT", origClientOrderId="mine")
        assert stage.ask(market, "POST", "order", **params)["clientOrderId"] == "mine"


def test_a_symbol_takes_two_hundred_orders_and_five_stop_orders() -> None:
    stage = Stage()
    stop = {"type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "80000", "price": "79000"}
    for _ in range(5):
        stage.ask(SPOT, "POST", "order", **changed(**stop))
    assert stage.refusal(SPOT, "POST", "order", **changed(**stop)) == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    for _ in range(195):
        stage.ask(SPOT, "POST", "order", **changed(quantity="0.0001"))
    assert stage.refusal(SPOT, "POST", "order", **changed()) == (-1013, "Filter failure: MAX_NUM_ORDERS")
    stage.ask(SPOT, "POST", "order", **changed(symbol="ETHUSDT", price="2800"))


def test_strangers_and_strange_paths_are_refused(stage: Stage) -> None:
    status, body = stage.send(SPOT, "GET", "account", "nobody")
    assert (status, body) == (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    status, body = stage.send(SPOT, "PUT", "order")
    assert (status, body) == (404, {"code": -5000, "msg": "Path order, Method PUT is invalid"})


def test_an_account_is_opened_once_with_amounts_that_are_some() -> None:
    source = Stage().source
    with pytest.raises(ValueError, match='account "main": is there on spot already'):
        source.open_account(SPOT, "main", {})
    with pytest.raises(ValueError, match='account "poor": begins with less than nothing of BTC'):
        source.open_account(SPOT, "poor", {"BTC": "-1"})
    with pytest.raises(ValueError, match='amount "much": is no decimal number'):
        source.open_account(SPOT, "vague", {"BTC": "much"})
    with pytest.raises(ValueError, match='account "nobody": is not there on usdm'):
        source.transfer(USDM, "nobody", "USDT", "1")


def test_a_market_that_has_closed_takes_no_orders_but_answers() -> None:
    stage = Stage()
    stage.ask(SPOT, "POST", "order", **changed())
    stage.source.close_markets()
    while not stage.source.venue.closed:
        stage.advance()
    refusal = stage.refusal(SPOT, "POST", "order", **changed())
    while stage.advance():
        pass

    assert refusal == stage.refusal(SPOT, "POST", "order", **changed()) == (-1013, "Market is closed.")
    assert len(stage.ask(SPOT, "GET", "openOrders")) == 1
