"""The lives of futures' orders, event by event, in a market that only accounts move."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts import laws
from tests.unit.sandbox.simulation.accounts.stage import Stage, keys, quiet


USDM, COINM = Market.USDM, Market.COINM
BTC = {"symbol": "BTCUSDT"}
COIN = {"symbol": "BTCUSD_PERP"}
COMMON = keys("s c S o f q p ap sp x X i l z L N n T t b a m R wt ot ps cp rp pP V pm er")
ORDER_KEYS = {USDM: COMMON | {"si", "ss", "gtd"}, COINM: COMMON | {"ma"}}
"""Keys of an ORDER_TRADE_UPDATE's ``o``."""
ALGO_KEYS = keys("caid aid at o s S ps f q X ai tp p V wt pm cp pP R tt gtd ia")


@pytest.fixture
def stage() -> Stage:
    return Stage()


def place(stage: Stage, side: str, quantity: str, account: str = "main", **more: str) -> Any:
    params = {"type": "LIMIT", "timeInForce": "GTC"} if "price" in more else {"type": "MARKET"}
    params |= {"side": side, "quantity": quantity, "newOrderRespType": "RESULT"}
    return stage.ask(USDM, "POST", "order", account, **(BTC | params | more))


def algo(stage: Stage, side: str, order_type: str, trigger: Decimal, **more: str) -> Any:
    params = {"algoType": "CONDITIONAL", "side": side, "type": order_type, "triggerPrice": f"{trigger}"}
    return stage.ask(USDM, "POST", "algoOrder", **(BTC | params | more))


def inside(stage: Stage) -> Decimal:
    """Return a price above all bids and below all asks, after making room for it."""
    stage.sweep(USDM, "BTCUSDT", "BUY", stage.quote(USDM, "BTCUSDT").ask + 50)
    return stage.quote(USDM, "BTCUSDT").bid + Decimal("0.1")


def changes(stage: Stage) -> list[tuple[str, str, str, str]]:
    """Return execution type, status, filled quantity and expiry reason of each report since the last call."""
    return [
        (each["o"]["x"], each["o"]["X"], each["o"]["z"], each["o"]["er"]) for each in stage.hear("ORDER_TRADE_UPDATE")
    ]


def position(stage: Stage, market: Market = USDM, account: str = "main") -> Any:
    (found,) = stage.books(market, account)["positions"]
    return found


def test_a_fill_changes_wallet_and_position_before_the_order_is_told_of(stage: Stage) -> None:
    ask = stage.quote(USDM, "BTCUSDT").ask

    order = place(stage, "BUY", "0.002")

    assert order["status"] == "FILLED"
    assert "avgPrice" not in order
    kinds = [each["e"] for each in stage.told() if each["e"] != "TRADE_LITE"]
    assert kinds == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]
    new, filled = (each["o"] for each in stage.told("ORDER_TRADE_UPDATE"))
    assert new.keys() == filled.keys() == ORDER_KEYS[USDM]
    assert (new["x"], new["X"], new["t"], new["ap"], new["n"]) == ("NEW", "NEW", 0, "0", "0")
    assert (filled["x"], filled["X"], Decimal(filled["ap"]), filled["z"]) == ("TRADE", "FILLED", ask, "0.002")
    fee = ask * Decimal("0.002") * Decimal("0.0005")
    assert Decimal(filled["n"]) == fee
    (update,) = stage.told("ACCOUNT_UPDATE")
    (balance,) = update["a"]["B"]
    (held,) = update["a"]["P"]
    assert update["a"]["m"] == "ORDER"
    assert (balance["a"], Decimal(balance["wb"]), balance["bc"]) == ("USDT", Decimal(1_000_000) - fee, "0")
    assert held.keys() == {"s", "pa", "ep", "bep", "cr", "up", "mt", "iw", "ps"}
    assert (held["s"], held["pa"], Decimal(held["ep"]), held["ps"]) == ("BTCUSDT", "0.002", ask, "BOTH")


