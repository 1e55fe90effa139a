"""Trade flow made anew from recorded trades, where a whole verification does not reach."""

from __future__ import annotations

import msgspec
import pytest

from sandbox.verify.flows import alert_counts, compare_flows, flow_row, judge_alerts
from sandbox.verify.spans import Span, Spans
from sandbox.verify.trades import Hole
from schemas.decimals import ONE
from schemas.derived import AlertStatus, TakerSide, TradeFlow
from schemas.markets import Market
from tests.unit.sandbox.verify.perfect import START, alert, flow


INSIDE = Spans([Span(START, START + 60_000)])
CONTRACTS = ((0, 1, START + 5_000, 3 * ONE, 2 * ONE, 1, 1, 1), (0, 2, START + 5_500, 3 * ONE, 2 * ONE, 0, 2, 2))
"""Two trades of two contracts each at a price of 3: at 10 a contract, 6.66666667 of the base asset each."""


def of_contracts(**changes: object) -> TradeFlow:
    base, quote = 666_666_667, 20 * ONE * ONE
    plain = msgspec.structs.replace(
        flow("1s", 5, 1, 2),
        base_volume=2 * base,
        quote_volume=2 * quote,
        contract_volume=4 * ONE,
        taker_buy_base_volume=base,
        taker_buy_quote_volume=quote,
        taker_sell_base_volume=base,
        taker_sell_quote_volume=quote,
        vwap=300_000_000,
        largest_price=3 * ONE,
        largest_quantity=2 * ONE,
        largest_quote_quantity=quote,
        largest_taker_side=TakerSide.BUY,
    )
    return msgspec.structs.replace(plain, **changes)


def equal(told: TradeFlow, *, contract_size: int | None, broken: tuple[Hole, ...] = ()) -> bool:
    rows = [flow_row(told, 0)]
    found = compare_flows(CONTRACTS, rows, Market.COINM, INSIDE, broken=broken, contract_size=contract_size)["1s"]
    assert found.compared == 1
    return found.equal == 1


def test_contracts_are_made_base_and_quote_by_their_size() -> None:
    assert equal(of_contracts(), contract_size=10)
    assert not equal(of_contracts(), contract_size=100)


@pytest.mark.parametrize(
    ("changes", "expected"), [({"base_volume": None, "vwap": None}, True), ({"contract_volume": 1}, False)]
)
def test_without_a_contract_size_only_contracts_are_compared(changes: dict[str, object], expected: bool) -> None:
    assert equal(of_contracts(**changes), contract_size=None) is expected


def test_of_a_window_the_last_record_of_the_largest_offset_counts() -> None:
    right, wrong = of_contracts(input_offset=7), of_contracts(input_offset=6, vwap=1)
    rows = sorted([flow_row(right, 0), flow_row(wrong, 1)])

    assert compare_flows(CONTRACTS, rows, Market.COINM, INSIDE, contract_size=10)["1s"].equal == 1


def test_a_hole_excuses_windows_beside_it_from_being_complete() -> None:
    later = ((0, 0, START, 3 * ONE, 2 * ONE, 1, 0, 0), *CONTRACTS)
    told = [flow_row(of_contracts(complete=False), 0)]
    hole = Hole(0, 7, 9, START + 5_900, START + 50_000)

    for broken, different in (((hole,), 0), ((), 1)):
        found = compare_flows(later, told, Market.COINM, INSIDE, broken=broken, contract_size=10)["1s"]
        # The window of the trade before is not told at all.
        assert found.different == 1 + different


def test_windows_at_the_edges_of_the_recording_are_not_compared() -> None:
    found = compare_flows(CONTRACTS, [], Market.COINM, Spans([Span(START + 5_001, START + 60_000)]), contract_size=10)

    assert [comparison.compared for comparison in found.values()] == [0, 0, 0]


def test_repetitions_of_alerts_are_no_fault() -> None:
    told = [alert(1, AlertStatus.OPEN), alert(2, AlertStatus.CLOSED, 1)]

    assert list(judge_alerts([*told, *told])) == []
    assert alert_counts([*told, *told]) == {"one-sided-flow": 1}
    assert list(judge_alerts([told[1]])) == [
        f"one-sided-flow closed at {START + 2_000}, but none was opened at {START + 1_000}"
    ]
