"""From the socket of ingest to a reader of ``order``: exchange with accounts, robots, ingest, broker, a worker, reader.

All processes as they are deployed, on all cores of the machine, which they share with this reader. Robots place and
cancel orders by signed requests for two accounts on three markets, steadily and far below what the processes can
take. The time of an order event is from the moment ingest read its bytes (``receive_time_ns``, before parsing) to the
moment a reader of uncommitted records has in hand the first record of ``order`` that names it (``input_offset``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Final

import msgspec
from confluent_kafka import Message
from msgspec import Struct

from bench.live_reader import LiveReader, Times, received_ns_of, timed
from bench.probe import ask_exchange
from bench.results import Row, Section
from bench.site import Site
from sandbox.demo.exchange_control import ExchangeControl
from sandbox.ports import free_port
from sandbox.probes import http_answers
from sandbox.processes import ManagedProcess
from schemas.accounts import AccountSource, Order, OrderKind
from schemas.codec import Codec
from schemas.decimals import to_scaled
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import DerivedType, RawType, TopicTable
from schemas.user_data import AlgoUpdate, ExecutionReport, OrderTradeUpdate, UserEvent


__all__ = ["OrderReader", "measure", "rows_of"]

_READY_S: Final = 120.0
WARM_UP_NS: Final = 5_000_000_000
"""From the first order event on: caches fill, and every code path was taken once."""
_SYMBOLS: Final = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}
_ACCOUNTS: Final = {"main": "hmac", "hedge": "ed25519"}
_EVERY_S: Final = 0.04
"""How long the robots, who take turns, wait after each request."""
_ENDLESS: Final = 1_000_000
_NO_LIMIT: Final = ("--weight-limit", "spot=1000000", "--weight-limit", "futures=1000000")
"""The robots ask for the best prices before each order: of that the venue would allow less."""

Place = tuple[Market, int, int]
"""Market, partition and offset of a raw record."""


class Standing(Struct, frozen=True):
    """Where an order stands."""

    market: Market
    account: str
    symbol: str
    kind: OrderKind
    order_id: int
    status: str
    filled: int
    """0 for algo orders: what fills is the order that comes of one."""


class OrderReader(LiveReader):
    """Notes when order events and states of orders came.

    Args:
        servers: Kafka.
        table: the topics.
        codec: reads the states.
    """

    def __init__(self, servers: str, table: TopicTable, codec: Codec) -> None:
        self.raw: dict[Place, Times] = {}
        self.told: dict[Place, Standing] = {}
        """What the events say that tell where an order stands."""
        self.known: set[Standing] = set()
        """What the records say."""
        self.at_hand_ns: dict[Place, int] = {}
        """When the first record was at hand that names an event."""
        self.duplicates = 0
        self._seen: set[tuple[Market, bytes, int, int]] = set()
        self._codec = codec
        self._raw = {table.raw(market, RawType.ORDER_UPDATE).name: market for market in Market}
        self._orders = {table.derived(market, DerivedType.ORDER).name: market for market in Market}
        super().__init__(servers, (*self._raw, *self._orders))

    def take(self, message: Message, at_ns: int) -> None:
        """Note a record."""
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        key, value = message.key() or b"", message.value()
        if (market := self._raw.get(topic)) is not None:
            place = market, partition, offset
            self.raw[place] = received_ns_of(message), at_ns
            stream = (dict(message.headers() or ()).get("stream") or b"").decode()
            if (tell := _TELLING.get(stream)) is not None:
                self.told[place] = tell(market, key.decode(), value or b"")
        elif value is not None:
            order = self._codec.decode(topic, partition, offset, value)
            if isinstance(order, Order):
                self._take_order(self._orders[topic], partition, key, order, at_ns)

    def _take_order(self, market: Market, partition: int, key: bytes, order: Order, at_ns: int) -> None:
        version = market, key, order.input_offset, order.snapshot_offset
        self.duplicates += version in self._seen
        self._seen.add(version)
        filled = 0 if order.kind is OrderKind.ALGO else order.filled_quantity
        self.known.add(Standing(market, order.account, order.symbol, order.kind, order.order_id, order.status, filled))
        if order.source is AccountSource.STREAM:
            self.at_hand_ns.setdefault((market, partition, order.input_offset), at_ns)


def _spot(market: Market, account: str, value: bytes) -> Standing:
    told = _decode_report(value)
    filled = to_scaled(told.cumulative_quantity)
    return Standing(market, account, told.symbol, OrderKind.REGULAR, told.order_id, told.status, filled)


def _futures(market: Market, account: str, value: bytes) -> Standing:
    told = _decode_update(value).order
    filled = to_scaled(told.cumulative_quantity)
    return Standing(market, account, told.symbol, OrderKind.REGULAR, told.order_id, told.status, filled)


def _algo(market: Market, account: str, value: bytes) -> Standing:
    told = _decode_algo(value).order
    return Standing(market, account, told.symbol, OrderKind.ALGO, told.algo_id, told.status, 0)


_decode_report: Final = msgspec.json.Decoder(ExecutionReport).decode
_decode_update: Final = msgspec.json.Decoder(OrderTradeUpdate).decode
_decode_algo: Final = msgspec.json.Decoder(AlgoUpdate).decode
_TELLING: Final[Mapping[str, Callable[[Market, str, bytes], Standing]]] = {
    UserEvent.EXECUTION_REPORT: _spot,
    UserEvent.ORDER_TRADE_UPDATE: _futures,
    UserEvent.ALGO_UPDATE: _algo,
}


def measure(site: Site, seconds: float) -> Section:
    """Run everything for a while; returns ``ours`` over all markets, and a row for each.

    Args:
        site: where.
        seconds: for how long, without the warming up.

    Raises:
        ProcessDiedError: something ended that was not asked to.
        RuntimeError: the accounts' connections did not come up, or no order was told of.
    """
    table = site.set_up("bench-order-update")
    registry = Registry(site.registry.url)
    codec = Codec(table, registry)
    codec.prepare()
    reader = OrderReader(site.broker.bootstrap_servers, table, codec)
    try:
        with ExitStack() as stack:
            url, processes = _start(site, table, stack)
            keys = site.folder / "keys"
            trade = ["--url", url, "--keys-dir", keys, "--orders", str(_ENDLESS), "--every", str(_EVERY_S)]
            robots = stack.enter_context(site.process("robots", ["-m", "sandbox", "trade", *trade]))
            reader.read(time.monotonic() + seconds + WARM_UP_NS / 1e9)
            for process in (*processes, robots):
                process.check_running()
            robots.stop()
            ask_exchange(url, "POST", "close")
            reader.drain()
    finally:
        reader.close()
        registry.close()
    if not reader.told:
        msg = "no order event came: robots.log and ingest.log say why"
        raise RuntimeError(msg)
    return Section("Order event to order topic", list(rows_of(reader)))


def _start(site: Site, table: TopicTable, stack: ExitStack) -> tuple[str, list[ManagedProcess]]:
    """Start all but the robots; returns the exchange's address, and what runs, once ingest listens to every account."""
    ports = free_port("127.0.0.1"), free_port("127.0.0.1"), free_port("127.0.0.1")
    url = f"http://127.0.0.1:{ports[0]}"
    environment = site.environment(
        table,
        url,
        INGEST_HTTP__PORT=str(ports[1]),
        INGEST_KEYS_DIR=str(site.folder / "keys"),
        INGEST_ACCOUNTS=msgspec.json.encode({label: {"markets": list(Market)} for label in _ACCOUNTS}).decode(),
        PROCESSORS_METRICS_PORT=str(ports[2]),
    )
    arguments = ["--simulate", "--duration", "0", "--start", "now", "--port", str(ports[0]), *_NO_LIMIT]
    for market, symbol in _SYMBOLS.items():
        arguments += ["--symbol", f"{market}:{symbol}"]
    for label, kind in _ACCOUNTS.items():
        arguments += ["--account", f"{label}:{kind}"]
    arguments += ["--keys-dir", str(site.folder / "keys")]
    exchange = stack.enter_context(site.process("exchange", ["-m", "sandbox", "exchange", *arguments]))
    exchange.wait_ready(http_answers(f"{url}/sandbox/status"), _READY_S)
    worker = stack.enter_context(
        site.process("worker-private", ["-m", "processors", "worker", "private"], env=environment)
    )
    worker.wait_ready(http_answers(f"http://127.0.0.1:{ports[2]}/ready"), _READY_S)
    ingest = stack.enter_context(site.process("ingest", ["-m", "ingest", "run"], env=environment))
    control, wanted = ExchangeControl(url), {(market, label) for market in Market for label in _ACCOUNTS}
    ingest.wait_ready(lambda: control.listening() >= wanted, _READY_S)
    return url, [exchange, worker, ingest]


