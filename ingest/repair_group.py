"""Membership in the consumer group that shares the partitions of the raw topics among all who repair."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import TopicPartition
from msgspec import Struct

from schemas.kafka_access import Servers, aiokafka_access
from schemas.topics import Topic


__all__ = ["LeanRecord", "group_member", "take"]

_FETCH_BYTES: Final = 2 * 1024 * 1024
_FETCH_WAIT_MS: Final = 500
"""The broker answers when it has so much, or after so long: few large answers cost less than many small ones."""
_SESSION_MS: Final = 10_000


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Tells of partitions that come and go."""

    def __init__(
        self,
        assigned: Callable[[Iterable[TopicPartition]], None],
        revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
    ) -> None:
        self._assigned = assigned
        self._revoked = revoked

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Partitions are about to go to somebody else."""
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """These are all partitions that this member has from now on."""
        self._assigned(assigned)


class LeanRecord(Struct, gc=False):
    """What repair reads of a record.

    A consumer's own records cost 6 to 9 µs apiece, of which the most is the garbage collector's walk over their
    headers; these cost less than 3, reading and judging the ids included.
    """

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def take(reader: Any, max_records: int) -> Awaitable[dict[TopicPartition, list[LeanRecord]]]:
    """Return the records that a consumer has fetched, without waiting for more.

    Args:
        reader: the consumer; nobody else may read from it.
        max_records: how many at most.
    """
    # What was fetched is unpacked as it is taken, by a method that can be replaced; aiokafka is pinned. Without it, or
    # if a fetch comes between, the records are the consumer's own, which have these fields too.
    for fetched in getattr(reader._fetcher, "_records", {}).values():  # noqa: SLF001
        if (records := getattr(fetched, "_partition_records", None)) is not None:
            records._consumer_record = _lean  # noqa: SLF001
    batches: Awaitable[dict[TopicPartition, list[LeanRecord]]] = reader.getmany(timeout_ms=0, max_records=max_records)
    return batches


def _lean(_: TopicPartition, record: Any) -> LeanRecord:
    return LeanRecord(record.offset, record.timestamp, record.key, record.value)


@asynccontextmanager
async def group_member(
    bootstrap_servers: Servers,
    group_id: str,
    topics: Iterable[Topic],
    *,
    instance_id: str | None,
    assigned: Callable[[Any, Iterable[TopicPartition]], None],
    revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
) -> AsyncIterator[Any]:
    """Yield a consumer that is a member of the group; it leaves at the end.

    The assignor gives partitions of one number to one member, as long as all read the same topics.

    Args:
        bootstrap_servers: brokers.
        group_id: the group.
        topics: what to share.
        instance_id: makes the membership static: whoever comes back under it within the session gets its partitions
            back without a rebalance. None: dynamic.
        assigned: is told the consumer and all partitions that it has from now on.
        revoked: is awaited before partitions go to somebody else.
    """
    reader = AIOKafkaConsumer(
        **aiokafka_access(bootstrap_servers),
        group_id=group_id,
        group_instance_id=instance_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        partition_assignment_strategy=(RangePartitionAssignor,),
        session_timeout_ms=_SESSION_MS,
        heartbeat_interval_ms=_SESSION_MS // 4,
        fetch_min_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=_FETCH_WAIT_MS,
        max_partition_fetch_bytes=1024 * 1024,
    )
    reader.subscribe(
        [topic.name for topic in topics], listener=_Listener(lambda found: assigned(reader, found), revoked)
    )
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()
