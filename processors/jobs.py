"""What a worker is started for: the live topics, or a stretch of them again, into topics of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from faust.types import TP

from processors.batching import RawRecord
from processors.core.replay_range import PartitionRange, ReplayPlan
from processors.units import Applied, Flow, Unit, UnitFactory
from schemas.codec import Codec
from schemas.registry import SchemaSource
from schemas.topics import Topic, TopicTable


__all__ = ["Job", "ReplayJob"]


@dataclass(frozen=True)
class Job:
    """The live topics: on from where the group left off."""

    ends: Mapping[TP, int] = field(default_factory=dict)
    """Partitions that end somewhere, and the first offset of each that is no longer wanted."""

    def group(self, prefix: str, family: str) -> str:
        """Return the name of the consumer group."""
        return f"{prefix}-processors-{family}"

    def written(self, table: TopicTable) -> TopicTable:
        """Return the table of the topics that are written, checkpoints among them."""
        return table

    def schemas(self, registry: SchemaSource) -> SchemaSource:
        """Return where the schemas of what is written are found."""
        return registry

    def units(self, table: TopicTable, codec: Codec, *, checkpoint_interval_ms: int) -> UnitFactory:
        """Return what makes the units."""
        return UnitFactory(table, codec, checkpoint_interval_ms=checkpoint_interval_ms)


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
        del prefix
        return f"{self._prefix}-processors-{family}"

    def written(self, table: TopicTable) -> TopicTable:
        """Return the table of the replay's own topics."""
        del table
        return TopicTable(self._prefix)

    def schemas(self, registry: SchemaSource) -> SchemaSource:
        """Return the schemas of the live topics: those of a replay have no subjects of their own."""
        return _SchemasOf(self._plan.prefix, self._prefix, registry)

    def units(self, table: TopicTable, codec: Codec, *, checkpoint_interval_ms: int) -> UnitFactory:
        """Return what makes units that are bounded by the stretch."""
        return _ReplayUnits(table, codec, self._plan.ranges, checkpoint_interval_ms)


class _SchemasOf:
    """The schemas of the topics of the same names under another prefix."""

    def __init__(self, prefix: str, renamed: str, source: SchemaSource) -> None:
        self._prefix = prefix
        self._renamed = renamed
        self._source = source

    def schema_id(self, topic: Topic) -> int:
        """Return the id under which a topic's schema is registered."""
        name = self._prefix + topic.name.removeprefix(self._renamed)
        return self._source.schema_id(msgspec.structs.replace(topic, name=name))

    def schema_by_id(self, schema_id: int) -> str:
        """Return a schema."""
        return self._source.schema_by_id(schema_id)


class _ReplayUnit(Unit):
    """A unit that applies nothing outside of its stretch, and to which time comes from records alone."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._stretch: Mapping[str, PartitionRange] = {}

    def bound(self, stretch: Mapping[str, PartitionRange]) -> None:
        """Begin at the beginning of a stretch, given by topic."""
        self._stretch = stretch
        for topic, one in stretch.items():
            self.pass_over(topic, one.begin)

    def reset(self) -> None:
        """Begin with an empty state, as at the beginning of the stretch."""
        super().reset()
        self.bound(self._stretch)

    def apply(self, records: Sequence[RawRecord], *, lagging: bool | None) -> list[Applied]:
        """Apply those of the records that are wanted; they are old, whenever they were received."""
        del lagging
        end = self._stretch[records[0].topic].end
        wanted = [record for record in records if record.offset < end]
        return super().apply(wanted, lagging=True) if wanted else []

    def tick(self, now_ms: int) -> list[Applied]:
        """Tell the state nothing: a replay has no clock."""
        del now_ms
        return self._announcements()


class _ReplayUnits(UnitFactory):
    """Makes units that begin and end with a stretch of their topics."""

    kind = _ReplayUnit

    def __init__(
        self, table: TopicTable, codec: Codec, ranges: Sequence[PartitionRange], checkpoint_interval_ms: int
    ) -> None:
        super().__init__(table, codec, checkpoint_interval_ms=checkpoint_interval_ms)
        self._ranges = {(one.topic, one.partition): one for one in ranges}

    def unit(self, flow: Flow, partition: int) -> Unit:
        """Return the empty unit of a partition, at the beginning of its stretch."""
        unit = super().unit(flow, partition)
        assert isinstance(unit, _ReplayUnit)  # noqa: S101 - the kind that is made
        unit.bound({topic: self._ranges[topic, partition] for topic in flow.topic_names})
        return unit
