"""Ends of a range as an operator names them, and plans that say exactly what they mean."""

from __future__ import annotations

import msgspec
import pytest

from processors.core.replay_range import (
    Bound,
    BoundError,
    BoundKind,
    PartitionRange,
    ReplayPlan,
    parse_bound,
    remaining,
)
from schemas.markets import Market


RANGES = (PartitionRange("a", 0, 5, 9), PartitionRange("a", 1, 3, 3), PartitionRange("b", 0, 0, 4))
PLAN = ReplayPlan(prefix="binance", markets=(Market.SPOT,), families=("books",), ranges=RANGES)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("earliest", Bound(BoundKind.EARLIEST)),
        ("latest", Bound(BoundKind.LATEST)),
        ("offset:1000", Bound(BoundKind.OFFSET, 1_000)),
        ("1723161600000", Bound(BoundKind.TIME, 1_723_161_600_000)),
        ("2024-08-09T00:00:00Z", Bound(BoundKind.TIME, 1_723_161_600_000)),
        ("2024-08-09T02:00:00+02:00", Bound(BoundKind.TIME, 1_723_161_600_000)),
        ("2024-08-09", Bound(BoundKind.TIME, 1_723_161_600_000)),
        ("2024-08-09T00:00:00.250", Bound(BoundKind.TIME, 1_723_161_600_250)),
    ],
)
def test_an_end_is_a_time_an_offset_or_a_word(text: str, bound: Bound) -> None:
    assert parse_bound(text) == bound


@pytest.mark.parametrize("text", ["", "yesterday", "offset:", "offset:-1", "-5", "9" * 30, "2024-13-01"])
def test_what_names_no_end_is_refused_and_says_what_does(text: str) -> None:
    with pytest.raises(BoundError, match=r"offset:1000"):
        parse_bound(text)


def test_a_plan_comes_back_from_its_file_as_it_was() -> None:
    assert msgspec.json.decode(msgspec.json.encode(PLAN), type=ReplayPlan) == PLAN


@pytest.mark.parametrize("change", [{"version": 2}, {"ranges": [{"topic": "a", "partition": 0, "begin": 5, "end": 4}]}])
def test_a_plan_of_another_version_or_with_a_range_backwards_is_refused(change: dict[str, object]) -> None:
    plan = msgspec.to_builtins(PLAN) | change

    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(plan), type=ReplayPlan)


def test_a_plan_says_what_it_spans() -> None:
    assert PLAN.record_count == 8
    assert PLAN.described() == ["a: 4 in 0:[5,9)", "b: 4 in 0:[0,4)"]
    assert PLAN.of(["b"]) == {("b", 0): RANGES[2]}


def test_what_is_left_of_a_range_counts_from_its_beginning_to_its_end() -> None:
    ranges = PLAN.of(["a", "b"])

    assert remaining(ranges, {}) == 8
    assert remaining(ranges, {("a", 0): 7, ("b", 0): 1}) == 5
    assert remaining(ranges, {("a", 0): 12, ("b", 0): 4}) == 0
