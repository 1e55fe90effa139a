"""The tables equal the exchange's books where all was told, and every single difference is noticed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sandbox.soak.accounts.tables import AccountVerdict, RestUse, judge_account
from sandbox.verify.private.outcome import PrivateOutcome, StateRecord
from sandbox.verify.topics import Record
from schemas.accounts import Order
from schemas.markets import Market
from schemas.topics import DerivedType, RawType
from tests.unit.sandbox.soak.accounts.traded import LABEL, Traded, traded


def judged(of: Traded, outcome: PrivateOutcome) -> AccountVerdict:
    return judge_account(of.account, of.kept, outcome)


def last_order(outcome: PrivateOutcome, market: Market) -> StateRecord:
    """The order that was told of last, of those with a fill."""
    return next(
        record
        for record in reversed(outcome.states[market, LABEL, DerivedType.ORDER])
        if isinstance(record.value, Order) and record.value.fill_count
    )


def say_once_more(outcome: PrivateOutcome, place: tuple[Any, ...], record: StateRecord, **changes: Any) -> None:
    """Publish a state once more, with something changed, as of a later record."""
    value = msgspec.structs.replace(record.value, input_offset=1_000_000, **changes)
    outcome.states[place].append(StateRecord(record.key, value, 0))


@pytest.mark.parametrize("market", Market)
def test_tables_of_all_that_was_told_are_the_exchanges(market: Market) -> None:
    of = traded(market)
    verdict = judged(of, of.outcome())

    assert verdict.objections == []
    assert verdict.holds
    assert verdict.orders.rows == verdict.orders.equal == len(of.kept.orders) > 50
    assert (verdict.missed_orders, verdict.missed_fills, verdict.orders.recovered) == (0, 0, 0)
    assert verdict.fills == len(of.kept.fills) > 10
    assert bool(verdict.positions.rows) is market.is_futures


@pytest.mark.parametrize(
    "field",
    ["filled_quantity", "fills_known_quantity", "average_price", "price", "quantity", "update_time", "created_time"],
)
@pytest.mark.parametrize("market", Market)
def test_an_order_that_differs_in_the_last_decimal_is_noticed(market: Market, field: str) -> None:
    of = traded(market)
    outcome = of.outcome()
    record = last_order(outcome, market)
    changes = {field: getattr(record.value, field) + 1}
    say_once_more(outcome, (market, LABEL, DerivedType.ORDER), record, **changes)
    verdict = judged(of, outcome)

    assert (verdict.holds, verdict.orders.different) == (False, 1)
    assert f"{record.key.decode()}: {field} must be" in verdict.objections[0]


def test_commissions_that_differ_are_noticed() -> None:
    of = traded(Market.SPOT)
    outcome = of.outcome()
    record = last_order(outcome, Market.SPOT)
    assert isinstance(record.value, Order)
    commissions = [amount + 1 for amount in record.value.commissions]
    say_once_more(outcome, (Market.SPOT, LABEL, DerivedType.ORDER), record, commissions=commissions)

    assert "commissions must be" in judged(of, outcome).objections[0]


@pytest.mark.parametrize(
    ("derived", "field"), [(DerivedType.BALANCE, "wallet_balance"), (DerivedType.POSITION, "entry_price")]
)
def test_a_balance_or_position_that_differs_in_the_last_decimal_is_noticed(derived: DerivedType, field: str) -> None:
    of = traded(Market.USDM)
    outcome = of.outcome()
    place = (Market.USDM, LABEL, derived)
    record = outcome.states[place][-1]
    say_once_more(outcome, place, record, **{field: getattr(record.value, field) + 1})

    assert f"{field} must be" in judged(of, outcome).objections[0]


def test_an_older_state_that_comes_later_is_none_to_a_reader() -> None:
    of = traded(Market.SPOT)
    outcome = of.outcome()
    records = outcome.states[Market.SPOT, LABEL, DerivedType.BALANCE]
    records.append(records[0])

    assert judged(of, outcome).holds


def test_a_row_too_few_and_a_row_too_many_are_noticed() -> None:
    of = traded(Market.SPOT)
    outcome = of.outcome()
    place = (Market.SPOT, LABEL, DerivedType.ORDER)
    record = last_order(outcome, Market.SPOT)
    outcome.removed[Market.SPOT, DerivedType.ORDER].add(record.key)
    outcome.states[place].append(StateRecord(b"main|BTCUSDT|1", record.value, 0))
    verdict = judged(of, outcome)

    assert (verdict.orders.missing, verdict.orders.invented, verdict.holds) == (1, 1, False)


def test_what_the_stream_lost_and_nothing_told_is_noticed() -> None:
    of = traded(Market.SPOT)
    fills = [
        number
        for number, (kind, payload) in enumerate(of.events)
        if kind == "executionReport" and b'"x":"TRADE"' in payload
    ]
    verdict = judged(of, of.outcome(lost=frozenset(fills[-1:])))

    assert verdict.missed_fills == 1
    assert not verdict.holds


def test_an_order_of_which_something_was_missed_has_to_be_marked() -> None:
    """Right as it is, but nothing says that the stream had missed some of it."""
    of = traded(Market.USDM)
    outcome = of.outcome()
    raw = outcome.raw[Market.USDM, LABEL, RawType.ORDER_UPDATE]
    raw[:] = [record for record in raw if b'"x":"TRADE"' not in record.value]
    verdict = judged(of, outcome)

    assert verdict.missed_fills == len(of.kept.fills)
    assert verdict.unmarked == len(set(of.kept.fills.values()))
    assert (verdict.orders.holds, verdict.holds) == (True, False)


def test_an_irregular_report_is_one_thing_that_does_not_hold() -> None:
    of = traded(Market.SPOT)
    outcome = of.outcome()
    record = last_order(outcome, Market.SPOT)
    say_once_more(outcome, (Market.SPOT, LABEL, DerivedType.ORDER), record, irregular_count=1)
    verdict = judged(of, outcome)

    assert (verdict.irregular, verdict.holds) == (1, False)


def test_answers_weigh_what_the_venue_says() -> None:
    use = RestUse()
    for endpoint, request in (("/api/v3/openOrders", b""), ("/api/v3/allOrders", b"symbol=BTCUSDT&limit=1000")):
        headers = [("endpoint", endpoint.encode()), ("request", request), ("cause", b"start")]
        use.take(Market.SPOT, Record("topic", 0, 0, None, b"[]", headers))

    assert use == RestUse(answers={"spot start": 2}, weight={"spot": 100})
