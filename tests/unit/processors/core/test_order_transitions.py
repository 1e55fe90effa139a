from __future__ import annotations

from itertools import product

import pytest

from processors.core.order_reports import OrderDetails, OrderKey, OrderReport
from processors.core.order_transitions import (
    ALGO_TRANSITIONS,
    FUTURES_TRANSITIONS,
    SPOT_TRANSITIONS,
    TERMINAL,
    AlgoStatus,
    Execution,
    OrderStatus,
    Transitions,
    reachable,
    status_rank,
)
from processors.core.orders import Advanced, Impossible, OrderState, advance
from schemas.accounts import AccountSource, OrderKind, OrderSide
from schemas.markets import Market


FAMILIES = [
    pytest.param(Market.SPOT, OrderKind.REGULAR, SPOT_TRANSITIONS, id="spot"),
    pytest.param(Market.USDM, OrderKind.REGULAR, FUTURES_TRANSITIONS, id="futures"),
    pytest.param(Market.USDM, OrderKind.ALGO, ALGO_TRANSITIONS, id="algo"),
]


def words(kind: OrderKind) -> tuple[list[str], list[str]]:
    """All statuses and all execution types, and one of each that nobody knows."""
    if kind is OrderKind.ALGO:
        return [*AlgoStatus, "UNHEARD"], [*AlgoStatus, "UNHEARD"]
    return [*OrderStatus, "UNHEARD"], [*Execution, "UNHEARD"]


def report(market: Market, kind: OrderKind, time: int, status: str, execution: str | None) -> OrderReport:
    quantity = 10
    filled = quantity if status == "FILLED" else 5
    return OrderReport(
        market=market,
        account="main",
        key=OrderKey("ACHUSDT", kind, 1),
        source=AccountSource.REST if execution is None else AccountSource.STREAM,
        time=time,
        status=status,
        execution=execution,
        details=OrderDetails(side=OrderSide.BUY, quantity=quantity),
        execution_id=time,
        filled_quantity=filled,
    )


def in_status(market: Market, kind: OrderKind, status: str | None) -> OrderState | None:
    """Return an order that an answer told to stand in a status."""
    return None if status is None else advance(None, report(market, kind, 1, status, None)).state


@pytest.mark.parametrize(("market", "kind", "table"), FAMILIES)
def test_what_the_table_does_not_list_is_impossible_over_the_full_product(
    market: Market, kind: OrderKind, table: Transitions
) -> None:
    statuses, executions = words(kind)
    compared = 0
    for before, execution, after in product([None, *statuses], executions, statuses):
        state = in_status(market, kind, before)
        if before is not None and state is None:
            continue  # no answer can tell of it
        outcome = advance(state, report(market, kind, 2, after, execution))
        listed = after in table.get((before, execution), frozenset())
        compared += 1

        assert isinstance(outcome, Advanced if listed else Impossible), (before, execution, after, outcome)
        if isinstance(outcome, Impossible) and state is not None:
            assert outcome.state is not None
            assert outcome.state.status == before
            assert outcome.state.irregular_count == 1
    assert compared > 300


@pytest.mark.parametrize(("market", "kind", "table"), FAMILIES)
def test_nothing_follows_the_end(market: Market, kind: OrderKind, table: Transitions) -> None:
    assert not {before for before, _ in table} & TERMINAL[kind]


@pytest.mark.parametrize(("market", "kind", "table"), FAMILIES)
def test_every_life_can_be_joined_at_any_point_and_can_end(market: Market, kind: OrderKind, table: Transitions) -> None:
    """Whatever may follow some status may also be the first that is heard of an order."""
    for (before, execution), afters in table.items():
        assert afters <= table[None, execution], (before, execution)
    for status in {after for afters in table.values() for after in afters} - TERMINAL[kind]:
        assert any(reachable(market, kind, status, end) for end in TERMINAL[kind])


@pytest.mark.parametrize(("market", "kind", "table"), FAMILIES)
def test_no_transition_leads_back(market: Market, kind: OrderKind, table: Transitions) -> None:
    for (before, _), afters in table.items():
        for after in afters:
            assert before is None or status_rank(kind, before) <= status_rank(kind, after)


def test_answers_may_skip_what_happened_on_the_way() -> None:
    assert reachable(Market.SPOT, OrderKind.REGULAR, "PENDING_NEW", "FILLED")
    assert reachable(Market.USDM, OrderKind.ALGO, "NEW", "FINISHED")
    assert reachable(Market.USDM, OrderKind.REGULAR, None, "REJECTED")
    assert not reachable(Market.SPOT, OrderKind.REGULAR, "FILLED", "NEW")
    assert not reachable(Market.SPOT, OrderKind.REGULAR, "PARTIALLY_FILLED", "NEW")
    assert not reachable(Market.USDM, OrderKind.REGULAR, "NEW", "UNHEARD")
