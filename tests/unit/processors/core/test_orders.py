"""Single stories of orders."""

from __future__ import annotations

from typing import Any

import pytest

from processors.core.checkpoint_rounds import CheckpointError
from processors.core.order_records import dump_order, load_order
from processors.core.orders import Advanced, Duplicate, Impossible, OrderOutcome, OutOfOrder
from processors.core.records import RawRecord
from schemas.accounts import AccountSource, Order, OrderKind
from schemas.decimals import to_scaled
from schemas.markets import Market
from tests.support.account_samples import ANSWERS, EVENTS
from tests.support.order_lives import answer_record, event_record
from tests.unit.processors.core.order_folding import Folding


EXECUTION: dict[str, Any] = {
    "e": "executionReport",
    "E": 1001,
    "s": "ACHUSDT",
    "c": "mine",
    "S": "SELL",
    "o": "LIMIT",
    "f": "GTC",
    "q": "800",
    "p": "0.00655",
    "x": "NEW",
    "X": "NEW",
    "i": 7,
    "l": "0",
    "z": "0",
    "L": "0",
    "n": "0",
    "N": None,
    "T": 1000,
    "t": -1,
    "I": 100,
    "w": True,
    "O": 1000,
    "Z": "0",
    "W": 1000,
}
FUTURES: dict[str, Any] = {
    "s": "ACHUSDT",
    "c": "mine",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTC",
    "q": "800",
    "p": "0.006628",
    "ap": "0",
    "x": "NEW",
    "X": "NEW",
    "i": 7,
    "l": "0",
    "z": "0",
    "L": "0",
    "T": 1000,
    "t": 0,
    "ps": "BOTH",
}
ALGO: dict[str, Any] = {
    "caid": "mine",
    "aid": 2000,
    "o": "STOP_MARKET",
    "s": "ACHUSDT",
    "S": "BUY",
    "ps": "BOTH",
    "f": "GTC",
    "q": "800",
    "X": "NEW",
    "ai": "",
    "tp": "0.006847",
    "p": "0",
}


def spot(time: int, execution_id: int, **fields: object) -> dict[str, Any]:
    return {**EXECUTION, "T": time, "E": time + 1, "I": execution_id, **fields}


def spot_fill(
    time: int, execution_id: int, trade_id: int, *, last: int, filled: int, **fields: object
) -> dict[str, Any]:
    told = {
        "x": "TRADE",
        "X": "FILLED" if filled == 800 else "PARTIALLY_FILLED",
        "t": trade_id,
        "l": str(last),
        "z": str(filled),
        "L": "0.00655",
        "Z": f"{filled * 655 / 100_000:.5f}",
        "n": "0.00000603",
        "N": "BNB",
    }
    return spot(time, execution_id, **{**told, **fields})


def futures(time: int, **fields: object) -> dict[str, Any]:
    return {"e": "ORDER_TRADE_UPDATE", "T": time, "E": time + 1, "o": {**FUTURES, "T": time, **fields}}


def futures_fill(time: int, trade_id: int, *, last: int, filled: int, **fields: object) -> dict[str, Any]:
    told = {
        "x": "TRADE",
        "X": "FILLED" if filled == 800 else "PARTIALLY_FILLED",
        "t": trade_id,
        "l": str(last),
        "z": str(filled),
        "L": "0.00661",
        "ap": "0.00661",
        "n": "-0.002644",
        "N": "USDT",
        "rp": "1.5",
    }
    return futures(time, **{**told, **fields})


def lite(trade_id: int, quantity: int) -> dict[str, Any]:
    return {
        "e": "TRADE_LITE",
        "E": 999,
        "T": 1000,
        "s": "ACHUSDT",
        "q": "800",
        "p": "0",
        "c": "mine",
        "S": "BUY",
        "L": "0.00661",
        "l": str(quantity),
        "t": trade_id,
        "i": 7,
    }


def algo(time: int, **fields: object) -> dict[str, Any]:
    return {"e": "ALGO_UPDATE", "T": time, "E": time + 1, "o": {**ALGO, **fields}}


def folded(market: Market, *events: dict[str, Any]) -> Folding:
    return Folding().feed_all(event_record(market, event, offset) for offset, event in enumerate(events))


def kinds(outcomes: list[OrderOutcome]) -> list[type[OrderOutcome]]:
    return [type(outcome) for outcome in outcomes]


def last_two(folding: Folding) -> tuple[Order, OrderOutcome]:
    return folding.order(), folding.outcomes[-1]


