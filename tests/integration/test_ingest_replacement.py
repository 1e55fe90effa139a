"""Sockets and processes that are replaced while an exchange trades: not one trade may be missing in the raw log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
import structlog

from ingest.config import Settings
from ingest.kafka_log import LogRecord, read_to_end
from ingest.service import Service
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.ports import free_port
from sandbox.simulation.config import SimulationConfig
from schemas.codec import Codec
from schemas.control import Connection, ConnectionEvent, Heartbeat
from schemas.markets import Market
from schemas.registry import Registry as RegistryClient
from schemas.topics import ControlType, RawType, Topic, TopicTable
from tests.conftest import Registry
from tests.support.fakes import RealClocks
from tests.support.ingest_service import create_topics
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.project import ROOT
from tests.support.witness import Witness


pytestmark = pytest.mark.timeout(240)

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STREAMS = ("trade", "depth@100ms", "bookTicker", "kline_1m")


class Place:
    """An exchange, a broker and a registry, and topics of one test's own."""

    def __init__(self, witness: Witness, server: ExchangeServer, broker: Broker, registry: str, prefix: str) -> None:
        self.witness = witness
        self.server = server
        self.table = TopicTable(prefix)
        self._broker = broker.bootstrap_servers
        self._registry = registry

    def settings(self, **more: Any) -> Settings:
        return Settings(
            kafka_bootstrap_servers=self._broker,
            schema_registry_url=self._registry,
            topic_prefix=self.table.prefix,
            endpoint="sandbox",  # type: ignore[arg-type]  # pydantic converts
            allow_plaintext=True,
            sandbox_url=self.server.url,
            markets={"spot": {"symbols": SYMBOLS, "streams": STREAMS}},  # type: ignore[arg-type]  # pydantic converts
            repair={"enabled": False},  # type: ignore[arg-type]  # nothing may be filled in
            **more,
        )

    def environment(self, ingest_id: str, http_port: int) -> dict[str, str]:
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self._broker,
            "SCHEMA_REGISTRY_URL": self._registry,
            "TOPIC_PREFIX": self.table.prefix,
            "INGEST_ENDPOINT": "sandbox",
            "INGEST_ALLOW_PLAINTEXT": "true",
            "INGEST_SANDBOX_URL": self.server.url,
            "INGEST_HTTP__PORT": str(http_port),
            "INGEST_INGEST_ID": ingest_id,
            "INGEST_REPAIR__ENABLED": "false",
            "INGEST_MARKETS__SPOT__SYMBOLS": ",".join(SYMBOLS),
            "INGEST_MARKETS__SPOT__STREAMS": ",".join(STREAMS),
        }

    async def read(self, topic: Topic) -> list[LogRecord]:
        return await read_to_end(self._broker, topic)

    async def decoded(self, control_type: ControlType) -> list[Any]:
        topic = self.table.control(control_type)
        with RegistryClient(self._registry) as client:
            codec = Codec(self.table, client)
            return [codec.decode(topic.name, one.partition, one.offset, one.value) for one in await self.read(topic)]

    async def copies(self) -> dict[str, Counter[int]]:
        """How often the raw log holds each trade."""
        copies = {symbol: Counter[int]() for symbol in SYMBOLS}
        for record in await self.read(self.table.raw(Market.SPOT, RawType.TRADE)):
            trade = json.loads(record.value or b"")
            copies[trade["s"]][trade["t"]] += 1
        return copies

    async def logged(self, symbol: str) -> list[int]:
        """The trades of a symbol as the raw log has them, in its order."""
        records = await self.read(self.table.raw(Market.SPOT, RawType.TRADE))
        return [json.loads(one.value or b"")["t"] for one in records if one.key == symbol.encode()]

    async def missing(self) -> dict[str, list[int]]:
        copies = await self.copies()
        return {symbol: [one for one in self.witness.trades[symbol] if not copies[symbol][one]] for symbol in SYMBOLS}


@pytest.fixture
async def place(kafka: Broker, registry: Registry, topic_prefix: str) -> AsyncIterator[Place]:
    await asyncio.to_thread(create_topics, kafka.bootstrap_servers, registry.url, topic_prefix)
    witness = Witness(SimulationConfig(symbols={Market.SPOT: SYMBOLS}, duration_s=None, activity=3.0))
    settings = ExchangeSettings(port=0, start=StartMode.MANUAL)
    async with ExchangeServer(witness, settings) as server:
        yield Place(witness, server, kafka, registry.url, topic_prefix)


