"""A worker of the tiny family as a process of its own, to be killed: ``python -m tests.support.tiny_worker …``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys

import uvloop

from processors.app import AppOptions, BatchApp
from processors.assignments import Assignments
from processors.batching import Batch, BatchConsumer, DeliveryLimits, process_batches
from processors.checkpoints import CheckpointWriter
from processors.logs import configure_logs
from processors.outputs import Encoder
from processors.publisher import KafkaPublisher
from processors.rebuild import KafkaLogs
from processors.restore import Restorer
from processors.runner import FlowRunner
from processors.units import UnitFactory
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, TopicTable
from tests.support.failpoints import FailingPublisher, Fuse, fail_around_commits
from tests.support.offline_registry import OfflineRegistry
from tests.support.tiny_family import tiny_flow


async def run(args: argparse.Namespace) -> int:
    table = TopicTable(args.prefix)
    codec = Codec(table, OfflineRegistry())
    flow = tiny_flow(table, DerivedType.TRADE_CHECKPOINT if args.checkpoints else None)
    kafka = KafkaPublisher(args.bootstrap_servers, "tiny")
    await kafka.start()
    fuse = Fuse(args.die_at)
    publisher = FailingPublisher(
        kafka,
        fuse,
        states=[table.derived(Market.SPOT, DerivedType.TRADE_CHECKPOINT).name],
        manifests=table.control(ControlType.CHECKPOINT).name,
    )
    logs = KafkaLogs(args.bootstrap_servers, "tiny", fetch_bytes=65_536)

    async def fail(error: BaseException) -> None:
        await app.crash(error)

    factory = UnitFactory(table, codec, checkpoint_interval_ms=200)
    assignments = Assignments([flow], factory, Restorer(table, codec, logs), fail)
    options = AppOptions(
        group=f"{args.prefix}-tiny",
        bootstrap_servers=args.bootstrap_servers,
        instance_id=args.instance_id,
        session_timeout_s=args.session_timeout_s,
        commit_interval_s=0.2,
        fetch_bytes=65_536,
        limits=DeliveryLimits(batch_records=50, batches_in_flight=2),
    )
    app = BatchApp(options, assignments)
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    assignments.attach(consumer)
    fail_around_commits(consumer, fuse)
    runner = FlowRunner(
        flow,
        assignments,
        Encoder(table, codec),
        publisher,
        lambda: consumer.membership,
        checkpoints=CheckpointWriter(table, codec, publisher) if args.checkpoints else None,
    )

    pace = asyncio.Lock()

    async def process(batch: Batch) -> None:
        async with pace:  # one batch begins each pause, whatever their number: so slow is the agent
            await asyncio.sleep(args.pause_s)
        await runner.process(batch)

    @app.agent(app.batches(runner.flow.topic_names), name="tiny", concurrency=1)
    async def tiny(stream: object) -> None:
        await process_batches(stream, process)  # type: ignore[arg-type]

    async def write_checkpoints() -> None:
        while True:
            await asyncio.sleep(0.05)
            await runner.checkpoint()

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    starting = asyncio.create_task(app.start())
    writing = asyncio.create_task(write_checkpoints())
    failed, stopped = asyncio.create_task(app.failed()), asyncio.create_task(stop.wait())
    await asyncio.wait({failed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    if failed.done():
        sys.stdout.write(f"failed: {failed.result()!r}\n")
        sys.stdout.flush()
        os._exit(1)
    await app.stop()
    writing.cancel()
    await assignments.close()
    await kafka.stop()
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--instance-id")
    parser.add_argument("--session-timeout-s", type=float, default=6.0)
    parser.add_argument("--pause-s", type=float, default=0.0)
    parser.add_argument("--checkpoints", action="store_true")
    parser.add_argument("--die-at", help="a failpoint and how many times it is passed first: after-outputs:3")
    args = parser.parse_args()
    configure_logs()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    sys.exit(asyncio.run(run(args)))


if __name__ == "__main__":
    main()
