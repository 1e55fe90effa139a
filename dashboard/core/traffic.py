"""How much goes through the topics, and how long it takes: from looks at their ends, and from some of their records."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import msgspec

from dashboard.core.answers import Document
from dashboard.core.measures import Rate, Sample


__all__ = ["GroupLook", "Lags", "Topics"]

_RATE_OVER_S: Final = 10.0
_LAG_OVER_S: Final = 60.0
_LAGS_KEPT: Final = 2_000


class GroupLook(msgspec.Struct, frozen=True):
    """What the broker says of a consumer group."""

    group: str
    state: str
    """As Kafka spells it, in lower case; ``unknown``: it does not say, or there is no such group."""
    members: int | None
    committed: Mapping[tuple[str, int], int]
    """The next offset of each topic and partition that the group committed."""


class _Topic:
    __slots__ = ("ends", "moved_at", "rate")

    def __init__(self) -> None:
        self.ends: Mapping[int, int] = {}
        self.rate = Rate(_RATE_OVER_S)
        self.moved_at: float | None = None


class Topics:
    """The ends of topics, and what groups have read of them."""

    def __init__(self) -> None:
        self._topics: dict[str, _Topic] = {}
        self._groups: Sequence[GroupLook] = ()

    def note_ends(self, topic: str, ends: Mapping[int, int], at_s: float) -> list[int]:
        """Note where a topic ends; returns the partitions that grew since the last look."""
        known = self._topics.setdefault(topic, _Topic())
        grown = [partition for partition, end in ends.items() if end > known.ends.get(partition, end)]
        known.ends = ends
        known.rate.note(sum(ends.values()), at_s)
        if grown:
            known.moved_at = at_s
        return grown

    def note_groups(self, groups: Sequence[GroupLook]) -> None:
        """Note how groups stand."""
        self._groups = groups

    def records_per_s(self, topic: str) -> float | None:
        """Return how fast a topic grows; None: not known yet."""
        known = self._topics.get(topic)
        rate = None if known is None else known.rate.per_s()
        return None if rate is None else round(rate, 2)

    def end_offset(self, topic: str) -> int | None:
        """Return the sum of its partitions' ends; None: not known."""
        known = self._topics.get(topic)
        return None if known is None else sum(known.ends.values())

    def still_s(self, topic: str, at_s: float) -> float | None:
        """Return for how long a topic has not grown; None: it was never seen to grow."""
        known = self._topics.get(topic)
        return None if known is None or known.moved_at is None else at_s - known.moved_at

    def documents(self) -> list[Document]:
        """Return every topic, by name."""
        return [
            {"name": name, "records_per_s": self.records_per_s(name), "end_offset": self.end_offset(name)}
            for name in sorted(self._topics)
        ]

    def group_documents(self) -> list[Document]:
        """Return every group with what it has not read."""
        return [
            {"group": one.group, "state": one.state, "members": one.members, "lag_records": self._lag(one)}
            for one in self._groups
        ]

    def _lag(self, group: GroupLook) -> int | None:
        behind = [
            max(0, end - offset)
            for (topic, partition), offset in group.committed.items()
            if (end := self._end(topic, partition)) is not None
        ]
        return sum(behind) if behind else None

    def _end(self, topic: str, partition: int) -> int | None:
        known = self._topics.get(topic)
        return None if known is None else known.ends.get(partition)


class Lags:
    """How long records took, by topic, of the last minute."""

    def __init__(self) -> None:
        self._samples: dict[str, Sample] = {}
        self._newest_ms: dict[str, int] = {}

    def note(self, topic: str, event_time: int, reached_ms: int, at_s: float) -> None:
        """Note a record: when it happened at the venue, and when it had reached where it is measured."""
        self._newest_ms[topic] = max(event_time, self._newest_ms.get(topic, event_time))
        self._samples.setdefault(topic, Sample(_LAG_OVER_S, _LAGS_KEPT)).note(reached_ms - event_time, at_s)

    def age_ms(self, topic: str, now_ms: int) -> int | None:
        """Return the age of the newest event that was seen; None: none was."""
        newest = self._newest_ms.get(topic)
        return None if newest is None else max(0, now_ms - newest)

    def percentiles(self, topic: str, at_s: float) -> tuple[int | None, int | None]:
        """Return the median and the 99th percentile; None: nothing was measured lately."""
        sample = self._samples.get(topic)
        if sample is None:
            return None, None
        half, most = sample.percentiles(0.5, 0.99, at_s=at_s)
        return half, most

    def topics(self) -> Collection[str]:
        """Return the topics that anything was measured of."""
        return self._samples.keys()
