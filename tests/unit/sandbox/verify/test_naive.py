"""The naive book takes snapshots where their ids belong, whenever they arrived."""

from __future__ import annotations

from sandbox.verify.naive import NaiveWalk
from schemas.decimals import ONE
from schemas.markets import Market


SNAPSHOT = b'{"lastUpdateId":%d,"bids":[["10","%d"]],"asks":[["11","5"]]}'


def diff(first: int, final: int, quantity: int) -> bytes:
    return (f'{{"e":"depthUpdate","E":1,"s":"ABC","U":{first},"u":{final},"b":[["10","{quantity}"]],"a":[]}}').encode()


def quote(quantity: int) -> tuple[int, int, int, int]:
    return (10 * ONE, quantity * ONE, 11 * ONE, 5 * ONE)


def walk(diffs: list[bytes], *snapshots: bytes) -> NaiveWalk:
    return NaiveWalk(Market.SPOT, snapshots, diffs)


def test_the_book_is_built_as_far_as_it_is_asked() -> None:
    naive = walk([diff(1, 10, 6), diff(11, 20, 7)], SNAPSHOT % (5, 1))

    assert [naive(9), naive(10), naive(15), naive(20), naive(99)] == [None, quote(6), quote(6), quote(7), quote(7)]


def test_diffs_before_the_snapshot_are_no_book() -> None:
    naive = walk([diff(1, 10, 6), diff(11, 20, 7)], SNAPSHOT % (15, 1))

    assert [naive(10), naive(20)] == [None, quote(7)]


def test_a_gap_ends_the_book_until_the_next_snapshot() -> None:
    diffs = [diff(1, 10, 6), diff(12, 20, 7), diff(21, 30, 8)]
    naive = walk(diffs, SNAPSHOT % (25, 1), SNAPSHOT % (0, 2))

    assert [naive(10), naive(20), naive(30)] == [quote(6), None, quote(8)]


def test_a_snapshot_while_there_is_a_book_changes_nothing() -> None:
    naive = walk([diff(1, 10, 6), diff(11, 20, 7)], SNAPSHOT % (0, 1), b'{"lastUpdateId":15,"bids":[],"asks":[]}')

    assert naive(20) == quote(7)


def test_what_cannot_be_read_is_passed_over() -> None:
    naive = walk([b"{}", diff(1, 10, 6)], b"{}", SNAPSHOT % (0, 1))

    assert naive(10) == quote(6)


def test_a_snapshot_that_ends_with_the_diff_that_tells_of_a_gap_begins_a_new_book() -> None:
    naive = walk([diff(1, 10, 6), diff(20, 20, 7), diff(21, 30, 8)], SNAPSHOT % (0, 1), SNAPSHOT % (20, 2))

    assert [naive(10), naive(20), naive(30)] == [quote(6), quote(2), quote(8)]
