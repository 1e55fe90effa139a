"""Laws of membership."""

from __future__ import annotations

import pytest

from processors.batching import Membership


def test_before_the_first_heartbeat_nobody_is_a_member() -> None:
    membership = Membership(10)

    assert not membership.is_current(0)
    assert membership.age_s(5) is None


@pytest.mark.parametrize(("now", "current"), [(100, True), (104.9, True), (105, False), (1_000, False)])
def test_a_member_speaks_for_its_partitions_for_half_a_session(now: float, current: bool) -> None:
    membership = Membership(10)
    membership.confirm(100)

    assert membership.is_current(now) is current


def test_an_answer_that_comes_late_does_not_make_a_newer_one_forgotten() -> None:
    membership = Membership(10)
    membership.confirm(100)
    membership.confirm(90)

    assert membership.age_s(101) == 1
