"""``binance-processors orders``, ``balances``, ``positions``: what accounts have, from the compacted topics."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

import msgspec
import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.table import Table

from processors.account_tables import WIDE, balance_table, is_open, order_table, position_table
from processors.broker import require_topics
from processors.config import Settings
from processors.current_state import CurrentState, read_current
from processors.errors import ProcessorsError
from processors.rebuild import KafkaLogs
from processors.usage import read_settings
from schemas.accounts import Balance, Order, Position
from schemas.codec import Codec
from schemas.documents import to_document
from schemas.markets import Market
from schemas.registry import Registry, RegistryError
from schemas.topics import DerivedType, TopicTable


__all__ = ["add_account_commands"]

EXIT_FAILED: Final = 1
"""The topics cannot be read."""

_BROKER_LIMIT_S: Final = 10.0
_PATIENCE_S: Final = 20.0
_PIPED: Final = 240
_ENVIRONMENT: Final = """

**Environment**: `KAFKA_BOOTSTRAP_SERVERS`, `SCHEMA_REGISTRY_URL`, `TOPIC_PREFIX`, `PROCESSORS_MARKETS`.

**Exit status**: 0 when the topics were read, also where nothing is in them; 1 when they could not be, in whole or in
part; 2 for a wrong command line or setting.
"""

Accounts = Annotated[list[str] | None, typer.Option("--account", help="Only this account; may be given again.")]
Markets = Annotated[list[Market] | None, typer.Option("--market", help="Only this market; may be given again.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="Only this symbol; may be given again.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line: all fields of the topic, and `market`.")]

ValueT = TypeVar("ValueT", Order, Balance, Position)
"""What a command shows."""


@dataclass(frozen=True, slots=True)
class _Shown:
    """What to show of a topic, and how."""

    of: DerivedType
    markets: Sequence[Market] | None
    wanted: Callable[[Any], bool]
    order: Callable[[Any], tuple[Any, ...]]
    table: Callable[..., Table]
    as_json: bool
    accounts: Sequence[str] | None


def add_account_commands(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog=_ORDERS + _ENVIRONMENT)(orders)
    app.command(epilog=_BALANCES + _ENVIRONMENT)(balances)
    app.command(epilog=_POSITIONS + _ENVIRONMENT)(positions)


_ORDERS: Final = """
**Examples**

`binance-processors orders --open` — what is in the books now, of all accounts

`binance-processors orders --account main --symbol BTCUSDT`

`binance-processors orders --json | jq 'select(.recovered)'` — orders of which the streams had missed something
"""


def orders(
    account: Accounts = None,
    market: Markets = None,
    symbol: Symbols = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only orders that have not ended.")] = False,
    as_json: Json = False,
) -> None:
    """Show orders: open ones, and those that ended within the retention (PROCESSORS_ORDER_RETENTION_S)."""
    symbols = _upper(symbol)

    def wanted(order: Order) -> bool:
        return _among(order.account, account) and _among(order.symbol, symbols) and (is_open(order) or not only_open)

    def place(order: Order) -> tuple[Any, ...]:
        return order.account, order.symbol, order.created_time or order.update_time, order.kind, order.order_id

    _show(_Shown(DerivedType.ORDER, market, wanted, place, order_table, as_json, account))


_BALANCES: Final = """
**Examples**

`binance-processors balances --account main --nonzero`

`binance-processors balances --market usdm --asset USDT --json`
"""


def balances(
    account: Accounts = None,
    market: Markets = None,
    asset: Annotated[list[str] | None, typer.Option("--asset", help="Only this asset; may be given again.")] = None,
    nonzero: Annotated[bool, typer.Option("--nonzero", help="Only assets of which there is something.")] = False,
    as_json: Json = False,
) -> None:
    """Show balances: what accounts have of each asset."""
    assets = _upper(asset)

    def wanted(balance: Balance) -> bool:
        parts = balance.free, balance.locked, balance.wallet_balance, balance.cross_wallet_balance
        return _among(balance.account, account) and _among(balance.asset, assets) and (any(parts) or not nonzero)

    def place(balance: Balance) -> tuple[Any, ...]:
        return balance.account, balance.asset

    _show(_Shown(DerivedType.BALANCE, market, wanted, place, balance_table, as_json, account))


_POSITIONS: Final = """
**Examples**

`binance-processors positions --nonzero` — positions that are open

