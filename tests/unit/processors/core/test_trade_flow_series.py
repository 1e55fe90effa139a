from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.flow_alerts import AlertRules
from processors.core.flow_holes import GIVEN_UP_LIMIT, HOLE_LIMIT
from processors.core.trade_flow import FlowWindow, take, told
from processors.core.trade_flow_series import HOLE_WINDOW_LIMIT, KEEP_WINDOWS, FlowRecord, FlowSeries
from processors.core.trade_flow_state import FlowState
from processors.core.trades import Match
from schemas.derived import FLOW_WINDOWS, TradeFlow, TradeSource
from tests.unit.processors.core.matches import match_at, matches


SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
Key = tuple[str, int]
TOUCHY = AlertRules(spike_warm_up=1, spike_min_trades=1, spike_open_percent=150, spike_close_percent=100,
                    one_sided_min_trades=1)  # fmt: skip


def new_series(covered_since: int | None = 0) -> FlowSeries:
    return FlowSeries("BTCUSDT", TradeSource.TRADE, contracts=False, covered_since=covered_since, rules=TOUCHY)


def fed(series: FlowSeries, trades: Iterable[Match]) -> list[FlowRecord]:
    return [record for trade in trades for record in series.add(trade)]


def flows(records: Iterable[FlowRecord]) -> list[TradeFlow]:
    return [record for record in records if isinstance(record, TradeFlow)]


def keys(records: Iterable[FlowRecord]) -> list[Key]:
    return [(flow.window, flow.open_time) for flow in flows(records)]


def last(records: Iterable[FlowRecord]) -> dict[Key, TradeFlow]:
    """Return the last record of every window, whether told once or again."""
    return {(flow.window, flow.open_time): replace(flow, revision=False) for flow in flows(records)}


def naive(trades: Iterable[Match], until: int) -> dict[Key, TradeFlow]:
    """Return every window that ended before ``until``, from all its trades at once."""
    windows: dict[Key, FlowWindow] = {}
    for trade in trades:
        for name, length in FLOW_WINDOWS.items():
            start = trade.trade_time // length * length
            if start + length <= until:
                take(windows.setdefault((name, start), FlowWindow(start)), trade)
    return {
        key: told(window, "BTCUSDT", TradeSource.TRADE, key[0], contracts=False, revision=False)
        for key, window in windows.items()
    }


@given(matches(40, 5 * MINUTE), st.integers(0, 2 * MINUTE))
def test_every_window_that_is_over_and_was_traded_in_is_told_once(trades: list[Match], more: int) -> None:
    series = new_series()
    end = trades[-1].trade_time + more
    records = [*fed(series, trades), *series.vouch(end)]

    until = max(end, trades[-1].trade_time) // SECOND * SECOND
    assert last(records) == naive(trades, until)
    assert len(keys(records)) == len(set(keys(records)))
    assert not any(flow.revision for flow in flows(records))


@given(matches(30, 3 * MINUTE), st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5 * MINUTE)), max_size=10))
def test_true_heartbeats_change_nothing_but_when_windows_are_told(
    trades: list[Match], promises: list[tuple[int, int]]
) -> None:
    """A heartbeat after a number of trades vouches for a time that no later trade is before."""
    plain, vouched = new_series(), new_series()
    expected = [*fed(plain, trades), *plain.vouch(HOUR)]
    records: list[FlowRecord] = []
    for count, trade in enumerate(trades):
        for after, time in promises:
            if after == count:
                records.extend(vouched.vouch(min(time, trade.trade_time)))
        records.extend(vouched.add(trade))
    records.extend(vouched.vouch(HOUR))

    assert records == expected


