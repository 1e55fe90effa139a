from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.flow_alerts import FRACTION_BITS, AlertRules, AlertState, FlowAlerts, remainder_of
from processors.core.trade_flow import FlowWindow
from schemas.derived import Alert, AlertKind, AlertStatus, TakerSide


TEN = 10_000
RULES = AlertRules(spike_half_life=4, spike_warm_up=3, spike_min_trades=2, one_sided_min_trades=3)
"""Quick to learn, so that short stories tell everything."""

Volumes = Sequence[tuple[int, int, int]]
"""Quantity, the part in which the taker bought, and trades, window by window; quantity 0: nothing was traded."""


def new_alerts(rules: AlertRules = RULES) -> FlowAlerts:
    alerts = FlowAlerts("BTCUSDT", rules)
    alerts.begin(0)
    return alerts


def window_of(number: int, quantity: int, bought: int, trades: int) -> FlowWindow:
    return FlowWindow(number * TEN, quantity=quantity, buy_quantity=bought, trade_count=trades, input_offset=number)


def judged(alerts: FlowAlerts, volumes: Volumes, first: int = 0) -> list[Alert]:
    """Judge windows one after the other, as they end."""
    told: list[Alert] = []
    for number, (quantity, bought, trades) in enumerate(volumes, start=first):
        if quantity:
            told += alerts.judge(window_of(number, quantity, min(bought, quantity), max(trades, 1)))
        else:
            told += alerts.pass_until((number + 1) * TEN, max(number - 1, 0))
    return told


def volumes(most: int = 40) -> st.SearchStrategy[list[tuple[int, int, int]]]:
    quantity = st.one_of(st.just(0), st.integers(1, 20), st.integers(1, 5_000))
    return st.lists(st.tuples(quantity, st.integers(0, 5_000), st.integers(1, 6)), max_size=most)


