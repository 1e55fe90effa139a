"""The REST clients of all markets, with the pools that they share."""

from __future__ import annotations

from collections.abc import Iterable

import aiohttp
from structlog.stdlib import BoundLogger

from ingest.ban_memory import BanMemory
from ingest.config import Settings
from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.budget import Budget
from ingest.core.windows import KNOWN_LIMITS, pool_of
from ingest.metrics import Metrics
from ingest.publisher import Publisher
from ingest.rest import RestClient
from ingest.rest_pool import RestPool
from schemas.control import Progress
from schemas.markets import Market


__all__ = ["new_rest_clients"]


def new_rest_clients(
    settings: Settings,
    session: aiohttp.ClientSession,
    notes: Iterable[Progress],
    *,
    publisher: Publisher,
    control: ControlRecords,
    metrics: Metrics,
    clocks: Clocks,
    log: BoundLogger,
) -> dict[Market, RestClient]:
    """Return a client of each market that is configured or has an account; bans of earlier runs are kept.

    Args:
        settings: addresses, share, key.
        session: the HTTP client.
        notes: the progress of earlier runs, bans among it.
        publisher: where the ends of new bans go.
        control: makes their records.
        metrics: told of weight, queues and waits.
        clocks: time.
        log: tells of bans.

    Raises:
        ConfigError: the API key cannot be had.
    """

    def wall_ms() -> int:
        return clocks.wall_ns() // 1_000_000

    memory = BanMemory(publisher, control, wall_ms)
    pools = {
        pool: RestPool(
            pool,
            Budget(limits, settings.rest.share),
            now_ms=clocks.now_ms,
            wall_ms=wall_ms,
            metrics=metrics,
            remember=memory.remember,
            log=log.bind(pool=pool),
        )
        for pool, limits in KNOWN_LIMITS.items()
    }
    if settings.rest.keep_bans:
        memory.restore(notes, pools.values())
    api_key = settings.api_key()
    return {
        market: RestClient(
            market, settings.endpoint_of(market).rest, session, pools[pool_of(market)], wall_ms, api_key=api_key
        )
        for market in Market
        if market in settings.markets.present() or market in settings.account_markets
    }
