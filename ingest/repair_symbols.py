"""What backfilled records say of their symbols, where repair runs alone and no market's feed finds it out."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from ingest.config import Settings
from ingest.connection import Clocks
from ingest.listings import Listings
from ingest.rest import RestClient
from ingest.symbols import SymbolBook
from schemas.markets import Market


__all__ = ["listings_for"]


def listings_for(
    market: Market, settings: Settings, *, book: SymbolBook, rest: RestClient, clocks: Clocks, log: BoundLogger
) -> Listings:
    """Return what keeps the book's knowledge of a market: what those who take its streams take, and what is listed.

    A backfilled record must carry the same headers as one that was streamed: trades and candles are made of it.
    """
    wanted = settings.markets.present()[market]

    def take() -> None:
        book.take(market, wanted.subscriptions(market, listings.symbols))

    listings = Listings(
        wanted.wishes,
        ask=rest.exchange_info,
        learn=lambda symbols: book.learn(market, symbols),
        changed=take,
        refresh_s=settings.symbols_refresh_s,
        grace_s=settings.symbols_grace_s,
        clocks=clocks,
        log=log.bind(market=market),
    )
    take()
    return listings
