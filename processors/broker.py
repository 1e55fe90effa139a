"""Looking at the broker before work begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from processors.errors import BrokerUnavailableError, TopicPartitionsError, TopicsMissingError
from schemas.kafka_access import Servers, aiokafka_access
from schemas.kafka_refusal import refusal
from schemas.topics import Topic


__all__ = ["require_topics"]

_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 5.0


async def require_topics(
    bootstrap_servers: Servers, topics: Iterable[Topic], *, tell: Callable[[str], object], limit_s: float
) -> None:
    """Wait for the broker, then check that the topics exist as the topic table says. Creates nothing.

    Args:
        bootstrap_servers: the broker.
        topics: what the worker reads and writes.
        tell: called with a sentence at each failed attempt to reach the broker.
        limit_s: how long to wait in all.

    Raises:
        BrokerUnavailableError: it did not answer within the limit.
        TopicsMissingError: some topics do not exist.
        TopicPartitionsError: some have another number of partitions.
    """
    counts = await _partition_counts(bootstrap_servers, tell, limit_s)
    wanted = {topic.name: topic.partitions for topic in topics}
    if missing := sorted(name for name in wanted if name not in counts):
        raise TopicsMissingError(missing)
    if other := {name: counts[name] for name in wanted if counts[name] != wanted[name]}:
        raise TopicPartitionsError(other, max(wanted.values()))


async def _partition_counts(
    bootstrap_servers: Servers, tell: Callable[[str], object], limit_s: float
) -> dict[str, int]:
    loop, pause_s = asyncio.get_running_loop(), _PAUSE_S
    deadline = loop.time() + limit_s
    while True:
        try:
            return await _asked(bootstrap_servers)
        except (KafkaError, OSError) as error:
            refused = await asyncio.to_thread(refusal, bootstrap_servers)
            if loop.time() >= deadline:
                raise BrokerUnavailableError(bootstrap_servers, str(error), refused) from error
            tell(f"waiting for the broker at {bootstrap_servers} ({refused or error})")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


async def _asked(bootstrap_servers: Servers) -> dict[str, int]:
    client = AIOKafkaClient(**aiokafka_access(bootstrap_servers), client_id="binance-processors-start")
    try:
        await client.bootstrap()
        metadata = await client.fetch_all_metadata()
        return {name: len(metadata.partitions_for_topic(name) or ()) for name in metadata.topics()}
    finally:
        await client.close()
