"""Runs one flow: a batch in, its outputs durable, then it may be acknowledged."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from time import monotonic, time_ns
from typing import Final

from processors import metrics
from processors.assignments import Assignments
from processors.batching import Batch, Membership
from processors.checkpoints import CheckpointWriter, Dumped
from processors.core.records import Difference
from processors.differences import tell_difference
from processors.outbox import Outbox
from processors.outputs import Encoder
from processors.publisher import Publisher
from processors.tracing import BatchApplied, untraced
from processors.units import Applied, Flow, Unit


__all__ = ["FlowRunner"]

_DUMP_S: Final = 0.02
"""For how long one step of checkpoints may keep batches from being applied, all partitions together."""
_LAGGING_NS: Final = 5_000_000_000
"""Architecture §4.4: no snapshot is asked for while the processor lags more than 5 s, nor in a replay."""


class FlowRunner:
    """Applies batches to the units of a flow and publishes what comes of them.

    Args:
        flow: what to run.
        assignments: has the units.
        encoder: makes records of outputs.
        publisher: takes them to the broker.
        membership: whether this worker may still speak for its partitions; a function, it comes with the consumer.
        checkpoints: writes the state of the flow's partitions; needed where the flow has checkpoints.
        tell: told what the venue's answers had to add, once the records that say so are durable.
        trace: told of every batch whose outputs are durable.
    """

    def __init__(
        self,
        flow: Flow,
        assignments: Assignments,
        encoder: Encoder,
        publisher: Publisher,
        membership: Callable[[], Membership],
        *,
        checkpoints: CheckpointWriter | None = None,
        tell: Callable[[Difference], object] = tell_difference,
        trace: BatchApplied = untraced,
    ) -> None:
        self.flow = flow
        self._assignments = assignments
        self._encoder = encoder
        self._outbox = Outbox(publisher, membership)
        self._membership = membership
        self._checkpoints = checkpoints
        self._tell = tell
        self._trace = trace
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By partition. Whoever has the turn may apply and publish, in the order in which they asked for it; partitions
        do not wait for each other's acknowledgements."""

    async def process(self, batch: Batch) -> None:
        """Apply a batch and return when its outputs are durable.

        Batches of one partition take turns, in the order in which they were given; those of others go on meanwhile.

        Raises:
            OutputError: the broker did not take them.
            NotAMemberError: the partition may belong to another worker by now; nothing was sent.
        """
        began_at = monotonic()
        async with self._turn(batch.partition):
            unit = self._assignments.unit(self.flow, batch.partition)
            await self._publish(unit.apply(batch.records, lagging=_lags(batch, time_ns())))
        metrics.RECORDS.labels(batch.topic).inc(len(batch.records))
        seconds = monotonic() - began_at
        metrics.BATCH_SECONDS.labels(self.flow.name).observe(seconds)
        age_s = time_ns() / 1e9 - batch.records[-1].timestamp / 1e3
        metrics.EVENT_AGE.labels(batch.topic).observe(max(0.0, age_s))
        self._trace(batch, seconds)

    async def tick(self, now_ms: int) -> None:
        """Tell the state of each partition the time, and publish what comes of it.

        Does nothing while the partitions may belong to somebody else.

        Raises:
            OutputError: the broker did not take it.
        """
        ticks = (self._tick(unit, now_ms) for unit in self._assignments.units(self.flow))
        # A turn is finished even if the worker is told to stop meanwhile: batches wait behind it, and are waited for.
        await asyncio.shield(asyncio.gather(*ticks))

    async def _tick(self, unit: Unit, now_ms: int) -> None:
        async with self._turn(unit.partition):
            if self._may_speak_for(unit):
                await self._publish(unit.tick(now_ms))

    async def checkpoint(self) -> None:
        """Write a little of the state of the flow's partitions down.

        Each partition is taken in turn with its batches, so that what is written holds what was applied and whose
        outputs are durable, and no more; batches need not wait until it is written. Does nothing while the partitions
        may belong to somebody else.

        Raises:
            OutputError: the broker did not take it.
        """
        if self._checkpoints is None:
            return
        dumped: list[Dumped] = []
        left_s = _DUMP_S
        for unit in self._checkpoints.waiting(self._assignments.units(self.flow)):
            async with self._turn(unit.partition):
                if not self._may_speak_for(unit):
                    continue
                began_at = monotonic()
                until = began_at + left_s
                dumped += self._checkpoints.collect(unit, partial(_is_over, until))
                left_s -= monotonic() - began_at
            if left_s <= 0:
                break
        units = self._assignments.units(self.flow) if self._may_speak() else []
        await self._checkpoints.write(dumped, units, self._may_speak)

    def checkpoint_age_s(self) -> float:
        """Return how old the oldest round of checkpoints is."""
        now_ms = round(monotonic() * 1_000)
        ages = (unit.rounds.age_ms(now_ms) for unit in self._assignments.units(self.flow))
        return max(ages, default=0) / 1_000

    def _may_speak(self) -> bool:
        return self._membership().is_current(monotonic())

    def _may_speak_for(self, unit: Unit) -> bool:
        return self._may_speak() and unit in self._assignments.units(self.flow)

    async def _publish(self, applied: Sequence[Applied]) -> None:
        records = self._encoder.records([one for one in applied if not isinstance(one, Difference)])
        if records:
            await self._outbox.publish(records)
        for one in applied:
            if isinstance(one, Difference):
                self._tell(one)

    @asynccontextmanager
    async def _turn(self, partition: int) -> AsyncIterator[None]:
        """Wait for the partition's turn.

        A turn that fails is the last: what comes after it must not be applied on top of what is missing. Whoever waits
        does so until the failure has ended the worker.
        """
        turn = self._turns[partition]
        await turn.acquire()
        yield
        turn.release()


def _is_over(until: float) -> bool:
    return monotonic() > until


def _lags(batch: Batch, now_ns: int) -> bool | None:
    """Whether ingest received the last record of a batch too long ago; None: the record does not tell."""
    for name, value in batch.records[-1].headers:
        if name == "receive_time_ns" and value.isdigit():
            return now_ns - int(value) > _LAGGING_NS
    return None