`binance-processors positions --account main --market coinm --json`
"""


def positions(
    account: Accounts = None,
    market: Markets = None,
    symbol: Symbols = None,
    nonzero: Annotated[bool, typer.Option("--nonzero", help="Only positions that are not closed.")] = False,
    as_json: Json = False,
) -> None:
    """Show positions on futures. Unrealised profit is as of the last change, not of now."""
    if Market.SPOT in (market or ()):
        raise typer.BadParameter("spot has no positions: see `binance-processors balances`", param_hint="--market")
    symbols = _upper(symbol)

    def wanted(position: Position) -> bool:
        return (
            _among(position.account, account)
            and _among(position.symbol, symbols)
            and (bool(position.amount) or not nonzero)
        )

    def place(position: Position) -> tuple[Any, ...]:
        return position.account, position.symbol, position.position_side

    _show(_Shown(DerivedType.POSITION, market, wanted, place, position_table, as_json, account))


def _upper(names: list[str] | None) -> list[str] | None:
    return None if names is None else [name.upper() for name in names]


def _among(name: str, wanted: Sequence[str] | None) -> bool:
    return not wanted or name in wanted


def _show(shown: _Shown) -> None:
    """Read the topics, print what is wanted, and end with the exit status."""
    settings = read_settings()
    markets = [
        one for one in shown.markets or settings.markets if one.is_futures or shown.of is not DerivedType.POSITION
    ]
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it has to say is told below
    try:
        state, by_topic = asyncio.run(_read(settings, shown.of, markets))
    except (ProcessorsError, RegistryError, KafkaError, OSError) as error:
        _say(str(error) or type(error).__name__)
        raise typer.Exit(EXIT_FAILED) from error
    for fault in state.faults:
        _say(f"record cannot be read: {fault.reason}")
    _say_strangers(shown, state)
    rows = [(by_topic[name], value) for name, values in state.values.items() for value in values if shown.wanted(value)]
    rows.sort(key=lambda row: (list(Market).index(row[0]), shown.order(row[1])))
    _print(rows, shown)
    raise typer.Exit(EXIT_FAILED if state.faults else 0)


def _say_strangers(shown: _Shown, state: CurrentState) -> None:
    """Say which of the accounts asked for the topics know nothing of: a label may be misspelt."""
    known = {
        value.account
        for values in state.values.values()
        for value in values
        if isinstance(value, Order | Balance | Position)
    }
    for label in sorted(set(shown.accounts or ()) - known):
        there = f"there are {', '.join(sorted(known))}" if known else "there is nothing of any account"
        _say(f'no {shown.of} of account "{label}"; {there}')


def _print(rows: Sequence[tuple[Market, Any]], shown: _Shown) -> None:
    if shown.as_json:
        for market, value in rows:
            typer.echo(msgspec.json.encode({"market": market, **to_document(str(shown.of), value)}).decode())
        return
    # A file or another program has no width that a line would have to be broken at.
    console = Console(width=None if sys.stdout.isatty() else _PIPED, highlight=False)
    if rows:
        console.print(shown.table(rows, wide=console.width >= WIDE))
    console.print(f"{len(rows):,} {shown.of}{'' if len(rows) == 1 else 's'}", soft_wrap=True)


async def _read(
    settings: Settings, of: DerivedType, markets: Sequence[Market]
) -> tuple[CurrentState, dict[str, Market]]:
    """Return what the topics of markets say, and which market each is of."""
    table = TopicTable(settings.topic_prefix)
    topics = {market: table.derived(market, of) for market in markets}
    servers = settings.kafka
    limit_s = min(_BROKER_LIMIT_S, settings.start_timeout_s)
    await require_topics(servers, topics.values(), tell=_say, limit_s=limit_s)
    logs = KafkaLogs(servers, "binance-processors-tables", fetch_bytes=settings.fetch_bytes, patience_s=_PATIENCE_S)
    with Registry(settings.schema_registry_url) as registry:
        state = await read_current(logs, topics.values(), Codec(table, registry), _version)
    return state, {topic.name: market for market, topic in topics.items()}


def _version(value: msgspec.Struct) -> tuple[int, ...]:
    assert isinstance(value, Order | Balance | Position)  # noqa: S101 - the schemas of these topics
    return value.input_offset, value.snapshot_offset


def _say(text: str) -> None:
    typer.echo(f"binance-processors: {text}", err=True)
