"""What a worker is started for: the live topics, or a stretch of them again, into topics of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from faust.types import TP

from processors.batching import RawRecord
from processors.core.replay_range import PartitionRange, ReplayPlan
from processors.outputs import Produced, SetAside
from processors.publisher import Grouped, Publisher
from processors.units import Flow, Unit, UnitFactory
from schemas.codec import Codec
from schemas.topics import Topic, TopicTable


__all__ = ["Job", "ReplayJob", "renamed"]


@dataclass(frozen=True)
class Job:
    """The live topics: on from where the group left off."""

    ends: Mapping[TP, int] = field(default_factory=dict)
    """Partitions that end somewhere, and the first offset of each that is no longer wanted."""

    def group(self, prefix: str, family: str) -> str:
        """Return the name of the consumer group."""
        return f"{prefix}-processors-{family}"

    def written(self, topics: Iterable[Topic]) -> list[Topic]:
        """Return the topics that are written in the place of these."""
        return list(topics)

    def units(self, table: TopicTable, codec: Codec) -> UnitFactory:
        """Return what makes the units."""
        return UnitFactory(table, codec)

    def publisher(self, publisher: Publisher) -> Publisher:
        """Return what outputs are given to."""
        return publisher


class ReplayJob(Job):
    """A stretch of the topics again.

    Every state begins empty where its stretch begins, and nothing beyond its end is applied. Time is the records'
    alone: no tick of a clock comes to a state, and no snapshot is asked for.

    Args:
        plan: the stretch.
        output_prefix: first part of the names of the topics that are written, and of the groups.
    """

    def __init__(self, plan: ReplayPlan, output_prefix: str) -> None:
        super().__init__({TP(one.topic, one.partition): one.end for one in plan.ranges})
        self._plan = plan
        self._prefix = output_prefix

    def group(self, prefix: str, family: str) -> str:
        """Return the name of the replay's own consumer group."""
        return f"{self._prefix}-processors-{family}"

    def written(self, topics: Iterable[Topic]) -> list[Topic]:
        """Return the topics that are written in the place of these."""
        return [
            msgspec.structs.replace(topic, name=renamed(topic.name, self._plan.prefix, self._prefix))
            for topic in topics
        ]

    def units(self, table: TopicTable, codec: Codec) -> UnitFactory:
        """Return what makes units that are bounded by the stretch."""
        return _ReplayUnits(table, codec, self._plan.ranges)

    def publisher(self, publisher: Publisher) -> Publisher:
        """Return a publisher that writes under the replay's prefix."""
        return _RenamingPublisher(publisher, self._plan.prefix, self._prefix)


def renamed(name: str, prefix: str, other: str) -> str:
    """Return the name that a topic has under another prefix.

    Raises:
        ValueError: it is not under ``prefix``.
    """
    if not name.startswith(f"{prefix}."):
        msg = f'topic "{name}": is not under the prefix "{prefix}"'
        raise ValueError(msg)
    return other + name[len(prefix) :]


class _RenamingPublisher:
    """Writes to the topics of the same names under another prefix."""

    def __init__(self, publisher: Publisher, prefix: str, other: str) -> None:
        self._publisher = publisher
        self._prefix = prefix
        self._other = other

    async def publish(self, records: Grouped) -> None:
        """Return when all records are acknowledged, see :class:`~processors.publisher.Publisher`."""
        await self._publisher.publish(
            {
                (renamed(topic, self._prefix, self._other), partition): group
                for (topic, partition), group in records.items()
            }
        )


class _ReplayUnit(Unit):
    """A unit that applies nothing beyond the end of its stretch, and to which time comes from records alone."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.ends: dict[str, int] = {}
        """The first offset of each topic that is not wanted."""

    def apply(self, records: Sequence[RawRecord], *, lagging: bool | None) -> list[Produced | SetAside]:
        """Apply those of the records that are wanted; they are old, whenever they were received."""
        del lagging
        end = self.ends[records[0].topic]
        wanted = [record for record in records if record.offset < end]
        return super().apply(wanted, lagging=True) if wanted else []

    def tick(self, now_ms: int) -> list[Produced]:
        """Change nothing: a replay has no clock."""
        del now_ms
        return []


class _ReplayUnits(UnitFactory):
    """Makes units that begin and end with a stretch of their topics."""

    kind = _ReplayUnit

    def __init__(self, table: TopicTable, codec: Codec, ranges: Sequence[PartitionRange]) -> None:
        super().__init__(table, codec)
        self._ranges = {(one.topic, one.partition): one for one in ranges}

    def unit(self, flow: Flow, partition: int) -> Unit:
        """Return the empty unit of a partition, at the beginning of its stretch."""
        unit = super().unit(flow, partition)
        assert isinstance(unit, _ReplayUnit)  # noqa: S101 - the kind that is made
        for topic in flow.topic_names:
            one = self._ranges[topic, partition]
            unit.pass_over(topic, one.begin)
            unit.ends[topic] = one.end
        return unit
