"""The recordings prove the verification: a naive pipeline passes it with the counts that are known of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.recordings import Recording, Summary, survey
from sandbox.verify.books import compare_books, judge_differences
from sandbox.verify.coverage import BookCoverage
from sandbox.verify.evidence import SymbolEvidence
from sandbox.verify.recorded import contract_sizes, evidence_of, naive_book_of
from sandbox.verify.spill import SortedRows
from sandbox.verify.symbols import SymbolId
from schemas.markets import Market
from schemas.topics import RawType


HFTBACKTEST = {
    "spot": ("spot/btcusdt_20240808.gz", "spot/btcusdt_20240809.gz"),
    "usdm": ("usdm/ethusdt_20240808.gz",),
    "coinm": ("cm/ethusd_perp_20240808.gz",),
}
CRYPTOFEED = ("BINANCE", "BINANCE_FUTURES", "BINANCE_DELIVERY", "BINANCE_US", "BINANCE_TR")


def naive_comparison(
    summary: Summary, symbol_id: SymbolId, evidence: SymbolEvidence, directory: Path
) -> tuple[int, int, int, int]:
    """Compare a pipeline whose book is the naive book: compared, equal, different, seams."""
    walk = naive_book_of(summary, symbol_id)
    tops = []
    for offset, step in enumerate(BookCoverage(evidence.diffs.unique(), evidence.snapshots)):
        quote = walk(step.update_id)
        tops.append((step.update_id, offset, int(quote is not None), *(quote or (0, 0, 0, 0))))
    differences = SortedRows(directory / f"{symbol_id.market}-{symbol_id.symbol}")
    steps = BookCoverage(evidence.diffs.unique(), evidence.snapshots)
    result = compare_books(steps, evidence.tickers, tops, differences)
    judge_differences(result, differences, naive_book_of(summary, symbol_id))
    return result.compared, result.equal, result.different, result.seams


@pytest.mark.parametrize(
    ("name", "books", "trades"),
    [
        ("spot", (6_493, 6_491, 0, 2), 19_904),
        ("usdm", (6_581, 6_581, 0, 0), 14_076),
        ("coinm", (22_887, 22_887, 0, 0), 1_732),
    ],
)
def test_books_of_the_long_recordings(
    recordings: Path, tmp_path: Path, name: str, books: tuple[int, int, int, int], trades: int
) -> None:
    summary = survey(Recording.find([recordings / "hftbacktest" / path for path in HFTBACKTEST[name]]))
    evidence = evidence_of(summary, tmp_path / "evidence")
    [(symbol_id, found)] = evidence.symbols.items()

    assert naive_comparison(summary, symbol_id, found, tmp_path) == books
    assert len(found.raw[RawType.TRADE]) == trades
    assert not evidence.unreadable


def test_books_of_the_short_recordings_add_up(recordings: Path, tmp_path: Path) -> None:
    """3,082 states are equal; 3 differ, all of COIN-M right after the snapshot, which contradicts its own id."""
    total = [0, 0, 0, 0]
    seams: set[Market] = set()
    for number, stem in enumerate(CRYPTOFEED):
        summary = survey(Recording.find([recordings / "cryptofeed" / stem]))
        evidence = evidence_of(summary, tmp_path / str(number))
        for symbol_id, found in evidence.symbols.items():
            counts = naive_comparison(summary, symbol_id, found, tmp_path / str(number))
            total = [before + count for before, count in zip(total, counts, strict=True)]
            if counts[3]:
                seams.add(symbol_id.market)

    assert total == [3_085, 3_082, 0, 3]
    assert seams == {Market.COINM}


def test_recorded_exchange_information_tells_contract_sizes(recordings: Path) -> None:
    sizes = contract_sizes(survey(Recording.find([recordings / "cryptofeed" / "BINANCE_DELIVERY"])))

    assert sizes[SymbolId(Market.COINM, "BTCUSD_PERP")] == 100
    assert sizes[SymbolId(Market.COINM, "ETHUSD_PERP")] == 10