def test_a_fill_is_told_in_short_too_sometimes_before_the_order_is(stage: Stage) -> None:
    ask = stage.quote(USDM, "BTCUSDT").ask

    place(stage, "BUY", "0.200", price=f"{ask + 400}", timeInForce="IOC")

    lites = stage.told("TRADE_LITE")
    fills = [each["o"] for each in stage.told("ORDER_TRADE_UPDATE") if each["o"]["x"] == "TRADE"]
    assert len(fills) > 6
    assert {each["t"] for each in lites} == {each["t"] for each in fills}
    assert lites[0].keys() == keys("e E T s q p m c S L l t i")
    order = [(each["e"], each.get("t") or each["o"]["t"]) for each in stage.told() if each["e"] != "ACCOUNT_UPDATE"]
    first = next(index for index, (kind, _) in enumerate(order) if kind == "ORDER_TRADE_UPDATE")
    assert first > 0
    assert all(trade % 3 == 0 for _, trade in order[:first])


def test_realised_profit_is_in_the_wallet_and_entry_stays(stage: Stage) -> None:
    place(stage, "BUY", "0.004")
    entry = position(stage)["entryPrice"]
    stage.sweep(USDM, "BTCUSDT", "BUY", stage.quote(USDM, "BTCUSDT").ask + 300)
    stage.forget()

    place(stage, "SELL", "0.001")

    fill = stage.told("ORDER_TRADE_UPDATE")[-1]["o"]
    assert Decimal(fill["rp"]) == (Decimal(fill["L"]) - Decimal(entry)) * Decimal("0.001")
    assert position(stage)["entryPrice"] == entry
    assert position(stage)["positionAmt"] == "0.003"
    laws.check_futures_money(stage.books(USDM))


def test_a_sale_of_more_than_there_is_turns_the_position_round(stage: Stage) -> None:
    place(stage, "BUY", "0.002")

    order = place(stage, "SELL", "0.003")

    last = stage.ask(USDM, "GET", "userTrades", orderId=str(order["orderId"]), **BTC)[-1]
    assert position(stage)["positionAmt"] == "-0.001"
    assert Decimal(position(stage)["entryPrice"]) == Decimal(last["price"])


def test_coin_margined_contracts_are_worth_coins(stage: Stage) -> None:
    stage.ask(COINM, "POST", "order", side="SELL", type="MARKET", quantity="3", **COIN)

    new, filled = stage.told("ORDER_TRADE_UPDATE")
    (update,) = stage.told("ACCOUNT_UPDATE")
    assert new["o"].keys() == filled["o"].keys() == ORDER_KEYS[COINM]
    assert new["i"] == filled["i"] == update["i"] != ""
    assert {each["s"] for each in update["a"]["P"]} == {"BTCUSD_PERP", "ETHUSD_PERP"}
    value = round(Decimal(300) / Decimal(filled["o"]["L"]), 8)
    assert Decimal(filled["o"]["n"]) == Decimal(int(value * 10**8 * 5 // 10_000)) / 10**8
    assert filled["o"]["ap"] == filled["o"]["L"]
    assert (filled["o"]["ma"], filled["o"]["N"]) == ("BTC", "BTC")
    assert stage.told("TRADE_LITE") == []


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"timeInForce": "GTX"}, -5022),
        ({"timeInForce": "FOK", "quantity": "30"}, -5021),
        ({"timeInForce": "GTE"}, -1115),
        ({"timeInForce": "GTD"}, -1102),
        ({"timeInForce": "GTD", "goodTillDate": "1793577660000"}, -1130),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_trace(stage: Stage, more: dict[str, str], code: int) -> None:
    ask = stage.quote(USDM, "BTCUSDT").ask
    params = BTC | {"side": "BUY", "type": "LIMIT", "quantity": "0.002", "price": f"{ask}"} | more

    assert stage.refusal(USDM, "POST", "order", **params)[0] == code
    assert stage.told() == []
    assert stage.ask(USDM, "GET", "allOrders", **BTC) == []


