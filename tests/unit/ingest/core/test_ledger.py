from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole, open_holes
from schemas.control import Gap, GapStatus
from schemas.markets import Market
from schemas.topics import RawType


BTC = (Market.SPOT, RawType.TRADE, "BTCUSDT")

SETTLED = {GapStatus.FILLED, GapStatus.ABSENT, GapStatus.UNFILLABLE}


def hole(first_id: int = 10, last_id: int = 20) -> OpenHole:
    return OpenHole(BTC, Hole(0, first_id, last_id, 90, 210), 1_000)


def told(gaps: list[Gap]) -> list[tuple[int, int, str, str | None]]:
    return [(gap.first_id, gap.last_id, str(gap.status), gap.reason) for gap in gaps]


def by_id(ledger: list[Gap]) -> dict[int, GapStatus]:
    """Return what a reader concludes: of each id, the newest entry that speaks of it."""
    return {one: gap.status for gap in ledger for one in range(gap.first_id, gap.last_id + 1)}


def by_name(ledger: list[Gap]) -> list[Gap]:
    """Return what compaction leaves."""
    return list({gap.first_id: gap for gap in ledger}.values())


def test_a_new_hole_is_one_open_entry_and_told_once() -> None:
    one = hole()

    assert told(one.entries(1_000)) == [(10, 20, "open", None)]
    assert one.entries(1_001) == []


def test_a_hole_of_several_fates_is_told_in_parts_from_the_last_to_the_first() -> None:
    one = hole()
    one.entries(1_000)
    one.arrived(10, 11)
    one.backfilled(12)
    one.absent(13, 13)
    one.lost(14, 20, "beyond-reach")

    assert told(one.entries(2_000)) == [
        (14, 20, "unfillable", "beyond-reach"),
        (13, 13, "absent", None),
        (10, 12, "filled", "late-and-backfilled"),
    ]


def test_what_is_left_keeps_the_status_of_the_whole() -> None:
    one = hole()
    one.entries(1_000)
    one.defer("venue-unreachable")
    one.arrived(10, 12)

    assert told(one.entries(2_000)) == [(13, 20, "deferred", "venue-unreachable"), (10, 12, "filled", "late")]


def test_a_part_that_was_told_is_not_merged_into_another() -> None:
    one = hole()
    one.entries(1_000)
    one.arrived(10, 12)
    one.entries(2_000)
    one.arrived(13, 20)

    assert told(one.entries(3_000)) == [(13, 20, "filled", "late")]


def test_a_hole_in_very_many_parts_is_told_in_one_until_it_is_settled() -> None:
    one = hole(0, 999)
    one.entries(1_000)
    for even in range(0, 1_000, 2):
        one.arrived(even, even)

    assert one.entries(2_000) == []
    one.defer("venue-unreachable")
    assert told(one.entries(3_000)) == [(0, 999, "deferred", "venue-unreachable")]
    one.absent(0, 999)
    assert len(one.entries(4_000)) == 1_000


def test_times_outside_the_hole_are_of_another_epoch() -> None:
    assert [hole().believes(time) for time in (90, 150, 210, 1_300, -1_000)] == [True, True, True, False, False]


def test_entries_that_overlap_because_a_writer_died_are_cut_by_the_newer() -> None:
    one = hole()
    ledger = one.entries(1_000)
    one.absent(15, 15)
    *parts, _ = one.entries(2_000)

    holes = open_holes([*ledger, *parts])

    # Entries (16, 20, open) and (15, 15, absent) were written, the one that shrinks (10, 20) was not.
    assert sorted((one.hole.first_id, one.hole.last_id) for one in holes) == [(10, 14), (16, 20)]
    assert [told(one.entries(3_000)) for one in holes if one.hole.first_id == 10] == [[(10, 14, "open", None)]]


ACTIONS = st.lists(
    st.tuples(st.sampled_from(["arrived", "absent", "lost", "tell", "defer"]), st.integers(8, 22), st.integers(0, 6)),
    max_size=30,
)


@given(ACTIONS, st.integers(0, 60))
def test_the_ledger_is_right_after_any_number_of_its_entries(actions: list[tuple[str, int, int]], died: int) -> None:
    """Whenever a writer dies, what it told is true, and who goes on knows of every id that was not told as settled."""
    one = hole()
    ledger = one.entries(0)
    for time, (action, first, length) in enumerate(actions, 1):
        match action:
            case "arrived":
                one.arrived(first, first + length)
            case "absent":
                one.absent(first, first + length)
            case "lost":
                one.lost(first, first + length, "reason")
            case "defer":
                one.defer("reason")
            case _:
                ledger += one.entries(time)
    ledger += one.entries(99)
    survived = ledger[: max(1, died)]

    truth = {run_id: run.fate.outcome.name for run in one.fates for run_id in range(run.first_id, run.last_id + 1)}
    names = {"LATE": GapStatus.FILLED, "ABSENT": GapStatus.ABSENT, "LOST": GapStatus.UNFILLABLE}
    concluded = by_id(survived)
    assert set(concluded) == set(range(10, 21))
    assert all(status == names[truth[one_id]] for one_id, status in concluded.items() if status in SETTLED)
    left = {
        one_id
        for found in open_holes(survived)
        for run in found.fates.missing()
        for one_id in range(run[0], run[1] + 1)
    }
    assert left == {one_id for one_id, status in concluded.items() if status not in SETTLED}
    if len(survived) == len(ledger):
        entries = by_name(ledger)
        covered = sorted(one_id for gap in entries for one_id in range(gap.first_id, gap.last_id + 1))
        assert covered == list(range(10, 21))
