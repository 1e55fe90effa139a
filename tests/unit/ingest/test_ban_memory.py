from __future__ import annotations

from ingest.ban_memory import BanMemory
from ingest.control_records import ControlRecords
from ingest.core.budget import Importance
from schemas.codec import Codec
from schemas.control import Progress
from schemas.markets import Market
from schemas.topics import TopicTable
from tests.support.fakes import FakeClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.rest import rest_pool


WALL_MS = 1_700_000_000_000
PROGRESS = "binance.control.progress"


async def test_what_one_run_writes_down_the_next_one_holds() -> None:
    publisher, codec = RecordingPublisher(), Codec(TopicTable(), OfflineRegistry())
    memory = BanMemory(publisher, ControlRecords(TopicTable(), codec), lambda: WALL_MS)
    spot, futures = (rest_pool(FakeClocks(WALL_MS), market) for market in (Market.SPOT, Market.COINM))

    memory.remember(futures.name, WALL_MS + 90_000)
    records = await publisher.arrived(PROGRESS, 1)
    decoded = [codec.decode(record.topic, record.partition, 0, record.value) for record in records]
    memory.restore([note for note in decoded if isinstance(note, Progress)], [spot, futures])

    assert [record.key for record in records] == [b"usdm|rest-ban|futures"]
    assert [pool.wait_s(1, Importance.CLOCK) for pool in (spot, futures)] == [0, 90]
