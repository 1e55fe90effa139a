"""REST clients for tests: as the service makes them, with a budget of their own."""

from __future__ import annotations

from collections.abc import Callable

import aiohttp
import structlog
from prometheus_client import CollectorRegistry

from ingest.connection import Clocks
from ingest.core.budget import Budget
from ingest.core.windows import KNOWN_LIMITS, Pool, pool_of
from ingest.metrics import Metrics
from ingest.rest import RestClient
from ingest.rest_pool import RestPool
from schemas.markets import Market


__all__ = ["rest_client", "rest_pool"]


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