@given(matches(15, MINUTE), st.data())
def test_late_trades_end_in_the_same_windows(trades: list[Match], data: st.DataObject) -> None:
    delayed = data.draw(st.sets(st.sampled_from(trades[1:]))) if len(trades) > 1 else set()
    in_time = [trade for trade in trades if trade not in delayed]
    plain, corrected = new_series(), new_series()
    expected = last([*fed(plain, trades), *plain.vouch(HOUR)])
    records = [*fed(corrected, in_time), *corrected.vouch(HOUR)]
    records.extend(fed(corrected, data.draw(st.permutations([trade for trade in trades if trade in delayed]))))

    assert last(records) == expected


@given(matches(25, 3 * MINUTE), st.data())
def test_a_series_that_is_brought_back_goes_on_as_if_nothing_had_been(trades: list[Match], data: st.DataObject) -> None:
    """Dumped anywhere among trades, heartbeats and holes, through MessagePack as a checkpoint goes."""
    steps: list[object] = [*trades, *data.draw(st.lists(st.sampled_from(["vouch", "open", "narrow", "close"])))]
    steps = data.draw(st.permutations(steps))
    cut = data.draw(st.integers(0, len(steps)))
    plain, before, after = new_series(), new_series(), new_series()
    for step in steps[:cut]:
        assert done(plain, step) == done(before, step)
    state = msgspec.msgpack.encode(before.dump())
    after.load(msgspec.msgpack.decode(state, type=FlowState))

    for step in [*steps[cut:], "vouch"]:
        assert done(after, step) == done(plain, step)
    assert after.dump() == plain.dump()


def done(series: FlowSeries, step: object) -> list[FlowRecord]:
    if isinstance(step, Match):
        return list(series.add(step))
    if step == "vouch":
        return list(series.vouch(MINUTE))
    if step == "open":
        return list(series.open_hole((0, 5), 30_500, 95_500))
    if step == "narrow":
        return list(series.narrow_hole((0, 5), [(50_500, 90_500)]))
    return list(series.close_hole((0, 5), recovered=False))


@given(matches(20, 3 * MINUTE), st.lists(st.integers(0, 4 * MINUTE), max_size=20))
def test_a_heartbeat_of_which_nothing_comes_changes_nothing(trades: list[Match], promises: list[int]) -> None:
    """Otherwise every quiet symbol would be written down anew each second."""
    series = new_series()
    fed(series, trades)
    for until in promises:
        before = series.dump()
        if not series.vouch(until):
            assert series.dump() == before


def test_longer_windows_come_right_after_the_second_that_ends_them() -> None:
    records = fed(new_series(), [match_at(59_500, 1), match_at(MINUTE, 2)])

    assert keys(records) == [("1s", 59 * SECOND), ("10s", 50 * SECOND), ("1m", 0)]


def test_windows_end_at_the_heartbeat_that_vouches_for_their_end_and_not_before() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])

    assert series.vouch(SECOND - 1) == ()
    assert keys(series.vouch(SECOND)) == [("1s", 0)]
    assert keys(series.vouch(9_999)) == []
    assert keys(series.vouch(10_000)) == [("10s", 0)]
    assert keys(series.vouch(HOUR)) == [("1m", 0)]
    assert keys(series.vouch(2 * HOUR)) == []


def test_a_heartbeat_before_the_first_trade_ends_nothing() -> None:
    series = new_series()

    assert series.vouch(HOUR) == ()
    assert fed(series, [match_at(2 * HOUR, 1)]) == []


def test_a_late_trade_tells_the_windows_again_that_are_over() -> None:
    series = new_series()
    fed(series, [match_at(10, 1), match_at(12_000, 3)])

    records = series.add(match_at(500, 2, offset=50))

    assert [(flow.window, flow.trade_count, flow.revision, flow.input_offset) for flow in flows(records)] == [
        ("1s", 2, True, 50),
        ("10s", 2, True, 50),
    ]
    minute = last(series.vouch(MINUTE))["1m", 0]
    assert (minute.trade_count, minute.input_offset) == (3, 50)


