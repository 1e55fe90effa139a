"""Faust's consumer, delivering batches.

Overrides of Faust 0.15.3 (pinned): the loop that hands fetched records to the streams, and the book-keeping of
acknowledged offsets. Faust keeps a list of single offsets; when nothing was committed before, or when exactly one
offset at the head is missing, it commits over records that were never processed. Here :class:`Positions` decides alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage, Message
from faust.types.transports import TPorTopicSet
from faust.types.tuples import ack_lock
from mode import ServiceT
from mode.utils.futures import notify

from processors.batching.batch import Batch, RawRecord
from processors.batching.positions import Positions


if TYPE_CHECKING:
    from faust.transport.base import Transport


__all__ = ["AssignmentListener", "BatchingConsumer", "DeliveryLimits"]


class AssignmentListener(Protocol):
    """Who wants to know which partitions this worker has, and from where they go on."""

    def assigned(self, generation: int, starts: Mapping[TP, int]) -> Collection[TP]:
        """Take note of all partitions now assigned and of the first offset that each will deliver.

        Returns:
            Partitions to hold back until :meth:`BatchingConsumer.release` is called for them.
        """

    async def revoking(self) -> None:
        """Take note that all partitions are about to be taken away; batches in flight are still finished."""


class NoListener:
    """Wants to know nothing."""

    def assigned(self, generation: int, starts: Mapping[TP, int]) -> Collection[TP]:
        """Hold nothing."""
        del generation, starts
        return ()

    async def revoking(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """How much is handed out at once."""

    batch_records: int = 5_000
    """Records in one batch at most."""
    batches_in_flight: int = 2
    """A partition with so many unfinished batches is not fetched from; bounds memory and keeps the agent busy."""
    ends: Mapping[TP, int] = field(default_factory=dict)
    """Partitions that are fetched from until this offset is reached; a batch that begins before it may go beyond it."""


class BatchingConsumer(Consumer):
    """A consumer that delivers each fetch of a partition as one event whose value is a :class:`Batch`.

    The event's offset is that of the last record. Agents read with ``stream.noack()`` and acknowledge the event after
    the outputs of the whole batch are durable; an exception before that loses nothing.
    """

    _poll_timeout_s = 1.0
    # With a partition held back for its unfinished batches, look again soon: a fetch that is waiting for other
    # partitions does not return because this one may go on.
    _busy_poll_timeout_s = 0.02

    transport: Transport
    limits = DeliveryLimits()
    listener: AssignmentListener = NoListener()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.positions: Positions[TP] = Positions()
        self._held: set[TP] = set()
        self._may_deliver = asyncio.Event()
        self._fetching = asyncio.Lock()
        super().__init__(*args, **kwargs)

    # -- partitions come and go

    async def perform_seek(self) -> None:
        """Go to the committed offsets, explicitly for every partition, and tell the listener.

        Faust leaves partitions without a commit where they are. Seeking each makes the first offset that will be
        delivered known, and keeps records that were fetched and dropped while the flow was stopped from being skipped.

        A fetch that began before the rebalance outlasts it: aiokafka waits for the new assignment and goes on. What it
        returns is dropped, and it moves the position past that: so it must have returned before.
        """
        async with self._fetching:
            await self._seek_anew()

    async def _seek_anew(self) -> None:
        generation = self.app.consumer_generation_id
        assigned = self.assignment()
        starts: dict[TP, int] = {}
        if assigned:
            committed = await self.seek_to_committed()
            earliest = await self.earliest_offsets(*assigned)
            ends = await self.highwaters(*assigned)
            starts = {
                tp: self._start(tp, committed.get(tp) or 0, earliest.get(tp) or 0, ends.get(tp) or 0) for tp in assigned
            }
            await self.seek_wait(starts)
        if generation == self.app.consumer_generation_id:  # else another assignment came meanwhile, maybe of nothing
            self._begin(generation, starts)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Tell the listener at once if nothing is assigned: Faust does not seek then.

        That happens not only to more workers than partitions: Faust's assignor lets each keep ⌈partitions ÷ workers⌉,
        so four that have three of 12 leave a fifth nothing.
        """
        await super().on_partitions_assigned(assigned, generation_id)
        if not assigned and generation_id == self.app.consumer_generation_id:
            self._begin(generation_id, {})

    def _begin(self, generation: int, starts: Mapping[TP, int]) -> None:
        self.positions.assign(generation, starts)
        self._held = set(self.listener.assigned(generation, starts))
        self._may_deliver.set()

    def _start(self, tp: TP, committed: int, earliest: int, end: int) -> int:
        if committed > end:
            self.log.error(
                "%s partition %s: committed offset %s is beyond its end %s, the topic was replaced; beginning anew",
                tp.topic, tp.partition, committed, end,
            )  # fmt: skip
            return earliest
        if 0 < committed < earliest:
            self.log.error(
                "%s partition %s: records %s to %s were deleted before they were read; topic retention is too short",
                tp.topic, tp.partition, committed, earliest - 1,
            )  # fmt: skip
        return max(committed, earliest)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish what is in flight, commit it, then forget the partitions.

        Faust forgets first, so what was acknowledged since the last commit would be done again.
        """
        await self.listener.revoking()
        await super().on_partitions_revoked(revoked)
        self.positions.revoke(revoked)
        self._held.clear()

    def release(self, partitions: Iterable[TP], generation: int) -> None:
        """Deliver from partitions that the listener held back, if they are still those of ``generation``."""
        if generation == self.positions.generation:
            self._held.difference_update(partitions)
            self._may_deliver.set()

    def lag(self) -> dict[str, int]:
        """Return for each topic how many offsets lie between what is done and the end, as far as it is known."""
        lag: dict[str, int] = {}
        for tp in list(self.positions.assigned()):
            end, position = cast(int | None, self.highwater(tp)), self.positions.position(tp)
            if end is not None and position is not None:
                lag[tp.topic] = lag.get(tp.topic, 0) + max(0, end - position)
        return lag

    # -- delivery

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Fetch and deliver until the fetcher or the consumer stops. Called by Faust's ``Fetcher``."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._deliver_next()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise

    async def _deliver_next(self) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # asyncio's Event serves
            return
        self._may_deliver.clear()
        ready, waiting = self._deliverable()
        if not ready:
            await self.wait_first(self._may_deliver.wait(), self.suspend_flow.wait(), timeout=self._poll_timeout_s)
            if self._held or self.limits.ends or not self.positions.assigned():
                await self.keep_alive()
            return
        generation = self.app.consumer_generation_id
        async with self._fetching:
            fetched = await self._getmany(ready, self._busy_poll_timeout_s if waiting else self._poll_timeout_s)
        for tp, records in fetched.items():
            if not self._is_current(generation):
                break  # partitions are being taken away; those that stay are sought anew
            await self._deliver(TP(tp.topic, tp.partition), records, generation)

    def _deliverable(self) -> tuple[set[TP], bool]:
        """Return the partitions to fetch from, and whether others wait for their batches to finish."""
        active, limit = self._get_active_partitions(), self.limits.batches_in_flight
        allowed = {tp for tp in self.positions.assigned() if tp in active and tp not in self._held}
        if self.limits.ends:
            allowed = {tp for tp in allowed if not self._is_at_its_end(tp)}
        ready = {tp for tp in allowed if self.positions.in_flight(tp) < limit}
        return ready, len(ready) < len(allowed)

    def _is_at_its_end(self, tp: TP) -> bool:
        end, position = self.limits.ends.get(tp), self.positions.next_offset(tp)
        return end is not None and position is not None and position >= end

    async def _deliver(self, tp: TP, records: Sequence[RawRecord], generation: int) -> None:
        start = self.positions.next_offset(tp)
        if start is None:
            return
        if records and records[0].offset < start:
            records = [record for record in records if record.offset >= start]
        size = self.limits.batch_records
        for first in range(0, len(records), size):
            chunk = records[first : first + size] if len(records) > size else records
            self.positions.hand_out(tp, chunk[-1].offset)
            message = _message(tp, chunk, generation)
            await self.wait_first(self.callback(message), self.suspend_flow.wait())
            if not self._is_current(generation):
                return

    def _is_current(self, generation: int) -> bool:
        return self.flow_active and generation == self.app.consumer_generation_id

    async def keep_alive(self) -> None:
        """Tell the driver that not fetching is intended.

        Called about once a second while partitions are held, and while there are none.
        """

    # -- acknowledgement and commit

    def ack(self, message: Message) -> bool:
        """Mark a batch as done; its offsets become committable when all batches before it are done."""
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            counted = self.positions.finish(message.tp, message.offset, message.generation_id)
            notify(self._waiting_for_ack)
        self._may_deliver.set()
        return counted

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Iterable[TP]:  # type: ignore[override]
        return [tp for tp in self.positions.committable() if topics is None or tp in topics or tp.topic in topics]

    def _filter_committable_offsets(self, tps: Iterable[TP]) -> dict[TP, int]:
        committable, wanted = self.positions.committable(), set(tps)
        return {tp: position for tp, position in committable.items() if tp in wanted}

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        generation = self.positions.generation
        did_commit = await super()._commit_offsets(offsets, start_new_transaction=start_new_transaction)
        if did_commit:
            self.positions.committed(offsets, generation)
        return did_commit

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Say nothing: Faust's check compares two clocks and reports idle partitions as errors (#629)."""


def _message(tp: TP, records: Sequence[RawRecord], generation: int) -> ConsumerMessage:
    last = records[-1]
    return ConsumerMessage(
        topic=tp.topic,
        partition=tp.partition,
        offset=last.offset,
        timestamp=last.timestamp / 1000.0,
        timestamp_type=0,
        headers=None,
        key=None,
        value=cast(bytes, Batch(tp.topic, tp.partition, records, generation)),
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=0,
        tp=tp,
        generation_id=generation,
    )
