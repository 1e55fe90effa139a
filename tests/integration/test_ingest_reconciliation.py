"""Accounts of the simulated exchange compared over REST: what the streams miss is in the log, whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
import structlog
from yarl import URL

from ingest.accounts.keys import KeyRing
from ingest.config import Settings
from ingest.core.endpoints import Environment
from ingest.core.signing import signed_query
from ingest.kafka_log import LogRecord, read_latest, read_to_end
from ingest.service import Service
from sandbox.exchange.private.accounts import AccountSpec, PrivateSettings
from sandbox.exchange.private.keys import KeyKind
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.simulation.accounts.robot import Robot
from schemas.codec import Codec
from schemas.control import AccountProgress, ReconcileCause
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import ControlType, RawType, TopicTable, partition_of
from tests.conftest import Registry
from tests.support.account_told import told_by, truth_of
from tests.support.fakes import RealClocks
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.unit.sandbox.simulation.accounts.stage import OPENING, SYMBOLS, Stage, quiet


pytestmark = pytest.mark.timeout(240)

MARKETS: Final = (Market.SPOT, Market.USDM)
PREFIXES: Final = {Market.SPOT: "api/v3", Market.USDM: "fapi/v1"}


class Scene:
    """An exchange with one account on two markets, a robot on each of them, and the log."""

    def __init__(self, server: ExchangeServer, stage: Stage, broker: Broker, registry: Registry, prefix: str) -> None:
        self.server = server
        self.stage = stage
        self.table = TopicTable(prefix)
        self._broker = broker.bootstrap_servers
        self._registry = registry.url
        self._robots = {market: Robot(market, "robot", stage.rules(market), seed=3) for market in MARKETS}

    @asynccontextmanager
    async def ingest(self, keys: Path) -> AsyncIterator[None]:
        settings = Settings(
            kafka_bootstrap_servers=self._broker,
            schema_registry_url=self._registry,
            topic_prefix=self.table.prefix,
            endpoint=Environment.SANDBOX,
            allow_plaintext=True,
            sandbox_url=self.server.url,
            keys_dir=keys,
            accounts={"main": {"markets": list(MARKETS)}},  # type: ignore[dict-item]  # pydantic converts
            http={"enabled": False},  # type: ignore[arg-type]  # likewise
        )
        stop = asyncio.Event()
        service = Service(settings, "one", RealClocks(), structlog.get_logger())
        running = asyncio.create_task(service.run(stop))
        try:
            yield
        finally:
            stop.set()
            await running

    async def trade(self, keys: Path, count: int) -> None:
        """Let the robots do something, signed as anybody must."""
        key = KeyRing(keys, {}, Environment.SANDBOX).load("main", {})
        headers = {"X-MBX-APIKEY": key.api_key.reveal()}
        async with aiohttp.ClientSession(headers=headers) as session:
            for market, robot in self._robots.items():
                for _ in range(count):
                    ask = robot.next({symbol: self.stage.quote(market, symbol) for symbol in SYMBOLS[market]})
                    timing = {"timestamp": self.stage.source.clock_ms(), "recvWindow": 60_000}
                    query = signed_query({**ask.params, **timing}, key.signer)
                    url = URL(f"{self.server.url}/{PREFIXES[market]}/{ask.path}?{query}", encoded=True)
                    async with session.request(ask.method, url) as answer:
                        robot.answered(ask, answer.status, await answer.json())

    async def fault(self, **fault: Any) -> str:
        url = f"{self.server.url}/sandbox/faults"
        async with aiohttp.ClientSession() as session, session.post(url, json=fault) as answer:
            assert answer.status in {200, 201}, await answer.text()
            return str((await answer.json())["id"])

    async def end_fault(self, number: str) -> None:
        async with aiohttp.ClientSession() as session:
            await session.delete(f"{self.server.url}/sandbox/faults/{number}")

    # What is in the log

    async def compared(self, cause: ReconcileCause, since: int) -> None:
        """Wait until both markets are compared for a cause, by a comparison that began after a time."""

        async def are_noted() -> bool:
            notes = await self.notes()
            return {note.market for note in notes if note.cause is cause and note.time > since} == set(MARKETS)

        await until(are_noted, timeout_s=100)

    async def notes(self) -> list[AccountProgress]:
        """Return the last note of each market."""
        topic = self.table.control(ControlType.ACCOUNT_PROGRESS)
        registry = SchemaRegistry(self._registry)
        try:
            codec = Codec(self.table, registry)
            records = await read_latest(self._broker, topic, [partition_of("main")])
            values = [codec.decode(topic.name, one.partition, one.offset, one.value) for one in records]
            return [one for one in values if isinstance(one, AccountProgress)]
        finally:
            registry.close()

    async def raw(self, market: Market, raw_type: RawType) -> list[LogRecord]:
        return await read_to_end(self._broker, self.table.raw(market, raw_type))

    async def events_of_orders(self, market: Market) -> set[int]:
        events = [json.loads(one.value or b"{}") for one in await self.raw(market, RawType.ORDER_UPDATE)]
        orders = [one.get("o") if market.is_futures else one for one in events]
        return {int(one.get("i", 0)) for one in orders if isinstance(one, dict)}

    async def check(self) -> None:
        for market in MARKETS:
            answers = await self.raw(market, RawType.ORDER_SNAPSHOT)
            books: Any = self.stage.source.account_books(market)
            assert told_by(answers) == truth_of(books["main"])
            await self._check_offsets(market, answers)

    async def _check_offsets(self, market: Market, answers: list[LogRecord]) -> None:
        """What a stream told before an answer was there is below the offset that the answer is to be applied at."""
        events = await self.raw(market, RawType.ORDER_UPDATE)
        for answer in answers:
            headers = dict(answer.headers)
            earlier = [
                event.offset
                for event in events
                if event.partition == answer.partition
                and int(dict(event.headers)["receive_time_ns"]) <= int(headers["receive_time_ns"])
            ]
            assert max(earlier, default=-1) < int(headers["after_offset"])


async def test_what_streams_miss_and_what_happens_while_ingest_is_away_is_in_the_log(
    kafka: Broker, registry: Registry, prefix: str, tmp_path: Path
) -> None:
    stage = Stage(quiet(symbols={market: SYMBOLS[market] for market in MARKETS}), accounts=("other",))
    private = PrivateSettings(
        accounts=[AccountSpec(label="main", kind=KeyKind.ED25519)], keys_dir=tmp_path, balances=OPENING
    )
    settings = ExchangeSettings(port=0, start=StartMode.NOW, private=private)
    async with ExchangeServer(stage.source, settings) as server:
        scene = Scene(server, stage, kafka, registry, prefix)
        async with scene.ingest(tmp_path):
            await scene.compared(ReconcileCause.START, 0)
            await scene.trade(tmp_path, 20)
            drop = {"fault": "drop", "stream": "*", "account": "main", "connection": "all", "count": 10**6}
            faults = [await scene.fault(market=market, **drop) for market in MARKETS]
            await scene.trade(tmp_path, 20)
            for number in faults:
                await scene.end_fault(number)
            now = stage.source.clock_ms()
            await scene.fault(fault="reset", connection="all", account="main")
            await scene.compared(ReconcileCause.RECONNECT, now)

            await scene.check()
            missed: set[int] = set()
            for market in MARKETS:
                books: Any = stage.source.account_books(market)
                ids = {one["orderId"] for one in books["main"]["orders"]}
                missed |= ids - await scene.events_of_orders(market)
            # An order of which a later event is told, a fill or its end, was not missed.
            assert missed, "nothing was missed"

        await scene.trade(tmp_path, 20)
        now = stage.source.clock_ms()
        async with scene.ingest(tmp_path):
            await scene.compared(ReconcileCause.START, now)

            await scene.check()
