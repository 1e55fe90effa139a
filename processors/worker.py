"""The composition root of a worker: builds everything, runs until told to stop, closes in reverse order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from time import monotonic, time_ns
from typing import Final

import structlog
import uvloop

from processors import metrics
from processors.agents import books, private, tickers, trades
from processors.app import AppOptions, BatchApp, require_compiled_faust
from processors.assignments import Assignments
from processors.batching import BatchConsumer, DeliveryLimits
from processors.broker import require_topics
from processors.checkpoints import CheckpointWriter
from processors.config import Settings
from processors.differences import tell_difference
from processors.errors import ProcessorsError
from processors.flows import Family, flows_of, outputs_of
from processors.health import Health, silences
from processors.jobs import Job
from processors.metric_series import show_at_zero, show_books, show_lag
from processors.outputs import Encoder
from processors.publisher import KafkaPublisher
from processors.rebuild import KafkaLogs
from processors.restore import Restorer
from processors.runner import FlowRunner
from processors.topic_ids import TopicIds, watch
from processors.tracing import tracer
from schemas.codec import Codec
from schemas.registry import Registry, RegistryError
from schemas.topics import Topic, TopicTable


__all__ = ["DEFAULT_PORTS", "run"]

DEFAULT_PORTS: Final = {Family.BOOKS: 9102, Family.TRADES: 9103, Family.PRIVATE: 9104}
"""Where each family's worker serves its health."""

_AGENTS: Final = {
    "books": books.define,
    "trades": trades.define,
    "tickers": tickers.define,
    "accounts": private.define,
}
_TICK_S: Final = 1.0
_CHECKPOINT_STEP_S: Final = 0.1
_TROUBLE: Final = (ProcessorsError, RegistryError, OSError)
"""What the operator can act on, so that its text is enough; anything else is shown with its traceback."""

_Topics = tuple[TopicTable, Sequence[Topic]]
"""A table, and those of its topics that a worker has to do with."""

_log = structlog.get_logger("processors.worker")


def run(family: Family, settings: Settings, job: Job | None = None) -> int:
    """Run a worker until SIGTERM or SIGINT, or until it fails.

    Args:
        family: what it does.
        settings: how.
        job: over what; None: the live topics.

    Returns:
        The exit status: 0 after a signal, 1 after a failure.
    """
    # Faust's consumer thread makes a loop of its own: by policy, it is uvloop's as well.
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    with asyncio.Runner() as runner:
        try:
            runner.run(_until_stopped(_Worker(family, settings, job or Job()), settings.stop_timeout_s))
        except _TROUBLE as error:
            _log.error("worker failed", family=family, reason=str(error))
            return 1
        except Exception:  # noqa: BLE001 - the last one to see it
            _log.exception("worker failed", family=family)
            return 1
    _log.info("worker stopped", family=family)
    return 0


