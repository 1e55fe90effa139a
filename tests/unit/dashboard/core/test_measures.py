from __future__ import annotations

from hypothesis import given, strategies as st

from dashboard.core.measures import Rate, Sample


@given(st.integers(1, 1_000), st.integers(2, 40))
def test_the_rate_of_a_steady_flow_is_its_rate(per_s: int, looks: int) -> None:
    rate = Rate(10)
    for second in range(looks):
        rate.note(7 + second * per_s, float(second))

    assert rate.per_s() == per_s


def test_a_rate_forgets_what_lies_before_its_stretch() -> None:
    rate = Rate(10)
    for at_s, total in ((0, 0), (2, 1_000), (4, 1_000), (12, 1_000), (14, 1_000)):
        rate.note(total, at_s)

    assert rate.per_s() == 0


def test_one_look_is_no_rate_and_a_count_that_shrank_is_another_count() -> None:
    rate = Rate(10)
    rate.note(500, 0)
    assert rate.per_s() is None

    rate.note(3, 2)
    assert rate.per_s() is None

    rate.note(9, 4)
    assert rate.per_s() == 3


@given(st.lists(st.integers(-100, 10_000), min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_measurement_that_so_many_are_not_above(values: list[int], share: float) -> None:
    sample = Sample(60, 500)
    for value in values:
        sample.note(value, 0)

    (found,) = sample.percentiles(share, at_s=1)

    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)
    assert sum(value < found for value in values) < share * len(values)


def test_measurements_count_for_a_while_and_so_many_are_kept() -> None:
    sample = Sample(60, 3)
    for number in range(5):
        sample.note(number, number)

    assert sample.percentiles(0.01, 1, at_s=5) == [2, 4]
    assert sample.percentiles(0.01, 1, at_s=63.5) == [4, 4]
    assert sample.percentiles(0.5, at_s=65) == [None]
