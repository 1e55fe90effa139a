from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.core.holes import Follows, Hole, IdTracker, NewEpoch, Repeated
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import RawType


BTC = (Market.SPOT, RawType.TRADE, "BTCUSDT")
ETH = (Market.SPOT, RawType.TRADE, "ETHUSDT")


def feed_all(tracker: IdTracker, ids: list[int], start: int = 0) -> list[object]:
    return [tracker.feed(BTC, one, one * 10, 0, offset) for offset, one in enumerate(ids, start)]


def test_the_first_id_of_all_opens_no_hole() -> None:
    assert IdTracker().feed(BTC, 3_735_683_259, 1, 0, 0) == Follows()


def test_consecutive_ids_follow() -> None:
    assert feed_all(IdTracker(), [7, 8, 9]) == [Follows()] * 3


def test_missing_ids_are_a_hole_with_the_times_around_it() -> None:
    tracker = IdTracker()
    tracker.feed(BTC, 7, 1_000, 0, 0)

    assert tracker.feed(BTC, 12, 1_500, 0, 1) == Hole(0, 8, 11, 1_000, 1_500)
    assert tracker.feed(BTC, 13, 1_501, 0, 2) == Follows()


def test_a_second_copy_is_repeated() -> None:
    assert feed_all(IdTracker(), [7, 8, 8, 7, 9]) == [Follows(), Follows(), Repeated(), Repeated(), Follows()]


def test_an_id_that_goes_back_while_time_advances_begins_an_epoch() -> None:
    tracker = IdTracker()
    tracker.feed(BTC, 1_000, 50, 0, 0)

    assert tracker.feed(BTC, 3, 51, 0, 1) == NewEpoch(1)
    assert tracker.feed(BTC, 4, 52, 0, 2) == Follows()
    assert tracker.feed(BTC, 6, 60, 0, 3) == Hole(1, 5, 5, 52, 60)


def test_symbols_streams_and_markets_do_not_mix() -> None:
    tracker = IdTracker()
    tracker.feed(BTC, 7, 1, 0, 0)

    for key in (ETH, (Market.USDM, RawType.TRADE, "BTCUSDT"), (Market.SPOT, RawType.AGG_TRADE, "BTCUSDT")):
        assert tracker.feed(key, 100, 1, 0, 1) == Follows()
    assert tracker.feed(BTC, 8, 2, 0, 2) == Follows()


@given(st.lists(st.integers(0, 60), min_size=1, unique=True))
def test_with_rising_ids_the_holes_are_exactly_what_is_missing(some: list[int]) -> None:
    ids = sorted(some)

    verdicts = feed_all(IdTracker(), ids)

    missing = {one for hole in verdicts if isinstance(hole, Hole) for one in range(hole.first_id, hole.last_id + 1)}
    assert missing == set(range(ids[0], ids[-1])) - set(ids)


@given(st.lists(st.integers(0, 1), min_size=1, max_size=60), st.integers(0, 59))
def test_a_restart_from_progress_finds_what_an_undisturbed_run_finds(steps: list[int], cut: int) -> None:
    ids, last = list[int](), 100
    for step in steps:
        last += 1 + step
        ids.append(last)
    cut = min(cut, len(ids))
    undisturbed = [verdict for verdict in feed_all(IdTracker(), ids) if isinstance(verdict, Hole)]

    before = IdTracker()
    found = feed_all(before, ids[:cut])
    after = IdTracker()
    for progress in before.changed():
        after.restore(progress)
    found += feed_all(after, ids)  # the log is read again from its beginning

    assert [verdict for verdict in found if isinstance(verdict, Hole)] == undisturbed


def test_changed_gives_each_stream_once_in_the_order_of_the_log() -> None:
    tracker = IdTracker()
    tracker.feed(BTC, 7, 1_000, 2, 10)
    tracker.feed(ETH, 1, 1_001, 1, 11)
    tracker.feed(BTC, 8, 1_002, 2, 12)

    assert tracker.changed() == [
        Progress(
            market=Market.SPOT,
            stream="trade",
            symbol="ETHUSDT",
            epoch=0,
            last_id=1,
            last_time=1_001,
            partition=1,
            offset=11,
        ),
        Progress(
            market=Market.SPOT,
            stream="trade",
            symbol="BTCUSDT",
            epoch=0,
            last_id=8,
            last_time=1_002,
            partition=2,
            offset=12,
        ),
    ]
    assert tracker.changed() == []


def test_a_repeated_record_is_no_progress() -> None:
    tracker = IdTracker()
    tracker.feed(BTC, 7, 1_000, 0, 0)
    tracker.changed()

    tracker.feed(BTC, 7, 1_000, 0, 1)

    assert tracker.changed() == []
