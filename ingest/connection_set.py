"""The connections of one market, while the set of streams changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from ingest.connection import Connection
from ingest.core.plan import ConnectionPlan
from ingest.core.replan import Replan
from ingest.core.session import StreamSession


__all__ = ["ConnectionSet"]


class ConnectionSet:
    """Runs connections, and opens, changes and ends them one by one.

    Args:
        plans: what to begin with.
        make: makes the connection of a plan.
    """

    def __init__(
        self, plans: Iterable[ConnectionPlan], make: Callable[[ConnectionPlan], Connection[StreamSession]]
    ) -> None:
        self._make = make
        self._connections = {plan.label: make(plan) for plan in plans}
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    @property
    def plans(self) -> tuple[ConnectionPlan, ...]:
        """What they carry now, or are about to."""
        return tuple(connection.plan for connection in self._connections.values())

    def apply(self, replan: Replan) -> None:
        """Carry other streams; what is not named in the changes is left alone."""
        for plan in replan.closed:
            # It hands over what it has read while others go on.
            self._connections.pop(plan.label).stop()
        for change in replan.changed:
            self._connections[change.plan.label].change(change.plan)
        for plan in replan.opened:
            connection = self._connections[plan.label] = self._make(plan)
            if self._tasks is not None and not self._stopping.is_set():
                self._tasks.create_task(connection.run())

    def forget_targets(self) -> None:
        """Ask for every symbol's extra headers anew: more is known of the symbols now."""
        for connection in self._connections.values():
            connection.forget_targets()

    async def run(self) -> None:
        """Keep the connections up until :meth:`stop`; returns when all that was read is handed over."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            if not self._stopping.is_set():
                for connection in self._connections.values():
                    tasks.create_task(connection.run())
            await self._stopping.wait()

    def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        for connection in self._connections.values():
            connection.stop()
