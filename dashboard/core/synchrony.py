"""Whether the present is known: each partition was read to the end that it had at the start."""

from __future__ import annotations

from collections.abc import Collection


__all__ = ["Contact", "Synchrony"]


class Synchrony:
    """How far the topics are read."""

    def __init__(self) -> None:
        self._missing: dict[str, dict[int, int]] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self.started = False
        """Whether it is known what there is to read."""

    def begin(self, topic: str, partition: int, position: int, end: int) -> None:
        """Note where reading a partition begins, and the end to reach."""
        self.started = True
        self._ends[topic, partition] = end
        missing = self._missing.setdefault(topic, {})
        missing.pop(partition, None)
        if position < end:
            missing[partition] = end - position

    def advance(self, topic: str, partition: int, position: int) -> None:
        """Note the offset that is read next."""
        missing = self._missing.get(topic)
        if missing and partition in missing:
            left = self._ends[topic, partition] - position
            if left > 0:
                missing[partition] = left
            else:
                del missing[partition]

    def unread(self) -> list[tuple[str, int]]:
        """Return the partitions whose end was not reached."""
        return [(topic, partition) for topic, missing in self._missing.items() for partition in missing]

    def obstacles(self, topics: Collection[str] | None = None) -> list[str]:
        """Say what is not read yet of these topics, or of all; nothing: the present is known."""
        if not self.started:
            return ["reading has not begun: waiting for the broker and the schema registry"]
        return [
            f'topic "{topic}": {sum(missing.values()):,} records to read in {len(missing)} partitions'
            for topic, missing in self._missing.items()
            if missing and (topics is None or topic in topics)
        ]


class Contact:
    """When the broker last answered. Times are of one monotonic clock, in seconds.

    Args:
        limit_s: after so long without an answer, what is known may be of the past.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._confirmed_at: float | None = None

    def confirm(self, at: float) -> None:
        """Note an answer."""
        self._confirmed_at = at

    def age_s(self, now: float) -> float | None:
        """Return how long ago the broker last answered; None: never."""
        return None if self._confirmed_at is None else now - self._confirmed_at

    def obstacle(self, now: float) -> str | None:
        """Say that the broker is away, if it is."""
        age_s = self.age_s(now)
        if age_s is None:
            return "the broker has not answered yet"
        return f"the broker has not answered for {age_s:.0f} s" if age_s > self._limit_s else None