async def _until_stopped(worker: _Worker, stop_timeout_s: float) -> None:
    """Run the worker until a signal comes or it fails; then a watchdog sees to it that the process ends."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def on_signal(received: signal.Signals) -> None:
        if stop.is_set():
            _end_by_force("was asked to stop twice")
        _log.info("stopping", signal=received.name)
        stop.set()

    for received in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(received, on_signal, received)
    work, asked = asyncio.create_task(worker.work()), asyncio.create_task(stop.wait())
    await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
    watchdog = threading.Timer(stop_timeout_s, _end_by_force, (f"did not stop within {stop_timeout_s:g} s",))
    watchdog.daemon = True  # it outlives this function: threads of the libraries may keep the process alive
    watchdog.start()
    asked.cancel()
    if not work.done():
        worker.stopping.set()
        work.cancel()
        await asyncio.wait({work})
    if not work.cancelled():
        work.result()


def _end_by_force(why: str) -> None:
    sys.stderr.write(f"binance-processors: {why}; ended by force, what was not committed will be done again\n")
    sys.stderr.flush()
    os._exit(1)


class _Worker:
    """Everything a worker is made of."""

    def __init__(self, family: Family, settings: Settings, job: Job) -> None:
        self._family = family
        self._job = job
        self._settings = settings
        self.stopping = threading.Event()
        self._waiting_for: str | None = "start"
        self._app: BatchApp | None = None
        self._assignments: Assignments | None = None
        self._runners: Sequence[FlowRunner] = ()

    async def work(self) -> None:
        """Run until cancelled, or raise what went wrong."""
        require_compiled_faust()
        settings, table = self._settings, TopicTable(self._settings.topic_prefix)
        written = self._job.written(table)
        group = self._job.group(settings.topic_prefix, self._family)
        flows = flows_of(
            self._family,
            table,
            settings.markets,
            snapshot_levels=settings.snapshot_levels,
            snapshot_interval_ms=settings.snapshot_interval_ms,
            liquidity=settings.liquidity,
            alert_rules=settings.alert_rules,
            order_retention_ms=settings.order_retention_ms,
        )
        async with AsyncExitStack() as stack:
            await self._serve_health(stack)
            inputs = [topic for flow in flows for topic in flow.topics]
            outputs = outputs_of(self._family, written, settings.markets)
            show_at_zero(self._family, flows, outputs, settings.markets)
            await self._wait_for_broker({*inputs, *outputs})
            codec, output_codec = await self._wait_for_registry((table, inputs), (written, outputs), stack)
            publisher = KafkaPublisher(settings.kafka, f"{group}-outputs", request_timeout_s=settings.request_timeout_s)
            await publisher.start()
            stack.push_async_callback(publisher.stop)
            logs = KafkaLogs(settings.kafka, f"{group}-restore", fetch_bytes=settings.fetch_bytes)
            interval_ms = round(settings.checkpoint_interval_s * 1_000)
            factory = self._job.units(table, codec, checkpoint_interval_ms=interval_ms)
            assignments = Assignments(flows, factory, Restorer(written, output_codec, logs), self._fail)
            stack.push_async_callback(assignments.close)
            app = BatchApp(_app_options(group, settings, self._job), assignments)
            self._app, self._assignments = app, assignments
            encoder, checkpoints = Encoder(written, output_codec), CheckpointWriter(written, output_codec, publisher)
            instance = settings.instance_id or f"{self._family}-{os.getpid()}"
            trace = tracer(group, instance, settings.trace_ratio, stack)
            tell = partial(tell_difference, amounts=settings.log_amounts)
            runners = [
                FlowRunner(
                    flow, assignments, encoder, publisher, lambda: _consumer(app).membership,
                    checkpoints=None if flow.checkpoint is None else checkpoints,
                    tell=tell, trace=trace,
                )
                for flow in flows
            ]  # fmt: skip
            self._runners = runners
            for runner in runners:
                _AGENTS[runner.flow.name](app, runner)
            assignments.attach(_consumer(app))
            self._waiting_for = None
            stack.push_async_callback(app.stop)
            await self._run(app, runners)

    async def _run(self, app: BatchApp, runners: Sequence[FlowRunner]) -> None:
        """Run the app until it fails; only a failure returns, as what it raises."""
        failure = asyncio.create_task(app.failed())
        tasks = [failure, asyncio.create_task(app.start())]
        tasks += [asyncio.create_task(self._tick(runner)) for runner in runners if runner.flow.ticks]
        tasks += [asyncio.create_task(self._checkpoint(runner)) for runner in runners]
        ids = TopicIds(self._settings.kafka, f"{app.conf.id}-watch")
        tasks.append(asyncio.create_task(watch(ids.read, {n for runner in runners for n in runner.flow.topic_names})))
        _log.info("worker started", family=self._family, group=app.conf.id)
        try:
            pending = set(tasks)
            while True:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                if failure in done:
                    raise failure.result()
        finally:
            for task in tasks:
                task.cancel()

    async def _tick(self, runner: FlowRunner) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await runner.tick(round(monotonic() * 1_000))

    async def _checkpoint(self, runner: FlowRunner) -> None:
        while True:
            await asyncio.sleep(_CHECKPOINT_STEP_S)
            await runner.checkpoint()

    async def _fail(self, error: BaseException) -> None:
        if self._app is not None:
            await self._app.crash(error)

    async def _serve_health(self, stack: AsyncExitStack) -> None:
        health = Health(self._obstacles, self._refresh)
        port = self._settings.metrics_port
        address = await health.start(self._settings.metrics_host, DEFAULT_PORTS[self._family] if port is None else port)
        stack.push_async_callback(health.stop)
        _log.info("health is served", address=address)

    async def _wait_for_broker(self, topics: set[Topic]) -> None:
        self._waiting_for = "the broker"
        await require_topics(self._settings.kafka, topics, tell=_log.warning, limit_s=self._settings.start_timeout_s)

    async def _wait_for_registry(self, read: _Topics, written: _Topics, stack: AsyncExitStack) -> tuple[Codec, Codec]:
        """Return the codecs of what is read and of what is written; other schemas need not be there."""
        self._waiting_for = "the schema registry"
        registry = Registry(self._settings.schema_registry_url)
        stack.callback(registry.close)

        def sleep(seconds: float) -> None:
            if self.stopping.wait(seconds):
                raise _StoppedError

        def prepared() -> tuple[Codec, Codec]:
            registry.wait_until_ready(_log.warning, sleep, limit_s=self._settings.start_timeout_s)
            codecs = Codec(read[0], registry), Codec(written[0], self._job.schemas(registry))
            for codec, (_, topics) in zip(codecs, (read, written), strict=True):
                codec.prepare(topics)
            return codecs

        return await asyncio.to_thread(prepared)

    def _obstacles(self) -> list[str]:
        """Say what keeps records from flowing."""
        if self._waiting_for is not None or self._app is None or self._assignments is None:
            return [f"waiting for {self._waiting_for}"]
        obstacles = []
        if self._app.rebalancing:
            obstacles.append("the group is rebalancing")
        if restoring := self._assignments.restoring:
            obstacles.append(f"restoring the state of {restoring} partitions")
        elif not self._assignments.settled:
            obstacles.append("partitions are not assigned")
        consumer = _consumer(self._app)
        heartbeat_age_s, fetch_age_s = consumer.membership.age_s(monotonic()), consumer.fetch_age_s(_now_ms())
        return obstacles + silences(heartbeat_age_s, fetch_age_s, self._settings.session_timeout_s)

    def _refresh(self) -> None:
        """Set the metrics that are asked for rather than counted."""
        if self._app is None:
            return
        consumer = _consumer(self._app)
        if (age_s := consumer.membership.age_s(monotonic())) is not None:
            metrics.HEARTBEAT_AGE.set(age_s)
        metrics.FETCH_AGE.set(consumer.fetch_age_s(_now_ms()) or 0.0)
        show_lag((topic.name for runner in self._runners for topic in runner.flow.topics), consumer.lag())
        for runner in self._runners:
            if self._family is Family.BOOKS and self._assignments is not None:
                states = (unit.state for unit in self._assignments.units(runner.flow))
                show_books(states, self._settings.markets, _now_ms())
            metrics.CHECKPOINT_AGE.labels(runner.flow.name).set(runner.checkpoint_age_s())


class _StoppedError(Exception):
    """Ends a wait in a thread whose result nobody wants any more."""


def _app_options(group: str, settings: Settings, job: Job) -> AppOptions:
    return AppOptions(
        group=group,
        bootstrap_servers=settings.kafka,
        instance_id=settings.instance_id,
        session_timeout_s=settings.session_timeout_s,
        rebalance_timeout_s=settings.rebalance_timeout_s,
        commit_interval_s=settings.commit_interval_s,
        request_timeout_s=settings.request_timeout_s,
        fetch_bytes=settings.fetch_bytes,
        limits=DeliveryLimits(settings.batch_records, settings.batches_in_flight, job.ends),
    )


def _now_ms() -> int:
    return time_ns() // 1_000_000


def _consumer(app: BatchApp) -> BatchConsumer:
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)  # noqa: S101 - the app's transport makes no other
    return consumer
