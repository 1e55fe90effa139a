from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.core.holes import BELIEVED_JUMP, Doubtful, Hole, IdSequence, NewEpoch, Verdict
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType


BTC = (Market.SPOT, RawType.TRADE, "BTCUSDT")


def feed_all(sequence: IdSequence, ids: list[int], start: int = 0) -> list[Verdict]:
    return [
        verdict for offset, one in enumerate(ids, start) for verdict in sequence.feed(one, one * 10, one * 10, offset)
    ]


def started(*ids: int) -> IdSequence:
    sequence = IdSequence()
    assert feed_all(sequence, list(ids)) == []
    return sequence


def test_the_first_id_of_all_opens_no_hole() -> None:
    assert IdSequence().feed(3_735_683_259, 1, 1, 0) == []


def test_consecutive_ids_follow() -> None:
    assert started(7, 8, 9).next_id == 10


def test_missing_ids_are_a_hole_with_the_times_around_it() -> None:
    sequence = started(7)

    assert sequence.feed(12, 1_500, 1_500, 1) == [Hole(0, 8, 11, 70, 1_500)]
    assert sequence.feed(13, 1_501, 1_501, 2) == []


def test_a_second_copy_and_what_comes_late_is_nothing_new() -> None:
    assert started(7, 8, 8, 7, 9).next_id == 10


def test_two_ids_that_went_back_while_time_advanced_begin_an_epoch() -> None:
    sequence = started(1_000)

    assert sequence.feed(3, 10_001, 10_001, 1) == [Doubtful(1_001, 3)]
    assert sequence.feed(6, 10_060, 10_060, 2) == [NewEpoch(1), Hole(1, 4, 5, 10_001, 10_060)]
    assert (sequence.epoch, sequence.next_id) == (1, 7)


def test_one_id_that_went_back_alone_changes_nothing() -> None:
    sequence = started(1_000)
    sequence.feed(3, 10_001, 10_001, 1)

    assert sequence.feed(1_001, 10_010, 10_010, 2) == []
    assert sequence.feed(5, 10_020, 10_020, 3) == [Doubtful(1_002, 5)]
    assert (sequence.epoch, sequence.next_id) == (0, 1_002)


def test_a_late_backfill_never_looks_like_an_epoch() -> None:
    sequence = started(1, 2)

    assert feed_all(sequence, [10], start=2) == [Hole(0, 3, 9, 20, 100)]
    assert [sequence.feed(one, one * 10, one * 10, 5 + one) for one in range(3, 10)] == [[]] * 7
    assert sequence.epoch == 0


def test_a_giant_id_alone_makes_no_hole() -> None:
    sequence = started(7)

    assert sequence.feed(10**15, 80, 80, 1) == [Doubtful(8, 10**15)]
    assert sequence.feed(8, 80, 80, 2) == []
    assert sequence.feed(10**15 + 1, 90, 90, 3) == [Doubtful(9, 10**15 + 1)]


def test_a_giant_jump_that_another_record_bears_out_is_a_hole() -> None:
    sequence, far = started(7), 8 + 2 * BELIEVED_JUMP
    sequence.feed(far, 80, 80, 1)

    assert sequence.feed(far + 2, 81, 81, 2) == [Hole(0, 8, far - 1, 70, 80), Hole(0, far + 1, far + 1, 80, 81)]


def test_a_second_copy_of_a_giant_id_bears_nothing_out() -> None:
    sequence = started(7)
    sequence.feed(10**15, 80, 80, 1)

    assert sequence.feed(10**15, 80, 80, 2) == [Doubtful(8, 10**15)]


def test_a_trade_time_of_the_far_future_hides_no_epoch() -> None:
    sequence = started(1_000)
    sequence.feed(1_001, 10**15, 10_010, 1)
    sequence.feed(1, 200_000, 200_000, 2)

    assert sequence.feed(2, 200_010, 200_010, 3) == [NewEpoch(1)]


@given(st.lists(st.integers(0, 60), min_size=1, unique=True))
def test_with_rising_ids_the_holes_are_exactly_what_is_missing(some: list[int]) -> None:
    ids = sorted(some)

    verdicts = feed_all(IdSequence(), ids)

    missing = {one for hole in verdicts if isinstance(hole, Hole) for one in range(hole.first_id, hole.last_id + 1)}
    assert missing == set(range(ids[0], ids[-1])) - set(ids)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), st.integers(0, 59))
def test_a_restart_from_progress_finds_what_an_undisturbed_run_finds(steps: list[int], cut: int) -> None:
    ids, last = list[int](), 100
    for step in steps:
        last += 1 + step
        ids.append(last)
    cut = min(cut, len(ids))
    undisturbed = feed_all(IdSequence(), ids)

    before = IdSequence()
    found = feed_all(before, ids[:cut])
    after = IdSequence.of(before.progress(BTC, 0)) if cut else IdSequence()
    found += feed_all(after, ids)  # the log is read again from its beginning

    assert found == undisturbed


def test_progress_names_the_last_id_and_where_it_lies() -> None:
    sequence = started(7, 8)

    assert sequence.progress(BTC, 2) == Progress(
        market=Market.SPOT, stream="trade", symbol="BTCUSDT", epoch=0, last_id=8, last_time=80, partition=2, offset=1
    )
