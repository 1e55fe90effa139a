"""Hypothesis strategies: message types, and whole histories of a market that messages are cut from."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import msgspec
from hypothesis import strategies as st

from schemas.decimals import format_scaled
from schemas.rest import DepthSnapshot
from schemas.wire import AggTrade, DepthDiff, MiniTicker, PriceLevel, Ticker, Trade


__all__ = [
    "DepthHistory",
    "agg_trades",
    "depth_diffs",
    "depth_histories",
    "mini_tickers",
    "payload",
    "prices",
    "quantities",
    "tickers",
    "trades",
]

START_MS = 1_700_000_000_000
"""Event time at which histories begin."""


def payload(message: msgspec.Struct) -> bytes:
    """Return a message as the venue would send it."""
    return msgspec.json.encode(message)


def prices() -> st.SearchStrategy[str]:
    """Prices, with many equal ones."""
    return st.one_of(st.integers(1, 12), st.integers(1, 10**16)).map(format_scaled)


def quantities(least: int = 1) -> st.SearchStrategy[str]:
    """Quantities."""
    return st.one_of(st.integers(least, 5), st.integers(least, 10**14)).map(format_scaled)


def trades(symbol: str = "BTCUSDT") -> st.SearchStrategy[Trade]:
    """Trades with any id and time."""
    times = st.integers(START_MS, START_MS + 600_000)
    return st.builds(
        lambda time, **fields: Trade(event_type="trade", event_time=time, trade_time=time, **fields),
        times,
        symbol=st.just(symbol),
        trade_id=st.integers(0, 10**12),
        price=prices(),
        quantity=quantities(),
        buyer_is_maker=st.booleans(),
    )


def agg_trades(symbol: str = "BTCUSDT") -> st.SearchStrategy[AggTrade]:
    """Aggregate trades of one to fifty trades."""
    times = st.integers(START_MS, START_MS + 600_000)
    return st.builds(
        lambda time, first, count, **fields: AggTrade(
            event_type="aggTrade",
            event_time=time,
            trade_time=time,
            first_trade_id=first,
            last_trade_id=first + count - 1,
            **fields,
        ),
        times,
        st.integers(0, 10**12),
        st.integers(1, 50),
        symbol=st.just(symbol),
        aggregate_trade_id=st.integers(0, 10**12),
        price=prices(),
        quantity=quantities(),
        buyer_is_maker=st.booleans(),
    )


def _levels(least: int) -> st.SearchStrategy[list[PriceLevel]]:
    return st.lists(st.tuples(prices(), quantities(least)), max_size=8)


def depth_diffs(symbol: str = "BTCUSDT") -> st.SearchStrategy[DepthDiff]:
    """Diffs that have nothing to do with each other."""
    return st.builds(
        lambda first, count, back, **fields: DepthDiff(
            event_type="depthUpdate",
            first_update_id=first,
            final_update_id=first + count,
            previous_final_update_id=None if back is None else first - back,
            **fields,
        ),
        st.integers(51, 10**9),
        st.integers(0, 50),
        st.none() | st.integers(1, 50),
        event_time=st.integers(START_MS, START_MS + 600_000),
        symbol=st.just(symbol),
        bids=_levels(0),
        asks=_levels(0),
    )


def mini_tickers(symbol: str = "BTCUSDT") -> st.SearchStrategy[MiniTicker]:
    """Mini tickers."""
    number = quantities()
    return st.builds(
        MiniTicker,
        event_type=st.just("24hrMiniTicker"),
        event_time=st.integers(START_MS, START_MS + 300_000),
        symbol=st.just(symbol),
        last_price=number,
        open_price=number,
        high_price=number,
        low_price=number,
        volume=number,
        second_volume=number,
    )


def tickers(symbol: str = "BTCUSDT") -> st.SearchStrategy[Ticker]:
    """Full tickers, with a book on some."""
    number, time = quantities(), st.integers(START_MS, START_MS + 300_000)
    return st.builds(
        Ticker,
        event_type=st.just("24hrTicker"),
        event_time=time,
        symbol=st.just(symbol),
        price_change=number,
        price_change_percent=number,
        weighted_average_price=number,
        last_price=number,
        last_quantity=number,
        open_price=number,
        high_price=number,
        low_price=number,
        volume=number,
        second_volume=number,
        open_time=time,
        close_time=time,
        first_trade_id=st.integers(0, 10**6),
        last_trade_id=st.integers(0, 10**6),
        trade_count=st.integers(0, 10**6),
        bid_price=st.none() | number,
    )


class DepthHistory(msgspec.Struct, frozen=True):
    """What truly happened to a book: one change an update id. Everything that the venue sends is cut from it.

    Change number ``n`` (from 0) has the ``n``-th update id; spot's ids follow each other, those of futures jump.
    """

    changes: tuple[tuple[bool, int, int], ...]
    """Bid or ask, price and quantity, scaled."""
    futures: bool

    def id_of(self, count: int) -> int:
        """Return the update id after ``count`` changes."""
        return 1_000 + count * 7 if self.futures else 1_000 + count

    def time_of(self, count: int) -> int:
        """Return the event time after ``count`` changes."""
        return START_MS + count * 150

    def sides(self, count: int) -> tuple[dict[int, int], dict[int, int]]:
        """Return bids and asks after ``count`` changes."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for bid, price, quantity in self.changes[:count]:
            (bids if bid else asks)[price] = quantity
        return {p: q for p, q in bids.items() if q}, {p: q for p, q in asks.items() if q}

    def snapshot(self, count: int) -> DepthSnapshot:
        """Return the snapshot after ``count`` changes."""
        bids, asks = self.sides(count)
        return DepthSnapshot(last_update_id=self.id_of(count), bids=_text(bids), asks=_text(asks))

    def diff(self, begin: int, end: int) -> DepthDiff:
        """Return the diff of the changes from number ``begin`` up to, not including, ``end``."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for bid, price, quantity in self.changes[begin:end]:
            (bids if bid else asks)[price] = quantity
        return DepthDiff(
            event_type="depthUpdate",
            event_time=self.time_of(end),
            symbol="BTCUSDT",
            first_update_id=self.id_of(begin + 1),
            final_update_id=self.id_of(end),
            bids=_text(bids),
            asks=_text(asks),
            previous_final_update_id=self.id_of(begin) if self.futures else None,
        )

    def diffs(self, cuts: Sequence[int]) -> list[DepthDiff]:
        """Return all changes, cut at these counts."""
        count = len(self.changes)
        ends = sorted({0, *(cut for cut in cuts if cut < count), count})
        return [self.diff(begin, end) for begin, end in pairwise(ends)]


def _text(levels: dict[int, int]) -> list[PriceLevel]:
    return [(format_scaled(price), format_scaled(quantity)) for price, quantity in levels.items()]


def depth_histories(least: int = 1, most: int = 40) -> st.SearchStrategy[DepthHistory]:
    """Histories of a book of few prices, so that levels come, change and go often."""
    change = st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 3)).map(
        # Bids below asks: a true book is never crossed.
        lambda change: (change[0], change[1] if change[0] else change[1] + 100, change[2])
    )
    return st.builds(DepthHistory, st.lists(change, min_size=least, max_size=most).map(tuple), st.booleans())