@asynccontextmanager
async def process(place: Place, ingest_id: str, http_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest",
        "run",
        cwd=ROOT,
        env=place.environment(ingest_id, http_port),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
        await started.wait()


async def answer(http_port: int) -> tuple[int, dict[str, Any]]:
    """What `/ready` says; status 0 where nobody listens yet."""
    try:
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{http_port}/ready") as response:
            return response.status, await response.json()
    except aiohttp.ClientConnectionError:
        return 0, {}


async def ready(http_port: int) -> bool:
    return (await answer(http_port))[0] == 200


async def test_a_process_replaced_by_another_that_is_ready_loses_no_trade(place: Place) -> None:
    old_port, new_port = free_port("127.0.0.1"), free_port("127.0.0.1")
    async with process(place, "old", old_port) as old:
        await until(lambda: waits_for_events(old_port))
        place.server.start()
        await until(lambda: ready(old_port))
        async with process(place, "new", new_port) as new:
            await until(lambda: ready(new_port))
            old.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(old.wait(), 30) == 0
            await asyncio.sleep(3)
            place.server.stop()
            await asyncio.sleep(1)
            new.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(new.wait(), 30) == 0

    assert all(len(place.witness.trades[symbol]) > 20 for symbol in SYMBOLS)
    assert await place.missing() == {symbol: [] for symbol in SYMBOLS}
    assert any(times == 2 for copies in (await place.copies()).values() for times in copies.values())


async def waits_for_events(http_port: int) -> bool:
    """Whether everything is acknowledged, and the first events alone are missing for readiness."""
    status, state = await answer(http_port)
    expected = len(SYMBOLS) * (len(STREAMS) - 1)  # trades may be quiet
    return status == 503 and state.get("spot-0") == f"waiting for the first event of {expected} streams"


async def test_rotations_lose_no_trade_double_none_and_never_interrupt_the_heartbeats(place: Place) -> None:
    settings = place.settings(
        http={"enabled": False},
        connection={"rotate_after_s": 8, "rotate_stagger_s": 0, "rotate_deadline_s": 600, "rotate_overlap_s": 2},
    )
    async with running(settings):
        await until(lambda: is_live(place))
        place.server.start()
        await until(lambda: rotated(place, 2), timeout_s=120)
        place.server.stop()
        await asyncio.sleep(1)

    assert await place.missing() == {symbol: [] for symbol in SYMBOLS}
    assert all(times == 1 for copies in (await place.copies()).values() for times in copies.values())
    for symbol in SYMBOLS:
        assert await place.logged(symbol) == place.witness.trades[symbol]

    events = [one for one in await place.decoded(ControlType.CONNECTION) if isinstance(one, Connection)]
    events.sort(key=lambda one: one.time)
    ends = [one.reason for one in events if one.event is ConnectionEvent.DISCONNECTED]
    assert ends[:2] == ["rotated: successor i1.spot-0.2 proven", "rotated: successor i1.spot-0.3 proven"]
    shards: dict[tuple[str, int], list[int]] = {}
    for one in await place.decoded(ControlType.HEARTBEAT):
        assert isinstance(one, Heartbeat)
        shards.setdefault((one.stream, one.partition), []).append(one.vouched_until)
    longest = max(later - earlier for times in shards.values() for earlier, later in pairwise(sorted(times)))
    assert longest < 5_000
    snapshots = [
        record
        for record in await place.read(place.table.raw(Market.SPOT, RawType.DEPTH))
        if b"lastUpdateId" in (record.value or b"")
    ]
    assert len(snapshots) == len(SYMBOLS)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    service = Service(settings, "i1", RealClocks(), structlog.get_logger())
    task = asyncio.create_task(service.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def is_live(place: Place) -> bool:
    return place.server.status()["subscriptions"] == len(SYMBOLS) * len(STREAMS)


async def rotated(place: Place, times: int) -> bool:
    events = await place.decoded(ControlType.CONNECTION)
    return sum(one.event is ConnectionEvent.DISCONNECTED for one in events) >= times
