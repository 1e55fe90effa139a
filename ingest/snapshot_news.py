"""What others say of depth snapshots: readers who wish for one, and processes that took one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.core.log_partitions import DEPTH_SNAPSHOT
from ingest.kafka_log import LogRecord, follow
from ingest.market_feed import MarketFeed
from ingest.producers import UNREACHABLE, reason_of
from schemas.codec import Codec, DecodeError
from schemas.control import Progress, SnapshotRequest
from schemas.kafka_access import Servers
from schemas.markets import Market
from schemas.registry import RegistryError
from schemas.topics import ControlType, TopicTable


__all__ = ["SnapshotNews", "tells_of_snapshot"]

_PAUSE_S: Final = 5.0
"""With the broker away, it is tried again after so long."""


class SnapshotNews(Struct, frozen=True):
    """Reads control topics on behalf of the markets."""

    bootstrap_servers: Servers
    table: TopicTable
    codec: Codec
    feeds: Mapping[Market, MarketFeed]
    log: BoundLogger

    async def follow_requests(self) -> None:
        """Hand the readers' wishes to the markets, until cancelled."""
        async for record in self._records(ControlType.SNAPSHOT_REQUEST):
            request = await self._decode(record)
            if isinstance(request, SnapshotRequest) and request.market in self.feeds:
                self.feeds[request.market].request_snapshot(request)

    async def follow_snapshots(self) -> None:
        """Tell the markets of every snapshot that is new in the log, until cancelled."""
        async for record in self._records(ControlType.PROGRESS, from_end=True):
            if not tells_of_snapshot(record.key):
                continue  # most are about trades, and need not be decoded
            note = await self._decode(record)
            if isinstance(note, Progress) and note.market in self.feeds:
                self.feeds[note.market].notice_snapshot(note)

    async def _records(self, control_type: ControlType, *, from_end: bool = False) -> AsyncIterator[LogRecord]:
        """Yield the records of a topic for ever, whatever the broker does."""
        topic = self.table.control(control_type)
        while True:
            try:
                async for record in follow(self.bootstrap_servers, topic, from_end=from_end):
                    yield record
            except UNREACHABLE as error:
                self.log.warning("control topic cannot be read", topic=topic.name, reason=reason_of(error))
            await asyncio.sleep(_PAUSE_S)

    async def _decode(self, record: LogRecord) -> Any:
        """Return a record's value; None: it cannot be read, which is told."""
        try:
            return await asyncio.to_thread(
                self.codec.decode, record.topic, record.partition, record.offset, record.value
            )
        except (DecodeError, RegistryError) as error:
            reason = str(error)
        self.log.error("control record cannot be read", topic=record.topic, reason=reason)
        return None


def tells_of_snapshot(key: bytes | None) -> bool:
    """Return whether a note of progress, by its key, is about a depth snapshot."""
    return key is not None and key.split(b"|")[1:2] == [DEPTH_SNAPSHOT.encode()]
