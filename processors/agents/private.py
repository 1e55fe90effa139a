"""Accounts: orders, fills, balances and positions, as events and as answers, in; the state of each out."""

from __future__ import annotations

from faust.types import AgentT, StreamT

from processors.app import BatchApp
from processors.batching import Batch, process_batches
from processors.runner import FlowRunner


__all__ = ["define"]


def define(app: BatchApp, runner: FlowRunner) -> AgentT[Batch]:
    """Add the agent to the app."""

    @app.agent(app.batches(runner.flow.topic_names), name="accounts", concurrency=1)
    async def accounts(stream: StreamT[Batch]) -> None:
        await process_batches(stream, runner.process)

    return accounts
