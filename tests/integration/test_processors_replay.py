"""`binance-processors replay`: the same log gives the same hash, whatever the batches, the workers and the kills."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import ControlType, RawType, Topic, TopicTable
from tests.conftest import Registry
from tests.support.broker_io import committed, create_topics, existing_topics, send
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.raw_logs import difficult_log


pytestmark = pytest.mark.timeout(240)

_STARTED = re.compile(rb"worker (\d) of (books|trades) started, process (\d+)")


class Replays:
    """Replays of one log."""

    def __init__(self, servers: str, registry_url: str, prefix: str, directory: Path) -> None:
        self.servers = servers
        self.prefix = prefix
        self.directory = directory
        self._registry_url = registry_url
        self._count = 0

    async def run(self, *options: str, **env: str) -> dict[str, Any]:
        """Replay the plan of all, and return the report."""
        async with self.started(*options, **env) as (process, _):
            pass
        assert process.returncode == 0
        return self.report()

    def report(self) -> dict[str, Any]:
        report = json.loads((self.directory / f"{self._count}.json").read_text())
        assert isinstance(report, dict)
        return report

    def said(self) -> str:
        return (self.directory / f"{self._count}.err").read_text()

    def workers(self) -> list[tuple[str, int]]:
        """Return the workers that were started, family and process, the last ones last."""
        found = _STARTED.findall((self.directory / f"{self._count}.err").read_bytes())
        return [(family.decode(), int(pid)) for _, family, pid in found]

    @asynccontextmanager
    async def started(self, *options: str, **env: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
        """Run a replay; leaving waits for its end."""
        self._count += 1
        output_prefix = f"{self.prefix}-r{self._count}"
        with (
            (self.directory / f"{self._count}.json").open("wb") as out,
            (self.directory / f"{self._count}.err").open("wb") as err,
        ):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "processors", "replay", "--json", "--output-prefix", output_prefix),
                *("--plan", str(self.directory / "plan.json"), *options),
                env={
                    "PATH": "",
                    "KAFKA_BOOTSTRAP_SERVERS": self.servers,
                    "SCHEMA_REGISTRY_URL": self._registry_url,
                    "TOPIC_PREFIX": self.prefix,
                    "PROCESSORS_MARKETS": '["spot","usdm"]',
                    "PROCESSORS_SESSION_TIMEOUT_S": "6",
                    "PROCESSORS_COMMIT_INTERVAL_S": "0.1",
                    "PROCESSORS_CHECKPOINT_INTERVAL_S": "1",
                    **env,
                },
                stdout=out,
                stderr=err,
            )
            try:
                yield process, output_prefix
                await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    async def until_midway(self, group: str) -> None:
        """Wait until something more is committed."""
        before = sum((await committed(self.servers, group)).values())

        async def more() -> bool:
            return sum((await committed(self.servers, group)).values()) > before

        await until(more)


def inputs_of(table: TopicTable) -> list[Topic]:
    """Return what the families read; what they write is not there at all."""
    read = (RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH, RawType.TICKER, RawType.MINI_TICKER)
    return [
        *(table.raw(market, of) for market in (Market.SPOT, Market.USDM) for of in read),
        *(table.control(of) for of in (ControlType.HEARTBEAT, ControlType.GAP)),
    ]


@pytest.fixture
async def replays(kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path) -> Replays:
    table = TopicTable(topic_prefix)
    with SchemaRegistry(registry.url) as client:
        await create_topics(kafka.bootstrap_servers, inputs_of(table))
        await asyncio.to_thread(client.register, table)
        await send(kafka.bootstrap_servers, difficult_log(table, Codec(table, client), steps=1_500))
    return Replays(kafka.bootstrap_servers, registry.url, topic_prefix, tmp_path)


def topics_of(report: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {one["topic"]: (one["rows"], one["hash"]) for one in report["topics"]}


async def test_batches_workers_and_kills_do_not_change_the_hash(replays: Replays) -> None:
    once = await replays.run("--rows", str(replays.directory / "once"))
    again = await replays.run("--workers", "2", PROCESSORS_BATCH_RECORDS="37")
    async with replays.started("--rows", str(replays.directory / "killed"), PROCESSORS_BATCH_RECORDS="20") as (_, to):
        for family in ("books", "trades"):
            await replays.until_midway(f"{to}-processors-{family}")
            os.kill([pid for one, pid in replays.workers() if one == family][-1], signal.SIGKILL)
    killed = replays.report()

    assert topics_of(again) == topics_of(once)
    assert topics_of(killed) == topics_of(once)
    assert {once["hash"], again["hash"], killed["hash"]} == {once["hash"]}
    assert killed["restarts"] == 2
    rows = {topic: rows for topic, (rows, _) in topics_of(once).items()}
    assert {topic for topic, count in rows.items() if count} >= {
        "spot.trade", "spot.top-of-book", "spot.book-snapshot", "spot.ticker", "spot.candle-1m", "usdm.trade",
        "control.dead-letter",
    }  # fmt: skip
    assert not [name for name in await existing_topics(replays.servers) if "-r1." in name or "-r3." in name]
