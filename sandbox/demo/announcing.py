"""What `up` says once everything runs: the dashboard's address first, then where the rest is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from sandbox.demo.sources import Source
from sandbox.stack import Stack
from schemas.topics import RawType


__all__ = ["announce"]

_LOOPBACK: Final = "127.0.0.1"


def announce(console: Console, stack: Stack, source: Source) -> None:
    """Print where what runs can be seen, read and asked."""
    shown = "a simulated exchange" if source.exchange is not None else "Binance"
    address = escape(stack.dashboard_url)
    page = Panel.fit(f"[bold]dashboard   {address}[/bold]\n{shown}; for operators {address}/operations", padding=(0, 2))
    console.print("", page, "", sep="\n", highlight=False)
    for line in _lines(stack, source):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(stack: Stack, source: Source) -> Iterator[str]:
    options = stack.options
    ports = {name: getattr(options.ports, name) for name in ("ingest", *options.families)}
    raw_trade = stack.table.raw(source.subscriptions.markets[0], RawType.TRADE).name
    yield f"Kafka              {stack.bootstrap_servers}  (topics {options.prefix}.…)"
    yield f"schema registry    {stack.registry_url}"
    yield f"exchange           {stack.exchange_url or 'Binance'}"
    if options.accounts:
        yield f"accounts           {', '.join(options.accounts)}: robots trade for them; keys in {options.keys_dir}"
    yield f"/ready, /metrics   {', '.join(f'{name} {port}' for name, port in ports.items())}"
    yield f"JSON               {stack.dashboard_url}/openapi.json says what can be asked"
    yield f"logs               {stack.logs}"
    yield ""
    servers = stack.bootstrap_servers.replace(_LOOPBACK, "localhost")
    yield f"kcat -b {servers} -C -e -t {raw_trade} -f '%T %k %s\\n'"
    yield f"curl -s {stack.dashboard_url}/api/v1/books"
    yield ""
    yield f"export KAFKA_BOOTSTRAP_SERVERS={stack.bootstrap_servers} SCHEMA_REGISTRY_URL={stack.registry_url}"
    if options.accounts:
        yield "binance-processors orders --open"
    yield "Ctrl-C stops everything"
