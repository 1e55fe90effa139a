from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from ingest.core.budget import Budget, Importance
from ingest.core.restraint import (
    FIRST_BAN_S,
    FIRST_PAUSE_S,
    LEAST_FACTOR,
    LONGEST_BAN_S,
    LONGEST_PAUSE_S,
    MOST_BELIEVED_S,
    PENANCE_MS,
    Restraint,
)
from ingest.core.windows import Kind, Limit


CLOCK, BOOK = Importance.CLOCK, Importance.BOOK
CAP = 4800


def budget() -> Budget:
    return Budget([Limit(Kind.WEIGHT, 60_000, 6000)], 0.8)


def refused(one: Budget, now_ms: float, retry_after_s: float | None, *, banned: bool) -> float:
    """Let a request be refused when it may be sent; returns how long nothing is asked."""
    one.enqueue(1, CLOCK, now_ms)
    ticket = one.next(now_ms)
    assert ticket is not None
    one.restraint.refused(now_ms, retry_after_s, banned=banned, now_ms=now_ms)
    one.ended(ticket, (), now_ms)
    return one.restraint.until_ms - now_ms


def test_nothing_is_asked_before_the_time_that_the_venue_names() -> None:
    one = budget()
    assert refused(one, 0.0, 30.0, banned=False) == 30_000
    one.enqueue(1, CLOCK, 1.0)

    assert (one.next(29_999.0), one.next_in_ms(29_999.0)) == (None, 1)
    assert one.wait_ms(1, CLOCK, 10_000.0) == 20_000
    assert one.next(30_000.0) is not None


def test_pauses_without_a_time_grow_until_the_venue_answers_again() -> None:
    one, now_ms, pauses = budget(), 0.0, list[float]()
    for _ in range(8):
        pauses.append(refused(one, now_ms, None, banned=False) / 1000)
        now_ms = one.restraint.until_ms
    one.restraint.answered()

    assert pauses == [min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**number) for number in range(8)]
    assert refused(one, now_ms, None, banned=False) == FIRST_PAUSE_S * 1000


def test_bans_without_a_time_grow_and_halve_the_share() -> None:
    one, now_ms = budget(), 0.0
    bans, shares = list[float](), list[int]()
    for _ in range(6):
        bans.append(refused(one, now_ms, None, banned=True) / 1000)
        now_ms = one.restraint.until_ms
        shares.append(one.allowed(now_ms))

    assert bans == [min(LONGEST_BAN_S, FIRST_BAN_S * 2**number) for number in range(6)]
    assert shares == [int(CAP * max(LEAST_FACTOR, 0.5**number)) for number in range(1, 7)]
    assert one.allowed(now_ms + PENANCE_MS) == CAP


def test_answers_to_what_was_under_way_are_one_refusal() -> None:
    one = budget()
    for _ in range(3):
        one.enqueue(50, BOOK, 0.0)
    under_way = [ticket for ticket in (one.next(0.0), one.next(0.0), one.next(0.0)) if ticket is not None]

    news = [one.restraint.refused(0.0, None, banned=True, now_ms=float(n)).news for n, ticket in enumerate(under_way)]

    assert len(under_way) == 3
    assert news[0]
    assert one.restraint.until_ms == pytest.approx(FIRST_BAN_S * 1000, abs=2)
    assert one.allowed(0.0) == CAP // 2


@given(st.lists(st.tuples(st.one_of(st.none(), st.floats(0, 1e6)), st.booleans(), st.floats(0, 1e6)), max_size=30))
def test_a_ban_is_never_shortened(events: list[tuple[float | None, bool, float]]) -> None:
    one, now_ms, until_ms = budget(), 0.0, -math.inf
    for retry_after_s, banned, pass_ms in events:
        refusal = one.restraint.refused(now_ms, retry_after_s, banned=banned, now_ms=now_ms)
        one.restraint.answered()
        assert refusal.until_ms == one.restraint.until_ms >= until_ms
        until_ms = one.restraint.until_ms
        one.enqueue(1, CLOCK, now_ms)
        assert (one.next(now_ms) is None) == (until_ms > now_ms)
        now_ms += pass_ms


def test_a_ban_of_an_earlier_run_holds_and_its_penance_too() -> None:
    one = budget()
    one.restraint.restore_ban(50_000.0, 0.0)
    one.enqueue(1, CLOCK, 0.0)

    assert one.next_in_ms(0.0) == 50_000
    assert one.allowed(50_000.0) == CAP // 2


def test_a_ban_of_long_ago_is_forgotten() -> None:
    one = budget()
    one.restraint.restore_ban(-PENANCE_MS, 0.0)

    assert (one.allowed(0.0), one.wait_ms(1, CLOCK, 0.0)) == (CAP, 0)


def test_a_time_far_beyond_the_longest_ban_is_not_believed() -> None:
    one = budget()
    assert refused(one, 0.0, 1e12, banned=True) == MOST_BELIEVED_S * 1000
    other = Restraint()
    other.restore_ban(1e15, 0.0)

    assert other.left_ms(0.0) == MOST_BELIEVED_S * 1000
