from __future__ import annotations

import asyncio
import socket

import structlog
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from ingest.control_records import ControlRecords
from ingest.metrics import Metrics
from ingest.repair import Repair
from ingest.repair_holes import RepairParts
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.support.fakes import RealClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry


async def test_with_the_broker_away_repair_tries_again_and_can_be_stopped() -> None:
    """What ended repair would end the service, and with it what the buffer holds for the broker's return."""
    table = TopicTable()
    parts = RepairParts(
        RecordingPublisher(),
        ControlRecords(table, Codec(table, OfflineRegistry())),
        table,
        {},
        lambda *_: [],
        lambda *_: True,
        Metrics(CollectorRegistry()),
        RealClocks(),
        structlog.get_logger(),
    )

    with capture_logs() as said, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        servers = f"127.0.0.1:{taken.getsockname()[1]}"
        topics = [table.raw(Market.SPOT, RawType.TRADE)]
        repair = Repair(servers, topics, "i", parts, progress_interval_s=5, tail_check_s=0)
        running = asyncio.ensure_future(repair.run())
        while not any(line["event"] == "log cannot be read" for line in said) and not running.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert not running.done()

        repair.stop()
        await asyncio.wait_for(running, 10)