def test_the_rest_of_an_immediate_order_expires(stage: Stage) -> None:
    ask = stage.quote(USDM, "BTCUSDT").ask

    place(stage, "BUY", "3", price=f"{ask}", timeInForce="IOC")

    *_, last = changes(stage)
    assert (last[0], last[1], last[3]) == ("EXPIRED", "EXPIRED", "2")


@pytest.mark.parametrize(("to", "priority_kept"), [({"quantity": "0.004"}, True), ({"quantity": "0.006"}, False)])
def test_only_an_amendment_to_less_keeps_the_place(stage: Stage, to: dict[str, str], priority_kept: bool) -> None:
    price = f"{inside(stage)}"
    order = place(stage, "BUY", "0.005", price=price)
    place(stage, "BUY", "0.005", "other", price=price)
    stage.forget()

    stage.ask(USDM, "PUT", "order", side="BUY", price=price, orderId=str(order["orderId"]), **(BTC | to))
    amended = stage.told("ORDER_TRADE_UPDATE")[-1]["o"]
    place(stage, "SELL", "0.003", "other", selfTradePreventionMode="NONE")

    assert (amended["x"], amended["X"], amended["q"], amended["M"]) == ("AMENDMENT", "NEW", to["quantity"], "1")
    filled = stage.ask(USDM, "GET", "order", orderId=str(order["orderId"]), **BTC)["executedQty"]
    assert filled == ("0.003" if priority_kept else "0.000")


def test_an_amended_price_may_trade_at_once(stage: Stage) -> None:
    quote = stage.quote(USDM, "BTCUSDT")
    order = place(stage, "BUY", "0.002", price=f"{quote.bid - 10}")
    params = BTC | {"side": "BUY", "orderId": str(order["orderId"]), "quantity": "0.002"}

    stage.ask(USDM, "PUT", "order", price=f"{quote.ask + 50}", **params)

    assert [each[:2] for each in changes(stage)] == [("NEW", "NEW"), ("AMENDMENT", "NEW"), ("TRADE", "FILLED")]


def test_nothing_to_amend_is_refused(stage: Stage) -> None:
    bid = stage.quote(USDM, "BTCUSDT").bid
    order = place(stage, "BUY", "0.002", price=f"{bid}")
    params = BTC | {"side": "BUY", "orderId": str(order["orderId"]), "quantity": "0.002", "price": f"{bid}"}

    assert stage.refusal(USDM, "PUT", "order", **params) == (-5027, "No need to modify the order.")
    del params["price"]
    assert stage.refusal(USDM, "PUT", "order", **params)[0] == -1102


def test_an_order_that_only_reduces_needs_something_to_reduce(stage: Stage) -> None:
    refusal = stage.refusal(
        USDM, "POST", "order", side="SELL", type="MARKET", quantity="0.001", reduceOnly="true", **BTC
    )
    place(stage, "BUY", "0.002")
    place(stage, "SELL", "0.002", reduceOnly="true")

    assert refusal == (-2022, "ReduceOnly Order is rejected.")
    assert position(stage)["positionAmt"] == "0.000"


def test_a_reducing_order_expires_when_the_position_gets_too_small(stage: Stage) -> None:
    ask = stage.quote(USDM, "BTCUSDT").ask
    place(stage, "BUY", "0.005")
    place(stage, "SELL", "0.003", price=f"{ask + 500}", reduceOnly="true")
    place(stage, "SELL", "0.002", price=f"{ask + 400}", reduceOnly="true")
    stage.forget()

    place(stage, "SELL", "0.001")

    expired = [each["o"] for each in stage.told("ORDER_TRADE_UPDATE") if each["o"]["x"] == "EXPIRED"]
    assert [(each["q"], each["er"], each["R"]) for each in expired] == [("0.002", "4", True)]
    laws.check_reducing(stage.books(USDM))


