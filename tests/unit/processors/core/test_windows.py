from __future__ import annotations

from hypothesis import given, strategies as st

from processors.core.windows import Window, start_of, window_of


@given(st.integers(0, 10**13), st.sampled_from([60_000, 300_000, 86_400_000]))
def test_a_window_holds_its_time_and_is_aligned(time: int, interval: int) -> None:
    window = window_of(time, interval)

    assert window.start_ms <= time < window.end_ms
    assert window.end_ms - window.start_ms == interval
    assert window.start_ms % interval == 0
    assert window.start_ms == start_of(time, interval)


def test_the_end_of_a_window_belongs_to_the_next() -> None:
    assert window_of(59_999, 60_000) == Window(0, 60_000)
    assert window_of(60_000, 60_000) == Window(60_000, 120_000)
