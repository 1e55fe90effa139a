"""The second copies of what two streams carry.

Since 2026-06-30 the all-market streams of USD-M and COIN-M deliver both markets on both hosts. Who subscribes on both
gets each event twice, and once is enough.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ingest.core.heads import Head


__all__ = ["SeenVersions"]

_REMEMBERED: Final = 8
"""Versions per symbol: how far one host may lag behind the other."""

_SYMBOLS: Final = 10_000
"""Names that are remembered, some times of what there is: whatever a venue sends, this does not grow without end."""


class SeenVersions:
    """Remembers the last versions of each symbol that came over such a stream."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], deque[tuple[int, int]]] = {}

    def is_new(self, topic: str, symbol: str, head: Head) -> bool:
        """Return whether this event was not seen yet, and remember it.

        The version is the event time; several book tickers of one millisecond are told apart by their update id.
        """
        version = (head.event_time or 0, getattr(head, "update_id", 0))
        seen = self._seen.get((topic, symbol))
        if seen is None:
            if len(self._seen) >= _SYMBOLS:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[topic, symbol] = deque(maxlen=_REMEMBERED)
        if version in seen:
            return False
        seen.append(version)
        return True
