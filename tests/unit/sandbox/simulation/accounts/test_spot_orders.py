"""The lives of spot's orders, event by event, in a market that only accounts move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts import laws
from tests.unit.sandbox.simulation.accounts.stage import OPENING, WHALE, Stage, keys


SPOT = Market.SPOT
BTC = {"symbol": "BTCUSDT"}
ALWAYS = keys("e E s c S o f q p P F g C x X r i l z L n N T t I w m M O Z Y Q V")
"""Keys that every executionReport has (binance.md 5.3)."""


@pytest.fixture
def stage() -> Stage:
    return Stage()


def told(stage: Stage) -> list[tuple[str, str, str, bool]]:
    """Return execution type, status, filled quantity and whether it works, of each report since the last call."""
    return [(each["x"], each["X"], each["z"], each["w"]) for each in stage.hear("executionReport")]


def limit(stage: Stage, side: str, price: Decimal | str, quantity: str = "0.01", **more: str) -> Any:
    params = {"type": "LIMIT", "timeInForce": "GTC"} | more
    return stage.ask(SPOT, "POST", "order", side=side, price=f"{price}", quantity=quantity, **BTC, **params)


def test_a_resting_order_locks_what_it_needs_and_gives_it_back_when_it_is_cancelled(stage: Stage) -> None:
    order = limit(stage, "BUY", "83000", newClientOrderId="mine")
    cancelled = stage.ask(SPOT, "DELETE", "order", origClientOrderId="mine", newClientOrderId="away", **BTC)

    new, end = stage.told("executionReport")
    assert (order["status"], order["clientOrderId"], order["executedQty"]) == ("NEW", "mine", "0.00000000")
    assert (cancelled["status"], cancelled["clientOrderId"], cancelled["origClientOrderId"]) == (
        "CANCELED",
        "away",
        "mine",
    )
    assert new.keys() == ALWAYS | {"W"}
    assert (new["x"], new["X"], new["w"], new["t"], new["N"], new["C"]) == ("NEW", "NEW", True, -1, None, "")
    assert (end["x"], end["X"], end["w"], end["c"], end["C"], end["i"]) == (
        "CANCELED",
        "CANCELED",
        False,
        "away",
        "mine",
        new["i"],
    )
    locked = [
        (each["f"], each["l"])
        for event in stage.told("outboundAccountPosition")
        for each in event["B"]
        if each["a"] == "USDT"
    ]
    assert locked == [("999170.00000000", "830.00000000"), ("1000000.00000000", "0.00000000")]


def test_a_taker_pays_the_makers_price_and_gets_its_lock_back(stage: Stage) -> None:
    ask = stage.quote(SPOT, "BTCUSDT").ask

    order = limit(stage, "BUY", ask + 100, "0.001")

    (fill,) = order["fills"]
    assert order["status"] == "FILLED"
    assert Decimal(fill["price"]) == ask
    assert fill["commission"] == "0.00000100"
    assert fill["commissionAsset"] == "BTC"
    assert told(stage) == [("NEW", "NEW", "0.00000000", True), ("TRADE", "FILLED", "0.00100000", False)]
    usdt = stage.books(SPOT)["balances"]["USDT"]
    assert Decimal(usdt["free"]) == Decimal(OPENING[SPOT]["USDT"]) - ask / 1000
    assert usdt["locked"] == "0.00000000"


def test_a_maker_is_filled_by_whoever_comes(stage: Stage) -> None:
    bid = stage.quote(SPOT, "BTCUSDT").bid
    limit(stage, "BUY", bid + Decimal("0.01"), "0.02")
    stage.forget()

    stage.ask(SPOT, "POST", "order", "other", side="SELL", type="MARKET", quantity="0.005", **BTC)
    stage.ask(SPOT, "POST", "order", "other", side="SELL", type="MARKET", quantity="0.015", **BTC)

    reports = stage.told("executionReport")
    assert [(each["X"], each["l"], each["z"], each["w"], each["m"]) for each in reports] == [
        ("PARTIALLY_FILLED", "0.00500000", "0.00500000", True, True),
        ("FILLED", "0.01500000", "0.02000000", False, True),
    ]
    theirs = [each["t"] for each in stage.told("executionReport", "other") if each["x"] == "TRADE"]
    assert [each["t"] for each in reports] == theirs


def test_a_market_order_by_value_spends_no_more_than_the_value(stage: Stage) -> None:
    order = stage.ask(SPOT, "POST", "order", side="BUY", type="MARKET", quoteOrderQty="5000", **BTC)

    assert order["status"] == "FILLED"
    assert order["origQuoteOrderQty"] == "5000.00000000"
    assert Decimal(4999) < Decimal(order["cummulativeQuoteQty"]) <= 5000
    assert stage.told("executionReport")[0]["Q"] == "5000.00000000"


def test_what_a_market_order_finds_nobody_for_expires(stage: Stage) -> None:
    order = stage.ask(SPOT, "POST", "order", WHALE, side="SELL", type="MARKET", quantity="50", **BTC)

    assert order["status"] == "EXPIRED"
    last = stage.told("executionReport", WHALE)[-1]
    assert (last["x"], last["X"], last["eR"]) == ("EXPIRED", "EXPIRED", "INSUFFICIENT_LIQUIDITY")


@pytest.mark.parametrize(
    ("time_in_force", "quantity", "expected"),
    [
        ("IOC", "0.00500", ("EXPIRED", "0.00437000", "UNFILLED_IOC_QUANTITY_EXPIRED")),
        ("FOK", "0.00500", ("EXPIRED", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED")),
        ("FOK", "0.00437", ("FILLED", "0.00437000", None)),
    ],
)
def test_what_must_trade_at_once_does_or_expires(
    stage: Stage, time_in_force: str, quantity: str, expected: tuple[str, str, str | None]
) -> None:
    ask = stage.quote(SPOT, "BTCUSDT").ask
    best = stage.source.venue.symbols(SPOT)["BTCUSDT"].top.ask_quantity  # type: ignore[index]
    assert best == 437

    order = limit(stage, "BUY", ask, quantity, timeInForce=time_in_force)

    last = stage.told("executionReport")[-1]
    assert (last["X"], last["z"], last.get("eR")) == expected
    assert order["status"] == expected[0]
    laws.check_locks(stage.books(SPOT))


def test_an_order_that_must_be_a_maker_is_refused_where_it_would_take(stage: Stage) -> None:
    quote = stage.quote(SPOT, "BTCUSDT")

    refusal = stage.refusal(
        SPOT, "POST", "order", side="BUY", type="LIMIT_MAKER", price=f"{quote.ask}", quantity="0.01", **BTC
    )
    order = stage.ask(
        SPOT, "POST", "order", side="BUY", type="LIMIT_MAKER", price=f"{quote.bid}", quantity="0.01", **BTC
    )

    assert refusal == (-2010, "Order would immediately match and take.")
    assert order.keys() == {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
    assert len(stage.told("executionReport")) == 1


def test_a_stop_order_is_new_twice_and_works_the_second_time(stage: Stage) -> None:
    quote = stage.quote(SPOT, "BTCUSDT")
    stop, price = quote.ask + 10, quote.ask + 5
    stage.ask(
        SPOT,
        "POST",
        "order",
        side="BUY",
        type="STOP_LOSS_LIMIT",
        stopPrice=f"{stop}",
        price=f"{price}",
        quantity="0.0004",
        timeInForce="GTC",
        **BTC,
    )
    waiting = stage.hear("executionReport")

    stage.sweep(SPOT, "BTCUSDT", "BUY", quote.ask + 13)
    triggered = stage.hear("executionReport")
    stage.sweep(SPOT, "BTCUSDT", "SELL", price)
    filled = stage.hear("executionReport")

    assert [(each["x"], each["X"], each["w"], "W" in each) for each in waiting + triggered + filled] == [
        ("NEW", "NEW", False, False),
        ("NEW", "NEW", True, True),
        ("TRADE", "FILLED", False, True),
    ]
    assert waiting[0]["i"] == triggered[0]["i"] == filled[0]["i"]
    assert filled[0]["m"] is True
    assert waiting[0]["P"] == f"{stop:.8f}"


@pytest.mark.parametrize(
    ("order_type", "side", "beyond"),
    [
        ("STOP_LOSS", "BUY", 10),
        ("STOP_LOSS", "SELL", -200),
        ("TAKE_PROFIT", "BUY", -200),
        ("TAKE_PROFIT", "SELL", 10),
    ],
)
def test_a_stop_without_a_price_becomes_a_market_order(stage: Stage, order_type: str, side: str, beyond: int) -> None:
    quote = stage.quote(SPOT, "BTCUSDT")
    rising = beyond > 0
    stop = (quote.ask if rising else quote.bid) + beyond
    stage.ask(SPOT, "POST", "order", side=side, type=order_type, stopPrice=f"{stop}", quantity="0.0004", **BTC)
    assert told(stage) == [("NEW", "NEW", "0.00000000", False)]

    stage.sweep(SPOT, "BTCUSDT", "BUY" if rising else "SELL", stop + (20 if rising else -200))

    assert [each[:3] for each in told(stage)] == [
        ("NEW", "NEW", "0.00000000"),
        ("TRADE", "FILLED", "0.00040000"),
    ]
    laws.check_spot_money(stage.books(SPOT))
    laws.check_locks(stage.books(SPOT))


def test_a_stop_that_would_go_off_at_once_is_refused(stage: Stage) -> None:
    ask = stage.quote(SPOT, "BTCUSDT").ask

    refusal = stage.refusal(
        SPOT, "POST", "order", side="SELL", type="STOP_LOSS", stopPrice=f"{ask + 10}", quantity="0.01", **BTC
    )

    assert refusal == (-2010, "Stop price would trigger immediately.")


def oco(stage: Stage, quantity: str = "0.0004") -> tuple[Any, Decimal, Decimal]:
    """Sell above or below the market, whichever comes first."""
    quote = stage.quote(SPOT, "BTCUSDT")
    above, below = quote.ask + 10, quote.bid - 1
    answer = stage.ask(
        SPOT,
        "POST",
        "orderList/oco",
        side="SELL",
        quantity=quantity,
        aboveType="LIMIT_MAKER",
        abovePrice=f"{above}",
        belowType="STOP_LOSS_LIMIT",
        belowStopPrice=f"{below}",
        belowPrice=f"{below - 2000}",
        belowTimeInForce="GTC",
        listClientOrderId="pair",
        **BTC,
    )
    return answer, above, below


def test_the_two_orders_of_a_list_lock_their_amount_once(stage: Stage) -> None:
    answer, *_ = oco(stage)

    assert (answer["contingencyType"], answer["listOrderStatus"]) == ("OCO", "EXECUTING")
    assert stage.books(SPOT)["balances"]["BTC"]["locked"] == "0.00040000"
    (status,) = stage.told("listStatus")
    assert (status["l"], status["L"], status["C"], [each["i"] for each in status["O"]]) == (
        "EXEC_STARTED",
        "EXECUTING",
        "pair",
        [each["orderId"] for each in answer["orders"]],
    )
    assert {each["g"] for each in stage.told("executionReport")} == {answer["orderListId"]}


def test_when_one_of_a_list_is_set_off_the_other_expires_first(stage: Stage) -> None:
    _, _, below = oco(stage)
    stage.forget()

    stage.sweep(SPOT, "BTCUSDT", "SELL", below - 500)

    reports, (status,) = stage.told("executionReport"), stage.told("listStatus")
    assert [(each["o"], each["x"], each["X"], each.get("eR")) for each in reports] == [
        ("LIMIT_MAKER", "EXPIRED", "EXPIRED", "OCO_TRIGGER"),
        ("STOP_LOSS_LIMIT", "NEW", "NEW", None),
        ("STOP_LOSS_LIMIT", "TRADE", "FILLED", None),
    ]
    assert (status["l"], status["L"]) == ("ALL_DONE", "ALL_DONE")
    laws.check_locks(stage.books(SPOT))


def test_when_one_of_a_list_trades_a_little_the_other_expires(stage: Stage) -> None:
    _, above, _ = oco(stage, "0.05000")
    stage.forget()

    stage.ask(
        SPOT,
        "POST",
        "order",
        "other",
        side="BUY",
        type="LIMIT",
        timeInForce="IOC",
        price=f"{above}",
        quantity="0.04",
        **BTC,
    )

    reports = stage.told("executionReport")
    assert [(each["o"], each["X"]) for each in reports] == [
        ("STOP_LOSS_LIMIT", "EXPIRED"),
        ("LIMIT_MAKER", "PARTIALLY_FILLED"),
    ]
    assert [each["l"] for each in stage.told("listStatus")] == ["ALL_DONE"]
    assert len(stage.ask(SPOT, "GET", "openOrders", **BTC)) == 1
    laws.check_locks(stage.books(SPOT))


def test_cancelling_one_of_a_list_cancels_both(stage: Stage) -> None:
    answer, *_ = oco(stage)
    stage.forget()

    stage.ask(SPOT, "DELETE", "order", orderId=str(answer["orders"][0]["orderId"]), **BTC)

    assert [each["X"] for each in stage.told("executionReport")] == ["CANCELED", "CANCELED"]
    assert stage.ask(SPOT, "GET", "openOrderList") == []
    assert stage.ask(SPOT, "GET", "orderList", origClientOrderId="pair")["listOrderStatus"] == "ALL_DONE"
    assert stage.books(SPOT)["balances"]["BTC"]["locked"] == "0.00000000"


@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        ("EXPIRE_MAKER", ["EXPIRED_IN_MATCH", "FILLED"]),
        ("EXPIRE_TAKER", ["NEW", "EXPIRED_IN_MATCH"]),
        ("EXPIRE_BOTH", ["EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"]),
    ],
)
def test_an_account_does_not_trade_with_itself(stage: Stage, mode: str, statuses: list[str]) -> None:
    bid = stage.quote(SPOT, "BTCUSDT").bid
    limit(stage, "BUY", bid, "0.004")
    limit(stage, "BUY", bid + Decimal("0.01"), "0.002")

    limit(stage, "SELL", bid, "0.003", selfTradePreventionMode=mode)

    orders = stage.books(SPOT)["orders"]
    assert [order["status"] for order in orders[1:]] == statuses
    assert orders[0]["status"] == "NEW"
    prevented = [each for each in stage.told("executionReport") if each["x"] == "TRADE_PREVENTION"]
    assert {each["U"] for each in prevented} <= {order["orderId"] for order in orders}
    assert all({"v", "A", "B", "u", "U", "Cs", "pl", "pL", "pY"} < each.keys() for each in prevented)
    assert all(each["A"] == "0.00200000" for each in prevented)
    fills = [fill["id"] for order in orders for fill in order["fills"]]
    assert len(fills) == len(set(fills))
    laws.check_locks(stage.books(SPOT))


def test_an_amended_order_is_smaller_and_keeps_its_place(stage: Stage) -> None:
    bid = stage.quote(SPOT, "BTCUSDT").bid + Decimal("0.01")
    limit(stage, "BUY", bid, "0.004", newClientOrderId="first")
    stage.ask(
        SPOT, "POST", "order", "other", side="BUY", type="LIMIT", timeInForce="GTC", price=f"{bid}", quantity="1", **BTC
    )
    stage.forget()

    answer = stage.ask(
        SPOT,
        "PUT",
        "order/amend/keepPriority",
        origClientOrderId="first",
        newQty="0.003",
        newClientOrderId="second",
        **BTC,
    )
    limit(stage, "SELL", bid, "0.001", selfTradePreventionMode="EXPIRE_TAKER")

    report = stage.told("executionReport")[0]
    assert (report["x"], report["X"], report["q"], report["c"], report["C"]) == (
        "REPLACED",
        "NEW",
        "0.00300000",
        "second",
        "first",
    )
    assert answer["executionId"] == report["I"]
    assert answer["amendedOrder"]["origQty"] == "0.00300000"
    assert stage.books(SPOT)["orders"][1]["status"] == "EXPIRED_IN_MATCH"  # its own order was still the first in line
    laws.check_locks(stage.books(SPOT))


def test_commission_is_taken_from_bnb_while_there_is_some() -> None:
    stage = Stage(accounts=())
    stage.source.open_account(SPOT, "main", {"USDT": "10000", "BNB": "0.001"})
    for _ in range(3):
        stage.ask(SPOT, "POST", "order", side="BUY", type="MARKET", quantity="0.01", **BTC)

    fees = [(each["N"], each["n"]) for each in stage.told("executionReport") if each["x"] == "TRADE"]
    assert fees[0] == ("BNB", "0.00036464")  # 0.00437 BTC at 84000.02, 7.5 hundredths of a percent, 755 dollars a BNB
    assert {asset for asset, _ in fees} == {"BNB", "BTC"}
    assert 0 <= Decimal(stage.books(SPOT)["balances"]["BNB"]["free"]) < Decimal("0.001")


def test_money_that_arrives_and_leaves_is_told_twice(stage: Stage) -> None:
    stage.source.transfer(SPOT, "main", "USDT", "12.5")
    stage.source.transfer(SPOT, "main", "BTC", "-20")
    stage.listen()

    assert [(each["e"], each.get("a"), each.get("d")) for each in stage.told()] == [
        ("balanceUpdate", "USDT", "12.50000000"),
        ("outboundAccountPosition", None, None),
        ("balanceUpdate", "BTC", "-20.00000000"),
        ("outboundAccountPosition", None, None),
    ]
    with pytest.raises(ValueError, match="BTC: 1 units are asked for, 0 are free"):
        stage.source.transfer(SPOT, "main", "BTC", "-0.00000001")


def test_the_orders_of_a_symbol_that_is_delisted_expire(stage: Stage) -> None:
    limit(stage, "BUY", "83000")
    oco(stage)
    stage.forget()

    stage.source.delist(SPOT, "BTCUSDT")
    while stage.source.venue.symbols(SPOT)["BTCUSDT"].delisted_us is None:  # type: ignore[index]
        stage.advance()
    for _ in range(20):
        stage.advance()

    reports = [(each["X"], each["eR"]) for each in stage.told("executionReport")]
    assert reports == [("EXPIRED", "EXCHANGE_CANCELED")] * 3
    assert [each["l"] for each in stage.told("listStatus")] == ["ALL_DONE"]
    assert stage.ask(SPOT, "GET", "openOrders") == []
    assert len(stage.ask(SPOT, "GET", "allOrders", **BTC)) == 3
    assert stage.refusal(SPOT, "POST", "order", side="BUY", type="MARKET", quantity="1", **BTC) == (
        -1121,
        "Invalid symbol.",
    )


def replace(stage: Stage, mode: str, cancelled: str, quantity: str = "0.01") -> tuple[int, Any]:
    params = {"type": "LIMIT", "timeInForce": "GTC", "side": "BUY", "price": "82000", "quantity": quantity}
    return stage.send(
        SPOT,
        "POST",
        "order/cancelReplace",
        cancelReplaceMode=mode,
        cancelOrigClientOrderId=cancelled,
        newClientOrderId="second",
        **(BTC | params),
    )


def test_an_order_is_replaced_by_another_in_one_request(stage: Stage) -> None:
    limit(stage, "BUY", "83000", newClientOrderId="first")

    status, body = replace(stage, "STOP_ON_FAILURE", "first")

    assert (status, body["cancelResult"], body["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
    assert (body["cancelResponse"]["origClientOrderId"], body["newOrderResponse"]["clientOrderId"]) == (
        "first",
        "second",
    )
    assert [(each["x"], each["X"]) for each in stage.told("executionReport")] == [
        ("NEW", "NEW"),
        ("CANCELED", "CANCELED"),
        ("NEW", "NEW"),
    ]


@pytest.mark.parametrize(
    ("mode", "cancelled", "quantity", "expected"),
    [
        ("STOP_ON_FAILURE", "none", "0.01", (400, -2022, "FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "none", "0.01", (409, -2021, "FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", "none", "100", (400, -2022, "FAILURE", "FAILURE")),
        ("STOP_ON_FAILURE", "first", "100", (409, -2021, "SUCCESS", "FAILURE")),
    ],
)
def test_what_becomes_of_both_is_said_where_one_fails(
    stage: Stage, mode: str, cancelled: str, quantity: str, expected: tuple[int, int, str, str]
) -> None:
    limit(stage, "BUY", "83000", newClientOrderId="first")

    status, body = replace(stage, mode, cancelled, quantity)

    data = body["data"]
    assert (status, body["code"], data["cancelResult"], data["newOrderResult"]) == expected
    laws.check_locks(stage.books(SPOT))


def test_the_older_endpoint_makes_the_same_list(stage: Stage) -> None:
    quote = stage.quote(SPOT, "BTCUSDT")

    answer = stage.ask(
        SPOT,
        "POST",
        "order/oco",
        side="BUY",
        quantity="0.01",
        price=f"{quote.bid - 100}",
        stopPrice=f"{quote.ask + 100}",
        stopLimitPrice=f"{quote.ask + 110}",
        stopLimitTimeInForce="GTC",
        limitClientOrderId="limit",
        stopClientOrderId="stop",
        **BTC,
    )

    assert [each["clientOrderId"] for each in answer["orders"]] == ["stop", "limit"]
    assert [each["type"] for each in answer["orderReports"]] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    assert Decimal(stage.books(SPOT)["balances"]["USDT"]["locked"]) == (quote.ask + 110) / 100


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aboveType": "STOP_LOSS_LIMIT", "belowType": "LIMIT_MAKER"}, -1102),
        ({"abovePrice": "83000"}, -2010),
        ({"belowType": "LIMIT_MAKER", "belowStopPrice": "", "belowPrice": "84500"}, -1128),
        ({"quantity": "20.1"}, -2010),
    ],
)
def test_a_pair_that_is_none_is_refused(stage: Stage, changes: dict[str, str], code: int) -> None:
    params = {
        "side": "SELL",
        "quantity": "0.01",
        "aboveType": "LIMIT_MAKER",
        "abovePrice": "85000",
        "belowType": "STOP_LOSS",
        "belowStopPrice": "83000",
        "belowPrice": "82000" if changes.get("belowType") else "",
    }
    params = {name: value for name, value in (BTC | params | changes).items() if value}

    assert stage.refusal(SPOT, "POST", "orderList/oco", **params)[0] == code
    assert stage.books(SPOT)["orders"] == []