@pytest.mark.parametrize(
    ("covered_since", "complete"),
    [(None, set()), (33 * SECOND + 1, set()), (33 * SECOND, {"1s"}), (30_000, {"1s", "10s"}), (0, {"1s", "10s", "1m"})],
)
def test_a_window_is_complete_only_from_when_the_input_is_vouched_for(
    covered_since: int | None, complete: set[str]
) -> None:
    series = new_series(covered_since)
    told = last([*fed(series, [match_at(33_500, 1), match_at(45_000, 2), match_at(61_000, 3)]), *series.vouch(HOUR)])

    firsts = {name: told[name, 33_500 // length * length] for name, length in FLOW_WINDOWS.items()}
    assert {name for name, flow in firsts.items() if flow.complete} == complete
    assert told["10s", 40_000].complete
    assert told["1m", MINUTE].complete


def test_learning_later_since_when_the_input_is_whole_corrects_the_first_windows() -> None:
    series = new_series(None)
    fed(series, [match_at(33_500, 1), match_at(45_000, 2)])

    records = series.cover(33_000)

    assert [(flow.window, flow.complete, flow.revision) for flow in flows(records)] == [("1s", True, True)]
    assert series.cover(33_000) == []
    assert [flow.window for flow in flows(series.cover(30_000))] == ["10s"]


def test_a_hole_makes_the_windows_on_both_sides_incomplete_however_long_ago_the_last_trade_was() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.vouch(HOUR)

    revised = series.open_hole((0, 2), 10, HOUR + 5)
    records = [*fed(series, [match_at(HOUR + 5, 9)]), *series.vouch(2 * HOUR)]

    assert [(flow.window, flow.complete, flow.revision) for flow in flows(revised)] == [
        (name, False, True) for name in FLOW_WINDOWS
    ]
    assert not any(flow.complete for flow in flows(records))


def test_a_hole_that_is_filled_makes_its_windows_complete_again() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    records = list(series.open_hole((0, 2), 10, 3_500))
    records += fed(series, [match_at(3_500, 3), match_at(MINUTE, 4)])
    records += series.add(match_at(2_000, 2))
    records += series.close_hole((0, 2), recovered=True)

    assert last(records) == naive([match_at(10, 1), match_at(2_000, 2), match_at(3_500, 3)], MINUTE)


def test_a_hole_that_is_partly_filled_leaves_incomplete_only_where_the_rest_can_lie() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 25_000)
    fed(series, [match_at(25_000, 9), match_at(2 * MINUTE, 10)])
    series.add(match_at(21_000, 8))

    records = series.narrow_hole((0, 2), [(21_000, 25_000)])

    assert [(flow.window, flow.open_time) for flow in flows(records) if flow.complete] == [("1s", 0), ("10s", 0)]
    assert series.narrow_hole((0, 2), [(21_500, 25_000)]) == ()
    assert keys(series.close_hole((0, 2), recovered=True)) == [
        ("1s", 21 * SECOND), ("1s", 25 * SECOND), ("10s", 20 * SECOND), ("1m", 0),
    ]  # fmt: skip


def test_two_holes_in_a_window_must_both_be_filled() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 20)
    series.open_hole((0, 5), 30, 40)
    series.vouch(SECOND)

    assert series.close_hole((0, 2), recovered=True) == []
    assert all(flow.complete for flow in flows(series.close_hole((0, 5), recovered=True)))


def test_what_nobody_can_fill_leaves_windows_incomplete_even_those_that_a_late_trade_makes() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 5_000)
    fed(series, [match_at(5_000, 4)])
    series.vouch(MINUTE)

    assert series.close_hole((0, 2), recovered=False) == ()
    assert [flow.complete for flow in flows(series.add(match_at(3_000, 3)))] == [False, False, False]


