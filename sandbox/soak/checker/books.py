"""The books rebuilt from the raw log against the exchange's at the end, level by level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

import msgspec

from sandbox.soak.checker.book import RebuiltBook, Side, WholeBook
from sandbox.soak.checker.spans import IdRange
from schemas.decimals import format_scaled
from schemas.markets import Market


__all__ = ["BookCheck", "BookFindings", "SymbolKey"]

SymbolKey = tuple[Market, str]

_SHOWN: Final = 5


class BookFindings(msgspec.Struct):
    """How one symbol's book compares at the end."""

    diffs: int = 0
    snapshots: int = 0
    unreadable: int = 0
    epochs: int = 1
    gaps: int = 0
    """Places in the log where diffs are missing; a snapshot healed them, or the book is not live."""
    live: bool = False
    equal: int = 0
    """Levels that both have alike."""
    unknown: int = 0
    """The exchange's levels beyond the reach of the snapshots, which no diff has told since."""
    different_count: int = 0
    different: list[str] = []
    """Levels that differ; the first few."""
    not_compared: str | None = None
    """Why there was nothing to compare with."""

    @property
    def right(self) -> bool:
        """Whether the book is the exchange's, as far as it can be known."""
        return self.not_compared is not None or (self.live and not self.different_count)


class BookCheck:
    """Takes the raw depth records of all symbols, each partition in its order."""

    def __init__(self) -> None:
        self._books: dict[SymbolKey, RebuiltBook] = {}

    def take(self, key: SymbolKey, value: bytes, *, snapshot: bool) -> None:
        """Take in one raw record."""
        book = self._books.get(key)
        if book is None:
            book = self._books[key] = RebuiltBook(key[0])
        if snapshot:
            book.take_snapshot(value)
        else:
            book.take_diff(value)

    def gaps(self) -> Mapping[SymbolKey, list[IdRange]]:
        """Return the update ids that no diff covered when the next one came."""
        return {key: book.gaps for key, book in self._books.items()}

    def findings(
        self, symbols: Iterable[SymbolKey], whole_book: Callable[[SymbolKey], WholeBook | str]
    ) -> dict[SymbolKey, BookFindings]:
        """Compare every book with the exchange's.

        Args:
            symbols: all that must have a book.
            whole_book: tells the exchange's book, or why there is none.
        """
        return {key: _compare(self._books.get(key) or RebuiltBook(key[0]), whole_book(key)) for key in sorted(symbols)}


def _compare(book: RebuiltBook, whole: WholeBook | str) -> BookFindings:
    found = BookFindings(
        diffs=book.diff_count,
        snapshots=book.snapshot_count,
        unreadable=book.unreadable,
        epochs=book.epoch_count,
        gaps=len(book.gaps),
    )
    if isinstance(whole, str):
        found.not_compared = whole
        return found
    book.settle(whole.last_update_id)
    found.live = book.live
    bids, asks = whole.sides()
    floor, ceiling = book.floor, book.ceiling
    for name, ours, theirs, is_known in (
        ("bid", book.bids, bids, lambda price: price >= floor),
        ("ask", book.asks, asks, lambda price: ceiling is None or price <= ceiling),
    ):
        for difference in _differences(found, ours, theirs, is_known):
            found.different_count += 1
            if len(found.different) < _SHOWN:
                found.different.append(f"{name} {difference}")
    return found


def _differences(found: BookFindings, ours: Side, theirs: Side, is_known: Callable[[int], bool]) -> Iterator[str]:
    for price in sorted(ours.keys() | theirs.keys()):
        mine, other = ours.get(price), theirs.get(price)
        if mine == other:
            found.equal += 1
        elif mine is None and not is_known(price):
            found.unknown += 1
        else:
            yield f"{format_scaled(price)}: the log gives {_text(mine)}, the exchange has {_text(other)}"


def _text(quantity: int | None) -> str:
    return "no such level" if quantity is None else format_scaled(quantity)
