"""Making what works on the markets: their REST clients, their feeds, and what repair needs of them."""

from __future__ import annotations

from contextlib import AsyncExitStack

import aiohttp
from msgspec import Struct

from ingest.core.endpoints import Environment
from ingest.listings import Listings
from ingest.market_feed import MarketFeed
from ingest.repair_holes import RepairParts
from ingest.repair_rest import MarketRest
from ingest.repair_symbols import listings_for
from ingest.rest import RestClient
from ingest.rest_clients import new_rest_clients
from ingest.shared import Shared
from schemas.control import Progress
from schemas.markets import Market


__all__ = ["MarketParts", "new_market_parts"]


class MarketParts(Struct, frozen=True):
    """What works on the markets."""

    feeds: dict[Market, MarketFeed]
    """None where this process repairs alone."""
    listings: list[Listings]
    """Who repairs alone knows the symbols by them; feeds have their own."""
    repair: RepairParts
    rests: dict[Market, RestClient]
    """Of the markets of accounts too."""


async def new_market_parts(
    resources: AsyncExitStack, shared: Shared, notes: list[Progress], *, streaming: bool
) -> MarketParts:
    """Return what works on the markets of the settings.

    Args:
        resources: closes the HTTP client.
        shared: what all of it uses.
        notes: the progress of earlier runs, bans among it.
        streaming: whether this process takes streams.
    """
    settings = shared.settings
    # A proxy of the environment is for the way to Binance, not to a sandbox.
    through_proxy = settings.endpoint is not Environment.SANDBOX
    session = await resources.enter_async_context(aiohttp.ClientSession(trust_env=through_proxy))
    rests = new_rest_clients(
        settings,
        session,
        notes,
        publisher=shared.publisher,
        control=shared.control,
        metrics=shared.metrics,
        clocks=shared.clocks,
        log=shared.log,
    )
    book = shared.symbol_book
    public = {market: rest for market, rest in rests.items() if market in settings.markets.present()}
    feeds = {market: MarketFeed(market, shared, rest) for market, rest in public.items() if streaming}
    listings = [
        listings_for(market, settings, book=book, rest=rest, clocks=shared.clocks, log=shared.log)
        for market, rest in public.items()
        if not streaming
    ]
    repair = RepairParts(
        publisher=shared.publisher,
        control=shared.control,
        table=shared.table,
        rests={market: MarketRest(rest) for market, rest in public.items()},
        headers_of=book.extra_headers,
        follows=book.follows,
        metrics=shared.metrics,
        clocks=shared.clocks,
        log=shared.log,
    )
    return MarketParts(feeds, listings, repair, rests)
