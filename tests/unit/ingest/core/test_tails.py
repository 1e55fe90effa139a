from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.core.tails import Lacking, Newest, Tail, TailWatch
from schemas.markets import Market
from schemas.topics import RawType


KEY = (Market.SPOT, RawType.TRADE, "BTCUSDT")
GRACE_MS = 10_000.0


def tail(next_id: int, *, epoch: int = 0, read: int = 100, end: int = 100, through: int | None = None) -> Tail:
    return Tail(KEY, epoch, next_id, next_id - 1 if through is None else through, read, end)


def looks(*told: tuple[float, Tail, int]) -> list[Lacking | None]:
    """Take looks: when, where the log ends, the venue's newest id."""
    watch = TailWatch(GRACE_MS)
    return [watch.told(end, Newest(newest, int(at_ms)), at_ms) for at_ms, end, newest in told]


def test_what_the_log_still_lacks_after_the_grace_is_missing() -> None:
    assert looks((0, tail(10), 12), (10_000, tail(10), 12)) == [None, Lacking(tail(10), Newest(12, 0))]


def test_only_ids_of_the_first_look_are_missing() -> None:
    assert looks((0, tail(10), 12), (10_000, tail(10), 15))[1] == Lacking(tail(10), Newest(12, 0))


def test_nothing_is_missing_where_the_log_is_as_far_as_the_venue() -> None:
    assert looks((0, tail(10), 9), (10_000, tail(10), 9)) == [None, None]


def test_what_is_told_before_the_grace_is_over_is_under_way() -> None:
    assert looks((0, tail(10), 12), (9_999, tail(10), 12)) == [None, None]


def test_a_log_that_went_on_is_suspected_anew() -> None:
    """Whatever is missing before the record that came shows by its id."""
    assert looks((0, tail(10), 12), (10_000, tail(11), 12), (15_000, tail(11), 12)) == [None, None, None]


def test_ids_that_began_anew_are_not_missing() -> None:
    assert looks((0, tail(10), 12), (10_000, tail(10), 3), (20_000, tail(10), 4)) == [None, None, None]


def test_ids_that_began_anew_and_passed_the_log_are_judged_from_then_on() -> None:
    told = looks((0, tail(10), 15), (10_000, tail(10), 12), (20_000, tail(10), 14))

    assert told == [None, None, Lacking(tail(10), Newest(12, 10_000))]


def test_a_symbol_without_trades_in_the_last_day_is_not_suspected() -> None:
    assert looks((0, tail(10, through=-1), -1), (10_000, tail(10, through=-1), -1)) == [None, None]


def test_nothing_is_missing_before_the_log_is_read_as_far_as_it_reached() -> None:
    behind, beyond = tail(10, read=90, end=100), tail(10, read=100, end=120)

    assert looks((0, behind, 12), (10_000, tail(10, read=99, end=120), 12), (20_000, beyond, 12)) == [
        None,
        None,
        Lacking(beyond, Newest(12, 0)),
    ]


def test_of_aggregates_that_lack_nothing_the_same_trades_are_not_suspected_again() -> None:
    watch, end = TailWatch(GRACE_MS), tail(10, through=50)
    watch.told(end, Newest(52, 0), 0)
    lacking = watch.told(end, Newest(52, 0), 10_000)
    assert lacking is not None
    watch.nothing_missing(lacking)

    assert watch.told(end, Newest(52, 0), 20_000) is None
    assert not watch.suspects
    assert watch.told(end, Newest(53, 0), 30_000) is None
    assert watch.suspects


def test_a_second_look_is_worth_only_where_the_log_did_not_go_on() -> None:
    watch = TailWatch(GRACE_MS)
    watch.told(tail(10), Newest(12, 0), 0)

    assert watch.remaining([tail(10)]) == [tail(10)]
    assert not watch.due(9_999)
    assert watch.due(10_000)
    assert watch.remaining([tail(11)]) == []
    assert not watch.suspects


@st.composite
def flows(draw: st.DrawFn) -> tuple[list[tuple[float, float]], int]:
    """Return of each id when it was traded and when it is in the log, in this order; and how many come: then none."""
    at = arrives = 0.0
    flow: list[tuple[float, float]] = []
    for _ in range(draw(st.integers(1, 12))):
        at += draw(st.floats(0, 20_000))
        arrives = max(arrives, at + draw(st.floats(0, GRACE_MS - 1)))
        arrives = min(arrives, at + GRACE_MS - 1)
        flow.append((at, max(arrives, flow[-1][1] if flow else 0.0)))
    return flow, draw(st.integers(1, len(flow)))


@given(flows(), st.lists(st.floats(0, 30_000), max_size=30))
def test_all_that_is_dropped_at_the_end_is_found_and_nothing_under_way_is(
    flow: tuple[list[tuple[float, float]], int], pauses: list[float]
) -> None:
    """Rounds of two looks each: the second when the grace is over, at whatever moments."""
    trades, delivered = flow
    watch = TailWatch(GRACE_MS)
    found: set[int] = set()
    next_id, lost_to, now_ms = 0, 0, 0.0

    def look() -> None:
        nonlocal next_id, lost_to
        arrived = sum(arrives <= now_ms for _, arrives in trades[:delivered])
        next_id = max(arrived, lost_to)
        newest = sum(at <= now_ms for at, _ in trades) - 1
        lacking = watch.told(tail(next_id), Newest(newest, int(now_ms)), now_ms) if next_id else None
        if lacking is not None:
            found.update(range(lacking.tail.next_id, lacking.newest.trade_id + 1))
            lost_to = lacking.newest.trade_id + 1
            assert lacking.newest.time >= trades[lacking.newest.trade_id][0] - 1

    for pause in (*pauses, 300_000.0, GRACE_MS, GRACE_MS, GRACE_MS):
        now_ms += pause
        look()

    assert found == set(range(delivered, len(trades)))
