"""How far each partition may be committed, when records are handed out in batches.

Pure: no Faust, no Kafka. A partition's position moves only over batches that were finished, in the order in which they
were handed out. What lies between two batches (offsets that compaction removed) is passed together with the batch
after it, so a hole in the offsets never stops the position and never lets it run ahead of an unfinished batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Generic, TypeVar


__all__ = ["Positions"]

K = TypeVar("K", bound=Hashable)
"""A topic and partition."""


class _Partition:
    """One assigned partition: what is committed, finished, and handed out."""

    __slots__ = ("committed", "finished", "next", "pending", "position")

    def __init__(self, start: int) -> None:
        self.committed = start
        self.position = start
        self.next = start
        self.pending: deque[int] = deque()
        self.finished: set[int] = set()


class Positions(Generic[K]):
    """The positions of all assigned partitions of one consumer, valid for one generation of its group."""

    def __init__(self) -> None:
        self._generation: int | None = None
        self._partitions: dict[K, _Partition] = {}

    def assign(self, generation: int, starts: Mapping[K, int]) -> None:
        """Forget everything and begin anew: the offset at which each partition goes on.

        Batches of earlier generations may still finish afterwards; they change nothing.
        """
        self._generation = generation
        self._partitions = {key: _Partition(start) for key, start in starts.items()}

    def revoke(self, keys: Iterable[K]) -> None:
        """Forget partitions that were taken away."""
        for key in keys:
            self._partitions.pop(key, None)

    def assigned(self) -> Collection[K]:
        """Return the partitions that have a position."""
        return self._partitions.keys()

    def next_offset(self, key: K) -> int | None:
        """Return the first offset of a partition that was not handed out; None: not assigned."""
        partition = self._partitions.get(key)
        return None if partition is None else partition.next

    def position(self, key: K) -> int | None:
        """Return the first offset of a partition that is not done; None: not assigned."""
        partition = self._partitions.get(key)
        return None if partition is None else partition.position

    def in_flight(self, key: K) -> int:
        """Return how many batches of a partition were handed out and are not finished."""
        partition = self._partitions.get(key)
        return 0 if partition is None else len(partition.pending) - len(partition.finished)

    def hand_out(self, key: K, last: int) -> None:
        """Note that the records of a partition from its next offset up to ``last`` were handed out as one batch.

        Raises:
            ValueError: the partition is not assigned, or these records were handed out before.
        """
        partition = self._partitions.get(key)
        if partition is None or last < partition.next:
            msg = f"{key}: batch up to offset {last} does not continue its partition"
            raise ValueError(msg)
        partition.pending.append(last)
        partition.next = last + 1

    def finish(self, key: K, last: int, generation: int | None) -> bool:
        """Note that the batch that ends with ``last`` is done, outputs and all.

        Returns:
            Whether it counted: it does not when its partition was taken away, or given anew, since it was handed out.
        """
        partition = self._partitions.get(key)
        if partition is None or generation != self._generation:
            return False
        if last not in partition.pending or last in partition.finished:
            return False
        partition.finished.add(last)
        while partition.pending and partition.pending[0] in partition.finished:
            done = partition.pending.popleft()
            partition.finished.discard(done)
            partition.position = done + 1
        return True

    def committable(self) -> dict[K, int]:
        """Return the positions that are ahead of what is committed."""
        return {
            key: partition.position
            for key, partition in self._partitions.items()
            if partition.position > partition.committed
        }

    def committed(self, positions: Mapping[K, int], generation: int | None) -> None:
        """Note that the broker took these positions, which were read from :meth:`committable` in ``generation``."""
        if generation != self._generation:
            return
        for key, position in positions.items():
            partition = self._partitions.get(key)
            if partition is not None:
                partition.committed = max(partition.committed, position)

    @property
    def generation(self) -> int | None:
        """The group's generation that the positions belong to; None before the first assignment."""
        return self._generation
