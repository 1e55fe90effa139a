"""Membership in the consumer group that shares the partitions of the raw topics among all who repair."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.structs import TopicPartition

from schemas.topics import Topic


__all__ = ["group_member"]

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


@asynccontextmanager
async def group_member(
    bootstrap_servers: str,
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
        bootstrap_servers=bootstrap_servers,
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
    await reader.start()
    try:
        yield reader
    finally:
        await reader.stop()
