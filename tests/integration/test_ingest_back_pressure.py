"""A broker that is away: what the buffer can hold is held, what it cannot hold is not read, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from sandbox.broker import EmbeddedKafka
from sandbox.ports import free_port
from schemas.markets import Market
from schemas.topics import RawType
from tests.conftest import Registry
from tests.integration.test_ingest_process import ingest
from tests.support.ingest_service import VENUE, Site, create_topics, new_site
from tests.support.polling import until
from tests.support.venue import trade_frame


BUFFER_BYTES = 2 * 1024 * 1024
QUEUE_BYTES = 256 * 1024
PADDING = "x" * 4_000
"""In each frame, so that fewer are needed."""

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker of the test's own, which it may stop."""
    with EmbeddedKafka(tmp_path / "kafka", port=0) as broker:
        yield broker


class Running:
    """An ingest process that takes the trades of one symbol.

    Args:
        site: where.
        process: the process.
        port: where it serves its metrics.
    """

    def __init__(self, site: Site, process: asyncio.subprocess.Process, port: int) -> None:
        self.site = site
        self.process = process
        self.port = port
        self.sent = 0

    async def send(self, count: int) -> None:
        """Send trades whose ids go on; waits while ingest does not read."""
        for _ in range(count):
            self.sent += 1
            await self.site.venue.send(trade_frame(self.site.btc, self.sent, VENUE + self.sent, padding=PADDING))

    async def metric(self, name: str) -> float:
        """Return what a metric says, summed over its labels."""
        url = f"http://127.0.0.1:{self.port}/metrics"
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=10).read().decode())
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))

    def resident_bytes(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) * 1024

    async def logged(self) -> list[int]:
        """Return the ids in the log, in its order, once everything that was sent is there."""
        topic, ids = self.site.table.raw(Market.SPOT, RawType.TRADE), list[int]()

        async def everything_is_there() -> bool:
            records = await self.site.read(topic)
            ids[:] = [int(re.findall(rb'"t":(\d+)', one.value or b"")[0]) for one in records]
            return len(set(ids)) >= self.sent

        await until(everything_is_there, timeout_s=120, every_s=1)
        return ids


@asynccontextmanager
async def running(broker: EmbeddedKafka, registry: Registry, prefix: str) -> AsyncIterator[Running]:
    await asyncio.to_thread(create_topics, broker.bootstrap_servers, registry.url, prefix)
    port = free_port("127.0.0.1")
    async with new_site(broker.bootstrap_servers, registry.url, prefix) as site:
        limits = {
            "INGEST_HTTP__PORT": str(port),
            "INGEST_PRODUCER__BUFFER_BYTES": str(BUFFER_BYTES),
            "INGEST_PRODUCER__REQUEST_TIMEOUT_MS": "5000",
            "INGEST_CONNECTION__QUEUE_BYTES": str(QUEUE_BYTES),
        }
        async with ingest(site, "run", **limits) as process:
            await site.venue.until(lambda venue: bool(venue.subscriptions), timeout_s=60)
            yield Running(site, process, port)


@contextmanager
def frozen(broker: EmbeddedKafka) -> Iterator[None]:
    """Let the broker stand still: connections stay open, nothing is answered."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(broker.pid, signal.SIGCONT)


async def test_what_the_buffer_can_hold_is_held_while_the_broker_is_away_and_comes_in_order(
    broker: EmbeddedKafka, registry: Registry, topic_prefix: str
) -> None:
    async with running(broker, registry, topic_prefix) as one:
        await one.send(100)
        assert await one.logged() == list(range(1, 101))

        await asyncio.to_thread(broker.kill)
        await one.send(300)

        async def all_are_held() -> bool:
            return await one.metric("ingest_unacknowledged_records") >= 300

        await until(all_are_held)
        assert await one.metric("ingest_unacknowledged_bytes") < BUFFER_BYTES
        await asyncio.to_thread(broker.start)

        assert await one.logged() == list(range(1, 401))


async def test_with_the_buffer_full_the_reader_stops_memory_stays_bounded_and_nothing_is_lost(
    broker: EmbeddedKafka, registry: Registry, topic_prefix: str
) -> None:
    async with running(broker, registry, topic_prefix) as one:
        await one.send(100)
        await one.logged()
        base = one.resident_bytes()

        with frozen(broker):
            sending = asyncio.create_task(one.send(6_000))
            before = -1

            async def the_venue_cannot_send() -> bool:
                nonlocal before
                before, standing = one.sent, one.sent == before
                return standing and await one.metric("ingest_unacknowledged_bytes") >= BUFFER_BYTES

            await until(the_venue_cannot_send, every_s=2)
            assert not sending.done()
            held = await one.metric("ingest_unacknowledged_bytes")
            grown = one.resident_bytes() - base
        # Whether there is room is asked between two chunks: by no more than what was queued is the buffer overfilled.
        assert held < BUFFER_BYTES + 2 * QUEUE_BYTES
        assert grown < 2 * (BUFFER_BYTES + QUEUE_BYTES) + 16 * 1024 * 1024
        await sending

        found = await one.logged()
        # What was under way when the broker froze may have arrived and is sent again: twice in the log, in order still.
        assert list(dict.fromkeys(found)) == list(range(1, one.sent + 1))
