"""From the socket of ingest to a reader of ``order``: exchange with accounts, robots, ingest, broker, a worker, reader.

All processes as they are deployed, on all cores of the machine, which they share with this reader. Robots place and
cancel orders by signed requests for two accounts on three markets, steadily and far below what the processes can
take. The time of an order event is from the moment ingest read its bytes (``receive_time_ns``, before parsing) to the
moment a reader of uncommitted records has in hand the first record of ``order`` that names it (``input_offset``).
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Final

import msgspec

from bench.live_reader import LiveReader
from bench.order_notes import WARM_UP_NS, OrderNotes, OrderTopics, rows_of
from bench.probe import ask_exchange
from bench.results import Section
from bench.site import Site
from sandbox.demo.exchange_control import ExchangeControl
from sandbox.ports import free_port
from sandbox.probes import http_answers
from sandbox.processes import ManagedProcess
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import TopicTable


__all__ = ["measure"]

_READY_S: Final = 120.0
_POLL_S: Final = 0.1
_SYMBOLS: Final = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}
_ACCOUNTS: Final = {"main": "hmac", "hedge": "ed25519"}
_EVERY_S: Final = 0.04
"""How long the robots, who take turns, wait after each request."""
_ENDLESS: Final = 1_000_000
_NO_LIMIT: Final = ("--weight-limit", "spot=1000000", "--weight-limit", "futures=1000000")
"""The robots ask for the best prices before each order: of that the venue would allow less."""


def measure(site: Site, seconds: float) -> Section:
    """Run everything for a while; returns ``ours`` over all markets, and a row for each.

    Args:
        site: where.
        seconds: for how long, without the warming up.

    Raises:
        ProcessDiedError: something ended that was not asked to.
        ProcessNotReadyError: a server did not answer, or ingest did not listen to every account.
        RuntimeError: no order was told of.
    """
    table = site.set_up("bench-order-update")
    registry = Registry(site.registry.url)
    codec = Codec(table, registry)
    codec.prepare()
    notes = OrderNotes()
    topics = OrderTopics(table, codec, notes)
    reader = LiveReader(site.broker.bootstrap_servers, topics.names, topics.take)
    try:
        with ExitStack() as stack:
            url, processes = _start(site, table, stack)
            trade = [
                "--url",
                url,
                "--keys-dir",
                str(site.folder / "keys"),
                "--orders",
                str(_ENDLESS),
                "--every",
                str(_EVERY_S),
            ]
            robots = stack.enter_context(site.process("robots", ["-m", "sandbox", "trade", *trade]))
            _await_first(notes, reader, robots)
            reader.read(time.monotonic() + seconds + WARM_UP_NS / 1e9)
            for process in (*processes, robots):
                process.check_running()
            robots.stop()
            ask_exchange(url, "POST", "close")
            reader.drain()
    finally:
        reader.close()
        registry.close()
    return Section("Order event to order topic", list(rows_of(notes)))


def _await_first(notes: OrderNotes, reader: LiveReader, robots: ManagedProcess) -> None:
    """Read until there is an order event."""
    deadline_s = time.monotonic() + _READY_S
    while not notes.told:
        robots.check_running()
        if time.monotonic() > deadline_s:
            msg = f"no order event came within {_READY_S:g} s"
            raise RuntimeError(msg)
        reader.read(time.monotonic() + _POLL_S)


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