def test_a_market_order_may_be_heard_of_first_by_its_fill() -> None:
    order, outcome = last_two(folded(Market.SPOT, spot_fill(1000, 101, 5, last=765, filled=765, o="MARKET")))

    assert isinstance(outcome, Advanced)
    assert not outcome.recovered
    assert (order.status, order.fill_count, order.created_time) == ("PARTIALLY_FILLED", 1, 1000)


def test_an_order_of_which_only_a_fill_is_known_is_not_shown_yet() -> None:
    folding = folded(Market.USDM, lite(11, 300))
    assert folding.orders() == []

    folding.feed(event_record(Market.USDM, futures(1000), 1))
    order = folding.order()
    assert (order.status, order.filled_quantity, order.fills_known_quantity) == ("NEW", 0, to_scaled("300"))


def test_a_fill_told_in_short_counts_once_and_gets_its_commission_later() -> None:
    folding = folded(Market.USDM, futures(1000), lite(11, 300), lite(11, 300))
    short = folding.order()
    assert (short.fill_count, short.fills_known_quantity, short.commissions) == (1, to_scaled("300"), [])
    assert kinds(folding.outcomes) == [Advanced, Advanced, Duplicate]

    folding.feed(event_record(Market.USDM, futures_fill(1000, 11, last=300, filled=300), 3))
    folding.feed(event_record(Market.USDM, lite(11, 300), 4))
    whole = folding.order()
    assert (whole.fill_count, whole.fills_known_quantity) == (1, to_scaled("300"))
    assert (whole.commission_assets, whole.commissions) == (["USDT"], [to_scaled("-0.002644")])
    assert whole.realized_profit == 15 * 10**15
    assert isinstance(folding.outcomes[-1], Duplicate)


def test_commissions_are_summed_by_asset_in_alphabetical_order() -> None:
    order = folded(
        Market.SPOT,
        spot(1000, 100),
        spot_fill(1001, 101, 5, last=300, filled=300, N="USDT", n="0.5"),
        spot_fill(1002, 102, 6, last=300, filled=600),
        spot_fill(1003, 103, 7, last=200, filled=800, n="-0.00000003"),
    ).order()

    assert (order.commission_assets, order.commissions) == (["BNB", "USDT"], [600, 50_000_000])
    assert order.filled_quote_quantity == 524 * 10**14
    assert order.average_price == 655 * 10**11


@pytest.mark.parametrize("end", ["CANCELED", "EXPIRED"])
def test_a_fill_that_comes_after_the_end_is_late_and_counts(end: str) -> None:
    """Its own cumulative quantity is in the end's already."""
    fill = spot_fill(1001, 101, 5, last=300, filled=300)
    folding = folded(Market.SPOT, spot(1000, 100), spot(1001, 102, x=end, X=end, z="300", Z="1.965", w=False), fill)

    order, outcome = last_two(folding)
    assert isinstance(outcome, OutOfOrder)
    assert outcome.changed
    assert (order.status, order.filled_quantity, order.fills_known_quantity) == (
        end,
        to_scaled("300"),
        to_scaled("300"),
    )
    assert order.commissions == [603]
    assert order.irregular_count == 0
    folding.feed(event_record(Market.SPOT, fill, 9))
    assert folding.order() == order
    assert isinstance(folding.outcomes[-1], Duplicate)


def test_a_late_fill_of_which_the_end_did_not_know_is_not_hidden() -> None:
    """The venue says two things; the larger cumulative quantity is kept, and the status stays."""
    order, outcome = last_two(
        folded(
            Market.SPOT,
            spot(1000, 100),
            spot(1001, 102, x="CANCELED", X="CANCELED", w=False),
            spot_fill(1001, 103, 5, last=300, filled=300),
        )
    )

    assert isinstance(outcome, OutOfOrder)
    assert (order.status, order.filled_quantity) == ("CANCELED", to_scaled("300"))


def test_a_fill_after_the_end_that_is_not_late_is_impossible_and_changes_nothing() -> None:
    folding = folded(Market.SPOT, spot(1000, 100), spot(1001, 102, x="CANCELED", X="CANCELED", w=False))
    before = folding.order()

    folding.feed(event_record(Market.SPOT, spot_fill(1002, 103, 5, last=300, filled=300), 2))

    order, outcome = last_two(folding)
    assert isinstance(outcome, Impossible)
    assert outcome.reason == "impossible-transition"
    assert outcome.detail == "execution type TRADE with status PARTIALLY_FILLED after CANCELED"
    assert (order.irregular_count, order.fill_count, order.status) == (1, 0, before.status)
    folding.feed(event_record(Market.SPOT, spot_fill(1002, 103, 5, last=300, filled=300, E=1009), 3))
    assert isinstance(folding.outcomes[-1], Duplicate)
    assert folding.order() == order