def test_conditional_orders_are_refused_by_the_order_endpoint(stage: Stage) -> None:
    for order_type in ("STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"):
        refusal = stage.refusal(
            USDM, "POST", "order", side="SELL", type=order_type, quantity="0.01", stopPrice="80000", **BTC
        )
        assert refusal[0] == -4120


@pytest.mark.parametrize(
    ("order_type", "side", "limit", "rising"),
    [
        ("STOP_MARKET", "BUY", False, True),
        ("TAKE_PROFIT_MARKET", "SELL", False, True),
        ("STOP", "SELL", True, False),
        ("TAKE_PROFIT", "BUY", True, False),
    ],
)
def test_a_conditional_order_becomes_a_regular_one_and_ends_with_it(
    stage: Stage, order_type: str, side: str, limit: bool, rising: bool
) -> None:
    quote = stage.quote(USDM, "BTCUSDT")
    trigger = quote.ask + 100 if rising else quote.bid - 100
    price = {"price": f"{trigger - 2000 if side == 'SELL' else trigger + 2000}"} if limit else {}
    answer = algo(stage, side, order_type, trigger, quantity="0.002", clientAlgoId="condition", **price)
    (new,) = stage.hear("ALGO_UPDATE")

    stage.sweep(USDM, "BTCUSDT", "BUY" if rising else "SELL", trigger + (300 if rising else -300))

    updates = [each["o"] for each in stage.told("ALGO_UPDATE")]
    assert (answer["algoStatus"], answer["clientAlgoId"]) == ("NEW", "condition")
    assert new["o"].keys() == ALGO_KEYS
    assert [each["X"] for each in updates] == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    first, *_, filled = (each["o"] for each in stage.told("ORDER_TRADE_UPDATE"))
    assert updates[1]["ai"] == updates[2]["ai"] == str(first["i"])
    assert (first["x"], first["o"], first["ot"]) == ("NEW", "LIMIT" if limit else "MARKET", order_type)
    assert (updates[2]["ap"], updates[2]["aq"], updates[2]["act"]) == (filled["ap"], "0.002", first["o"])
    assert updates[2].keys() == ALGO_KEYS | {"ap", "aq", "act"}
    kept = stage.ask(USDM, "GET", "algoOrder", clientAlgoId="condition")
    assert (kept["algoStatus"], kept["actualOrderId"]) == ("FINISHED", str(first["i"]))
    assert stage.ask(USDM, "GET", "openAlgoOrders") == []


def test_a_position_is_closed_by_what_closes_all_of_it(stage: Stage) -> None:
    place(stage, "BUY", "0.007")
    bid = stage.quote(USDM, "BTCUSDT").bid
    algo(stage, "SELL", "STOP_MARKET", bid - 100, closePosition="true")
    stage.forget()

    stage.sweep(USDM, "BTCUSDT", "SELL", bid - 400)

    assert position(stage)["positionAmt"] == "0.000"
    new = stage.told("ORDER_TRADE_UPDATE")[0]["o"]
    assert (new["q"], new["cp"], new["R"]) == ("0.007", True, True)


def test_a_conditional_order_that_finds_nothing_to_do_says_why(stage: Stage) -> None:
    bid = stage.quote(USDM, "BTCUSDT").bid
    algo(stage, "SELL", "STOP_MARKET", bid - 100, closePosition="true")
    algo(stage, "SELL", "STOP_MARKET", bid - 100, quantity="0.002", reduceOnly="true")
    algo(stage, "SELL", "STOP_MARKET", bid - 100, quantity="900")
    stage.forget()

    stage.sweep(USDM, "BTCUSDT", "SELL", bid - 400)

    ends = [each["o"] for each in stage.told("ALGO_UPDATE") if each["o"]["X"] != "TRIGGERING"]
    assert [(each["X"], each["rm"]) for each in ends] == [
        ("EXPIRED", "There is no position to close."),
        ("REJECTED", "ReduceOnly Order is rejected."),
        ("REJECTED", "Margin is insufficient."),
    ]


