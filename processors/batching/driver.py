"""Batched delivery over aiokafka: Faust's driver with :class:`BatchingConsumer`."""

from __future__ import annotations

import asyncio
import math
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, AppT
from yarl import URL

from processors.batching.consumer import AssignmentListener, BatchingConsumer, DeliveryLimits
from processors.batching.membership import Membership


__all__ = ["BatchConsumer", "BatchTransport"]

_FETCH_MAX_WAIT_MS = 100
"""How long the broker may hold a fetch that finds nothing.

A node gets one fetch at a time. While it holds one for idle partitions, a partition whose records were taken in the
meantime is not fetched from: with Faust's 1,500 ms a busy partition stands still for so long.
"""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread in which aiokafka's consumer lives."""

    consumer: BatchConsumer

    async def on_start(self) -> None:
        """Start the consumer, and listen to its heartbeats."""
        await super().on_start()
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator  # noqa: SLF001 - aiokafka tells nobody whether its heartbeats succeed
        beat = coordinator._do_heartbeat  # noqa: SLF001
        membership = self.consumer.membership

        async def confirmed_beat() -> bool:
            sent_at = monotonic()
            success: bool = await beat()
            if success:
                membership.confirm(sent_at)
            return success

        coordinator._do_heartbeat = confirmed_beat  # noqa: SLF001

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Joining a group counts as a heartbeat."""
        self.consumer.membership.confirm(monotonic())
        await super().on_partitions_assigned(assigned, generation_id)

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        if not isinstance(self._assignor, PartitionAssignor):
            # Without a table and with table_standby_replicas=0 Faust silently takes round-robin.
            msg = f"partition assignor is {self._assignor!r}, was to be Faust's: topics would not be co-partitioned"
            raise TypeError(msg)
        consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001 - the driver has no setting for it
        return consumer

    async def touch(self) -> None:
        """Count as a fetch, so that the member does not leave the group for being idle."""
        await self.call_thread(self._touch)

    async def _touch(self) -> None:
        with self._ensure_consumer()._subscription.fetch_context():  # noqa: SLF001
            pass


class BatchConsumer(BatchingConsumer, driver.Consumer):
    """aiokafka's consumer in Faust, delivering batches."""

    _thread: BatchConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        transport = kwargs.get("transport", args[0] if args else None)
        assert isinstance(transport, BatchTransport)  # noqa: S101 - made by no one else
        self.membership = transport.membership
        self.limits = transport.limits
        self.listener = transport.listener
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def fetch_age_s(self, now_ms: int) -> float | None:
        """Return how long ago the broker last answered a fetch; infinite: it never did; None: nothing is assigned.

        An answer counts whether or not it held records. The newest of all partitions counts: one whose records wait
        for the agent is not fetched.

        Args:
            now_ms: the wall clock, which aiokafka notes its answers by.
        """
        consumer = self._thread._consumer  # noqa: SLF001
        subscription = None if consumer is None else consumer._subscription.subscription  # noqa: SLF001
        states = [] if subscription is None else [subscription.assignment.state_value(tp) for tp in self.assignment()]
        if not states:
            return None
        answered_ms = [state.timestamp for state in states if state is not None and state.timestamp is not None]
        return max(0, now_ms - max(answered_ms)) / 1_000 if answered_ms else math.inf

    async def keep_alive(self) -> None:
        """Keep aiokafka from leaving the group while all partitions are held, or none is assigned.

        Once it left for not fetching it joins again only after a fetch, which never comes.
        """
        await self._thread.touch()


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with batched delivery.

    Args:
        url: the brokers, as Faust passes them.
        app: the Faust app.
        listener: hears of assignments.
        limits: how much is handed out at once.
        loop: passed on.
    """

    Consumer = BatchConsumer

    def __init__(
        self,
        url: list[URL],
        app: AppT,
        *,
        listener: AssignmentListener,
        limits: DeliveryLimits,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.listener = listener
        self.limits = limits
        self.membership = Membership(app.conf.broker_session_timeout)
        super().__init__(url, app, loop=loop)
