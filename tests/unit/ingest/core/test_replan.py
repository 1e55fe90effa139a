from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any

from hypothesis import assume, given, strategies as st

from ingest.core.plan import ConnectionPlan, plan_connections
from ingest.core.replan import PlanChange, Replan, replan
from ingest.core.streams import Route, Stream, stream_of
from schemas.markets import Market


SYMBOLS = st.sampled_from([f"S{number}USDT" for number in range(20)])
TEXTS = st.sampled_from(["trade", "aggTrade", "depth@100ms", "bookTicker", "!miniTicker@arr"])
STREAMS = st.builds(stream_of, st.sampled_from(list(Market)), TEXTS, SYMBOLS)
SETS = st.lists(STREAMS, max_size=40)
HISTORIES = st.lists(SETS, min_size=1, max_size=4)
LIMITS = st.integers(1, 8)


def planned(history: list[list[Stream]], limit: int) -> tuple[ConnectionPlan, ...]:
    """Return the connections after one set of streams after the other was wanted."""
    plans: tuple[ConnectionPlan, ...] = ()
    for wanted in history:
        plans = replan(plans, wanted, dict.fromkeys(Market, limit)).plans
    return plans


def group_of(plan: ConnectionPlan) -> tuple[Market, Route]:
    return plan.market, plan.route


def places(plans: tuple[ConnectionPlan, ...]) -> dict[Stream, str]:
    return {stream: plan.label for plan in plans for stream in plan.streams}


@given(HISTORIES, LIMITS)
def test_afterwards_every_wanted_stream_is_on_one_connection_of_its_own_kind_within_the_limit(
    history: list[list[Stream]], limit: int
) -> None:
    plans = planned(history, limit)

    assert Counter(stream for plan in plans for stream in plan.streams) == Counter(set(history[-1]))
    assert len({plan.label for plan in plans}) == len(plans)
    for plan in plans:
        assert 0 < len(plan.streams) <= limit
        assert {(stream.market, stream.type.route) for stream in plan.streams} == {group_of(plan)}


@given(HISTORIES, SETS, LIMITS)
def test_what_stays_wanted_stays_where_it_is(history: list[list[Stream]], wanted: list[Stream], limit: int) -> None:
    before = planned(history, limit)

    after = replan(before, wanted, dict.fromkeys(Market, limit)).plans

    now = places(after)
    assert {stream: label for stream, label in places(before).items() if stream in now} == {
        stream: now[stream] for stream in places(before) if stream in now
    }


@given(HISTORIES, SETS, LIMITS)
def test_the_changes_lead_from_the_one_to_the_other(
    history: list[list[Stream]], wanted: list[Stream], limit: int
) -> None:
    before = planned(history, limit)

    result = replan(before, wanted, dict.fromkeys(Market, limit))

    carried = {plan.label: set(plan.streams) for plan in before}
    for plan in result.closed:
        assert plan in before
        assert not carried.pop(plan.label) & set(wanted)
    for change in result.changed:
        assert change.added or change.removed
        assert carried[change.plan.label].isdisjoint(change.added)
        assert carried[change.plan.label].issuperset(change.removed)
        carried[change.plan.label] |= set(change.added)
        carried[change.plan.label] -= set(change.removed)
    for plan in result.opened:
        assert plan.label not in {one.label for one in before}
        carried[plan.label] = set(plan.streams)
    assert carried == {plan.label: set(plan.streams) for plan in result.plans}


