"""Fills a real Kafka with what the readers are to read: a simulated market, our ingest, our processors.

After the flow has come to rest, what at-least-once delivery may bring is added, as another producer of the same records
would write it: raw and derived trades a second time, and of candles an older version behind the newest. Who counts rows
instead of identities, or takes the last record of a key for its newest version, is found out. So is who rounds: raw
trades of one more symbol have products with all 16 decimal places.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from sandbox.demo.narrator import Narrator
from sandbox.demo.sources import SimulatedSource, Simulation
from sandbox.demo.waiting import Flow
from sandbox.errors import SandboxError
from sandbox.stack import Stack, StackOptions, free_ports
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry
from tests.compat.comparing import Truth
from tests.compat.logs import Entry, append, read_whole
from tests.compat.truth import candles_of, minutes_of, trades_of


__all__ = ["Facts", "NotAtRestError", "Topics", "facts_of", "fill", "stack_in"]

SIMULATION: Final = Simulation(
    symbols={Market.SPOT: ("BTCUSDT", "ETHUSDT", "NKNUSDT")},
    streams=("trade", "depth@100ms"),
    duration_s=250,
    speed="5",
)
"""From ten seconds before a full minute to the end of the fourth."""
_REPEATED: Final = 40
_EXACT: Final = "EXACTUSDT"
_EXACT_TRADES: Final = (
    ("0.00000001", "0.00000001"),
    ("123456789.12345678", "98765.43210987"),
    ("0.00000003", "9999999999.99999999"),
)


class NotAtRestError(SandboxError):
    """The pipeline did not do all of what was sent, so nothing can be expected of readers."""

    def __init__(self, remarks: list[str]) -> None:
        super().__init__(*remarks)
        self.remarks = remarks

    def __str__(self) -> str:
        return "the topics could not be filled: " + "; ".join(self.remarks)


class Topics:
    """The names that the recipes spell out."""

    raw_trade = "binance.spot.raw.trade"
    trade = "binance.spot.trade.v1"
    candle = "binance.spot.candle-1m.v1"


class Facts(msgspec.Struct, frozen=True):
    """What lies in the topics, and what every reader must make of it."""

    records: dict[str, int]
    """Records of each topic, repeats among them."""
    raw: list[Entry]
    """The raw trades as they lie."""
    truth: dict[str, Truth]
    """By source: `raw` tells the minutes of the raw trades, `trade` of the derived ones, `candle` those of candles."""


def stack_in(directory: Path, tell: Callable[[str], None]) -> Stack:
    """Return the system that fills the topics, not yet entered; its servers are what the readers read from."""
    source = SimulatedSource(SIMULATION, None)
    options = StackOptions(
        directory=directory,
        subscriptions=source.subscriptions,
        exchange=source.exchange,
        ports=free_ports(),
        prefix="binance",
        dashboard=False,
    )
    return Stack(options, tell)


def fill(stack: Stack, console: Console) -> None:
    """Let the market run to its end, stop our services, add the repeats; Kafka and the registry run on.

    Raises:
        SandboxError: something did not work; says what.
    """
    source = SimulatedSource(SIMULATION, None)
    flow = Flow(stack, source.subscriptions, Codec(stack.table, Registry(stack.registry_url)))
    with Narrator(console) as narrator:
        stack.start_ingest()
        flow.await_listening(source.books)
        flow.start()
        flow.await_rest(lambda: source.until_ms, narrator.show)
        if remarks := [*flow.remarks, *stack.stop_services()]:
            raise NotAtRestError(remarks)
        _repeat(stack.bootstrap_servers, narrator.tell)


def facts_of(bootstrap_servers: str) -> Facts:
    """Read what lies in the topics, and work out what every reader must find."""
    raw = read_whole(bootstrap_servers, Topics.raw_trade)
    records = {topic: len(read_whole(bootstrap_servers, topic)) for topic in (Topics.trade, Topics.candle)}
    minutes = minutes_of(trades_of(raw))
    traded = {key: minute for key, minute in minutes.items() if key[0] != _EXACT}
    candles = candles_of(traded, SIMULATION.start_ms + 1000 * SIMULATION.duration_s)
    truth: dict[str, Truth] = {"raw": minutes, "trade": traded, "candle": candles}
    return Facts({Topics.raw_trade: len(raw), **records}, raw, truth)


def _repeat(bootstrap_servers: str, tell: Callable[[str], None]) -> None:
    count = append(bootstrap_servers, Topics.raw_trade, _exact(read_whole(bootstrap_servers, Topics.raw_trade)[0]))
    for topic in (Topics.raw_trade, Topics.trade):
        entries = read_whole(bootstrap_servers, topic)
        step = max(1, len(entries) // _REPEATED)
        count += append(bootstrap_servers, topic, entries[::step])
    first: dict[str, Entry] = {}
    candles = read_whole(bootstrap_servers, Topics.candle)
    for entry in candles:
        first.setdefault(entry.key, entry)
    last = {entry.key: entry for entry in candles}
    older = [entry for key, entry in first.items() if entry.offset < last[key].offset]
    if not older:
        raise NotAtRestError(["no candle has a provisional version: nothing tells newest from last"])
    replayed = append(bootstrap_servers, Topics.candle, older)
    tell(f"added {count} trades, all but {len(_EXACT_TRADES)} of them repeats, and {replayed} older candles")


def _exact(model: Entry) -> Iterator[Entry]:
    """Yield raw trades whose sums have as many digits as there can be; in all else they are like another."""
    for trade_id, (price, quantity) in enumerate(_EXACT_TRADES, 1):
        trade = json.loads(model.value) | {"s": _EXACT, "t": trade_id, "p": price, "q": quantity}
        yield msgspec.structs.replace(model, key=_EXACT, value=json.dumps(trade, separators=(",", ":")).encode())
