"""What several partitions have to say at one time goes to the producer as one call, when the producer is idle.

The broker takes one request of a producer at a time. Records that are handed over meanwhile would lie in the producer
and leave it whenever the answer comes, be this worker still a member of its group or not. So they wait here, and
whether it is a member is asked last.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

from processors.batching import Membership
from processors.errors import NotAMemberError
from processors.publisher import Grouped, Publisher


__all__ = ["Outbox"]

_LOOK_AGAIN_S: Final = 0.05


class _Round:
    """What goes to the producer together."""

    def __init__(self) -> None:
        self.records: Grouped = {}
        self.failure: BaseException | None = None


class Outbox:
    """Publishes in rounds: while one is under way, what comes is gathered for the next.

    Args:
        publisher: takes records to the broker.
        membership: whether this worker may still speak for its partitions.
    """

    def __init__(self, publisher: Publisher, membership: Callable[[], Membership]) -> None:
        self._publisher = publisher
        self._membership = membership
        self._next = _Round()
        self._sending = asyncio.Lock()

    async def publish(self, records: Grouped) -> None:
        """Return when all of the records are acknowledged.

        Raises:
            OutputError: some of the round are not.
            NotAMemberError: the partitions may belong to another worker by now; nothing of the round was sent.
        """
        own = self._next
        for place, group in records.items():
            own.records.setdefault(place, []).extend(group)
        async with self._sending:
            if own is self._next:  # the first of the round sends it; to the others it is a thing of the past
                self._next = _Round()
                await self._send(own)
        if own.failure is not None:
            raise own.failure

    async def _send(self, own: _Round) -> None:
        try:
            await self._require_membership()
            await self._publisher.publish(own.records)
        except BaseException as failure:
            own.failure = failure
            raise

    async def _require_membership(self) -> None:
        """Wait for a fresh heartbeat if the last is old, but not for long.

        A worker that was stopped for a while is told by its next heartbeat whether it is still a member.
        """
        membership = self._membership()
        limit_s = membership.session_timeout_s / 2
        waited_until = monotonic() + limit_s
        while not membership.is_current(monotonic()):
            if monotonic() > waited_until:
                raise NotAMemberError(membership.age_s(monotonic()), limit_s)
            await asyncio.sleep(_LOOK_AGAIN_S)
