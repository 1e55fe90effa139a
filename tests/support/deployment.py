"""Everything as it is deployed, a process each: an exchange, several times ingest, workers, on topics of one test."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from ingest.kafka_log import LogRecord, end_offsets, read_to_end
from sandbox.ports import free_port
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import RawType, Topic, TopicTable
from tests.support.broker_io import committed
from tests.support.ingest_service import create_topics
from tests.support.polling import until
from tests.support.processes import running_module


__all__ = ["ID_OF", "Deployment", "Ingest"]

ID_OF = {RawType.TRADE: "t", RawType.AGG_TRADE: "a"}
FILE_OF = {RawType.TRADE: "trades", RawType.AGG_TRADE: "agg-trades"}


class Ingest:
    """One ingest process.

    Args:
        process: it.
        ingest_id: names it in records.
        http_port: where it says whether it is ready.
    """

    def __init__(self, process: asyncio.subprocess.Process, ingest_id: str, http_port: int) -> None:
        self.process = process
        self.ingest_id = ingest_id
        self._http_port = http_port

    async def is_ready(self) -> bool:
        if self.process.returncode is not None:
            pytest.fail(f"ingest {self.ingest_id} ended with status {self.process.returncode}", pytrace=False)
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self._http_port}/ready") as answer,
            ):
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), 30)


class Deployment:
    """Topics under a prefix of their own and an exchange with its own log; ingest and workers are started on it.

    Args:
        broker: its address.
        registry: the client of the schema registry.
        prefix: of the topics.
        directory: for logs and what the exchange writes down.
        symbols: what is traded and taken, by market.
        streams: what is taken of each.
    """

    def __init__(
        self,
        broker: str,
        registry: Registry,
        prefix: str,
        directory: Path,
        *,
        symbols: Mapping[Market, Sequence[str]],
        streams: Sequence[str],
    ) -> None:
        self.broker = broker
        self.table = TopicTable(prefix)
        self.symbols = symbols
        self.streams = streams
        self._registry = registry
        self._codec = Codec(self.table, registry)
        self._directory = directory
        self._truth = directory / "truth"
        self._exchange_url = f"http://127.0.0.1:{free_port('127.0.0.1')}"

    @property
    def stream_count(self) -> int:
        """How many subscriptions make up everything."""
        return len(self.streams) * sum(map(len, self.symbols.values()))

    # Processes

    @asynccontextmanager
    async def exchange(self, *options: str) -> AsyncIterator[None]:
        """Create the topics, and run an exchange that waits until it is told to start."""
        await asyncio.to_thread(create_topics, self.broker, self._registry.url, self.table.prefix)
        named = [
            text for market, names in self.symbols.items() for one in names for text in ("--symbol", f"{market}:{one}")
        ]
        port = self._exchange_url.rpartition(":")[2]
        command = ["sandbox", "exchange", "--simulate", "--duration", "0", "--start", "manual", "--port", port]
        async with self._process("exchange", *command, "--truth", str(self._truth), *named, *options):
            await until(self._exchange_answers)
            yield

    @asynccontextmanager
    async def ingest(self, ingest_id: str, *options: str, **more: str) -> AsyncIterator[Ingest]:
        http_port = free_port("127.0.0.1")
        wanted = {
            f"INGEST_MARKETS__{market.upper()}__{key}": ",".join(values)
            for market, names in self.symbols.items()
            for key, values in (("SYMBOLS", names), ("STREAMS", self.streams))
        }
        settings = {
            "INGEST_ENDPOINT": "sandbox",
            "INGEST_ALLOW_PLAINTEXT": "true",
            "INGEST_SANDBOX_URL": self._exchange_url,
            "INGEST_HTTP__PORT": str(http_port),
            "INGEST_INGEST_ID": ingest_id,
            "INGEST_REST__API_KEY": "sandbox-test",
            **wanted,
            **more,
        }
        async with self._process(f"ingest-{ingest_id}", "ingest", "run", *options, **settings) as process:
            yield Ingest(process, ingest_id, http_port)

    @asynccontextmanager
    async def worker(self, family: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
        settings = {
            "PROCESSORS_METRICS_PORT": "0",
            "PROCESSORS_SESSION_TIMEOUT_S": "6",
            "PROCESSORS_COMMIT_INTERVAL_S": "0.2",
            "PROCESSORS_MARKETS": json.dumps(list(self.symbols)),
            **more,
        }
        async with self._process(f"worker-{family}", "processors", "worker", family, **settings) as process:
            yield process

    @asynccontextmanager
    async def _process(self, name: str, *command: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
        ours = {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "SCHEMA_REGISTRY_URL": self._registry.url,
            "TOPIC_PREFIX": self.table.prefix,
        }
        log, environment = self._directory / f"{name}.log", {**os.environ, **ours, **settings}
        async with running_module(log, *command, environment=environment) as process:
            yield process

    # The exchange

    async def ask(self, method: str, path: str, **arguments: Any) -> Any:
        """Return what the exchange's control API, or its REST, answers."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self._exchange_url}{path}", raise_for_status=True, **arguments) as answer,
        ):
            return await answer.json()

    async def order(self, fault: str, **fields: Any) -> int:
        """Order a fault; returns its id."""
        return int((await self.ask("POST", "/sandbox/faults", json={"fault": fault, **fields}))["id"])

    async def is_subscribed(self, stream_count: int) -> bool:
        """Whether connections carry so many streams."""
        return sum(len(one["streams"]) for one in await self.ask("GET", "/sandbox/connections")) == stream_count

    async def close_market(self) -> None:
        """Let trading end, and everything be told."""
        await self.ask("POST", "/sandbox/close")

        async def ended() -> bool:
            return bool((await self.ask("GET", "/sandbox/status"))["state"] == "ended")

        await until(ended)

    async def _exchange_answers(self) -> bool:
        try:
            return bool(await self.ask("GET", "/sandbox/status"))
        except aiohttp.ClientConnectionError:
            return False

    def truth(self, raw_type: RawType) -> dict[tuple[Market, str], list[int]]:
        """Return, by market and symbol, every id that the exchange gave, from its own log."""
        found = defaultdict[tuple[Market, str], list[int]](list)
        for market in self.symbols:
            path = self._truth / f"{market}.{FILE_OF[raw_type]}.jsonl"
            for line in map(msgspec.json.decode, path.read_bytes().splitlines()):
                found[market, line["s"]].append(line[ID_OF[raw_type]])
        return dict(found)

    def faults(self) -> list[dict[str, Any]]:
        """Return what faults did."""
        return [msgspec.json.decode(line) for line in (self._truth / "faults.jsonl").read_bytes().splitlines()]

    # Topics

    async def raw(self, market: Market, raw_type: RawType) -> list[LogRecord]:
        return await read_to_end(self.broker, self.table.raw(market, raw_type))

    async def senders(self, raw_type: RawType) -> dict[tuple[Market, str], dict[int, list[str]]]:
        """Return, by market, symbol and id, the connections that brought the copies of it in the raw log."""
        found: dict[tuple[Market, str], dict[int, list[str]]] = {}
        for market in self.symbols:
            for record in await self.raw(market, raw_type):
                value = msgspec.json.decode(record.value or b"")
                copies = found.setdefault((market, value["s"]), {}).setdefault(value[ID_OF[raw_type]], [])
                copies.append(dict(record.headers)["connection_id"].decode())
        return found

    async def decoded(self, topic: Topic) -> list[Any]:
        """Return the values on a topic, partition by partition."""
        records = sorted(await read_to_end(self.broker, topic), key=lambda one: (one.partition, one.offset))
        return [self._codec.decode(topic.name, one.partition, one.offset, one.value) for one in records]

    async def has_read_everything(self, family: str, raw_types: Collection[RawType]) -> bool:
        """Whether a worker has dealt with everything that is on raw topics now."""
        ends = await end_offsets(
            self.broker, [self.table.raw(market, one) for market in self.symbols for one in raw_types]
        )
        offsets = await committed(self.broker, f"{self.table.prefix}-processors-{family}")
        return all(offsets.get((one.topic, one.partition), 0) >= end for one, end in ends.items())