@pytest.mark.parametrize(
    ("event", "detail"),
    [
        (
            spot_fill(1002, 102, 6, last=100, filled=500, X="FILLED"),
            "status FILLED, but the cumulative filled quantity is not the ordered one",
        ),
        (
            spot_fill(1002, 102, 6, last=500, filled=800, X="PARTIALLY_FILLED"),
            "status PARTIALLY_FILLED, but the cumulative filled quantity is the ordered one",
        ),
        (
            spot_fill(1002, 102, 6, last=700, filled=600),
            "the fill is larger than the cumulative filled quantity",
        ),
        (spot_fill(1002, 102, 6, last=100, filled=200), "the cumulative filled quantity fell"),
        (spot(1002, 102), "execution type NEW with status NEW after PARTIALLY_FILLED"),
        (spot(1002, 102, X="MELTED"), "execution type NEW with status MELTED after PARTIALLY_FILLED"),
    ],
)
def test_a_report_that_contradicts_itself_or_the_past_is_impossible(event: dict[str, Any], detail: str) -> None:
    folding = folded(Market.SPOT, spot(1000, 100), spot_fill(1001, 101, 5, last=300, filled=300), event)

    order, outcome = last_two(folding)
    assert isinstance(outcome, Impossible)
    assert outcome.detail == detail
    assert (order.status, order.filled_quantity, order.fill_count) == ("PARTIALLY_FILLED", to_scaled("300"), 1)


def test_the_first_report_of_an_order_can_be_impossible_and_leaves_nothing() -> None:
    folding = folded(Market.SPOT, spot(1000, 100, X="FILLED"))

    assert folding.states == {}
    assert folding.outcomes[0].state is None


def test_a_sum_that_does_not_fit_is_reported_and_not_cut() -> None:
    huge = {"n": "92233720368", "N": "PEPE"}
    folding = folded(
        Market.SPOT,
        spot_fill(1001, 101, 5, last=300, filled=300, **huge),
        spot_fill(1002, 102, 6, last=300, filled=600, **huge),
    )

    order, outcome = last_two(folding)
    assert isinstance(outcome, Impossible)
    assert outcome.reason == "does-not-fit"
    assert order.fill_count == 1


def test_a_stop_order_that_is_triggered_reports_new_twice() -> None:
    waiting = {
        name: value for name, value in spot(1000, 100, o="STOP_LOSS_LIMIT", w=False, P="0.0066").items() if name != "W"
    }
    folding = folded(Market.SPOT, waiting)
    assert (folding.order().working, folding.order().working_time) == (False, None)

    folding.feed(event_record(Market.SPOT, spot(2000, 101, o="STOP_LOSS_LIMIT", W=2000, P="0.0066"), 1))
    order, outcome = last_two(folding)
    assert isinstance(outcome, Advanced)
    assert (order.status, order.working, order.working_time, order.created_time) == ("NEW", True, 2000, 1000)


def test_a_leg_waits_as_pending_until_its_list_goes_on() -> None:
    folding = folded(Market.SPOT, spot(1000, 100, X="PENDING_NEW", w=False, g=2), spot(2000, 101, g=2))

    assert kinds(folding.outcomes) == [Advanced, Advanced]
    assert (folding.order().status, folding.order().order_list_id) == ("NEW", 2)


def test_an_amendment_changes_quantity_and_client_id() -> None:
    order = folded(Market.SPOT, spot(1000, 100), spot(1001, 101, x="REPLACED", q="500", c="amended", C="mine")).order()

    assert (order.quantity, order.client_order_id, order.cancel_client_order_id) == (to_scaled("500"), "amended", None)


def test_a_cancellation_has_an_id_of_its_own() -> None:
    order = folded(
        Market.SPOT, spot(1000, 100), spot(1001, 101, x="CANCELED", X="CANCELED", c="of-the-cancel", C="mine")
    ).order()

    assert (order.client_order_id, order.cancel_client_order_id) == ("mine", "of-the-cancel")


def test_self_trade_prevention_is_noted_with_what_it_took() -> None:
    prevented = spot(1001, 101, x="TRADE_PREVENTION", X="EXPIRED_IN_MATCH", A="800", w=False, eR="NONE")
    order = folded(Market.SPOT, spot(1000, 100), prevented).order()

    assert (order.status, order.prevented_quantity, order.expiry_reason) == ("EXPIRED_IN_MATCH", to_scaled("800"), None)


