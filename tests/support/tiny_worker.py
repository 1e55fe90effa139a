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
from processors.logs import configure_logs
from processors.outputs import Encoder
from processors.publisher import KafkaPublisher
from processors.rebuild import KafkaLogs
from processors.restore import Restorer
from processors.runner import FlowRunner
from processors.units import UnitFactory
from schemas.codec import Codec
from schemas.topics import TopicTable
from tests.support.offline_registry import OfflineRegistry
from tests.support.tiny_family import tiny_flow


async def run(args: argparse.Namespace) -> int:
    table = TopicTable(args.prefix)
    codec = Codec(table, OfflineRegistry())
    publisher = KafkaPublisher(args.bootstrap_servers, "tiny")
    await publisher.start()
    logs = KafkaLogs(args.bootstrap_servers, "tiny", fetch_bytes=65_536)

    async def fail(error: BaseException) -> None:
        await app.crash(error)

    assignments = Assignments([tiny_flow(table)], UnitFactory(table, codec), Restorer(table, codec, logs), fail)
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
    runner = FlowRunner(tiny_flow(table), assignments, Encoder(table, codec), publisher, lambda: consumer.membership)

    async def process(batch: Batch) -> None:
        await runner.process(batch)
        await asyncio.sleep(args.pause_s)

    @app.agent(app.batches(runner.flow.topic_names), name="tiny", concurrency=1)
    async def tiny(stream: object) -> None:
        await process_batches(stream, process)  # type: ignore[arg-type]

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    starting = asyncio.create_task(app.start())
    failed, stopped = asyncio.create_task(app.failed()), asyncio.create_task(stop.wait())
    await asyncio.wait({failed, stopped}, return_when=asyncio.FIRST_COMPLETED)
    starting.cancel()
    if failed.done():
        sys.stdout.write(f"failed: {failed.result()!r}\n")
        sys.stdout.flush()
        os._exit(1)
    await app.stop()
    await assignments.close()
    await publisher.stop()
    return 0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--instance-id")
    parser.add_argument("--session-timeout-s", type=float, default=6.0)
    parser.add_argument("--pause-s", type=float, default=0.0)
    args = parser.parse_args()
    configure_logs()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    sys.exit(asyncio.run(run(args)))


if __name__ == "__main__":
    main()
