from __future__ import annotations

import asyncio
from typing import cast

from ingest.connection import Connection
from ingest.connection_set import ConnectionSet
from ingest.core.plan import ConnectionPlan, plan_connections
from ingest.core.replan import replan
from ingest.core.session import StreamSession
from ingest.core.streams import Stream, stream_of
from schemas.markets import Market


class Line:
    """A connection that does nothing but remember."""

    def __init__(self, plan: ConnectionPlan, made: list[Line]) -> None:
        self.plan = plan
        self.plans = [plan]
        self.started = asyncio.Event()
        self.running = False
        self._stopped = asyncio.Event()
        made.append(self)

    async def run(self) -> None:
        self.running = True
        self.started.set()
        await self._stopped.wait()
        self.running = False

    def change(self, plan: ConnectionPlan) -> None:
        self.plan = plan
        self.plans.append(plan)

    def stop(self) -> None:
        self._stopped.set()


def streams(*symbols: str) -> list[Stream]:
    return [stream_of(Market.SPOT, "trade", symbol) for symbol in symbols]


def labels(lines: list[Line]) -> list[str]:
    return [line.plan.label for line in lines]


async def test_connections_are_changed_opened_and_ended_one_by_one() -> None:
    made: list[Line] = []
    limits = {Market.SPOT: 2}
    lines = ConnectionSet(
        plan_connections(streams("A", "B", "C"), limits),
        lambda plan: cast("Connection[StreamSession]", Line(plan, made)),
    )
    running = asyncio.create_task(lines.run())
    async with asyncio.timeout(20):
        for line in made:
            await line.started.wait()

        lines.apply(replan(lines.plans, streams("A", "D", "E", "F", "G"), limits))
        await made[2].started.wait()
        assert labels(made) == ["spot-0", "spot-1", "spot-2"]
        assert [len(line.plans) for line in made] == [2, 2, 1]
        assert sorted(one.name for plan in lines.plans for one in plan.streams) == [
            f"{symbol}@trade" for symbol in "adefg"
        ]

        lines.apply(replan(lines.plans, streams("A"), limits))
        while made[1].running or made[2].running:  # noqa: ASYNC110 - they need one more round of the loop
            await asyncio.sleep(0)
        assert [plan.label for plan in lines.plans] == ["spot-0"]
        assert made[0].running

        lines.stop()
        await running
    assert not made[0].running


async def test_without_connections_it_waits_for_the_first() -> None:
    made: list[Line] = []
    lines = ConnectionSet((), lambda plan: cast("Connection[StreamSession]", Line(plan, made)))
    running = asyncio.create_task(lines.run())
    async with asyncio.timeout(20):
        await asyncio.sleep(0)
        assert not running.done()

        lines.apply(replan(lines.plans, streams("A")))
        await made[0].started.wait()
        lines.stop()
        await running


async def test_told_to_stop_before_it_runs_it_opens_nothing() -> None:
    made: list[Line] = []
    lines = ConnectionSet(
        plan_connections(streams("A")), lambda plan: cast("Connection[StreamSession]", Line(plan, made))
    )

    lines.stop()
    await asyncio.wait_for(lines.run(), 20)

    assert not made[0].started.is_set()
