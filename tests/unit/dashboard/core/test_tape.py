from __future__ import annotations

from hypothesis import given, strategies as st

from dashboard.core.tape import Tape
from schemas.derived import TradeKind
from tests.unit.dashboard.values import trade


@given(st.integers(1, 6), st.lists(st.tuples(st.integers(1, 5), st.integers(0, 8)), max_size=12))
def test_a_worker_that_begins_again_repeats_nothing_on_the_tape(kept: int, runs: list[tuple[int, int]]) -> None:
    """It goes on from an offset that it has written beyond already, and writes the same again."""
    tape, highest = Tape(kept), -1
    for length, back in runs:
        start = max(0, highest + 1 - back)
        for number in range(start, start + length):
            assert tape.take(trade(number, number)) == (number > highest)
            highest = max(highest, number)

    assert [one.trade_id for one in tape.last(99)] == list(range(highest + 1))[-kept:]
    assert tape.mark == highest + 1


def test_what_is_filled_in_later_and_the_hole_itself_are_told_apart() -> None:
    tape = Tape(10)
    told = [
        trade(1, 1),
        trade(2, 5, kind=TradeKind.HOLE, last_missing_id=3),
        trade(4, 5),
        trade(2, 9, late=True),
        trade(3, 9, late=True),
    ]

    assert [tape.take(one) for one in told] == [True] * 5
    assert tape.last(9) == told


def test_trades_of_another_epoch_are_others() -> None:
    tape = Tape(10)

    assert tape.take(trade(1, 1))
    assert tape.take(trade(1, 2, epoch=1))


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 8), st.integers(1, 40))
def test_since_a_mark_is_what_came_after_it_and_at_most_the_newest(
    before: int, after: int, kept: int, count: int
) -> None:
    tape = Tape(kept)
    for number in range(before):
        tape.take(trade(number, number))
    mark = tape.mark
    for number in range(before, before + after):
        tape.take(trade(number, number))

    news = list(range(before, before + after))[-min(kept, count) :] if after else []
    assert [one.trade_id for one in tape.since(mark, count)] == news
