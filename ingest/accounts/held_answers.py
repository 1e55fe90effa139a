"""Answers about an account, held back until the streams' own words from before them are in the log.

An answer shows a state in which events are contained that may be on their way yet: it must not come to be read as news
before they are. So it is held for a moment in which they arrive; then, when all that the streams told up to now is
acknowledged, the end of the update topic's partition is written into its header, and a reader applies it only when it
has read up to there. What it adds then was really missed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from ingest.connection import Clocks
from ingest.core.account_endpoints import Asked
from ingest.core.account_records import AnswerOrigin, SignedAnswer, answer_record
from ingest.publisher import Publisher
from schemas.control import ReconcileCause
from schemas.markets import Market
from schemas.topics import Topic, TopicTable, partition_of


__all__ = ["HeldAnswers", "LogEnd"]

LogEnd = Callable[[Topic, int], Awaitable[int]]
"""Returns the offset after the last record of a partition, as the broker says."""

_MOST: Final = 32
"""Answers held at once; whoever brings another waits."""
_LOOK_S: Final = 0.05


class HeldAnswers:
    """The answers of one account in one market on their way into the log, in their order.

    Args:
        market: which.
        account: its label.
        hold_s: how long the streams may take to tell what an answer shows already.
        connection_id: names the REST client in headers.
        publisher: says how far the log is, and takes the answers.
        log_end: asked where the publisher does not know.
        table: names the topics.
        clocks: time.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        market: Market,
        account: str,
        hold_s: float,
        *,
        connection_id: str,
        publisher: Publisher,
        log_end: LogEnd,
        table: TopicTable,
        clocks: Clocks,
        pause: Callable[[float], Coroutine[Any, Any, None]],
    ) -> None:
        self._market = market
        self._account = account
        self._hold_ms = hold_s * 1000
        self._connection_id = connection_id
        self._publisher = publisher
        self._log_end = log_end
        self._table = table
        self._clocks = clocks
        self._pause = pause
        self._sequence = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def put(self, asked: Asked, answer: SignedAnswer, cause: ReconcileCause) -> None:
        """Take an answer, to be published in its turn.

        Raises:
            RecordRefusedError: the broker refuses an earlier one.
        """
        if len(self._tasks) >= _MOST:
            await self._tasks.pop(0)
        previous = self._tasks[-1] if self._tasks else None
        self._tasks.append(asyncio.create_task(self._publish(asked, answer, cause, previous)))

    async def flush(self) -> None:
        """Wait until the broker has all of them.

        Raises:
            RecordRefusedError: the broker refuses one.
        """
        while self._tasks:
            await self._tasks.pop(0)

    async def drop(self) -> None:
        """Give up those that are still held: the comparison failed and will be done again."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _publish(
        self, asked: Asked, answer: SignedAnswer, cause: ReconcileCause, previous: asyncio.Task[None] | None
    ) -> None:
        left_ms = answer.received_ms + self._hold_ms - self._clocks.now_ms()
        if left_ms > 0:
            await self._pause(left_ms / 1000)
        if previous is not None:
            await previous
        while self._publisher.full:
            # Meanwhile nobody reads the streams: what they told before the answer may not have been read yet.
            await self._publisher.room()
            await self._pause(self._hold_ms / 1000)
        after_offset = await self._acknowledged_end(asked)
        self._sequence += 1
        origin = AnswerOrigin(self._connection_id, self._sequence, cause, after_offset)
        record = answer_record(self._table, self._market, self._account, asked=asked, answer=answer, origin=origin)
        await self._publisher.deliver(record)

    async def _acknowledged_end(self, asked: Asked) -> int:
        """Return the offset below which everything is acknowledged that the streams told up to now."""
        topic, partition = self._table.raw(self._market, asked.told_by), partition_of(self._account)
        published = self._publisher.position(topic.name, partition).published
        while (position := self._publisher.position(topic.name, partition)).acknowledged < published:
            await self._pause(_LOOK_S)
        if position.next_offset is None:
            return await self._log_end(topic, partition)
        return position.next_offset
