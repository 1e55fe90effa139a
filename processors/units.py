"""The state of one partition of one flow, and the offsets that it has applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

import msgspec

from processors.batching import Origin, RawRecord
from processors.core.checkpoint_rounds import Checkpointed, CheckpointRounds, HoldsRecords
from processors.core.records import DeadLetter, Difference, Output, RawRecord as CoreRecord
from processors.outputs import Produced, SetAside
from schemas.codec import Codec, DecodeError
from schemas.control import Gap, Heartbeat
from schemas.markets import Market
from schemas.topics import DerivedType, Layer, RawType, Topic, TopicTable


__all__ = ["CAUGHT_UP_MS", "Applied", "Flow", "PartitionState", "Unit", "UnitFactory"]

Applied = Produced | SetAside | Difference
"""What comes of records: to be written, or to be told."""


class PartitionState(Protocol):
    """The whole state of one partition of one flow: a pure object of the core."""

    def feed(self, record: CoreRecord) -> Iterable[Output | DeadLetter | Difference]:
        """Apply one raw record."""

    def heartbeat(self, heartbeat: Heartbeat) -> Iterable[Output | DeadLetter]:
        """Apply a promise that the log is complete up to a time, below an offset."""

    def gap(self, gap: Gap) -> Iterable[Output | DeadLetter]:
        """Apply an entry of the ledger of holes."""

    def tick(self, now_ms: int) -> Iterable[Output | DeadLetter]:
        """Say what has become of the state because nothing happened."""

    def lags(self, lagging: bool) -> None:
        """Take note whether what is fed from now on is old: then nothing is asked of ingest."""


@dataclass(frozen=True)
class Flow:
    """One agent's part of a family: what it reads, and what keeps its state.

    All its topics have the same number of partitions; a partition's state is a function of the partitions of that
    number of all of them.
    """

    name: str
    topics: tuple[Topic, ...]
    new_state: Callable[[int], PartitionState]
    """Makes the empty state of a partition, given its number."""
    ticks: bool = False
    """Whether the state is to be told of time passing."""
    checkpoint: DerivedType | None = None
    """The topics to which the state is written; None: it is always rebuilt from the log."""
    lost_from_log: bool = False
    """What becomes of an entity whose checkpoint is lost: the whole partition is rebuilt from what is left of the log;
    otherwise the entity begins anew."""
    outlives_log: bool = False
    """Whether a checkpoint serves although records after it were deleted: what they told will be told again."""

    @property
    def topic_names(self) -> tuple[str, ...]:
        """Names of the topics, control topics first.

        A state that is rebuilt learns what the ledger and the heartbeats say before it reads the raw records, so that
        each is applied as soon as the raw records that it waits for are there.
        """
        return tuple(topic.name for topic in sorted(self.topics, key=lambda topic: topic.layer is not Layer.CONTROL))


@dataclass(frozen=True, slots=True)
class _NoRecord:
    """The origin of what came of the passing of time."""

    partition: int
    topic: str = ""
    offset: int = -1
    timestamp: int = 0
    key: bytes | None = None
    value: bytes | None = None


CAUGHT_UP_MS: Final = 3_000
"""After so long without records of the venue there is nothing left to catch up with."""

CHECKPOINT_INTERVAL_MS: Final = 10_000
"""Between the beginnings of two rounds of checkpoints, unless it is set."""

_Result = Output | DeadLetter | Difference
_Apply = Callable[[RawRecord], Iterable[_Result]]
_Build = Callable[[], tuple[PartitionState, Mapping[str, _Apply]]]
_NOTHING: Final[tuple[Output, ...]] = ()


class Unit:
    """State and offsets of one partition of one flow.

    Made by :class:`UnitFactory`.
    """

    def __init__(self, flow: Flow, partition: int, build: _Build, checkpoint_interval_ms: int) -> None:
        self.flow = flow
        self.partition = partition
        self.ready = False
        """Whether it has caught up with the offsets at which its topics go on."""
        self.restored = flow.checkpoint is None
        """Whether its checkpoints were read, or it has none."""
        self.topic_ids: Mapping[str, str] = {}
        """Which topics its state is of, as far as the broker tells."""
        self.rounds = CheckpointRounds(checkpoint_interval_ms)
        self._checkpoint_interval_ms = checkpoint_interval_ms
        self._build = build
        self._topics = {(topic.market, topic.type): topic for topic in flow.topics}
        self._next: dict[str, int] = {}
        self._lagging = False
        self._still_since_ms: int | None = None
        self._announced: list[Applied] = []
        self._state, self._appliers = build()
        self._checkpointed = _checkpointed(flow, self._state)

    @property
    def state(self) -> PartitionState:
        """The state itself; whoever looks at it changes nothing."""
        return self._state

    @property
    def checkpointed(self) -> Checkpointed:
        """The state, to be written down or brought back. Only where the flow has checkpoints."""
        if self._checkpointed is None:
            msg = f'flow "{self.flow.name}": has no checkpoints'
            raise TypeError(msg)
        return self._checkpointed

    def reset(self) -> None:
        """Begin with an empty state, as at the beginning of the log."""
        self._state, self._appliers = self._build()
        self._checkpointed = _checkpointed(self.flow, self._state)
        self.rounds = CheckpointRounds(self._checkpoint_interval_ms)
        self._next.clear()
        self._announced.clear()

    def announce(self) -> None:
        """Have said again, with the next outputs, what the predecessor may have said otherwise."""
        if self._checkpointed is not None:
            self._announced += self._produced(self._checkpointed.announce(), _NoRecord(self.partition))

    def next_offsets(self) -> dict[str, int]:
        """Return the first offset of each topic that was not applied, or was taken and still waits to be."""
        offsets = {name: self.next_offset(name) for name in self.flow.topic_names}
        if isinstance(self._state, HoldsRecords):
            for place, offset in self._state.first_held().items():
                name = self._topics[place].name
                offsets[name] = min(offset, offsets[name])
        return offsets

    def position(self, market: Market) -> int:
        """Return how far the raw topics of a market were applied, as one number that only rises."""
        return sum(
            self.next_offset(topic.name)
            for topic in self.flow.topics
            if topic.layer is Layer.RAW and topic.market is market
        )

    def next_offset(self, topic: str) -> int:
        """Return the first offset of a topic that was not applied."""
        return self._next.get(topic, 0)

    def pass_over(self, topic: str, offset: int) -> None:
        """Note that nothing is left to apply below ``offset``."""
        self._next[topic] = next_offset = max(offset, self.next_offset(topic))
        if isinstance(self._state, HoldsRecords):
            place = next(place for place, one in self._topics.items() if one.name == topic)
            if place[0] is not None and isinstance(place[1], RawType):
                results = self._state.passed_over(place[0], place[1], next_offset)
                self._announced += self._produced(results, _NoRecord(self.partition))

    def apply(self, records: Sequence[RawRecord], *, lagging: bool | None) -> list[Applied]:
        """Apply records of one topic, in order, and return what comes of them.

        Records that were applied before are passed over: after a rebalance the stream goes on at the committed offset,
        which may lie behind the state.

        Args:
            records: at least one.
            lagging: whether they are old; None: they do not tell.
        """
        if lagging is not None:
            self._state.lags(lagging)
            self._lagging, self._still_since_ms = lagging, None
        topic = records[0].topic
        apply, first = self._appliers[topic], self.next_offset(topic)
        produced = self._announcements()
        for record in records:
            if record.offset < first:
                continue
            try:
                outputs = apply(record)
            except _UnreadableError as error:
                produced.append(_aside(error.reason, str(error), record))
            else:
                produced += self._produced(outputs, record)
        self._next[topic] = max(first, records[-1].offset + 1)
        return produced

    def _aside(self, letter: DeadLetter) -> SetAside:
        record = letter.record
        topic = self._topics[record.market, record.type]
        return SetAside(
            letter.reason, letter.detail, topic.name, record.partition, record.offset, record.timestamp_ms, record.key,
            record.value, private=topic.private,
        )  # fmt: skip

    def _produced(self, results: Iterable[_Result], origin: Origin) -> list[Applied]:
        return [Produced(one, origin) if isinstance(one, Output) else self._other(one) for one in results]

    def _other(self, result: DeadLetter | Difference) -> Applied:
        return self._aside(result) if isinstance(result, DeadLetter) else result

    def tick(self, now_ms: int) -> list[Applied]:
        """Tell the state the time and return what comes of it.

        When no record came for a while after old ones, there are no more: it has caught up.
        """
        if self._lagging:
            if self._still_since_ms is None:
                self._still_since_ms = now_ms
            elif now_ms - self._still_since_ms >= CAUGHT_UP_MS:
                self._lagging = False
                self._state.lags(False)
        origin = _NoRecord(self.partition)
        return self._announcements() + self._produced(self._state.tick(now_ms), origin)

    def _announcements(self) -> list[Applied]:
        announced, self._announced = self._announced, []
        return announced


def _checkpointed(flow: Flow, state: PartitionState) -> Checkpointed | None:
    if flow.checkpoint is None:
        return None
    if not isinstance(state, Checkpointed):
        msg = f'flow "{flow.name}": its state {type(state).__name__} cannot be written to checkpoints'
        raise TypeError(msg)
    return state


class UnitFactory:
    """Makes the units of all flows.

    Args:
        table: the topics.
        codec: decodes control records.
        checkpoint_interval_ms: between the beginnings of two rounds of checkpoints.
    """

    kind: ClassVar[type[Unit]] = Unit
    """What is made."""

    def __init__(
        self, table: TopicTable, codec: Codec, *, checkpoint_interval_ms: int = CHECKPOINT_INTERVAL_MS
    ) -> None:
        self._table = table
        self._codec = codec
        self._checkpoint_interval_ms = checkpoint_interval_ms

    def unit(self, flow: Flow, partition: int) -> Unit:
        """Return the empty unit of a partition."""

        def build() -> tuple[PartitionState, Mapping[str, _Apply]]:
            state = flow.new_state(partition)
            return state, {topic.name: self._applier(topic, state) for topic in flow.topics}

        return self.kind(flow, partition, build, self._checkpoint_interval_ms)

    def _applier(self, topic: Topic, state: PartitionState) -> _Apply:
        if topic.layer is Layer.RAW:
            return _raw_applier(topic, state)
        return self._control_applier(state)

    def _control_applier(self, state: PartitionState) -> _Apply:
        decode = self._codec.decode

        def apply(record: RawRecord) -> Iterable[_Result]:
            if record.value is None:
                return _NOTHING  # a tombstone: the ledger forgot the entry
            try:
                value: msgspec.Struct = decode(record.topic, record.partition, record.offset, record.value)
            except DecodeError as error:
                raise _UnreadableError("undecodable", error.reason) from error
            if isinstance(value, Heartbeat):
                return state.heartbeat(value)
            if isinstance(value, Gap):
                return state.gap(value)
            return _NOTHING

        return apply


def _raw_applier(topic: Topic, state: PartitionState) -> _Apply:
    market, raw_type, feed = topic.market, topic.type, state.feed
    assert market is not None  # noqa: S101 - raw topics have one
    assert isinstance(raw_type, RawType)  # noqa: S101

    def apply(record: RawRecord) -> Iterable[_Result]:
        return feed(
            CoreRecord(
                market,
                raw_type,
                record.partition,
                record.offset,
                record.timestamp,
                record.key,
                record.value,
                record.headers,
            )
        )

    return apply


class _UnreadableError(Exception):
    """A control record that cannot be decoded."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        super().__init__(detail)


def _aside(reason: str, detail: str, record: RawRecord) -> SetAside:
    return SetAside(
        reason, detail, record.topic, record.partition, record.offset, record.timestamp, record.key, record.value
    )
