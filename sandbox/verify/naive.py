"""The naive book's opinion at chosen update ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from operator import itemgetter

import msgspec

from sandbox.replay.naive_book import NaiveBook, Quote
from schemas import rest, wire
from schemas.markets import Market


__all__ = ["NaiveWalk"]

_DIFF = msgspec.json.Decoder(wire.DepthDiff)
_SNAPSHOT = msgspec.json.Decoder(rest.DepthSnapshot)


class NaiveWalk:
    """Builds a symbol's naive book from what the venue sent, diff by diff, as far as it is asked.

    A snapshot is taken where its update id belongs among the diffs, whenever it arrived, and only while there is no
    book: at the start, and after a gap.

    Args:
        market: whose rules of continuity hold.
        snapshots: REST depth answers of the symbol, in any order.
        diffs: depth diffs of the symbol, as they arrived.
    """

    def __init__(self, market: Market, snapshots: Iterable[bytes], diffs: Iterable[bytes]) -> None:
        self._book = NaiveBook(market)
        self._snapshots = sorted(_identified(snapshots), key=itemgetter(0))
        self._diffs: Iterator[tuple[int, bytes]] = _numbered(diffs)
        self._upcoming = next(self._diffs, None)

    def __call__(self, update_id: int) -> Quote | None:
        """Return the quote after everything up to `update_id`, which must not fall; None without a book."""
        while self._upcoming is not None and self._upcoming[0] <= update_id:
            final, diff = self._upcoming
            with suppress(ValueError):  # a diff that cannot be read is counted by the evidence
                self._book.apply_diff(diff)
            self._take_snapshots(up_to=final)
            self._upcoming = next(self._diffs, None)
        return self._book.quote if self._book.live else None

    def _take_snapshots(self, up_to: int) -> None:
        """Offer the snapshots that precede a diff, or fall into it, after the diff: it may tell of a gap.

        The book keeps diffs while there is none, and applies them to the snapshot.
        """
        while self._snapshots and self._snapshots[0][0] <= up_to:
            _, body = self._snapshots.pop(0)
            if not self._book.live:
                self._book.apply_snapshot(body)


def _identified(snapshots: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for body in snapshots:
        try:
            yield _SNAPSHOT.decode(body).last_update_id, body
        except msgspec.DecodeError:
            continue


def _numbered(diffs: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for diff in diffs:
        try:
            yield _DIFF.decode(diff).final_update_id, diff
        except msgspec.DecodeError:
            continue
