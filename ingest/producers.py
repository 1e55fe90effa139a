"""The life of a producer: how it is made, what its failures mean, how it is got rid of."""

from __future__ import annotations

import asyncio
from typing import Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    CorruptRecordException,
    InvalidTimestampError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnknownError,
)

from schemas.kafka_access import Servers, aiokafka_access


__all__ = ["UNREACHABLE", "blames_records", "close", "connected", "reason_of"]

UNREACHABLE: Final = (KafkaError, OSError, TimeoutError)
"""What connecting raises when the broker is away."""
_START_S: Final = 15.0


async def connected(bootstrap_servers: Servers, client_id: str, request_timeout_ms: int) -> AIOKafkaProducer:
    """Return a producer that the broker has welcomed.

    Raises:
        KafkaError: the broker is away, or does not want it.
        OSError: as before.
        TimeoutError: as before.
    """
    producer = AIOKafkaProducer(
        **aiokafka_access(bootstrap_servers),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        request_timeout_ms=request_timeout_ms,
    )
    try:
        async with asyncio.timeout(_START_S):
            await producer.start()
    except BaseException:
        await close(producer, limit_s=1.0)
        raise
    return producer


def blames_records(error: BaseException) -> bool:
    """Return whether a failure may be the fault of a record: sent again, it would fail again."""
    return isinstance(
        error,
        # Kafka's INVALID_RECORD (87) is unknown to aiokafka.
        MessageSizeTooLargeError
        | RecordListTooLargeError
        | InvalidTimestampError
        | CorruptRecordException
        | UnknownError,
    )


async def close(producer: AIOKafkaProducer, limit_s: float) -> None:
    """Close a producer; one that cannot finish what it has, because the broker is away, is cut off."""
    try:
        async with asyncio.timeout(limit_s):
            await producer.stop()
    except (TimeoutError, KafkaError, OSError):
        pass
    finally:
        # `stop` may flush for ever. Left alone, the old producer would send stale batches once the broker is back.
        sender = producer._sender.sender_task  # noqa: SLF001 - no public way
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait([asyncio.ensure_future(producer.client.close()), sender], timeout=limit_s)


def reason_of(error: BaseException) -> str:
    """Return what an error says, or at least its kind."""
    return str(error) or type(error).__name__