def test_a_conditional_order_is_cancelled_and_not_twice(stage: Stage) -> None:
    bid = stage.quote(USDM, "BTCUSDT").bid
    order = algo(stage, "SELL", "STOP_MARKET", bid - 100, quantity="0.002")

    answer = stage.ask(USDM, "DELETE", "algoOrder", algoId=str(order["algoId"]))

    assert answer == {
        "algoId": order["algoId"],
        "clientAlgoId": order["clientAlgoId"],
        "code": "200",
        "msg": "success",
    }
    assert [each["o"]["X"] for each in stage.told("ALGO_UPDATE")] == ["NEW", "CANCELED"]
    assert stage.refusal(USDM, "DELETE", "algoOrder", algoId=str(order["algoId"]))[0] == -2011


def test_a_trailing_stop_follows_the_price_once_it_is_activated(stage: Stage) -> None:
    ask = stage.quote(USDM, "BTCUSDT").ask
    answer = stage.ask(
        USDM,
        "POST",
        "algoOrder",
        algoType="CONDITIONAL",
        side="SELL",
        type="TRAILING_STOP_MARKET",
        quantity="0.002",
        callbackRate="0.5",
        activatePrice=f"{ask + 100}",
        **BTC,
    )
    assert (answer["activatePrice"], answer["callbackRate"]) == (f"{ask + 100}", "0.5")

    stage.sweep(USDM, "BTCUSDT", "SELL", stage.quote(USDM, "BTCUSDT").bid - 100)
    assert [each["o"]["ia"] for each in stage.told("ALGO_UPDATE")] == [False]
    stage.sweep(USDM, "BTCUSDT", "BUY", ask + 300)
    assert [(each["o"]["X"], each["o"]["ia"]) for each in stage.hear("ALGO_UPDATE")] == [("NEW", False), ("NEW", True)]
    stage.sweep(USDM, "BTCUSDT", "SELL", ask - 700)

    assert [each["o"]["X"] for each in stage.told("ALGO_UPDATE")] == ["TRIGGERING", "TRIGGERED", "FINISHED"]
    order = stage.told("ORDER_TRADE_UPDATE")[0]["o"]
    assert (order["o"], order["ot"], order["cr"]) == ("MARKET", "TRAILING_STOP_MARKET", "0.5")
    assert Decimal(order["AP"]) == ask + 100


@pytest.mark.parametrize("rate", ["0.05", "20.01", "1.001"])
def test_a_trailing_stop_comes_back_by_a_rate_that_there_is(stage: Stage, rate: str) -> None:
    params = BTC | {"algoType": "CONDITIONAL", "side": "SELL", "type": "TRAILING_STOP_MARKET", "quantity": "0.002"}

    assert stage.refusal(USDM, "POST", "algoOrder", callbackRate=rate, **params) == (-2007, "Invalid callBack rate.")


def test_orders_that_are_good_till_a_date_expire_then(stage: Stage) -> None:
    start_ms = stage.source.config.start_ms
    date = {"timeInForce": "GTD", "goodTillDate": f"{start_ms + 700_999}"}
    bid = stage.quote(USDM, "BTCUSDT").bid
    place(stage, "BUY", "0.002", price=f"{bid - 100}", **date)
    algo(stage, "SELL", "STOP_MARKET", bid - 2000, quantity="0.002", **date)
    stage.forget()

    while stage.source.clock_ms() < start_ms + 701_000:
        assert stage.advance()

    (expired,) = stage.told("ORDER_TRADE_UPDATE")
    (lapsed,) = stage.told("ALGO_UPDATE")
    assert (expired["o"]["x"], expired["o"]["X"], expired["T"]) == ("EXPIRED", "EXPIRED", start_ms + 700_000)
    assert expired["o"]["gtd"] == start_ms + 700_000
    assert (lapsed["o"]["X"], lapsed["T"]) == ("EXPIRED", start_ms + 700_000)


