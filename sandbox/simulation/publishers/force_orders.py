"""The futures' ``<symbol>@forceOrder`` and ``!forceOrder@arr``: liquidations, at most one a second and symbol."""

from __future__ import annotations

from sandbox.simulation.grid import divide_half_up
from sandbox.simulation.liquidations import Liquidation
from sandbox.simulation.news import News
from sandbox.simulation.publishers.periodic import Pace, Schedule
from sandbox.simulation.roster import Markets
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["ForceOrders"]

_EVERY_SECOND = Pace(1_000_000)


class ForceOrders:
    """Single objects, the array stream's too."""

    def __init__(self, markets: Markets, news: News | None = None) -> None:
        """Tell the liquidations of these symbols; `news` of all of them, where there is such a thing."""
        self._markets = markets
        self._news = news

    @property
    def schedule(self) -> Schedule:
        """Every second."""
        return _EVERY_SECOND

    @property
    def news(self) -> News | None:
        """That of the one symbol's liquidations."""
        return self._news

    def renewed_us(self, now_us: int) -> int | None:
        """Return None: nothing is told without a liquidation."""
        return None

    def frames(self, now_us: int, event_time_ms: int) -> list[bytes]:
        """Return the largest liquidation of the second that has just ended, of each symbol."""
        frames = []
        for market in self._markets():
            liquidation = market.liquidations.largest_before(now_us)
            if liquidation is not None:
                frames.append(_text(market, liquidation, event_time_ms).encode())
        return frames


def _text(market: SymbolMarket, liquidation: Liquidation, event_time_ms: int) -> str:
    each, order = market.instrument, liquidation.execution.order
    price, quantity = each.price.text, each.quantity.text
    fills = liquidation.execution.fills
    average = divide_half_up(sum(fill.price * fill.quantity for fill in fills), liquidation.filled)
    status = "EXPIRED" if order.remaining else "FILLED"
    # Captures and documentation disagree where the pair stands: inside `o` on COIN-M, beside it on USD-M.
    inside = f'"ps":"{each.pair}",' if each.market is Market.COINM else ""
    beside = f'"ps":"{each.pair}",' if each.market is Market.USDM else ""
    return (
        f'{{"e":"forceOrder","E":{event_time_ms},"o":{{"s":"{each.symbol}",{inside}"S":"{order.side}","o":"LIMIT",'
        f'"f":"IOC","q":"{quantity(order.quantity)}","p":"{price(order.price or 0)}","ap":"{price(average)}",'
        f'"X":"{status}","l":"{quantity(fills[-1].quantity)}","z":"{quantity(liquidation.filled)}",'
        f'"T":{liquidation.time_us // 1000}}},{beside}"st":{each.futures_type}}}'
    )
