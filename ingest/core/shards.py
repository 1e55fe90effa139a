"""Which part of the streams a process takes when one process is not enough for all.

The parts are cut by partition: shard ``i/n`` takes the symbols whose partition modulo ``n`` is ``i``. So every
partition is filled by one shard alone, and its heartbeats can vouch for it; were symbols dealt out in any other way, no
process could say of any partition that it is complete.

Streams about all symbols belong to shard 0: each of them would bring every process every symbol's events, and write
them as often as there are processes. No heartbeat vouches for such a stream, so no promise is hurt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Self

from msgspec import Struct

from ingest.core.streams import Stream
from schemas.topics import PARTITIONS, partition_of


__all__ = ["ProcessShard"]

_FORM: Final = re.compile(r"([0-9]{1,4})/([0-9]{1,4})", re.ASCII)


class ProcessShard(Struct, frozen=True):
    """One part of several."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``0/2``.

        Raises:
            ValueError: it is none, or there is no such part.
        """
        found = _FORM.fullmatch(text.strip())
        if found is None:
            raise ValueError("must be a part and how many there are, from 0: 0/2, 1/2")
        index, count = int(found[1]), int(found[2])
        if not 1 <= count <= PARTITIONS:
            msg = f"there can be 1 to {PARTITIONS} parts, as many as a topic has partitions"
            raise ValueError(msg)
        if index >= count:
            msg = f"the parts of {count} are 0/{count} to {count - 1}/{count}"
            raise ValueError(msg)
        return cls(index, count)

    @property
    def text(self) -> str:
        """As the configuration spells it."""
        return f"{self.index}/{self.count}"

    def holds(self, symbol: str | None) -> bool:
        """Return whether a symbol belongs here; None: what is about all symbols."""
        return (0 if symbol is None else partition_of(symbol) % self.count) == self.index

    def of(self, streams: Iterable[Stream]) -> list[Stream]:
        """Return the streams that belong here, in their order."""
        return [stream for stream in streams if self.holds(stream.symbol)]
