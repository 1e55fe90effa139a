"""The pipeline's books against the venue's book tickers, after each recorded diff.

Matched by update id, never by arrival: streams of one connection are not ordered against each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from sandbox.verify.coverage import Known, Step
from sandbox.verify.spill import SortedRows
from schemas.decimals import format_scaled


__all__ = ["EXAMPLES", "BookComparison", "NaiveQuotes", "compare_books", "judge_differences"]

EXAMPLES: Final = 10
"""Differences that a report shows; all are counted."""

_NO_TICKER: Final = "no book ticker yet"

Quote = tuple[int, int, int, int]
"""Bid price, bid quantity, ask price, ask quantity; an empty side is 0, 0."""

NaiveQuotes = Callable[[int], Quote | None]
"""Tells the naive book's quote at an update id, None where it has no book; the ids asked for rise."""


class BookComparison(msgspec.Struct):
    """How the books of one symbol compare."""

    diffs: int = 0
    equal: int = 0
    different: int = 0
    """Until the naive book has judged: every difference, seams among them."""
    seams: int = 0
    not_compared: Counter[str] = msgspec.field(default_factory=Counter)
    recorded_gaps: int = 0
    """Gaps in the recorded diffs at which the pipeline had a live book to lose."""
    differences: list[dict[str, object]] = []
    seam_examples: list[dict[str, object]] = []

    @property
    def compared(self) -> int:
        """Diffs after which both sides told a best price."""
        return self.equal + self.different + self.seams


def compare_books(
    steps: Iterable[Step],
    tickers: Iterable[tuple[int, ...]],
    tops: Iterable[tuple[int, ...]],
    differences: SortedRows,
) -> BookComparison:
    """Compare the pipeline's best prices with the venue's after each diff.

    Where the recording tells the book and the pipeline has no live one, that is a difference too. Where it does not,
    a book that is not live is right to say so and is not compared; one that claims to be live is.

    Args:
        steps: the recorded diffs, and where they tell the book.
        tickers: update id, number, quote; ascending.
        tops: update id, offset, 1 if live, quote; ascending.
        differences: receives update id, update id of the ticker, its quote, 1 if live, the pipeline's quote.
    """
    result = BookComparison()
    ticker_at = _last_at_or_before(tickers)
    top_at = _StateAt(tops)
    was_live = False
    for step in steps:
        result.diffs += 1
        result.recorded_gaps += step.after_gap and was_live
        ticker, top = ticker_at(step.update_id), top_at(step.update_id)
        was_live = top is not None and top[2] == 1
        quote = top[3:] if was_live and top is not None else None
        if step.known is Known.IN_SNAPSHOT or (step.known is not Known.YES and quote is None):
            result.not_compared[step.known] += 1
        elif ticker is None:
            result.not_compared[_NO_TICKER] += 1
        elif quote == ticker[2:]:
            result.equal += 1
        else:
            differences.add((step.update_id, ticker[0], *ticker[2:], int(was_live), *(quote or (0, 0, 0, 0))))
            result.different += 1
    return result


def judge_differences(result: BookComparison, differences: Iterable[tuple[int, ...]], naive_at: NaiveQuotes) -> None:
    """Let the naive book judge each difference: what it shows just so is a seam of the recording.

    Args:
        result: the comparison; its counts and examples are set.
        differences: as :func:`compare_books` left them, ascending.
        naive_at: the naive book.
    """
    result.different = 0
    for difference in differences:
        update_id, live, quote = difference[0], difference[6] == 1, difference[7:]
        naive = naive_at(update_id)
        if live and naive == quote:
            result.seams += 1
            examples = result.seam_examples
        else:
            result.different += 1
            examples = result.differences
        if len(examples) < EXAMPLES:
            examples.append(_example(difference, naive))


def _last_at_or_before(
    rows: Iterable[tuple[int, ...]],
) -> Callable[[int], tuple[int, ...] | None]:
    """Return a function that gives the last row whose first number is not above its argument, which must not fall."""
    iterator = iter(rows)
    upcoming = next(iterator, None)
    current: tuple[int, ...] | None = None

    def at(number: int) -> tuple[int, ...] | None:
        nonlocal upcoming, current
        while upcoming is not None and upcoming[0] <= number:
            current, upcoming = upcoming, next(iterator, None)
        return current

    return at


class _StateAt:
    """What the pipeline said of its book at an update id; the ids asked for must rise.

    A book says `syncing` with the id of the last diff it applied: at that id it still was right, after it it is not.
    A state that was told earlier (by offset) than a live one of a smaller id, as while a snapshot was awaited, is
    overtaken by it.
    """

    def __init__(self, tops: Iterable[tuple[int, ...]]) -> None:
        self._tops: Iterator[tuple[int, ...]] = iter(tops)
        self._upcoming = next(self._tops, None)
        self._current: tuple[int, ...] | None = None

    def __call__(self, update_id: int) -> tuple[int, ...] | None:
        while self._upcoming is not None and self._upcoming[0] < update_id:
            self._settle()
        answer = self._current
        while self._upcoming is not None and self._upcoming[0] == update_id:
            if self._upcoming[2] == 1:
                answer = self._upcoming
            self._settle()
        return answer

    def _settle(self) -> None:
        top = self._upcoming
        if top is not None and (top[2] == 1 or self._current is None or top[1] > self._current[1]):
            self._current = top
        self._upcoming = next(self._tops, None)


def _example(difference: tuple[int, ...], naive: tuple[int, ...] | None) -> dict[str, object]:
    return {
        "update_id": difference[0],
        "ticker_update_id": difference[1],
        "ticker": _quote(difference[2:6]),
        "book": _quote(difference[7:]) if difference[6] else "not live",
        "naive_book": "not built" if naive is None else _quote(naive),
    }


def _quote(quote: tuple[int, ...]) -> dict[str, str]:
    names = ("bid_price", "bid_quantity", "ask_price", "ask_quantity")
    return {name: format_scaled(value) for name, value in zip(names, quote, strict=True)}