def test_what_would_be_set_off_at_once_is_refused(stage: Stage) -> None:
    place(stage, "BUY", "0.002")
    params = BTC | {"algoType": "CONDITIONAL", "side": "SELL", "type": "STOP_MARKET", "quantity": "0.002"}

    assert stage.refusal(USDM, "POST", "algoOrder", triggerPrice="90000", **params) == (
        -2021,
        "Order would immediately trigger.",
    )


@pytest.mark.parametrize(
    ("mode", "statuses"),
    [
        ("EXPIRE_MAKER", ["EXPIRED_IN_MATCH", "FILLED"]),
        ("EXPIRE_TAKER", ["NEW", "EXPIRED_IN_MATCH"]),
        ("EXPIRE_BOTH", ["EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH"]),
        ("NONE", ["PARTIALLY_FILLED", "FILLED"]),
    ],
)
def test_an_account_trades_with_itself_only_where_it_wants_to(stage: Stage, mode: str, statuses: list[str]) -> None:
    price = inside(stage)
    place(stage, "BUY", "0.004", price=f"{price}")

    place(stage, "SELL", "0.003", price=f"{price - 100}", selfTradePreventionMode=mode)

    orders = stage.books(USDM)["orders"]
    assert [order["status"] for order in orders] == statuses
    prevented = [each["o"] for each in stage.told("ORDER_TRADE_UPDATE") if each["o"]["X"] == "EXPIRED_IN_MATCH"]
    assert {(each["x"], each["er"]) for each in prevented} <= {("EXPIRED", "1")}
    laws.check_futures_money(stage.books(USDM))


def test_leverage_is_told_and_says_how_much_margin_an_order_needs(stage: Stage) -> None:
    stage.ask(USDM, "POST", "leverage", leverage="10", **BTC)

    (event,) = stage.told("ACCOUNT_CONFIG_UPDATE")
    assert event["ac"] == {"s": "BTCUSDT", "l": 10}
    bid = stage.quote(USDM, "BTCUSDT").bid
    params = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": f"{bid}"}
    assert stage.refusal(USDM, "POST", "order", quantity="120", **params) == (-2019, "Margin is insufficient.")
    stage.ask(USDM, "POST", "leverage", leverage="20", **BTC)
    assert stage.ask(USDM, "POST", "order", quantity="120", **params)["status"] == "NEW"


def test_an_account_is_warned_once_that_its_margin_is_nearly_gone() -> None:
    stage = Stage(accounts=())
    stage.source.open_account(USDM, "main", {"USDT": "900"})
    stage.ask(USDM, "POST", "leverage", leverage="125", **BTC)
    place(stage, "BUY", "0.400", price=f"{stage.quote(USDM, 'BTCUSDT').ask + 2000}")
    stage.listen()

    stage.sweep(USDM, "BTCUSDT", "SELL", stage.quote(USDM, "BTCUSDT").bid - 500)
    stage.sweep(USDM, "BTCUSDT", "SELL", stage.quote(USDM, "BTCUSDT").bid - 500)

    (call,) = stage.told("MARGIN_CALL")
    (held,) = call["p"]
    assert call.keys() == {"e", "E", "cw", "p"}
    assert held.keys() == {"s", "ps", "pa", "mt", "iw", "mp", "up", "mm"}
    assert held["mt"] == "CROSSED"


