"""The readers' wishes for depth snapshots, which come over a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from structlog.stdlib import BoundLogger

from ingest.kafka_log import follow
from ingest.market_feed import MarketFeed
from schemas.codec import Codec, DecodeError
from schemas.control import SnapshotRequest
from schemas.markets import Market
from schemas.registry import RegistryError
from schemas.topics import ControlType, TopicTable


__all__ = ["hand_on_requests"]


async def hand_on_requests(
    bootstrap_servers: str, table: TopicTable, codec: Codec, feeds: Mapping[Market, MarketFeed], log: BoundLogger
) -> None:
    """Hand the readers' wishes to the markets, until cancelled.

    Args:
        bootstrap_servers: brokers.
        table: names the topic.
        codec: reads the records.
        feeds: the markets; wishes about others are not for this process.
        log: told what cannot be read.
    """
    async for record in follow(bootstrap_servers, table.control(ControlType.SNAPSHOT_REQUEST)):
        try:
            request = await asyncio.to_thread(codec.decode, record.topic, record.partition, record.offset, record.value)
        except (DecodeError, RegistryError) as error:
            log.error("snapshot request cannot be read", reason=str(error))  # noqa: TRY400 - the reason says it all
            continue
        if isinstance(request, SnapshotRequest) and request.market in feeds:
            feeds[request.market].request_snapshot(request)
