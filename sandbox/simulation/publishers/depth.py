"""``<symbol>@depth…``: changes of the book (diffs), and its best levels (partial depth)."""

from __future__ import annotations

from collections.abc import Iterable

from sandbox.simulation.instruments import Instrument
from sandbox.simulation.news import News
from sandbox.simulation.publishers.periodic import Schedule
from sandbox.simulation.symbol_market import DepthWindow, SymbolMarket
from schemas.markets import Market


__all__ = ["DepthDiffs", "PartialDepth", "TopLevels", "levels_text"]


def levels_text(instrument: Instrument, levels: Iterable[tuple[int, int]]) -> str:
    """Write levels as an array of price and quantity."""
    return ",".join(_level_texts(instrument, levels))


def _level_texts(instrument: Instrument, levels: Iterable[tuple[int, int]]) -> list[str]:
    price, quantity = instrument.price.text, instrument.quantity.text
    return [f'["{price(at)}","{quantity(amount)}"]' for at, amount in levels]


class TopLevels:
    """The best levels of a book as text, written once for all streams that tell of them."""

    def __init__(self, market: SymbolMarket, count: int) -> None:
        self._market = market
        self._count = count
        self._update_id = -1
        self._bids: list[str] = []
        self._asks: list[str] = []

    def texts(self, count: int) -> tuple[str, str]:
        """Return the `count` best bids and asks, at most those of the constructor."""
        market = self._market
        if self._update_id != market.update_id:
            self._update_id = market.update_id
            self._bids = _level_texts(market.instrument, market.engine.bids.top(self._count))
            self._asks = _level_texts(market.instrument, market.engine.asks.top(self._count))
        return ",".join(self._bids[:count]), ",".join(self._asks[:count])


class DepthDiffs:
    """Every price level that has changed since the last frame, with its new quantity."""

    def __init__(self, market: SymbolMarket, schedule: Schedule, *, from_opening: bool) -> None:
        """Begin at the opening of the market, or else with the first whole period from now on.

        Frames are the same whether or not anybody listened before.
        """
        self._market = market
        self._schedule = schedule
        self._window = DepthWindow()
        self._previous_id = market.update_id
        self._begun = from_opening
        market.depth_windows.append(self._window)

    @property
    def schedule(self) -> Schedule:
        """Every so many milliseconds."""
        return self._schedule

    @property
    def news(self) -> News | None:
        """That of the book."""
        return self._market.book_news

    def renewed_us(self, now_us: int) -> int | None:
        """Return None: nothing is told without a change."""
        return None

    def close(self) -> None:
        """Stop collecting changes."""
        self._market.depth_windows.remove(self._window)

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the changes of the period; none when there were none."""
        window, previous_id = self._window, self._previous_id
        self._previous_id = self._market.update_id
        if not self._begun or not window.first_id:
            self._begun = True
            window.clear()
            return []
        frame = self._write(window, previous_id, event_time_ms)
        window.clear()
        return [frame.encode()]

    def _write(self, window: DepthWindow, previous_id: int, event_time_ms: int) -> str:
        each = self._market.instrument
        spot = each.market is Market.SPOT
        # As recorded: spot tells bids from the best down, futures both sides by rising price.
        bids = levels_text(each, sorted(window.bids.items(), reverse=spot))
        asks = levels_text(each, sorted(window.asks.items()))
        ids = f'"U":{window.first_id},"u":{window.final_id}'
        if spot:
            return f'{{"e":"depthUpdate","E":{event_time_ms},"s":"{each.symbol}",{ids},"b":[{bids}],"a":[{asks}]}}'
        times = f'"E":{event_time_ms},"T":{window.changed_us // 1000}'
        return _futures_frame(each, times, f'{ids},"pu":{previous_id}', f'"b":[{bids}],"a":[{asks}]')


class PartialDepth:
    """The best levels, whenever the book has changed."""

    def __init__(self, market: SymbolMarket, levels: int, schedule: Schedule, top: TopLevels) -> None:
        self._market = market
        self._levels = levels
        self._top = top
        self._schedule = schedule
        self._told_id = market.update_id

    @property
    def schedule(self) -> Schedule:
        """Every so many milliseconds."""
        return self._schedule

    @property
    def news(self) -> News | None:
        """That of the book."""
        return self._market.book_news

    def renewed_us(self, now_us: int) -> int | None:
        """Return None: nothing is told without a change."""
        return None

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the best levels; none when the book has not changed."""
        market, previous_id = self._market, self._told_id
        update_id = market.update_id
        if update_id == previous_id:
            return []
        self._told_id = update_id
        each = market.instrument
        bids, asks = self._top.texts(self._levels)
        if each.market is Market.SPOT:
            return [f'{{"lastUpdateId":{update_id},"bids":[{bids}],"asks":[{asks}]}}'.encode()]
        ids = f'"U":{previous_id + 1},"u":{update_id},"pu":{previous_id}'
        times = f'"E":{event_time_ms},"T":{market.changed_us // 1000}'
        return [_futures_frame(each, times, ids, f'"b":[{bids}],"a":[{asks}]').encode()]


def _futures_frame(each: Instrument, times: str, ids: str, levels: str) -> str:
    return (
        f'{{"e":"depthUpdate",{times},"s":"{each.symbol}","ps":"{each.pair}",{ids},{levels},"st":{each.futures_type}}}'
    )