def rows_of(reader: OrderReader) -> Iterator[Row]:
    """Return the rows of all that a reader noted: all of it, by market, the last third, and the raw records."""
    begun_ns = min(received_ns for received_ns, _ in reader.raw.values()) + WARM_UP_NS
    counted = {place: times[0] for place, times in reader.raw.items() if times[0] >= begun_ns}
    last_ns = max(counted.values(), default=begun_ns)
    ours = _row("ours", reader, counted)
    yield msgspec.structs.replace(
        ours,
        events_per_second=len(counted) / max(1.0, (last_ns - begun_ns) / 1e9),
        lost=sum(standing not in reader.known for standing in reader.told.values()),
        duplicates=reader.duplicates,
    )
    for market in Market:
        yield _row(f"ours, {market}", reader, {place: ns for place, ns in counted.items() if place[0] is market})
    third_ns = last_ns - (last_ns - begun_ns) // 3
    yield _row("ours, the last third", reader, {place: ns for place, ns in counted.items() if ns >= third_ns})
    yield timed("the raw record alone", [reader.raw[place] for place in counted])


def _row(name: str, reader: OrderReader, received_ns: Mapping[Place, int]) -> Row:
    at_hand = reader.at_hand_ns
    return timed(name, [(ns, at_hand[place]) for place, ns in received_ns.items() if place in at_hand])