def test_what_smart_order_routing_allots_counts_as_a_fill_without_a_trade() -> None:
    allotted = spot_fill(1001, 101, -1, last=300, filled=300, a=12, b="ONE_PARTY_TRADE_REPORT")
    folding = folded(Market.SPOT, spot(1000, 100), allotted, allotted)

    order = folding.order()
    assert (order.fills_known_quantity, order.fill_count, order.last_trade_id) == (to_scaled("300"), 1, None)
    assert order.commissions == [603]


def test_why_an_order_was_rejected_or_expired_is_kept() -> None:
    rejected = folded(Market.SPOT, spot(1000, 100, x="REJECTED", X="REJECTED", r="WOULD_MATCH_IMMEDIATELY")).order()
    expired = folded(Market.USDM, futures(1000), futures(1001, x="EXPIRED", X="EXPIRED", er="2")).order()

    assert rejected.reject_reason == "WOULD_MATCH_IMMEDIATELY"
    assert (expired.expiry_reason, expired.reject_reason) == ("2", None)


def list_status(time: int, status: str) -> dict[str, Any]:
    return {**EVENTS[1][1], "E": time, "T": time, "L": status, "O": [{"s": "ACHUSDT", "i": 7, "c": "mine"}]}


def test_the_news_of_a_list_reaches_its_legs_and_never_goes_back() -> None:
    folding = folded(Market.SPOT, list_status(1000, "EXECUTING"))
    assert folding.orders() == []

    for number, event in enumerate(
        [
            spot(1000, 100, g=2),
            list_status(1005, "ALL_DONE"),
            list_status(1000, "EXECUTING"),
            list_status(1005, "ALL_DONE"),
        ]
    ):
        folding.feed(event_record(Market.SPOT, event, number))
    order = folding.order()

    assert kinds(folding.outcomes) == [Advanced, Advanced, Advanced, OutOfOrder, Duplicate]
    assert (order.order_list_id, order.contingency_type, order.order_list_status) == (2, "OCO", "ALL_DONE")
    assert order.order_list_client_id == "F4QN4G8DlFATFlIUQ0cjdD"


def test_an_algo_order_and_the_order_that_came_of_it_know_each_other() -> None:
    folding = folded(
        Market.USDM,
        algo(900),
        algo(1000, X="TRIGGERING", tt=1000),
        algo(1000, X="TRIGGERED", ai="7", tt=1000),
        futures(1000, o="MARKET"),
        futures_fill(1000, 11, last=800, filled=800, o="MARKET"),
        algo(1001, X="FINISHED", ai="7", tt=1000, ap="0.00661", aq="800"),
    )

    regular, conditional = folding.orders()
    assert (regular.kind, regular.algo_id, regular.status) == (OrderKind.REGULAR, 2000, "FILLED")
    assert (conditional.kind, conditional.triggered_order_id, conditional.triggered_time) == (OrderKind.ALGO, 7, 1000)
    assert (conditional.status, conditional.filled_quantity) == ("FINISHED", to_scaled("800"))
    assert conditional.average_price == 661 * 10**11
    assert not any(isinstance(outcome, Impossible) for outcome in folding.outcomes)


