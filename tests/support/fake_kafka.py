"""Faust on a log in memory: its real app, conductor, streams, agents and commit loop; no broker, no thread.

Differences from a broker that matter here: one member only, and a rebalance happens when the test says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import faust
from faust.transport import base
from faust.transport.conductor import Conductor
from faust.transport.producer import Producer
from faust.types import TP, ConsumerMessage, RecordMetadata
from mode import CrashingSupervisor
from yarl import URL

from processors.batching.batch import BatchSchema
from processors.batching.consumer import AssignmentListener, BatchingConsumer, DeliveryLimits, NoListener


@dataclass(frozen=True)
class FakeRecord:
    topic: str
    partition: int
    offset: int
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = b""
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class FakeLog:
    """Partitions and what the group committed."""

    records: dict[TP, list[FakeRecord]] = field(default_factory=dict)
    committed: dict[TP, int] = field(default_factory=dict)
    commits: list[dict[TP, int]] = field(default_factory=list)
    earliest: dict[TP, int] = field(default_factory=dict)

    def append(self, topic: str, partition: int, value: bytes, *, offset: int | None = None) -> int:
        records = self.records.setdefault(TP(topic, partition), [])
        if offset is None:
            offset = records[-1].offset + 1 if records else 0
        records.append(FakeRecord(topic, partition, offset, value=value))
        return offset

    def fill(self, topic: str, partition: int, count: int) -> None:
        for _ in range(count):
            offset = len(self.records.get(TP(topic, partition), ()))
            self.append(topic, partition, b"%d" % offset)

    def end(self, tp: TP) -> int:
        records = self.records.get(tp)
        return records[-1].offset + 1 if records else 0


class FakeConsumer(BatchingConsumer):
    consumer_stopped_errors = ()
    max_fetch = 500

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.at: dict[TP, int] = {}
        self.mine: set[TP] = set()
        self.records_come: asyncio.Event | None = None
        """If set: a fetch that finds nothing waits for it and looks again, as aiokafka's does over a rebalance."""
        self.fetch_waits = False
        self.seek_may_end: asyncio.Event | None = None
        """If set: a seek waits for it before it asks for the last of what it needs."""
        self.seek_waits = False
        self.kept_alive = 0
        super().__init__(*args, **kwargs)
        self.limits = self.fake.limits
        self.listener = self.fake.listener

    @property
    def fake(self) -> FakeApp:
        return cast(FakeApp, self.app)

    @property
    def log_(self) -> FakeLog:
        return self.fake.fake_log

    async def subscribe(self, topics: Iterable[str]) -> None:
        wanted = set(topics)
        mine = {tp for tp in self.fake.fake_assignment if tp.topic in wanted}
        self._first = asyncio.ensure_future(self.rebalance(mine))

    async def rebalance(self, mine: set[TP]) -> None:
        """Take all partitions away and give these, as the eager protocol does."""
        self.app.on_rebalance_start()
        if self.mine:
            await self.on_partitions_revoked(set(self.mine))
        self.mine = set(mine)
        self.at = {}
        self.app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(mine), self.app.consumer_generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {tp: self.log_.committed.get(tp) for tp in self.mine}  # type: ignore[misc]

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        self.at.update(partitions)

    async def _seek(self, partition: TP, offset: int) -> None:
        self.at[partition] = offset

    async def position(self, tp: TP) -> int | None:
        return self.at.get(tp)

    def assignment(self) -> set[TP]:
        return set(self.mine)

    def highwater(self, tp: TP) -> int:
        return self.log_.end(tp)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        return {tp: self.log_.earliest.get(tp, 0) for tp in partitions}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        if self.seek_may_end is not None:
            self.seek_waits = True
            await self.seek_may_end.wait()
            self.seek_waits = False
        return {tp: self.log_.end(tp) for tp in partitions}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.log_.committed.update(offsets)
        self.log_.commits.append(dict(offsets))
        return True

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> dict[TP, list[FakeRecord]]:  # noqa: ASYNC109 - Faust's
        fetched = self._take(active_partitions)
        if not fetched and active_partitions and self.records_come is not None:
            self.fetch_waits = True
            await self.records_come.wait()
            self.fetch_waits = False
            fetched = self._take(active_partitions)
        await asyncio.sleep(0 if fetched else min(timeout, 0.01))
        return fetched

    def _take(self, active_partitions: set[TP] | None) -> dict[TP, list[FakeRecord]]:
        fetched = {}
        for tp in sorted((active_partitions or set()) & self.at.keys()):  # without a position nothing is fetched
            at = self.at[tp]
            records = [r for r in self.log_.records.get(tp, ()) if r.offset >= at][: self.max_fetch]
            if records:
                fetched[tp] = records
                self.at[tp] = records[-1].offset + 1
        return fetched

    async def keep_alive(self) -> None:
        self.kept_alive += 1

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        raise NotImplementedError

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def topic_partitions(self, topic: str) -> int | None:
        return None

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        return partition

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError


class FakeProducer(Producer):
    async def send(self, *args: Any, **kwargs: Any) -> RecordMetadata:  # type: ignore[override]
        raise NotImplementedError

    async def flush(self) -> None:
        await self.buffer.flush()

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        raise NotImplementedError

    def key_partition(self, topic: str, key: bytes) -> TP:
        return TP(topic, 0)


class FakeTransport(base.Transport):
    Consumer = FakeConsumer
    Producer = FakeProducer
    Conductor = Conductor
    default_port = 0
    driver_version = "fake"


class FakeApp(faust.App):
    """A Faust app on a :class:`FakeLog`."""

    def __init__(
        self,
        log: FakeLog,
        assignment: Iterable[TP],
        *,
        limits: DeliveryLimits | None = None,
        listener: AssignmentListener | None = None,
    ) -> None:
        self.fake_log = log
        self.fake_assignment = set(assignment)
        self.limits = limits or DeliveryLimits()
        self.listener = listener or NoListener()
        super().__init__(
            "fake",
            env={},
            broker="kafka://localhost:1",
            store="memory://",
            autodiscover=False,
            topic_disable_leader=True,
            web_enabled=False,
            table_standby_replicas=1,
            broker_commit_interval=0.02,
            stream_wait_empty=True,
            cython_optimizations=True,
            agent_supervisor=CrashingSupervisor,
        )

    def _new_transport(self) -> FakeTransport:
        return FakeTransport([URL("kafka://localhost")], self)

    def _new_producer_transport(self) -> FakeTransport:
        return FakeTransport([URL("kafka://localhost")], self)

    def _create_directories(self) -> None:
        pass

    def batches(self, *topics: str) -> Any:
        return self.topic(*topics, schema=BatchSchema())

    @property
    def fake_consumer(self) -> FakeConsumer:
        consumer = self.consumer
        assert isinstance(consumer, FakeConsumer)
        return consumer
