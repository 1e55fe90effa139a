"""Symbols that come and go while ingest runs: the file is changed, and what stays is not disturbed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from ingest.kafka_log import LogRecord, read_to_end
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.ports import free_port
from sandbox.simulation.config import SimulationConfig
from schemas.codec import Codec
from schemas.control import Connection, ConnectionEvent, Heartbeat
from schemas.markets import Market
from schemas.registry import Registry as RegistryClient
from schemas.topics import ControlType, RawType, TopicTable, partition_of
from tests.conftest import Registry
from tests.support.ingest_service import create_topics
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.project import ROOT
from tests.support.witness import Witness


pytestmark = pytest.mark.timeout(300)

BTC, ETH, SOL, XRP = SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
SNAPSHOTS = [BTC, ETH, SOL, ETH, XRP]
"""One for each time that a symbol is taken."""


class Place:
    """An exchange, a broker, and a configuration file that a process of ingest watches."""

    def __init__(
        self, server: ExchangeServer, witness: Witness, brokers: str, registry: str, table: TopicTable
    ) -> None:
        self.server = server
        self.witness = witness
        self.table = table
        self.http_port = free_port("127.0.0.1")
        self._brokers = brokers
        self._registry = registry

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self._brokers,
            "SCHEMA_REGISTRY_URL": self._registry,
            "TOPIC_PREFIX": self.table.prefix,
            "INGEST_ENDPOINT": "sandbox",
            "INGEST_ALLOW_PLAINTEXT": "true",
            "INGEST_SANDBOX_URL": self.server.url,
            "INGEST_HTTP__PORT": str(self.http_port),
            "INGEST_INGEST_ID": "i1",
            "INGEST_REPAIR__ENABLED": "false",
            # Two symbols fill a connection, four need a second one.
            "INGEST_CONNECTION__STREAMS_PER_CONNECTION": '{"spot": 4}',
        }

    async def trades(self) -> dict[str, list[LogRecord]]:
        """The raw trades of each symbol."""
        found: defaultdict[str, list[LogRecord]] = defaultdict(list)
        for record in await read_to_end(self._brokers, self.table.raw(Market.SPOT, RawType.TRADE)):
            found[(record.key or b"").decode()].append(record)
        return found

    async def snapshots(self) -> list[str]:
        """The symbols of the depth snapshots."""
        records = await read_to_end(self._brokers, self.table.raw(Market.SPOT, RawType.DEPTH))
        return [(one.key or b"").decode() for one in records if b"lastUpdateId" in (one.value or b"")]

    async def decoded(self, control_type: ControlType) -> list[Any]:
        topic = self.table.control(control_type)
        with RegistryClient(self._registry) as client:
            codec = Codec(self.table, client)
            records = await read_to_end(self._brokers, topic)
            return [codec.decode(topic.name, one.partition, one.offset, one.value) for one in records]

    async def ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.http_port}/ready") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def subscribed(self, symbols: Sequence[str]) -> bool:
        return bool(self.server.status()["subscriptions"] == 2 * len(symbols))


@pytest.fixture
async def place(kafka: Broker, registry: Registry, topic_prefix: str) -> AsyncIterator[Place]:
    await asyncio.to_thread(create_topics, kafka.bootstrap_servers, registry.url, topic_prefix)
    witness = Witness(SimulationConfig(symbols={Market.SPOT: SYMBOLS}, duration_s=None, activity=3.0))
    async with ExchangeServer(witness, ExchangeSettings(port=0, start=StartMode.MANUAL)) as server:
        yield Place(server, witness, kafka.bootstrap_servers, registry.url, TopicTable(topic_prefix))


@asynccontextmanager
async def process(place: Place, config: Path, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as output:
        started = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "ingest", "run", "-c", str(config), cwd=ROOT, env=place.environment, stdout=output
        )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


def ids(records: Sequence[LogRecord]) -> list[int]:
    return [json.loads(record.value or b"")["t"] for record in records]


def header(record: LogRecord, name: str) -> str:
    return dict(record.headers)[name].decode()


async def test_symbols_come_and_go_without_a_reconnect_and_without_a_gap_in_the_others(
    place: Place, tmp_path: Path
) -> None:
    config, log = tmp_path / "ingest.yaml", tmp_path / "log"

    def wish(symbols: str) -> None:
        config.write_text(f'markets: {{spot: {{symbols: {symbols}, streams: [trade, "depth@100ms"]}}}}')

    wish("[BTCUSDT, ETHUSDT]")
    async with process(place, config, log) as ingest:
        await until(lambda: place.subscribed([BTC, ETH]))
        place.server.start()
        await until(place.ready)

        wish("[BTCUSDT, SOLUSDT]")
        await until(lambda: arrived(place, {SOL: 5}))
        eth_before = ids((await place.trades())[ETH])

        wish("[BTCUSDT, SOLUSDT]\n  nonsense: 1")
        ingest.send_signal(signal.SIGHUP)
        await until(lambda: said(log, "configuration is wrong"))

        wish('["*USDT"]')
        ingest.send_signal(signal.SIGHUP)
        await until(lambda: arrived(place, {SOL: 10, XRP: 5, ETH: len(eth_before) + 5}))
        await until(place.ready)
        await until(lambda: vouched_for(place, set(SYMBOLS)))
        await until(lambda: snapshots_are_there(place))

        place.server.stop()
        await asyncio.sleep(1)
        ingest.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(ingest.wait(), 30) == 0

    trades = await place.trades()
    assert ids(trades[BTC]) == place.witness.trades[BTC]
    for symbol in (SOL, XRP):
        sent = place.witness.trades[symbol]
        assert ids(trades[symbol]) == sent[sent.index(ids(trades[symbol])[0]) :]
    eth = ids(trades[ETH])
    missed = set(place.witness.trades[ETH]) - set(eth)
    assert missed
    assert eth[: len(eth_before)] == eth_before
    assert min(missed) > eth_before[-1]

    events = [one for one in await place.decoded(ControlType.CONNECTION) if isinstance(one, Connection)]
    connected = [one.connection_id for one in events if one.event is ConnectionEvent.CONNECTED]
    assert sorted(connected) == ["i1.spot-0.1", "i1.spot-1.1"]
    assert {header(record, "connection_id") for record in trades[BTC] + trades[SOL]} == {"i1.spot-0.1"}
    assert sorted(await place.snapshots()) == sorted(SNAPSHOTS)


async def arrived(place: Place, counts: dict[str, int]) -> bool:
    trades = await place.trades()
    return all(len(trades[symbol]) >= count for symbol, count in counts.items())


async def snapshots_are_there(place: Place) -> bool:
    return len(await place.snapshots()) >= len(SNAPSHOTS)


async def said(log: Path, text: str) -> bool:
    return text in await asyncio.to_thread(log.read_text)


async def vouched_for(place: Place, symbols: set[str]) -> bool:
    """Whether the last word of each partition of trades is about these symbols."""
    rosters: dict[int, set[str]] = {}
    for one in await place.decoded(ControlType.HEARTBEAT):
        assert isinstance(one, Heartbeat)
        if one.stream == RawType.TRADE and one.symbols is not None:
            rosters[one.partition] = set(one.symbols)
    return {(partition_of(one), one) for one in symbols} == {
        (partition, one) for partition, names in rosters.items() for one in names
    }