def test_a_refusal_when_it_was_triggered_is_kept_as_the_reason() -> None:
    reject = {"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "E": 1002, "T": 1002, "or": {"s": "ACHUSDT", "i": 7, "r": "no"}}
    order = folded(Market.USDM, futures(1000), reject).order()

    assert (order.status, order.reject_reason) == ("NEW", "no")


def answered(market: Market, endpoint: str, **fields: object) -> RawRecord:
    (sample,) = [answer for at, name, answer in ANSWERS if (at, name) == (market, endpoint)]
    return answer_record(market, endpoint, [{**sample[0], **fields}], 0)


def test_what_an_answer_alone_knows_is_marked_as_recovered() -> None:
    folding = folded(Market.SPOT, {**spot(1000, 100), "i": 1281722113})
    folding.feed(answered(Market.SPOT, "allOrders", updateTime=2000, preventedQuantity="0"))
    folding.feed(answered(Market.SPOT, "myTrades"))

    order, outcome = last_two(folding)
    assert isinstance(outcome, Advanced)
    assert outcome.recovered
    assert (order.status, order.recovered, order.source) == ("PARTIALLY_FILLED", True, AccountSource.REST)
    assert (order.event_time, order.update_time, order.commissions) == (None, 2000, [603])


def test_an_answer_that_is_older_than_the_state_changes_nothing() -> None:
    folding = folded(Market.SPOT, {**spot_fill(3000, 103, 5, last=800, filled=800), "i": 1281722113, "g": 2, "d": 4})
    before = folding.order()
    asked: dict[str, Any] = {
        "updateTime": 2000,
        "time": 1000,
        "workingTime": 1000,
        "preventedQuantity": "0",
        "expiryReason": "NONE",
    }
    folding.feed(answered(Market.SPOT, "openOrders", **asked))

    assert told_apart(folding.order(), before) == {"self_trade_prevention_mode"}  # which nobody had told
    assert not folding.order().recovered


def told_apart(one: Order, other: Order) -> set[str]:
    """Return the fields in which two states differ, apart from who told of them."""
    aside = {"source", "event_time"}
    return {name for name in Order.__struct_fields__ if getattr(one, name) != getattr(other, name)} - aside


def test_an_answer_that_leads_back_although_it_is_newer_is_impossible() -> None:
    folding = folded(Market.SPOT, {**spot_fill(1000, 103, 5, last=800, filled=800), "i": 1281722113})
    folding.feed(answered(Market.SPOT, "openOrders", updateTime=2000, preventedQuantity="0"))

    outcome = folding.outcomes[-1]
    assert isinstance(outcome, Impossible)
    assert outcome.detail == "status PARTIALLY_FILLED after FILLED"


def test_the_quote_quantity_of_usdm_is_exact_once_every_fill_is_known() -> None:
    folding = folded(Market.USDM, futures(1000))
    folding.feed(
        answer_record(
            Market.USDM,
            "allOrders",
            [{**ANSWERS[5][2][0], "orderId": 7, "updateTime": 1002, "time": 1000, "cumQuote": "5.29"}],
            0,
        )
    )
    assert folding.order().filled_quote_quantity == 529 * 10**14

    folding.feed(event_record(Market.USDM, futures_fill(1002, 11, last=800, filled=800), 1))
    assert folding.order().filled_quote_quantity == 5288 * 10**13


def test_an_answer_that_tells_nothing_new_is_a_duplicate_on_usdm_too() -> None:
    """It tells a quote quantity, which events do not; the sum of the fills is exact."""
    folding = folded(Market.USDM, {**futures_fill(1000, 11, last=800, filled=800)})
    known: dict[str, Any] = {
        **ANSWERS[5][2][0],
        "orderId": 7,
        "updateTime": 1000,
        "positionSide": "BOTH",
        "type": "LIMIT",
        "stopPrice": "0",
        "cumQuote": "5.29",
    }
    without = {name: value for name, value in known.items() if name != "cumQuote"}
    folding.feed(answer_record(Market.USDM, "allOrders", [without], 0))
    folding.feed(answer_record(Market.USDM, "allOrders", [known], 0))

    assert isinstance(folding.outcomes[-1], Duplicate)
    assert folding.order().filled_quote_quantity == 5288 * 10**13


def test_a_late_report_does_not_bring_its_average_price_back() -> None:
    order = folded(
        Market.USDM,
        futures_fill(1002, 12, last=300, filled=800, ap="0.00662"),
        futures_fill(1001, 11, last=500, filled=500, ap="0.00661"),
    ).order()

    assert (order.average_price, order.fills_known_quantity) == (662 * 10**11, order.filled_quantity)


def test_the_average_price_of_spot_is_rounded_half_up() -> None:
    thirds = spot_fill(1001, 101, 5, last=3, filled=3, q="800", Z="0.00000002", X="PARTIALLY_FILLED")
    sevenths = spot_fill(1001, 101, 5, last=7, filled=7, q="800", Z="0.00000002", X="PARTIALLY_FILLED")

    assert folded(Market.SPOT, thirds).order().average_price == 66_666_667
    assert folded(Market.SPOT, sevenths).order().average_price == 28_571_429


def test_coinm_tells_no_quote_quantity() -> None:
    order = folded(Market.COINM, futures_fill(1000, 11, last=800, filled=800)).order()

    assert (order.filled_quote_quantity, order.average_price) == (None, 661 * 10**11)


def test_a_state_of_another_version_or_damaged_is_not_read() -> None:
    (state,) = folded(Market.SPOT, spot(1000, 100)).states.values()
    written = dump_order(state)

    assert load_order(written) == state
    for damaged in (b"", b"\xff", written[:-5], written.replace(b"[1,", b"[2,", 1), b"[1,7]"):
        with pytest.raises(CheckpointError):
            load_order(damaged)


def test_many_fills_of_neighbouring_ids_are_kept_in_little_space() -> None:
    folding = folded(Market.USDM, futures(1000))
    for number in range(400):
        quantity = number + 1
        folding.feed(
            event_record(Market.USDM, futures_fill(1001 + number, 11 + number, last=1, filled=quantity), number)
        )
    (state,) = folding.states.values()

    assert folding.order().fill_count == 400
    assert state.fills.ids == (11, 410)
    assert len(dump_order(state)) < 800
