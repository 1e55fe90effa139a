"""The liquidity of recorded books against its definition."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from msgspec.structs import replace

from processors.core.book import parse_levels
from processors.core.book_partition import BookPartition
from processors.core.decode import decode_depth
from processors.core.liquidity import LiquidityPlan
from schemas.derived import Liquidity
from schemas.markets import Market
from schemas.rest import DepthSnapshot
from schemas.topics import RawType
from schemas.wire import DepthDiff
from tests.unit.processors.core.naive_liquidity import naive_liquidity
from tests.unit.processors.core.recorded import Recording, hftbacktest
from tests.unit.processors.core.records import values_of


FILES = {
    Market.SPOT: ("BTCUSDT", "spot/btcusdt_*.gz"),
    Market.USDM: ("ETHUSDT", "usdm/ethusdt_20240808.gz"),
    Market.COINM: ("ETHUSD_PERP", "cm/ethusd_perp_20240808.gz"),
}


@cache
def recorded(recordings: Path, market: Market) -> Recording:
    symbol, pattern = FILES[market]
    return hftbacktest(market, symbol, sorted((recordings / "hftbacktest").glob(pattern)))


@cache
def measured(recordings: Path, market: Market) -> dict[int, Liquidity]:
    recording = recorded(recordings, market)
    partition = BookPartition(liquidity=LiquidityPlan())
    values = (value for record in recording.records[RawType.DEPTH] for value in values_of(partition.feed(record)))
    return {value.time: value for value in values if isinstance(value, Liquidity)}


class PlainBook:
    """Quantities by price: a snapshot, and the diffs behind it up to a time."""

    def __init__(self, recording: Recording) -> None:
        messages = [decode_depth(record.value or b"") for record in recording.records[RawType.DEPTH]]
        (snapshot,) = (message for message in messages if isinstance(message, DepthSnapshot))
        self.bids, self.asks = dict(parse_levels(snapshot.bids)), dict(parse_levels(snapshot.asks))
        self.known = min(self.bids), max(self.asks)
        self._diffs = iter(
            [
                message
                for message in messages
                if isinstance(message, DepthDiff) and message.final_update_id > snapshot.last_update_id
            ]
        )
        self._next = next(self._diffs, None)

    def advance(self, until_ms: int) -> None:
        """Apply every diff with a smaller event time."""
        while self._next is not None and self._next.event_time < until_ms:
            for side, levels in ((self.bids, self._next.bids), (self.asks, self._next.asks)):
                for price, quantity in parse_levels(levels):
                    side[price] = quantity
                    if not quantity:
                        del side[price]
            self._next = next(self._diffs, None)


@pytest.mark.parametrize("market", [*Market])
def test_recorded_liquidity_is_what_its_definition_says(recordings: Path, market: Market) -> None:
    recording = recorded(recordings, market)
    found = measured(recordings, market)
    book = PlainBook(recording)

    assert len(found) > 300
    for time in sorted(found)[::30]:
        book.advance(time)
        told = found[time]
        expected = naive_liquidity(book.bids, book.asks, book.known, LiquidityPlan(), contracts=market is Market.COINM)
        names = {"symbol": told.symbol, "time": time, "update_id": told.update_id, "input_offset": told.input_offset}
        assert told == replace(expected, **names), time


def test_the_last_second_of_usd_m_ether(recordings: Path) -> None:
    found = measured(recordings, Market.USDM)

    assert found[max(found)] == Liquidity(
        symbol="ETHUSDT",
        time=1_723_161_601_000,
        update_id=5_123_135_221_790,
        bid_price=2681_38000000,
        ask_price=2681_39000000,
        spread=1000000,
        spread_bps=3729416,
        bid_depth_10bps=1040_97900000,
        bid_depth_50bps=None,
        bid_depth_100bps=None,
        ask_depth_10bps=1061_05700000,
        ask_depth_50bps=5361_16100000,
        ask_depth_100bps=None,
        bid_quote_depth_10bps=2789732_7821900000000000,
        bid_quote_depth_50bps=None,
        bid_quote_depth_100bps=None,
        ask_quote_depth_10bps=2846777_0360400000000000,
        ask_quote_depth_50bps=14406916_5360300000000000,
        ask_quote_depth_100bps=None,
        imbalance_10bps=-955169,
        imbalance_50bps=None,
        imbalance_100bps=None,
        sizes=[10_000_00000000, 100_000_00000000],
        buy_average_prices=[2681_39000000, 2681_42334622],
        buy_slippages_bps=[0, 1244],
        sell_average_prices=[2681_38000000, 2681_22230381],
        sell_slippages_bps=[0, 5881],
        known_bid_price=2668_38000000,
        known_ask_price=2695_44000000,
        input_offset=6584,
    )
