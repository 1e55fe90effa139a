"""Accounts from the simulated exchange to their tables, processes as they are deployed; keys must be seen nowhere."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import pytest
from yarl import URL

from ingest.accounts.keys import AccountKey, KeyRing
from ingest.core.endpoints import Environment
from ingest.core.signing import signed_query
from ingest.kafka_log import LogRecord, consumer, partitions_of
from sandbox.ports import free_port
from schemas.markets import Market
from schemas.topics import Layer, RawType, Topic, TopicTable
from tests.conftest import Registry
from tests.support.ingest_service import create_topics
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.project import ROOT


pytestmark = pytest.mark.timeout(180)

SYMBOLS: Final = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}
ORDERS: Final = {Market.SPOT: "api/v3/order", Market.USDM: "fapi/v1/order", Market.COINM: "dapi/v1/order"}
LISTEN_KEYS: Final = {Market.USDM: "fapi/v1/listenKey", Market.COINM: "dapi/v1/listenKey"}
LABELS: Final = ("main", "hedge")


class Scene:
    """An exchange, ingest beside it, and all that either of them says."""

    def __init__(self, broker: str, registry_url: str, prefix: str, directory: Path) -> None:
        self.table = TopicTable(prefix)
        self.broker = broker
        self.exchange_port, self.http_port, self.worker_port = (free_port("127.0.0.1") for _ in range(3))
        self.keys_dir = directory / "keys"
        self.output = ""
        self.secrets: set[str] = set()
        self.sent: dict[tuple[Market, str], list[str]] = {(market, label): [] for market in SYMBOLS for label in LABELS}
        """The client's ids of the orders that were placed."""
        self._registry_url = registry_url

    @property
    def ingest(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def worker(self) -> str:
        return f"http://127.0.0.1:{self.worker_port}"

    @property
    def exchange(self) -> str:
        return f"http://127.0.0.1:{self.exchange_port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        symbols = [text for market, symbol in SYMBOLS.items() for text in ("--symbol", f"{market}:{symbol}")]
        accounts = ["--account", "main:hmac", "--account", "hedge:ed25519", "--keys-dir", str(self.keys_dir)]
        clock = ["--simulate", "--duration", "0", "--start", "now", "--port", str(self.exchange_port)]
        async with self._process("sandbox", "exchange", *clock, *symbols, *accounts):
            await until(self._exchange_answers)
            environment = {
                "KAFKA_BOOTSTRAP_SERVERS": self.broker,
                "SCHEMA_REGISTRY_URL": self._registry_url,
                "TOPIC_PREFIX": self.table.prefix,
                "INGEST_ENDPOINT": "sandbox",
                "INGEST_ALLOW_PLAINTEXT": "true",
                "INGEST_SANDBOX_URL": self.exchange,
                "INGEST_HTTP__PORT": str(self.http_port),
                "INGEST_KEYS_DIR": str(self.keys_dir),
                "INGEST_KEYS_LOOK_S": "0.2",
                "INGEST_CONNECTION__ROTATE_OVERLAP_S": "0.5",
                "INGEST_LOG_LEVEL": "debug",
                "INGEST_ACCOUNTS": json.dumps({label: {"markets": list(SYMBOLS)} for label in LABELS}),
            }
            environment |= {"PROCESSORS_METRICS_PORT": str(self.worker_port), "PROCESSORS_CHECKPOINT_INTERVAL_S": "1"}
            async with (
                self._process("ingest", "run", **environment),
                self._process("processors", "worker", "private", **environment),
            ):
                await until(self.is_ready)
                await until(self._worker_is_ready)
                yield

    @asynccontextmanager
    async def _process(self, *arguments: str, **more: str) -> AsyncIterator[None]:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            cwd=ROOT,
            env={**os.environ, **more},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        saying = asyncio.create_task(process.communicate())
        try:
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            said, _ = await saying
            print(said.decode())  # noqa: T201 - pytest shows it where the test failed
            if arguments[0] != "sandbox":
                self.output += said.decode()
                assert process.returncode == 0

    async def _exchange_answers(self) -> bool:
        return await self.page(f"{self.exchange}/api/v3/ping") == (200, "{}")

    async def _worker_is_ready(self) -> bool:
        return (await self.page(f"{self.worker}/ready"))[0] == 200

    async def is_ready(self) -> bool:
        return (await self.page(f"{self.ingest}/ready"))[0] == 200

    async def page(self, url: str, method: str = "GET", body: object = None) -> tuple[int, str]:
        try:
            async with aiohttp.ClientSession() as session, session.request(method, url, json=body) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectionError:
            return 0, ""

    async def metric(self, name: str) -> float:
        """Return the sum of a metric of ingest over its labels."""
        _, page = await self.page(f"{self.ingest}/metrics")
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(name))

    async def counts(self, name: str, count: int) -> None:
        """Wait until a metric of ingest comes to so much, or more: in a rotation two sockets have one listen key."""

        async def has_come() -> bool:
            return await self.metric(name) >= count

        await until(has_come)

    # What a client of the exchange does

    def key(self, label: str) -> AccountKey:
        """Return the account's present key, and remember what of it must be seen nowhere."""
        directory = self.keys_dir / label
        for name in ("api-key", "secret", "private-key.pem"):
            if (directory / name).exists():
                self.secrets |= {line for line in (directory / name).read_text().split("\n") if len(line) > 30}
        return KeyRing(self.keys_dir, {}, Environment.SANDBOX).load(label, {})

    async def order(self, label: str, market: Market) -> str:
        """Buy at the market; returns the client's id of the order."""
        key = self.key(label)
        client_id = f"{label}-{market}-{len(self.secrets)}-{asyncio.get_running_loop().time():.6f}".replace(".", "-")
        params: dict[str, str | int] = {
            "symbol": SYMBOLS[market],
            "side": "BUY",
            "type": "MARKET",
            "quantity": "1" if market is Market.COINM else "0.01",
            "newClientOrderId": client_id[:36],
        }
        _, body = await self.page(f"{self.exchange}/api/v3/time")
        params["timestamp"] = json.loads(body)["serverTime"]
        url = URL(f"{self.exchange}/{ORDERS[market]}?{signed_query(params, key.signer)}", encoded=True)
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, headers={"X-MBX-APIKEY": key.api_key.reveal()}) as answer,
        ):
            assert answer.status == 200, await answer.text()
        return client_id[:36]

    async def learn_listen_keys(self) -> None:
        """Ask for the listen keys, which are the same for all processes of an account."""
        for label in LABELS:
            headers = {"X-MBX-APIKEY": self.key(label).api_key.reveal()}
            for path in LISTEN_KEYS.values():
                async with (
                    aiohttp.ClientSession() as session,
                    session.post(f"{self.exchange}/{path}", headers=headers) as answer,
                ):
                    self.secrets.add((await answer.json())["listenKey"])

    async def trade(self) -> None:
        """Let each account buy on each market, and wait until that is in Kafka."""
        for market in SYMBOLS:
            for label in LABELS:
                self.sent[market, label].append(await self.order(label, market))
        await until(self._has_arrived)

    async def replace_keys(self) -> None:
        """Give the accounts new keys beside the old ones."""
        for label in LABELS:
            assert (await self.page(f"{self.exchange}/sandbox/accounts/{label}/keys", "POST", {}))[0] == 200

    async def revoke_old_keys(self) -> None:
        for label in LABELS:
            await self.page(f"{self.exchange}/sandbox/accounts/{label}/keys?keep=newest", "DELETE")

    async def expire_listen_keys(self) -> None:
        for market in LISTEN_KEYS:
            await self.page(f"{self.exchange}/sandbox/faults", "POST", {"fault": "expire-key", "market": market})

    # What is in Kafka

    async def filled(self) -> dict[tuple[Market, str], list[str]]:
        """Return the client's ids of filled orders, each once, in the order in which they are told."""
        found: dict[tuple[Market, str], dict[str, None]] = {flow: {} for flow in self.sent}
        markets = {self.table.raw(market, RawType.ORDER_UPDATE).name: market for market in SYMBOLS}
        for record in await self._read([self.table[name] for name in markets]):
            report = json.loads(record.value or b"")
            order = report.get("o", {}) if markets[record.topic].is_futures else report
            if order.get("X") == "FILLED":
                found[markets[record.topic], (record.key or b"").decode()][order["c"]] = None
        return {flow: list(ids) for flow, ids in found.items()}

    async def everything(self) -> list[LogRecord]:
        """Return the records of all topics that ingest writes to but those about the market."""
        return await self._read([topic for topic in self.table if topic.private or topic.layer is Layer.CONTROL])

    async def _has_arrived(self) -> bool:
        return await self.filled() == self.sent

    async def _read(self, topics: list[Topic]) -> list[LogRecord]:
        records: list[LogRecord] = []
        async with consumer(self.broker, topics) as reader:
            ends = await reader.end_offsets(partitions_of(topics))
            await reader.seek_to_beginning(*ends)
            for partition in [one for one, end in ends.items() if end > 0]:
                while await reader.position(partition) < ends[partition]:
                    batches = await reader.getmany(timeout_ms=200)
                    records += [record for batch in batches.values() for record in batch]
        return records


