"""Trades and candles: trades, aggregate trades, heartbeats and the ledger in; derived trades and candles out."""

from __future__ import annotations

from faust.types import AgentT, StreamT

from processors.app import BatchApp
from processors.batching import Batch, process_batches
from processors.runner import FlowRunner


__all__ = ["define"]


def define(app: BatchApp, runner: FlowRunner) -> AgentT[Batch]:
    """Add the agent to the app."""

    @app.agent(app.batches(runner.flow.topic_names), name="trades", concurrency=1)
    async def trades(stream: StreamT[Batch]) -> None:
        await process_batches(stream, runner.process)

    return trades
