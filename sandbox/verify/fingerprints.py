"""Comparing two collections of payloads byte for byte, without keeping them.

Each payload is reduced to a 128-bit hash. The sum of all hashes tells at once whether two collections hold the same
payloads equally often, in whatever order; only when they do not are the hashes on disk counted one by one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec


__all__ = ["Fingerprints", "MultisetDifference", "compare_fingerprints"]

_HASH_BYTES = 16
_MODULUS = 1 << (8 * _HASH_BYTES)
_BUFFER_BYTES = 1 << 14
_READ_HASHES = 1 << 12
_HASHES_AT_A_TIME = 1 << 20


class Fingerprints:
    """The hashes of a collection of payloads, in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._buffer = bytearray()
        self._sum = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def digest(self) -> int:
        """A number that collections of equal payloads share, whatever their order."""
        return self._sum

    def add(self, payload: bytes | memoryview) -> None:
        """Take one payload in."""
        digest = hashlib.blake2b(payload, digest_size=_HASH_BYTES).digest()
        self._sum = (self._sum + int.from_bytes(digest, "little")) % _MODULUS
        self._count += 1
        self._buffer += digest
        if len(self._buffer) >= _BUFFER_BYTES:
            self._flush()

    def hashes(self) -> Iterator[bytes]:
        """Yield the hash of each payload in the order in which they came."""
        self._flush()
        if not self._count:
            return
        with self._path.open("rb") as file:
            while block := file.read(_HASH_BYTES * _READ_HASHES):
                for start in range(0, len(block), _HASH_BYTES):
                    yield block[start : start + _HASH_BYTES]

    def _flush(self) -> None:
        if self._buffer:
            with self._path.open("ab") as file:
                file.write(self._buffer)
            self._buffer.clear()


class MultisetDifference(msgspec.Struct, frozen=True):
    """How a collection that was published differs from the one that was recorded."""

    missing: int
    """Recorded payloads that were not published."""
    duplicates: int
    """Published once too often: repetitions beyond those of the recording."""
    foreign: int
    """Published payloads that the recording does not hold, altered ones among them."""


def compare_fingerprints(recorded: Fingerprints, published: Fingerprints) -> MultisetDifference:
    """Count what is missing, repeated and foreign among the published payloads.

    Memory is bounded: of large collections a slice of the hashes is counted at a time, with a pass over the files for
    each.
    """
    if len(recorded) == len(published) and recorded.digest == published.digest:
        return MultisetDifference(0, 0, 0)
    slices = max(len(recorded), len(published)) // _HASHES_AT_A_TIME + 1
    missing = duplicates = foreign = 0
    for number in range(slices):
        expected = Counter(_slice(recorded, number, slices))
        actual = Counter(_slice(published, number, slices))
        missing += (expected - actual).total()
        for digest, excess in (actual - expected).items():
            if digest in expected:
                duplicates += excess
            else:
                foreign += excess
    return MultisetDifference(missing, duplicates, foreign)


def _slice(fingerprints: Fingerprints, number: int, slices: int) -> Iterator[bytes]:
    return (digest for digest in fingerprints.hashes() if int.from_bytes(digest[:4], "little") % slices == number)
