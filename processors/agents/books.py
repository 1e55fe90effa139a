"""Order books: diffs and snapshots in; top of book, book snapshots, liquidity and snapshot requests out."""

from __future__ import annotations

from faust.types import AgentT, StreamT

from processors.app import BatchApp
from processors.batching import Batch, process_batches
from processors.runner import FlowRunner


__all__ = ["define"]


def define(app: BatchApp, runner: FlowRunner) -> AgentT[Batch]:
    """Add the agent to the app."""

    @app.agent(app.batches(runner.flow.topic_names), name="books", concurrency=1)
    async def books(stream: StreamT[Batch]) -> None:
        await process_batches(stream, runner.process)

    return books
