"""From the socket of ingest to a reader of a derived topic: exchange, ingest, broker, workers, reader.

All processes as they are deployed, on all cores of the machine, which they share with this reader. The time of a record
is from the moment ingest read its bytes (``receive_time_ns``, before parsing) to the moment a reader of uncommitted
records has in hand what came of it. The reader takes in the raw records too: how old they are when it has them is the
share of ingest, broker and reader; the rest is the workers'.

The exchange sends at the pace of its simulated market, some 600 events a second with 40 symbols, far below what the
processes can take on two cores: a queue that builds would be measured instead of the way. Whether one built can be
seen: the last third of the events is told apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import msgspec
from confluent_kafka import Message
from msgspec import Struct

from bench.live_reader import LiveReader, Times, received_ns_of, timed
from bench.probe import ask_exchange
from bench.results import Row, Section
from bench.site import Site
from sandbox.ports import free_port
from sandbox.probes import http_answers
from sandbox.simulation.config import universe
from schemas.codec import Codec
from schemas.derived import TopOfBook, Trade, TradeKind
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import DerivedType, RawType, TopicTable


__all__ = ["measure"]

_READY_S: Final = 120.0
_WARM_UP_NS: Final = 10_000_000_000
"""Symbols get their snapshots, caches fill, and what came before the workers had their partitions is caught up with."""
_SYMBOLS: Final = 40
_STREAMS: Final = {"trade": DerivedType.TRADE, "depth@100ms": DerivedType.TOP_OF_BOOK}
_RAW: Final = {RawType.TRADE: DerivedType.TRADE, RawType.DEPTH: DerivedType.TOP_OF_BOOK}

Place = tuple[DerivedType, int, int]
"""What is derived, partition and offset of the raw record that it comes from."""


class Arrived(Struct, frozen=True):
    """One derived record."""

    place: Place
    identity: tuple[str, int]
    at_ns: int


class Notes:
    """When raw and derived records came.

    Args:
        table: the topics.
        codec: reads derived values.
    """

    def __init__(self, table: TopicTable, codec: Codec) -> None:
        self.received_ns: dict[Place, int] = {}
        self.trades: set[tuple[str, int]] = set()
        self.arrived: list[Arrived] = []
        self.raw: list[Times] = []
        self._codec = codec
        self._raw = {table.raw(Market.SPOT, raw).name: (raw, derived) for raw, derived in _RAW.items()}
        self._derived = {table.derived(Market.SPOT, of).name: of for of in _STREAMS.values()}

    @property
    def topics(self) -> list[str]:
        """The names of all topics that there are notes of."""
        return [*self._raw, *self._derived]

    def take(self, message: Message, at_ns: int) -> None:
        """Note a record."""
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        if topic in self._raw:
            raw, derived = self._raw[topic]
            received_ns = received_ns_of(message)
            self.received_ns[derived, partition, offset] = received_ns
            self.raw.append((received_ns, at_ns))
            if raw is RawType.TRADE:
                trade = msgspec.json.decode(message.value() or b"", type=_RawTrade)
                self.trades.add((trade.symbol, trade.trade_id))
            return
        value = self._codec.decode(topic, partition, offset, message.value())
        if isinstance(value, Trade) and value.kind is TradeKind.TRADE:
            place = DerivedType.TRADE, partition, value.input_offset
            self.arrived.append(Arrived(place, (value.symbol, value.trade_id), at_ns))
        elif isinstance(value, TopOfBook):
            place = DerivedType.TOP_OF_BOOK, partition, value.input_offset
            self.arrived.append(Arrived(place, (value.symbol, value.update_id), at_ns))


class _RawTrade(Struct):
    symbol: str = msgspec.field(name="s")
    trade_id: int = msgspec.field(name="t")


def measure(site: Site, seconds: float, symbol_count: int = _SYMBOLS) -> Section:
    """Run everything for a while; returns a row for each derived topic, and ``ours`` over both."""
    table = site.set_up("bench-end-to-end")
    registry = Registry(site.registry.url)
    codec = Codec(table, registry)
    codec.prepare()
    notes = Notes(table, codec)
    reader = LiveReader(site.broker.bootstrap_servers, notes.topics, notes.take)
    try:
        with ExitStack() as stack:
            exchange = _start(site, table, stack, universe(symbol_count * 2)[Market.SPOT][:symbol_count])
            reader.read(time.monotonic() + seconds + _WARM_UP_NS / 1e9)
            ask_exchange(exchange, "POST", "close")
            reader.drain()
    finally:
        reader.close()
        registry.close()
    return Section("Socket to derived topic", list(_rows(notes)))


def _start(site: Site, table: TopicTable, stack: ExitStack, symbols: tuple[str, ...]) -> str:
    """Start every process; returns the address of the exchange, which has begun."""
    ports = free_port("127.0.0.1"), free_port("127.0.0.1")
    address = f"http://127.0.0.1:{ports[0]}"
    environment = site.environment(
        table,
        address,
        INGEST_HTTP__PORT=str(ports[1]),
        INGEST_MARKETS__SPOT__SYMBOLS=",".join(symbols),
        INGEST_MARKETS__SPOT__STREAMS=",".join(_STREAMS),
        PROCESSORS_MARKETS=json.dumps(["spot"]),
    )
    arguments = ["--simulate", "--duration", "0", "--start", "manual", "--port", str(ports[0])]
    for symbol in symbols:
        arguments += ["--symbol", f"spot:{symbol}"]
    exchange = stack.enter_context(site.process("exchange", ["-m", "sandbox", "exchange", *arguments]))
    exchange.wait_ready(http_answers(f"{address}/sandbox/status"), _READY_S)
    for family in ("books", "trades"):
        port = free_port("127.0.0.1")
        worker = site.process(
            f"worker-{family}",
            ["-m", "processors", "worker", family],
            env={**environment, "PROCESSORS_METRICS_PORT": str(port)},
        )
        stack.enter_context(worker).wait_ready(http_answers(f"http://127.0.0.1:{port}/ready"), _READY_S)
    stack.enter_context(site.process("ingest", ["-m", "ingest", "run"], env=environment))
    deadline_s = time.monotonic() + _READY_S
    while not _subscribed(address, len(symbols) * len(_STREAMS)):
        if time.monotonic() > deadline_s:
            msg = f"ingest did not subscribe to {len(symbols) * len(_STREAMS)} streams within {_READY_S:g} s"
            raise RuntimeError(msg)
        time.sleep(0.2)
    ask_exchange(address, "POST", "start")
    return address


def _subscribed(address: str, stream_count: int) -> bool:
    return sum(len(one["streams"]) for one in ask_exchange(address, "GET", "connections")) == stream_count


def _rows(notes: Notes) -> Iterator[Row]:
    begun_ns = min(notes.received_ns.values(), default=0) + _WARM_UP_NS
    sent = [one for one in notes.received_ns.values() if one >= begun_ns]
    last_ns = max(sent, default=begun_ns)
    rate = len(sent) / max(1.0, (last_ns - begun_ns) / 1e9)
    everything = tuple(_STREAMS.values())
    yield _row("ours", notes, everything, begun_ns, rate)
    for of in everything:
        yield _row(f"ours, {of}", notes, (of,), begun_ns, None)
    yield _row("ours, the last third", notes, everything, last_ns - (last_ns - begun_ns) // 3, None)
    yield timed("the raw record alone", [(received, at) for received, at in notes.raw if received >= begun_ns])


def _row(name: str, notes: Notes, types: tuple[DerivedType, ...], begun_ns: int, rate: float | None) -> Row:
    arrived = [one for one in notes.arrived if one.place[0] in types]
    times = ((notes.received_ns.get(one.place, 0), one.at_ns) for one in arrived)
    row = timed(name, [(received, at) for received, at in times if received >= begun_ns])
    if DerivedType.TRADE not in types:
        return row  # a top of a book comes only of a diff that changes it: nothing tells how many are missing
    trades = [one.identity for one in arrived if one.place[0] is DerivedType.TRADE]
    return msgspec.structs.replace(
        row,
        events_per_second=rate,
        lost=len(notes.trades - set(trades)),
        duplicates=len(trades) - len(set(trades)),
    )
