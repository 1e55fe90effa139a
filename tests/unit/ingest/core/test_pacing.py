from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, strategies as st

from ingest.core.backoff import backoff, delay_s
from ingest.core.limits import Allowance
from ingest.core.pacing import Pacer


@given(st.lists(st.floats(0, 3000), max_size=60), st.integers(1, 5), st.floats(0.1, 50))
def test_never_more_than_burst_and_rate_allow_in_any_span(pauses: list[float], burst: int, per_s: float) -> None:
    pacer = Pacer(Allowance(burst, per_s))
    now_ms, taken = 0.0, list[float]()
    for pause in pauses:
        now_ms += pause
        if pacer.take(now_ms):
            taken.append(now_ms)

    for first, start in enumerate(taken):
        for last, end in enumerate(taken[first:], first):
            assert last - first + 1 <= burst + (end - start) / 1000 * per_s + 1e-3


@given(st.lists(st.floats(0, 500), min_size=1, max_size=40), st.integers(1, 4), st.floats(0.1, 20))
def test_who_waits_as_long_as_told_is_let_through(pauses: list[float], burst: int, per_s: float) -> None:
    pacer = Pacer(Allowance(burst, per_s))
    now_ms = 0.0
    for pause in pauses:
        now_ms += pause + pacer.wait_ms(now_ms + pause)
        assert pacer.take(now_ms)


def test_a_refused_take_uses_nothing_up() -> None:
    pacer = Pacer(Allowance(1, 1.0))
    assert pacer.take(0)

    assert [pacer.take(now_ms) for now_ms in (500, 900, 999, 1000)] == [False, False, False, True]


def test_delays_double_up_to_the_ceiling() -> None:
    assert list(islice(backoff(lambda: 0.0), 8)) == [1, 2, 4, 8, 16, 32, 60, 60]


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True))
def test_jitter_shortens_a_delay_by_a_quarter_at_most(attempt: int, jitter: float) -> None:
    whole = min(60.0, 2.0 ** min(attempt, 10))

    assert 0.75 * whole <= delay_s(attempt, jitter) <= whole


@pytest.mark.parametrize("attempt", [0, 5, 10**9])
def test_the_ceiling_holds_for_any_attempt(attempt: int) -> None:
    assert delay_s(attempt, 0.0, initial_s=3, ceiling_s=7) <= 7
