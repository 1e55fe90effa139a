"""What ``binance-ingest plan`` shows: which streams go over which connection, and what is still open."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp
import structlog
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table

from ingest.config import Settings
from ingest.connection import Clocks
from ingest.core.budget import Budget
from ingest.core.endpoints import Environment
from ingest.core.patterns import Resolution, resolve, trading_by_symbol
from ingest.core.plan import ConnectionPlan, plan_connections, subscribe_messages
from ingest.core.windows import KNOWN_LIMITS, pool_of
from ingest.metrics import Metrics
from ingest.rest import RestClient
from ingest.rest_pool import RestPool
from schemas.markets import Market


__all__ = ["resolve_once", "show_plan"]


async def resolve_once(settings: Settings, clocks: Clocks) -> dict[Market, Resolution]:
    """Ask the venue what the wishes of each market come to.

    Raises:
        RestError: it did not answer.
    """
    resolutions = {}

    def wall_ms() -> int:
        return clocks.wall_ns() // 1_000_000

    # A proxy of the environment is for the way to Binance, not to a sandbox.
    through_proxy = settings.endpoint is not Environment.SANDBOX
    async with aiohttp.ClientSession(trust_env=through_proxy) as session:
        for market, wanted in settings.markets.present().items():
            pool = RestPool(
                pool_of(market),
                Budget(KNOWN_LIMITS[pool_of(market)], settings.rest.share),
                now_ms=clocks.now_ms,
                wall_ms=wall_ms,
                metrics=Metrics(CollectorRegistry()),
                log=structlog.get_logger(),
            )
            rest = RestClient(market, settings.endpoint_of(market).rest, session, pool, wall_ms)
            info = await rest.exchange_info()
            resolutions[market] = resolve(wanted.wishes, trading_by_symbol(info.symbols))
    return resolutions


def show_plan(out: Console, settings: Settings, resolutions: Mapping[Market, Resolution]) -> None:
    """Print the plan.

    Args:
        out: where.
        settings: what is asked for.
        resolutions: what the wishes of a market come to; of a market without, only names in full are planned.
    """
    symbols = {market: resolution.symbols for market, resolution in resolutions.items()}
    plans = plan_connections(settings.subscriptions(symbols), settings.connection.streams_per_connection)
    shard = settings.process_shard
    table = Table(title="Connections" if shard.count == 1 else f"Connections of shard {shard.text}")
    for column in ("connection", "address", "streams", "messages", "first and last stream"):
        table.add_column(column, overflow="fold")
    for one in plans:
        table.add_row(*_row(settings, one))
    out.print(table)
    for market, wanted in settings.markets.present().items():
        for line in _open_questions(market, len(wanted.wishes.patterns), resolutions.get(market)):
            out.print(line, soft_wrap=True)


def _open_questions(market: Market, pattern_count: int, resolution: Resolution | None) -> list[str]:
    if resolution is None:
        left_out = "1 pattern is" if pattern_count == 1 else f"{pattern_count} patterns are"
        return [f"{market}: {left_out} not in the plan: --resolve asks Binance"] if pattern_count else []
    count = len(resolution.symbols)
    lines = [f"{market}: {count} symbol{'' if count == 1 else 's'} in all shards"]
    for problem, names in (
        ("the venue does not have", resolution.unlisted),
        ("does not trade", resolution.halted),
        ("stands for no symbol that trades", resolution.idle),
    ):
        if names:
            lines.append(f"{market}: {problem}: {', '.join(names)}")
    return lines


def _row(settings: Settings, one: ConnectionPlan) -> tuple[str, ...]:
    names = [stream.name for stream in one.streams]
    url = settings.endpoint_of(one.market).streams[one.route]
    ends = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"
    return one.label, url, str(len(names)), str(len(subscribe_messages(names))), ends
