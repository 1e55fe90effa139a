"""``<symbol>@bookTicker`` at each change of the top of the book, and the futures' ``!bookTicker`` every 5 s."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.simulation.news import News
from sandbox.simulation.publishers.periodic import Pace, Schedule
from sandbox.simulation.roster import Markets
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["AllBookTickers", "book_ticker_writer"]

_ALL_EVERY = Pace(5_000_000)


def book_ticker_writer(market: SymbolMarket) -> Callable[[int], bytes]:
    """Return the function that writes the top of a symbol's book, given the event time, as the market does."""
    each = market.instrument
    symbol, price, quantity = each.symbol, each.price.text, each.quantity.text
    # COIN-M has always put the update id first.
    coinm = each.market is Market.COINM
    tail = f'"st":{each.futures_type}}}'

    def levels() -> str:
        top = market.top
        return (
            f'"b":"{price(top.bid_price)}","B":"{quantity(top.bid_quantity)}",'
            f'"a":"{price(top.ask_price)}","A":"{quantity(top.ask_quantity)}"'
        )

    def spot(event_time_ms: int) -> bytes:
        return f'{{"u":{market.update_id},"s":"{symbol}",{levels()}}}'.encode()

    def futures(event_time_ms: int) -> bytes:
        update_id, kind = f'"u":{market.update_id}', '"e":"bookTicker"'
        head = f"{update_id},{kind}" if coinm else f"{kind},{update_id}"
        return (
            f'{{{head},"s":"{symbol}","ps":"{each.pair}",{levels()},'
            f'"T":{market.changed_us // 1000},"E":{event_time_ms},{tail}'
        ).encode()

    return spot if each.market is Market.SPOT else futures


class AllBookTickers:
    """``!bookTicker``: one frame for each symbol whose book has changed, both futures markets together."""

    def __init__(self, markets: Markets) -> None:
        self._markets = markets
        self._told: dict[SymbolMarket, int] = {}

    @property
    def schedule(self) -> Schedule:
        """Every 5 s."""
        return _ALL_EVERY

    @property
    def news(self) -> News | None:
        """None: it looks at every point."""
        return None

    def renewed_us(self, now_us: int) -> int | None:
        """Return None: it looks at every point."""
        return None

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the tops of the books that have changed."""
        frames = []
        for market in self._markets():
            if self._told.get(market) != market.update_id:
                self._told[market] = market.update_id
                frames.append(book_ticker_writer(market)(event_time_ms))
        return frames
