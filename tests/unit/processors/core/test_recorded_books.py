"""Books made of the recordings against the recorded best prices, matched by update id."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from processors.core.book import Top
from processors.core.book_partition import BookPartition
from processors.core.book_results import Applied, BadLevels, Gap, Synchronised
from processors.core.book_sync import BookSync
from processors.core.decode import decode_depth
from schemas.control import SnapshotReason, SnapshotRequest
from schemas.decimals import to_scaled
from schemas.derived import BookSnapshot, BookState, TopOfBook
from schemas.markets import Market
from schemas.rest import DepthSnapshot
from schemas.topics import RawType
from schemas.wire import DepthDiff
from tests.unit.processors.core.recorded import Recording, cryptofeed, hftbacktest
from tests.unit.processors.core.records import values_of


def spot(recordings: Path) -> Recording:
    folder = recordings / "hftbacktest" / "spot"
    return hftbacktest(Market.SPOT, "BTCUSDT", sorted(folder.glob("btcusdt_*.gz")))


def usdm(recordings: Path) -> Recording:
    return hftbacktest(Market.USDM, "ETHUSDT", [recordings / "hftbacktest" / "usdm" / "ethusdt_20240808.gz"])


def coinm(recordings: Path) -> Recording:
    return hftbacktest(Market.COINM, "ETHUSD_PERP", [recordings / "hftbacktest" / "cm" / "ethusd_perp_20240808.gz"])


def states_of(recording: Recording) -> dict[str, dict[int, Top]]:
    """Return the best of each symbol's book at the end of every diff since its snapshot, by update id."""
    books: dict[str, BookSync] = defaultdict(BookSync)
    tops: dict[str, dict[int, Top]] = defaultdict(dict)
    ends: dict[str, set[int]] = defaultdict(set)
    for record in recording.records[RawType.DEPTH]:
        symbol, message = (record.key or b"").decode(), decode_depth(record.value or b"")
        if isinstance(message, DepthDiff):
            ends[symbol].add(message.final_update_id)
            results = books[symbol].feed_diff(message, message.event_time)
        else:
            assert isinstance(message, DepthSnapshot)
            results = books[symbol].feed_snapshot(message, message.event_time)
        for result in results:
            assert not isinstance(result, Gap | BadLevels)
            if isinstance(result, Applied | Synchronised):
                tops[symbol][result.update_id] = result.top
    assert all(book.live for book in books.values())
    return {symbol: {end: top for end, top in states.items() if end in ends[symbol]} for symbol, states in tops.items()}


def compare(recording: Recording) -> tuple[int, list[tuple[str, int]]]:
    """Return how many states were equal, and symbol and update id of those that were not.

    A state is compared with the last book ticker of its id or before; without one it is not compared.
    """
    equal, different = 0, []
    for symbol, states in states_of(recording).items():
        tickers = sorted(recording.book_tickers[symbol], key=lambda ticker: ticker.update_id)
        for update_id, top in states.items():
            position = bisect_right(tickers, update_id, key=lambda ticker: ticker.update_id)
            if position == 0:
                continue
            ticker = tickers[position - 1]
            texts = (ticker.bid_price, ticker.bid_quantity, ticker.ask_price, ticker.ask_quantity)
            if top == tuple(to_scaled(text) for text in texts):
                equal += 1
            else:
                different.append((symbol, update_id))
    return equal, different


def test_spot_books_equal_the_book_tickers_but_for_two_that_the_ticker_skipped(recordings: Path) -> None:
    equal, different = compare(spot(recordings))

    assert (equal, different) == (6_491, [("BTCUSDT", 50093478174), ("BTCUSDT", 50093480542)])


def test_usdm_books_equal_the_book_tickers(recordings: Path) -> None:
    assert compare(usdm(recordings)) == (6_581, [])


def test_coinm_books_equal_the_book_tickers(recordings: Path) -> None:
    assert compare(coinm(recordings)) == (22_887, [])


_SEAMS = [("BCHUSD_PERP", 167006089315), ("BCHUSD_PERP", 167006089882), ("TRXUSD_PERP", 167006133937)]
"""Right after their snapshots, which contradict their own update ids."""


@pytest.mark.parametrize(
    ("market", "name", "equal", "different"),
    [
        (Market.SPOT, "BINANCE", 159, []),
        (Market.USDM, "BINANCE_FUTURES", 744, []),
        (Market.COINM, "BINANCE_DELIVERY", 1_785, _SEAMS),
    ],
)
def test_books_of_many_symbols_on_one_connection(
    recordings: Path, market: Market, name: str, equal: int, different: list[tuple[str, int]]
) -> None:
    assert compare(cryptofeed(market, recordings / "cryptofeed", name)) == (equal, different)


@pytest.mark.parametrize("read", [spot, usdm, coinm])
def test_no_recorded_book_is_ever_crossed_or_broken(recordings: Path, read: Callable[[Path], Recording]) -> None:
    """On spot the price leaves what the snapshot of 1,000 levels told of, within five minutes."""
    recording = read(recordings)
    partition = BookPartition(depth=5)
    syncing, shots = 0, 0
    for record in recording.records[RawType.DEPTH]:
        for value in values_of(partition.feed(record)):
            if isinstance(value, TopOfBook):
                syncing += value.state is not BookState.LIVE
                assert value.spread is None or value.spread > 0
            elif isinstance(value, BookSnapshot):
                shots += 1
                assert value.bid_prices == sorted(value.bid_prices, reverse=True)
                assert value.ask_prices == sorted(value.ask_prices)
            else:
                assert isinstance(value, SnapshotRequest)
                assert value.reason is SnapshotReason.OUT_OF_REACH

    assert syncing == 1
    assert shots > 300