def of(kind: AlertKind, alerts: Iterable[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.kind is kind]


@given(volumes())
def test_every_alert_opens_before_it_closes_and_never_twice_in_a_row(story: Volumes) -> None:
    for kind in (AlertKind.VOLUME_SPIKE, AlertKind.ONE_SIDED_FLOW):
        opened: Alert | None = None
        for alert in of(kind, judged(new_alerts(), story)):
            if alert.status is AlertStatus.OPEN:
                assert opened is None
                assert alert.opened_time == alert.time
                opened = alert
            else:
                assert opened is not None
                assert (alert.opened_time, alert.side) == (opened.time, opened.side)
                assert alert.time > opened.time
                opened = None


@given(volumes())
def test_alerts_have_an_identity_of_their_own(story: Volumes) -> None:
    alerts = judged(new_alerts(), story)
    assert len({(alert.kind, alert.opened_time, alert.status) for alert in alerts}) == len(alerts)


@given(volumes(RULES.spike_warm_up))
def test_no_spike_opens_while_the_baseline_warms_up(story: Volumes) -> None:
    assert of(AlertKind.VOLUME_SPIKE, judged(new_alerts(), story)) == []


@given(volumes(), st.integers(0, 60))
def test_nothing_stays_open_over_a_window_without_trades(story: Volumes, silence: int) -> None:
    alerts = judged(new_alerts(), [*story, *[(0, 0, 0)] * (silence + 1)])

    assert sum(alert.status is AlertStatus.OPEN for alert in alerts) * 2 == len(alerts)


@given(volumes(20), st.integers(1, 200), volumes(20))
def test_time_may_pass_window_by_window_or_at_once(before: Volumes, silence: int, after: Volumes) -> None:
    """A heartbeat each second, or none until the next trade."""
    step_by_step, at_once = new_alerts(), new_alerts()
    told = [judged(alerts, before) for alerts in (step_by_step, at_once)]
    offset, resumed = max(len(before) - 1, 0), len(before) + silence
    for number in range(len(before), resumed):
        told[0] += step_by_step.pass_until((number + 1) * TEN, offset)
    told[1] += at_once.pass_until(resumed * TEN, offset)
    told[0] += judged(step_by_step, after, resumed)
    told[1] += judged(at_once, after, resumed)

    assert told[0] == told[1]
    assert step_by_step.dump() == at_once.dump()


@given(volumes(20), volumes(20))
def test_what_was_dumped_goes_on_as_if_nothing_had_been(before: Volumes, after: Volumes) -> None:
    plain, restored = new_alerts(), FlowAlerts("BTCUSDT", RULES)
    judged(plain, before)
    restored.load(msgspec.msgpack.decode(msgspec.msgpack.encode(plain.dump()), type=AlertState))

    assert judged(restored, after, len(before)) == judged(plain, after, len(before))
    assert restored.dump() == plain.dump()


@given(volumes(30))
def test_the_baseline_is_the_weighted_mean_that_the_definition_says(story: Volumes) -> None:
    """Each window's weight is the remainder to the power of its age, in exact fractions."""
    alerts = new_alerts(replace(RULES, spike_warm_up=1, spike_open_percent=101, spike_min_trades=1))
    remainder = Fraction(remainder_of(RULES.spike_half_life), 1 << FRACTION_BITS)
    for number, (quantity, bought, trades) in enumerate(story):
        told = judged(alerts, [(quantity, bought, trades)], number)
        for alert in of(AlertKind.VOLUME_SPIKE, told):
            weights = [remainder**age for age in range(number, 0, -1)]
            exact = sum(
                (weight * volume for weight, (volume, _, _) in zip(weights, story, strict=False)), Fraction()
            ) / sum(weights)
            assert alert.value == quantity * 10**8
            assert alert.baseline == pytest.approx(exact * 10**8, rel=1e-6, abs=1)


@pytest.mark.parametrize("half_life", [1, 2, 60, 1_000])
def test_a_half_life_halves(half_life: int) -> None:
    remainder = remainder_of(half_life)

    assert remainder**half_life <= 1 << (FRACTION_BITS * half_life - 1) < (remainder + 1) ** half_life


def test_a_spike_opens_at_the_ratio_and_closes_below_the_other() -> None:
    alerts = new_alerts()
    usual = [(10_000, 5_000, 2)] * 10
    assert judged(alerts, [*usual, (49_999, 25_000, 2)]) == []

    alerts = new_alerts()
    (opened,) = judged(alerts, [*usual, (50_001, 25_000, 2), (200_000, 100_000, 2)])
    (closed,) = judged(alerts, [(10_000, 5_000, 2)], 12)

    assert opened.baseline is not None
    # The baseline is kept with 32 binary places, each step of it rounded down.
    assert 0 <= opened.baseline - 10_000 * 10**8 <= 10_000
    assert opened == Alert(
        symbol="BTCUSDT",
        kind=AlertKind.VOLUME_SPIKE,
        status=AlertStatus.OPEN,
        opened_time=11 * TEN,
        time=11 * TEN,
        window="10s",
        side=None,
        value=50_001 * 10**8,
        threshold=opened.threshold,
        baseline=opened.baseline,
        input_offset=10,
    )
    assert opened.threshold is not None
    assert 0 <= opened.threshold - 5 * opened.baseline <= 4
    assert (closed.status, closed.opened_time, closed.time, closed.value) == (
        AlertStatus.CLOSED, 11 * TEN, 13 * TEN, 10_000 * 10**8,
    )  # fmt: skip
    assert closed.baseline is not None
    assert closed.threshold is not None
    assert 0 <= closed.threshold - 2 * closed.baseline <= 1


def test_few_trades_are_no_spike_however_large() -> None:
    assert judged(new_alerts(), [*[(100, 50, 2)] * 10, (100_000, 50_000, 1)]) == []


def test_a_volume_that_stays_becomes_usual() -> None:
    alerts = judged(new_alerts(), [*[(100, 50, 2)] * 10, *[(1_000, 500, 2)] * 40])

    assert [alert.status for alert in alerts] == [AlertStatus.OPEN, AlertStatus.CLOSED]


def test_one_sided_flow_has_two_thresholds() -> None:
    alerts = new_alerts()
    assert judged(alerts, [(100, 89, 3), (100, 11, 3), (100, 100, 2)]) == []

    opened, closed = judged(alerts, [(100, 90, 3), (100, 76, 3), (100, 75, 1), (100, 74, 1)], 3)

    assert (opened.kind, opened.side, opened.value, opened.threshold) == (
        AlertKind.ONE_SIDED_FLOW, TakerSide.BUY, 9 * 10**15, 9 * 10**15,
    )  # fmt: skip
    assert (closed.opened_time, closed.time, closed.value, closed.threshold) == (
        4 * TEN, 7 * TEN, 74 * 10**14, 75 * 10**14,
    )  # fmt: skip


def test_flow_that_turns_closes_one_side_and_opens_the_other() -> None:
    alerts = judged(new_alerts(), [(100, 95, 3), (100, 5, 3)])

    assert [(alert.status, alert.side, alert.time) for alert in alerts] == [
        (AlertStatus.OPEN, TakerSide.BUY, TEN),
        (AlertStatus.CLOSED, TakerSide.BUY, 2 * TEN),
        (AlertStatus.OPEN, TakerSide.SELL, 2 * TEN),
    ]


def test_alerts_close_at_the_end_of_the_first_window_without_trades() -> None:
    alerts = new_alerts()
    judged(alerts, [*[(100, 50, 2)] * 10, (1_000, 1_000, 3)])

    spike, one_sided = alerts.pass_until(50 * TEN, 10)

    assert (spike.kind, spike.time, spike.value) == (AlertKind.VOLUME_SPIKE, 12 * TEN, 0)
    assert (one_sided.kind, one_sided.time, one_sided.value) == (AlertKind.ONE_SIDED_FLOW, 12 * TEN, None)


def test_windows_before_the_first_whole_one_are_not_judged() -> None:
    alerts = FlowAlerts("BTCUSDT", RULES)
    alerts.begin(TEN)

    assert judged(alerts, [(100, 100, 5)]) == []
    assert [alert.time for alert in judged(alerts, [(100, 100, 5)], 1)] == [2 * TEN]


def test_what_was_open_when_the_windows_were_changed_closes_by_the_new_ones() -> None:
    before = new_alerts()
    judged(before, [*[(100, 50, 2)] * 10, (1_000, 1_000, 3)])
    after = FlowAlerts("BTCUSDT", replace(RULES, window="1m"))
    after.load(before.dump())

    assert after.judge(FlowWindow(60_000, quantity=5, buy_quantity=5, trade_count=3)) == []
    closed = after.pass_until(10 * 60_000, 10)
    assert [(alert.kind, alert.status, alert.time) for alert in closed] == [
        (AlertKind.VOLUME_SPIKE, AlertStatus.CLOSED, 180_000),
        (AlertKind.ONE_SIDED_FLOW, AlertStatus.CLOSED, 180_000),
    ]
