"""``binance-ingest gaps``: the ledger as a table."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException
from rich.console import Console
from rich.table import Table

from ingest.config import Settings, load
from ingest.control_records import ControlRecords
from ingest.core.ledger import is_open
from ingest.errors import IngestError, KafkaUnavailableError
from ingest.kafka_log import read_latest
from ingest.topic_admin import TopicAdmin, check_topics, reason_of
from schemas.codec import Codec
from schemas.control import Gap
from schemas.kafka_refusal import refusal
from schemas.markets import Market
from schemas.registry import Registry, RegistryError
from schemas.topics import ControlType, TopicTable


__all__ = ["Wanted", "add_gaps_command", "as_table", "chosen", "read_ledger", "totals"]

EXIT_NOTHING_OPEN: Final = 0
EXIT_OPEN: Final = 1
"""Something is missing and not settled."""
EXIT_FAILED: Final = 2
"""The ledger cannot be read, or the configuration is wrong."""

_BROKER_LIMIT_S: Final = 10.0
_WIDE: Final = 140
"""From so many columns on, an entry has one line instead of two."""
_NONE_OF_THESE: Final = "no entry of the ledger is about these: nothing of them was ever missing, or a name is wrong"
_COLUMNS: Final = (
    ("status", "reason"),
    ("stream", "symbol"),
    ("first id", "last id"),
    ("traded (UTC)", "within"),
    ("ids", "found ago"),
)
"""What stands side by side where there is room, and else one below the other."""

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
        except (IngestError, RegistryError) as error:
            _errors.print(str(error), style="red")
            raise typer.Exit(EXIT_FAILED) from error
        found = chosen(ledger, market, symbol, Wanted.ALL)
        shown = chosen(found, None, None, status)
        if as_json:
            for gap in shown:
                _out.print(msgspec.json.encode(gap).decode(), soft_wrap=True, markup=False)
        else:
            if shown:
                _out.print(as_table(shown, wall_ms(), wide=_out.width >= _WIDE))
            _out.print(totals(found) if found or not ledger else _NONE_OF_THESE, soft_wrap=True)
        raise typer.Exit(EXIT_OPEN if any(is_open(gap) for gap in found) else EXIT_NOTHING_OPEN)


async def read_ledger(settings: Settings) -> list[Gap]:
    """Return the newest entry of each name.

    Raises:
        KafkaUnavailableError: the broker does not answer.
        TopicsMissingError: there is no ledger.
        RegistryError: the registry does not.
    """
    table = TopicTable(settings.topic_prefix)
    topic = table.control(ControlType.GAP)
    servers = settings.kafka
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is told below
    try:
        # A reader of a topic that does not exist waits for ever.
        check_topics(await asyncio.to_thread(TopicAdmin(servers).partition_counts, _BROKER_LIMIT_S), [topic])
        records = await read_latest(servers, topic, range(topic.partitions))
    except KafkaException as error:
        refused = await asyncio.to_thread(refusal, servers)
        raise KafkaUnavailableError(servers, _BROKER_LIMIT_S, reason_of(error), refused) from error
    except (KafkaError, OSError) as error:
        raise KafkaUnavailableError(servers, _BROKER_LIMIT_S, str(error) or type(error).__name__) from error
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


def as_table(entries: Iterable[Gap], now_ms: int, *, wide: bool) -> Table:
    """Return entries as a table: one line each if wide, else two."""
    table = Table(box=None, padding=(0, 1, 0, 0) if not wide else (0, 2, 0, 0), header_style="bold underline")
    for heads in _COLUMNS:
        for head in heads if wide else ("\n".join(heads),):
            table.add_column(head, overflow="fold", justify="right" if "id" in head else "left")
    for gap in entries:
        cells = _cells(gap, now_ms)
        if wide:
            table.add_row(*(text for pair in cells for text in pair))
        else:
            table.add_row(*("\n".join(pair) for pair in cells))
    return table


def _cells(gap: Gap, now_ms: int) -> tuple[tuple[str, str], ...]:
    """Return what stands under the columns."""
    start = datetime.fromtimestamp(gap.previous_time / 1000, UTC)
    return (
        (gap.status, gap.reason or ""),
        (f"{gap.market} {gap.stream}", gap.symbol if not gap.epoch else f"{gap.symbol} (epoch {gap.epoch})"),
        (str(gap.first_id), str(gap.last_id)),
        (f"{start:%m-%d %H:%M:%S}", _length(gap.next_time - gap.previous_time)),
        (f"{gap.last_id - gap.first_id + 1:,}", _length(now_ms - gap.opened_time)),
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