@given(HISTORIES, SETS, LIMITS)
def test_a_connection_is_opened_only_where_all_others_are_full(
    history: list[list[Stream]], wanted: list[Stream], limit: int
) -> None:
    before = planned(history, limit)
    staying = places(before).keys() & set(wanted)

    result = replan(before, wanted, dict.fromkeys(Market, limit))

    for group in {group_of(plan) for plan in result.plans}:
        new = sum((stream.market, stream.type.route) == group for stream in set(wanted) - staying)
        old = [plan for plan in before if group_of(plan) == group]
        room = limit * len(old) - sum(stream in staying for plan in old for stream in plan.streams)
        opened = [plan for plan in result.opened if group_of(plan) == group]
        assert len(opened) == -(-max(0, new - room) // limit)


@given(HISTORIES, SETS, LIMITS, st.randoms())
def test_the_result_depends_on_no_order_and_is_final(
    history: list[list[Stream]], wanted: list[Stream], limit: int, random: object
) -> None:
    before, limits = planned(history, limit), dict.fromkeys(Market, limit)

    def shuffled(items: list[Any]) -> list[Any]:
        return sorted(items, key=lambda _: random.random())  # type: ignore[attr-defined]  # Hypothesis's Random

    result = replan(before, wanted, limits)

    assert replan(shuffled(list(before)), shuffled(wanted), limits) == result
    assert replan(result.plans, wanted, limits) == Replan(result.plans, (), (), ())


@given(SETS, LIMITS)
def test_from_nothing_it_is_the_ordinary_plan(wanted: list[Stream], limit: int) -> None:
    plans = tuple(plan_connections(wanted, dict.fromkeys(Market, limit)))

    assert replan((), wanted, dict.fromkeys(Market, limit)) == Replan(plans, (), plans, ())


@given(HISTORIES, SYMBOLS, st.integers(3, 8))
def test_the_streams_of_a_new_symbol_stay_together_where_a_connection_has_room_for_all(
    history: list[list[Stream]], symbol: str, limit: int
) -> None:
    before = [plan for plan in planned(history, limit) if plan.market is Market.SPOT]
    present = [stream for plan in before for stream in plan.streams]
    assume(all(stream.symbol != symbol for stream in present))
    new = [stream_of(Market.SPOT, text, symbol) for text in ("trade", "aggTrade", "depth")]

    result = replan(before, [*present, *new], {Market.SPOT: limit})

    touched = [*(change.added for change in result.changed), *(plan.streams for plan in result.opened)]
    roomy = any(limit - len(plan.streams) >= len(new) for plan in before)
    assert not roomy or [set(streams) for streams in touched] == [set(new)]


def streams(*names: str) -> list[Stream]:
    return [stream_of(Market.SPOT, text, symbol) for symbol, _, text in (name.partition("@") for name in names)]


def shape(plans: tuple[ConnectionPlan, ...]) -> dict[str, list[str]]:
    return {plan.label: [stream.name for stream in plan.streams] for plan in plans}


def test_a_stream_joins_the_others_of_its_symbol() -> None:
    before = tuple(plan_connections(streams("A@trade", "B@trade", "C@trade", "D@trade"), {Market.SPOT: 3}))
    assert shape(before) == {"spot-0": ["a@trade", "b@trade", "c@trade"], "spot-1": ["d@trade"]}

    result = replan(before, streams("B@trade", "C@trade", "D@trade", "D@depth"), {Market.SPOT: 3})

    assert shape(result.plans) == {"spot-0": ["b@trade", "c@trade"], "spot-1": ["d@depth", "d@trade"]}


def test_another_depth_speed_takes_the_place_of_the_old_one() -> None:
    before = tuple(plan_connections(streams("A@depth", "A@trade", "B@depth", "B@trade"), {Market.SPOT: 2}))

    result = replan(before, streams("A@depth@100ms", "A@trade", "B@depth", "B@trade"), {Market.SPOT: 2})

    change = PlanChange(result.plans[0], tuple(streams("A@depth@100ms")), tuple(streams("A@depth")))
    assert result == Replan(result.plans, (change,), (), ())


def test_the_number_of_a_connection_that_ended_is_given_again() -> None:
    one, limits = streams("A@trade", "B@trade", "C@trade"), {Market.SPOT: 1}
    before = replan(tuple(plan_connections(one, limits)), [one[0], one[2]], limits)
    assert [plan.label for plan in before.closed] == ["spot-1"]

    after = replan(before.plans, [*one, *streams("D@trade")], limits)

    assert shape(after.opened) == {"spot-1": ["b@trade"], "spot-3": ["d@trade"]}


def test_the_connections_of_a_market_end_when_nothing_of_it_is_wanted() -> None:
    before = tuple(plan_connections(streams("A@trade")))

    assert replan(before, []) == Replan((), (), (), before)


def test_a_thousand_new_symbols_are_placed_in_groups() -> None:
    names = [f"S{number:04}" for number in range(1000)]
    before = tuple(plan_connections(stream_of(Market.USDM, "trade", name) for name in names[:150]))
    wanted = [stream_of(Market.USDM, text, name) for name in names for text in ("trade", "depth")]

    plans = replan(before, wanted).plans

    symbols = [{one.symbol for one in plan.streams} for plan in plans]
    assert [len(plan.streams) for plan in plans] == [200] * 10
    split = [
        name
        for name, group in groupby(sorted(name for part in symbols for name in part if name))
        if len(list(group)) > 1
    ]
    assert len(split) <= 102
