"""REST clients for tests: as the service makes them, with a budget of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from ingest.connection import Clocks
from ingest.core.budget import Budget
from ingest.core.windows import KNOWN_LIMITS, Pool, pool_of
from ingest.metrics import Metrics
from ingest.rest import RestClient
from ingest.rest_pool import RestPool
from schemas.markets import Market
from tests.support.fakes import FakeClocks


__all__ = ["Answer", "asking", "rest_client", "rest_pool"]

Answer = Callable[[web.Request], web.StreamResponse | Awaitable[web.StreamResponse]]


def rest_pool(
    clocks: Clocks,
    market: Market = Market.SPOT,
    *,
    metrics: Metrics | None = None,
    remember: Callable[[Pool, int], object] = lambda _pool, _until_ms: None,
) -> RestPool:
    """Return a pool that knows the venue's ordinary limits."""
    pool = pool_of(market)
    return RestPool(
        pool,
        Budget(KNOWN_LIMITS[pool], 0.8),
        now_ms=clocks.now_ms,
        wall_ms=lambda: clocks.wall_ns() // 1_000_000,
        metrics=metrics or Metrics(CollectorRegistry()),
        log=structlog.get_logger(),
        remember=remember,
    )


def rest_client(
    base_url: str,
    session: aiohttp.ClientSession,
    clocks: Clocks,
    market: Market = Market.SPOT,
    *,
    timeout_s: float = 10.0,
    pool: RestPool | None = None,
    api_key: str | None = None,
) -> RestClient:
    """Return a client of a server, ``base_url`` with the version."""
    return RestClient(
        market,
        base_url,
        session,
        rest_pool(clocks, market) if pool is None else pool,
        lambda: clocks.wall_ns() // 1_000_000,
        timeout_s=timeout_s,
        api_key=api_key,
    )


@asynccontextmanager
async def asking(
    answer: Answer,
    timeout_s: float = 10.0,
    *,
    pool: RestPool | None = None,
    market: Market = Market.SPOT,
    api_key: str | None = None,
) -> AsyncIterator[RestClient]:
    """Yield a client of a server that answers like this."""

    async def handle(request: web.Request) -> web.StreamResponse:
        answered = answer(request)
        return await answered if isinstance(answered, Awaitable) else answered

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            clocks = FakeClocks()
            base = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v3"
            yield rest_client(base, session, clocks, market, timeout_s=timeout_s, pool=pool, api_key=api_key)
    finally:
        await runner.cleanup()
