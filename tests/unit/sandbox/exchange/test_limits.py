"""How much an address may ask for, and what becomes of who asks for more."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from sandbox.exchange.limits import LIMITS, Attempts, Granted, Refused, WeightLimits, pool_of, whole_seconds
from schemas.markets import Market


HERE, THERE = "127.0.0.1", "127.0.0.2"
DAY_S = 86_400


def small() -> WeightLimits:
    return WeightLimits({"spot": 100, "futures": 10})


def test_both_futures_markets_share_their_weight() -> None:
    assert [pool_of(market) for market in (Market.SPOT, Market.USDM, Market.COINM)] == ["spot", "futures", "futures"]
    assert LIMITS == {"spot": 6_000, "futures": 2_400}


def test_weight_counts_by_minute_pool_and_address() -> None:
    limits = small()

    assert limits.request(HERE, "spot", 50, 0) == Granted(50)
    assert limits.request(HERE, "spot", 50, 59.9) == Granted(100)
    assert limits.request(THERE, "spot", 5, 59.9) == Granted(5)
    assert limits.request(HERE, "futures", 10, 59.9) == Granted(10)
    assert limits.request(HERE, "spot", 5, 60) == Granted(5)


def test_more_than_the_limit_is_refused_until_the_minute_is_over() -> None:
    limits = small()
    limits.request(HERE, "futures", 10, 15)

    assert limits.request(HERE, "futures", 1, 20) == Refused(11, banned=False, retry_after_s=40)
    assert limits.request(HERE, "futures", 1, 60) == Granted(1)


def banned(limits: WeightLimits, now_s: float) -> float:
    """Ask until the address is banned; return for how long."""
    limits.request(HERE, "spot", 101, now_s)
    for _ in range(10):
        verdict = limits.request(HERE, "spot", 1, now_s)
        if isinstance(verdict, Refused) and verdict.banned:
            return verdict.retry_after_s
    pytest.fail("no ban")


def test_who_goes_on_after_refusals_is_banned_and_the_ban_lasts() -> None:
    limits = small()

    assert banned(limits, 10) == 120
    assert limits.request(HERE, "spot", 1, 100) == Refused(1, banned=True, retry_after_s=30)
    assert limits.request(HERE, "futures", 1, 100) == Granted(1)
    assert limits.request(THERE, "spot", 1, 100) == Granted(1)
    assert isinstance(limits.request(HERE, "spot", 1, 130), Granted)


def test_bans_grow_from_two_minutes_to_three_days_and_are_forgotten_after_a_quiet_day() -> None:
    limits = small()
    now_s, bans = 0.0, []
    for _ in range(14):
        bans.append(banned(limits, now_s))
        now_s += bans[-1] + 60

    assert bans[:4] == [120, 240, 480, 960]
    assert all(later == min(2 * earlier, 3 * DAY_S) for earlier, later in pairwise(bans))
    assert bans[-1] == 3 * DAY_S
    assert banned(limits, now_s + DAY_S) == 120


def test_an_address_can_be_banned_whatever_it_did() -> None:
    limits = small()
    limits.ban(HERE, "spot", 5, 0)

    assert limits.request(HERE, "spot", 1, 1) == Refused(1, banned=True, retry_after_s=4)
    assert limits.request(HERE, "spot", 1, 5) == Granted(2)


@given(st.lists(st.tuples(st.floats(0, 50), st.integers(1, 40)), max_size=60))
def test_what_is_granted_in_a_minute_never_exceeds_the_limit(requests: list[tuple[float, int]]) -> None:
    limits = small()
    granted: dict[int, int] = {}
    now_s = 0.0
    for gap_s, weight in requests:
        now_s += gap_s
        if isinstance(limits.request(HERE, "spot", weight, now_s), Granted):
            minute = int(now_s // 60)
            granted[minute] = granted.get(minute, 0) + weight

    assert all(weight <= 100 for weight in granted.values())


def test_attempts_are_counted_in_a_sliding_window_by_address() -> None:
    attempts = Attempts(3, 300)

    assert [attempts.attempt(HERE, now_s) for now_s in (0, 10, 20)] == [0, 0, 0]
    assert attempts.attempt(HERE, 100) == 200
    assert attempts.attempt(THERE, 100) == 0
    assert attempts.attempt(HERE, 300) == 0
    assert attempts.attempt(HERE, 301) == 9


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.1, 2), (59.5, 60)])
def test_retry_after_is_in_whole_seconds_and_never_too_early(seconds: float, told: int) -> None:
    assert whole_seconds(seconds) == told
