"""The futures' ``<symbol>@markPrice`` and ``!markPrice@arr``."""

from __future__ import annotations

from msgspec import Struct

from sandbox.simulation.news import News
from sandbox.simulation.symbol_market import SymbolMarket


__all__ = ["FUNDING_EVERY_MS", "MarkPrice", "MarkPriceElement", "mark_price"]

FUNDING_EVERY_MS = 8 * 3_600_000
_INTEREST = 0.0001
_MAX_FUNDING = 0.003


class MarkPrice(Struct, frozen=True):
    """Mark price and funding at one moment, as text."""

    mark: str
    average: str
    settle: str
    index: str
    funding_rate: str
    """Empty for delivery contracts."""
    next_funding_ms: int
    """0 for delivery contracts."""


def mark_price(market: SymbolMarket, now_us: int) -> MarkPrice:
    """Return the mark price: the value of the asset, half way corrected by what the book says.

    It is a function of value and book alone; nobody needs to have listened before.
    """
    each, top = market.instrument, market.top
    index = market.value.at(now_us)
    premium = 0.0
    if top.bid_price and top.ask_price:
        premium = each.price.value((top.bid_price + top.ask_price) / 2) / index - 1.0
    average = market.value.average
    perpetual = each.delivery_ms is None
    funding = max(-_MAX_FUNDING, min(_MAX_FUNDING, _INTEREST + premium))
    return MarkPrice(
        mark=f"{index * (1 + premium / 2):.8f}",
        average=f"{average * (1 + premium / 2):.8f}",
        settle=f"{average:.8f}",
        index=f"{index:.8f}",
        funding_rate=f"{funding:.8f}" if perpetual else "",
        next_funding_ms=(now_us // 1000 // FUNDING_EVERY_MS + 1) * FUNDING_EVERY_MS if perpetual else 0,
    )


class MarkPriceElement:
    """``markPriceUpdate``, at every look."""

    def __init__(self, market: SymbolMarket) -> None:
        self._market = market

    @property
    def news(self) -> News | None:
        """None: a mark price is always new."""
        return None

    def version(self, now_ms: int) -> tuple[int, ...] | None:
        """Return the moment: a mark price is always new."""
        return (now_ms,)

    def text(self, now_ms: int, event_time_ms: int) -> str:
        """Write it."""
        each, now = self._market.instrument, mark_price(self._market, now_ms * 1000)
        return (
            f'{{"e":"markPriceUpdate","E":{event_time_ms},"s":"{each.symbol}","p":"{now.mark}","ap":"{now.average}",'
            f'"P":"{now.settle}","i":"{now.index}","r":"{now.funding_rate}","T":{now.next_funding_ms},'
            f'"st":{each.futures_type}}}'
        )
