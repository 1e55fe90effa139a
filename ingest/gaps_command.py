"""``binance-ingest gaps``: the ledger as a table."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from ingest.config import Settings, load
from ingest.control_records import ControlRecords
from ingest.core.ledger import is_open
from ingest.errors import ConfigError, KafkaUnavailableError
from ingest.kafka_log import read_latest
from ingest.producers import reason_of
from schemas.codec import Codec
from schemas.control import Gap
from schemas.markets import Market
from schemas.registry import Registry, RegistryError
from schemas.topics import ControlType, TopicTable


__all__ = ["Wanted", "add_gaps_command", "chosen", "read_ledger", "totals"]

EXIT_NOTHING_OPEN: Final = 0
EXIT_OPEN: Final = 1
"""Something is missing and not settled."""
EXIT_FAILED: Final = 2
"""The ledger cannot be read, or the configuration is wrong."""

_out = Console(highlight=False)
_errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)


class Wanted(StrEnum):
    """Which entries to show."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


def add_gaps_command(app: typer.Typer, wall_ms: Callable[[], int]) -> None:
    """Add the command to the command line.

    Args:
        app: to which.
        wall_ms: our clock, milliseconds since the epoch; ages are told by it.
    """

    @app.command()
    def gaps(
        config: Annotated[
            Path | None,
            typer.Option("--config", "-c", envvar="INGEST_CONFIG", help="YAML file; the environment overrides it."),
        ] = None,
        market: Annotated[Market | None, typer.Option(help="Only this market.")] = None,
        symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
        status: Annotated[Wanted, typer.Option(help="Which entries; open ones are not settled.")] = Wanted.ALL,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line, as in the topic.")] = False,
    ) -> None:
        """Show what is or was missing: the ledger, open entries first.

        Exit status 0 if nothing that was asked about is open, 1 if something is, 2 if the ledger cannot be read.

        **Example**: `binance-ingest gaps --status open --symbol BTCUSDT`
        """
        try:
            ledger = asyncio.run(read_ledger(load(config)))
        except (ConfigError, KafkaUnavailableError, RegistryError) as error:
            _errors.print(str(error), style="red")
            raise typer.Exit(EXIT_FAILED) from error
        found = chosen(ledger, market, symbol, Wanted.ALL)
        shown = chosen(found, None, None, status)
        if as_json:
            for gap in shown:
                _out.print(msgspec.json.encode(gap).decode(), soft_wrap=True, markup=False)
        else:
            _show(shown, found, wall_ms())
        raise typer.Exit(EXIT_OPEN if any(is_open(gap) for gap in found) else EXIT_NOTHING_OPEN)


async def read_ledger(settings: Settings) -> list[Gap]:
    """Return the newest entry of each name.

    Raises:
        KafkaUnavailableError: the broker does not answer.
        RegistryError: the registry does not.
    """
    table = TopicTable(settings.topic_prefix)
    topic = table.control(ControlType.GAP)
    servers = settings.kafka_bootstrap_servers
    try:
        records = await read_latest(servers, topic, range(topic.partitions))
    except (KafkaError, OSError) as error:
        raise KafkaUnavailableError(servers, 0.0, reason_of(error)) from error
    with Registry(settings.schema_registry_url) as registry:
        control = ControlRecords(table, Codec(table, registry))
        values, unreadable = await asyncio.to_thread(control.read, records)
    for fault in unreadable:
        _errors.print(f"entry cannot be read: {fault}", style="red")
    return [value for value in values if isinstance(value, Gap)]


def chosen(ledger: Iterable[Gap], market: Market | None, symbol: str | None, status: Wanted) -> list[Gap]:
    """Return the entries asked for: open ones first, then by market, symbol, stream and id."""
    found = [
        gap
        for gap in ledger
        if (market is None or gap.market is market)
        and (symbol is None or gap.symbol == symbol.upper())
        and (status is Wanted.ALL or (status is Wanted.OPEN) == is_open(gap))
    ]
    return sorted(
        found, key=lambda gap: (not is_open(gap), gap.market, gap.symbol, gap.stream, gap.epoch, gap.first_id)
    )


def totals(ledger: Iterable[Gap]) -> str:
    """Return entries and ids by status, in words."""
    entries: Counter[str] = Counter()
    ids: Counter[str] = Counter()
    for gap in ledger:
        entries[gap.status] += 1
        ids[gap.status] += gap.last_id - gap.first_id + 1
    if not entries:
        return "the ledger is empty: nothing was ever missing"
    parts = [f"{status} {entries[status]:,} ({ids[status]:,} ids)" for status in sorted(entries)]
    return f"{entries.total():,} entries: {', '.join(parts)}"


def _show(shown: Sequence[Gap], found: Sequence[Gap], now_ms: int) -> None:
    if shown:
        table = Table()
        for column in ("status", "market", "stream", "symbol", "first id", "last id", "ids", "span", "found", "reason"):
            table.add_column(column, overflow="fold", justify="right" if "id" in column else "left")
        for gap in shown:
            table.add_row(*_row(gap, now_ms))
        _out.print(table)
    _out.print(totals(found), soft_wrap=True)


def _row(gap: Gap, now_ms: int) -> tuple[str, ...]:
    stream = gap.stream if not gap.epoch else f"{gap.stream} (epoch {gap.epoch})"
    start = datetime.fromtimestamp(gap.previous_time / 1000, UTC)
    return (
        gap.status,
        gap.market,
        stream,
        gap.symbol,
        str(gap.first_id),
        str(gap.last_id),
        f"{gap.last_id - gap.first_id + 1:,}",
        f"{start:%Y-%m-%d %H:%M:%S} + {_length(gap.next_time - gap.previous_time)}",
        f"{_length(now_ms - gap.opened_time)} ago",
        gap.reason or "",
    )


def _length(milliseconds: int) -> str:
    """Return a length of time in its two largest units."""
    seconds = max(0, milliseconds) // 1000
    if seconds < 60:
        return f"{max(0, milliseconds) / 1000:.1f} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