def test_a_hole_that_was_given_up_and_fills_after_all_makes_its_windows_complete() -> None:
    """However many windows follow: had the trade been read before what the ledger says, they would be complete too."""
    trades = [
        match_at(10, 1),
        match_at(500, 2),
        *[match_at(5_000 + n * MINUTE, 4 + n) for n in range(3 * KEEP_WINDOWS)],
    ]
    series = new_series()
    records = fed(series, trades[:1])
    records += series.open_hole((0, 2), 10, 5_000)
    records += series.close_hole((0, 2), recovered=False)
    records += fed(series, trades[2:])
    assert not last(records)["1s", 0].complete

    records += series.add(trades[1])
    records += series.narrow_hole((0, 2), [(500, 5_000)])
    records += series.close_hole((0, 2), recovered=True)

    assert last(records) == naive(trades, trades[-1].trade_time)


def test_of_many_holes_that_were_given_up_the_oldest_are_lost_for_good() -> None:
    series = new_series()
    for number in range(2 * GIVEN_UP_LIMIT):
        series.add(match_at(number * MINUTE, number))
        series.open_hole((0, number), number * MINUTE, number * MINUTE)
        series.close_hole((0, number), recovered=False)
    series.vouch(HOUR)

    assert series.close_hole((0, GIVEN_UP_LIMIT - 1), recovered=True) == []
    assert all(flow.complete for flow in flows(series.close_hole((0, GIVEN_UP_LIMIT), recovered=True)))
    assert len(series.dump().given_up) == GIVEN_UP_LIMIT - 1


def test_the_windows_beside_an_open_hole_are_kept_until_it_closes() -> None:
    series = new_series()
    fed(series, [match_at(10, 1)])
    series.open_hole((0, 2), 10, 5_000)
    fed(series, [match_at(5_000 + minute * MINUTE, 4 + minute) for minute in range(100)])

    first, *_ = flows(series.add(match_at(500, 2)))
    assert (first.window, first.trade_count, first.complete) == ("1s", 2, False)
    assert [key for key in keys(series.close_hole((0, 2), recovered=True)) if key[0] == "1s"] == [
        ("1s", 0), ("1s", 5_000),
    ]  # fmt: skip


def test_a_trade_too_late_to_correct_a_window_tells_nothing_wrong() -> None:
    series = new_series()
    fed(series, [match_at(number * SECOND, number) for number in range(2 * KEEP_WINDOWS)])

    assert {flow.window for flow in flows(series.add(match_at(500, 999)))} == {"10s"}


def test_what_is_kept_does_not_grow() -> None:
    series = new_series()
    for number in range(2_000):
        series.add(match_at(number * MINUTE, number))
        series.open_hole((0, number), number * MINUTE, number * MINUTE)
    state = series.dump()

    assert len(state.open_holes) == HOLE_LIMIT
    assert len(state.lost_spans) == HOLE_LIMIT
    assert all(len(windows) <= HOLE_LIMIT + KEEP_WINDOWS for windows in state.windows)


def test_a_hole_that_fills_with_too_many_seconds_is_given_up() -> None:
    series = new_series()
    end = 3 * HOLE_WINDOW_LIMIT * SECOND
    fed(series, [match_at(0, 1)])
    series.open_hole((0, 2), 0, end)
    fed(series, [match_at(end, 9_999)])
    fed(series, [match_at(number * SECOND, number + 1) for number in range(1, 2 * HOLE_WINDOW_LIMIT)])

    assert max(map(len, series.dump().windows)) <= HOLE_WINDOW_LIMIT
    assert series.close_hole((0, 2), recovered=True) == []


def test_who_vouches_for_the_start_may_be_learnt_after_any_number_of_windows() -> None:
    """Heartbeats are in a topic of their own; a worker may read all trades before the first of them."""
    trades = [match_at(number * SECOND, trade_id=number) for number in range(1, 5 * KEEP_WINDOWS)]
    at_once, later = new_series(SECOND), new_series(None)

    expected = fed(at_once, trades)
    records = [*fed(later, trades), *later.cover(SECOND)]

    assert last(records) == last(expected)
    assert not flows(fed(new_series(None), trades))[0].complete