async def test_accounts_reach_kafka_while_keys_are_replaced_and_expire_and_nothing_secret_is_seen(
    kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(create_topics, kafka.bootstrap_servers, registry.url, topic_prefix)
    scene = Scene(kafka.bootstrap_servers, registry.url, topic_prefix, tmp_path)
    async with scene.running():
        await scene.trade()
        await scene.learn_listen_keys()

        await scene.replace_keys()
        await scene.trade()
        await scene.counts("ingest_account_key_replacements_total", len(scene.sent))
        await scene.revoke_old_keys()
        await scene.trade()
        await scene.learn_listen_keys()

        await scene.expire_listen_keys()
        await scene.counts("ingest_listen_key_expiries_total", len(LABELS) * len(LISTEN_KEYS))
        await until(scene.is_ready)
        await scene.trade()
        await scene.learn_listen_keys()
        services = (scene.ingest, scene.worker)
        pages = [await scene.page(f"{service}/{name}") for service in services for name in ("metrics", "ready")]

    records = await scene.everything()
    assert {record.topic.removesuffix(".v1").rpartition(".")[2] for record in records} >= {
        "order-update",
        "account-update",
        "order-snapshot",
        "account-snapshot",
        "connection",
        "account-progress",
        "order",
        "balance",
        "position",
        "account-checkpoint",
    }
    shown = [scene.output, *(text for _, text in pages), *(repr(record) for record in records)]
    assert len(scene.secrets) >= 14
    assert [text[:300] for secret in scene.secrets for text in shown if secret in text] == []