def test_in_hedge_mode_a_symbol_has_two_positions(stage: Stage) -> None:
    stage.ask(USDM, "POST", "positionSide/dual", dualSidePosition="true")
    assert stage.refusal(USDM, "POST", "order", side="BUY", type="MARKET", quantity="0.002", **BTC)[0] == -4061

    place(stage, "BUY", "0.003", positionSide="LONG")
    place(stage, "SELL", "0.002", positionSide="SHORT")
    place(stage, "SELL", "0.001", positionSide="LONG")

    held = {each["positionSide"]: each["positionAmt"] for each in stage.books(USDM)["positions"]}
    assert held == {"LONG": "0.002", "SHORT": "-0.002"}
    params = BTC | {"side": "BUY", "type": "MARKET", "quantity": "0.003", "positionSide": "SHORT"}
    assert stage.refusal(USDM, "POST", "order", **params)[0] == -2022
    assert stage.refusal(USDM, "POST", "positionSide/dual", dualSidePosition="false")[0] == -4068
    laws.check_futures_money(stage.books(USDM))


def test_money_that_arrives_and_leaves_is_told_with_its_reason(stage: Stage) -> None:
    stage.source.transfer(USDM, "main", "USDT", "50.5")
    stage.source.transfer(USDM, "main", "USDT", "-0.5")
    stage.listen()

    updates = [each["a"] for each in stage.told("ACCOUNT_UPDATE")]
    assert [(each["m"], each["B"][0]["bc"], each["B"][0]["wb"], each["P"]) for each in updates] == [
        ("DEPOSIT", "50.5", "1000050.5", []),
        ("WITHDRAW", "-0.5", "1000050", []),
    ]
    with pytest.raises(ValueError, match=r"USDT: \d+ units are to leave"):
        stage.source.transfer(USDM, "main", "USDT", "-2000000")


def test_a_wiped_symbol_forgets_orders_and_goes_on(stage: Stage) -> None:
    bid = stage.quote(USDM, "BTCUSDT").bid
    place(stage, "BUY", "0.002")
    place(stage, "BUY", "0.002", price=f"{bid - 100}")
    algo(stage, "SELL", "STOP_MARKET", bid - 2000, quantity="0.002")
    stage.forget()

    stage.source.wipe(USDM, "BTCUSDT")
    while not stage.told("ALGO_UPDATE"):
        assert stage.advance()

    (expired,), (lapsed,) = stage.told("ORDER_TRADE_UPDATE"), stage.told("ALGO_UPDATE")
    assert (expired["o"]["X"], expired["o"]["er"]) == ("EXPIRED", "7")
    assert (lapsed["o"]["X"], lapsed["o"]["rm"]) == ("EXPIRED", "The symbol is traded no more.")
    assert position(stage)["positionAmt"] == "0.002"
    order = place(stage, "SELL", "0.002")
    assert order["status"] == "FILLED"
    assert stage.ask(USDM, "GET", "userTrades", orderId=str(order["orderId"]), **BTC)[0]["id"] < 1_000
    assert position(stage)["positionAmt"] == "0.000"


@pytest.mark.parametrize(("market", "symbol"), [(USDM, "BTCUSDT"), (COINM, "BTCUSD_PERP")])
def test_long_positions_pay_short_ones_at_full_eight_hours(market: Market, symbol: str) -> None:
    start_ms = 1_793_577_600_000 - 5_000
    stage = Stage(quiet(start_ms=start_ms))
    quantity = "0.100" if market is USDM else "40"
    for account, side in (("main", "BUY"), ("other", "SELL")):
        stage.ask(market, "POST", "order", account, symbol=symbol, side=side, type="MARKET", quantity=quantity)
    stage.forget()

    while stage.source.clock_ms() < start_ms + 6_000:
        assert stage.advance()

    rates = []
    for account in ("main", "other"):
        (event,) = stage.told("ACCOUNT_UPDATE", account)
        (balance,) = event["a"]["B"]
        assert (event["T"], event["a"]["m"], event["a"]["P"], event["a"]["S"]) == (
            start_ms + 5_000,
            "FUNDING_FEE",
            [],
            symbol,
        )
        books = stage.books(market, account)
        assert Decimal(balance["bc"]) == Decimal(books["balances"][balance["a"]]["funding"])
        rates.append(Decimal(balance["bc"]))
        laws.check_futures_money(books)
    assert rates[0] == -rates[1] < 0
