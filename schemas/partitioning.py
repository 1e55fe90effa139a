"""Which partition a key belongs to."""

from __future__ import annotations

from functools import lru_cache
from typing import Final


__all__ = ["PARTITIONS", "partition_of"]

PARTITIONS: Final = 12
"""Equal for all topics, so that everything about a symbol is in partitions of one number."""


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int = PARTITIONS) -> int:
    """Return the partition of a key, as Kafka's Java client chooses it.

    Murmur2 over the UTF-8 bytes, sign bit cleared, modulo the number of partitions (Kafka's
    ``BuiltInPartitioner.partitionForKey``). librdkafka's default differs: set ``partitioner=murmur2_random`` there.
    """
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """Return Kafka's murmur2 (seed 0x9747b28c) as an unsigned 32-bit number."""
    mask, multiplier = 0xFFFFFFFF, 0x5BD1E995
    length = len(data)
    value = (0x9747B28C ^ length) & mask
    whole = length & ~3
    for index in range(0, whole, 4):
        word = int.from_bytes(data[index : index + 4], "little") * multiplier & mask
        word = (word ^ word >> 24) * multiplier & mask
        value = (value * multiplier & mask) ^ word
    if tail := data[whole:]:
        value = (value ^ int.from_bytes(tail, "little")) * multiplier & mask
    value = (value ^ value >> 13) * multiplier & mask
    return value ^ value >> 15
