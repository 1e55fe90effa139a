"""The service as a whole: wait for what it needs, run, and leave in good order."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry
from structlog.stdlib import BoundLogger

from ingest.accounts.making import check_keys, new_accounts
from ingest.broker_watch import BrokerWatch
from ingest.config import Settings, load
from ingest.config_watch import ConfigWatch
from ingest.connection import Clocks
from ingest.control_records import ControlRecords
from ingest.core.dead_letters import refused_letter
from ingest.core.heartbeats import VOUCHED_TYPES
from ingest.core.limits import CONNECTION_ATTEMPTS
from ingest.core.merged import SeenVersions
from ingest.core.pacing import Pacer
from ingest.core.records import Record
from ingest.errors import KafkaRequestError, UndeliveredError
from ingest.health import Readiness, serve
from ingest.kafka_log import end_offsets, read_to_end
from ingest.kafka_publisher import KafkaPublisher
from ingest.listings import Listings
from ingest.market_feed import READY, MarketFeed
from ingest.market_parts import new_market_parts
from ingest.metric_series import show_at_zero
from ingest.metrics import Metrics
from ingest.producers import UNREACHABLE, reason_of
from ingest.repair import Repair, new_repair
from ingest.repair_holes import RepairParts
from ingest.service_parts import ServiceParts
from ingest.shared import Shared
from ingest.snapshot_news import SnapshotNews
from ingest.symbols import SymbolBook
from ingest.tracing import traced
from ingest.waiting import wait_for_servers
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import ControlType, RawType, Topic, TopicTable


__all__ = ["Role", "Service"]

_REPAIR_STOP_S: Final = 3.0


class Role(StrEnum):
    """What a process does."""

    ALL = "all"
    """Takes streams, and repairs unless the settings say otherwise."""
    REPAIR = "repair"
    """Repairs alone."""


class Service:
    """Binance to Kafka, as the settings say.

    Args:
        settings: what to do.
        ingest_id: names this process in records.
        clocks: time and chance.
        log: where it tells what happens.
        role: which part of it.
        config: the file that the settings came from, which is watched, and how to read it.
    """

    def __init__(
        self,
        settings: Settings,
        ingest_id: str,
        clocks: Clocks,
        log: BoundLogger,
        *,
        role: Role = Role.ALL,
        config: tuple[Path | None, Callable[[Path], Settings]] = (None, load),
    ) -> None:
        self._role = role
        self._settings = settings
        self._ingest_id = ingest_id
        self._clocks = clocks
        self._log = log
        self._table = TopicTable(settings.topic_prefix)
        self._metrics = Metrics(CollectorRegistry())
        show_at_zero(self._metrics, settings, self._table, streaming=self._role is Role.ALL)
        self._feeds: dict[Market, MarketFeed] = {}
        self._listings: list[Listings] = []
        """Who repairs alone knows the symbols by them; feeds have their own."""
        self._config = ConfigWatch(
            config[0],
            settings,
            read=config[1],
            changed=self._apply,
            invalid=self._metrics.config_invalid,
            log=log,
        )
        self._broker = BrokerWatch(self._metrics, clocks, log)
        self.http_port: int | None = None
        """Where metrics and health are served; None: not yet, or not at all."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop.

        Raises:
            KafkaUnavailableError: the broker did not answer within the limit.
            RegistryError: the registry did not answer within the limit, or lacks a schema.
            TopicsMissingError: set-up was not run.
            PartitionCountError: a topic has another number of partitions than the table says.
            ConfigError: the port for metrics cannot be had, or the key of an account.
            UndeliveredError: at the end the broker had not acknowledged everything.
        """
        async with AsyncExitStack() as resources:
            interrupted = threading.Event()
            starting = asyncio.ensure_future(self._start(resources, interrupted.wait))
            stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
            await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
            if not starting.done():
                interrupted.set()
                starting.cancel()
                await asyncio.wait([starting])
                return
            parts = starting.result()
            if self._settings.http.enabled:
                http = self._settings.http
                server = serve(http.host, http.port, self._metrics.registry, lambda: self._readiness(parts))
                self.http_port = await resources.enter_async_context(server)
                self._log.info("serving metrics and health", host=http.host, port=self.http_port)
            await self._run(parts, stopping)

    def read_config_again(self) -> None:
        """Read the configuration file now, as SIGHUP asks for."""
        self._config.read_again()

    def _apply(self, settings: Settings) -> None:
        show_at_zero(self._metrics, settings, self._table, streaming=self._role is Role.ALL)
        for feed in self._feeds.values():
            feed.apply(settings)

    # Start

    async def _start(self, resources: AsyncExitStack, pause: Callable[[float], bool]) -> ServiceParts:
        settings, table = self._settings, self._table
        if self._role is Role.ALL:
            # Whoever mistook a key shall not wait for Kafka to be told so.
            await asyncio.to_thread(check_keys, settings)
        registry = resources.enter_context(Registry(settings.schema_registry_url))
        await asyncio.to_thread(wait_for_servers, settings, table, registry, pause=pause, warn=self._log.warning)
        codec = Codec(table, registry)
        await asyncio.to_thread(codec.prepare, table.topics(private=settings.private))
        publisher = KafkaPublisher(
            settings.kafka,
            f"ingest-{self._ingest_id}",
            settings.producer,
            letter=self._letter,
            random=self._clocks.random,
            log=self._log,
            delivered=traced(self._metrics.delivered, settings, self._ingest_id, resources),
        )
        await publisher.start(settings.wait_limit_s)
        resources.push_async_callback(publisher.stop)
        control = ControlRecords(table, codec)
        topics = [*self._raw_topics(VOUCHED_TYPES), *self._account_topics()]
        try:
            records = await read_to_end(settings.kafka, table.control(ControlType.PROGRESS))
            ends = await end_offsets(settings.kafka, topics)
        except UNREACHABLE as error:
            raise KafkaRequestError(settings.kafka, f"the log's end is not told ({reason_of(error)})") from error
        notes, unreadable = control.latest_progress(records)
        for fault in unreadable:
            self._log.error("note of progress cannot be read", reason=str(fault))
        for partition, offset in ends.items():
            publisher.learn(partition.topic, partition.partition, offset)
        shared = self._new_shared(publisher, control)
        markets = await new_market_parts(resources, shared, notes, streaming=self._role is Role.ALL)
        feeds, self._listings = markets.feeds, markets.listings
        self._feeds = feeds
        for feed in feeds.values():
            await feed.prepare(notes)
        accounts = new_accounts(shared, markets.rests, streaming=self._role is Role.ALL)
        await accounts.prepare()
        repair = self._new_repair(markets.repair)
        if repair is not None:
            for market, feed in feeds.items():
                feed.interrupted = partial(repair.hurry, market)
        self._log.info("started", ingest_id=self._ingest_id, shard=settings.shard)
        return ServiceParts(publisher, feeds, accounts, repair, codec)

    def _new_shared(self, publisher: KafkaPublisher, control: ControlRecords) -> Shared:
        return Shared(
            settings=self._settings,
            ingest_id=self._ingest_id,
            table=self._table,
            publisher=publisher,
            control=control,
            metrics=self._metrics,
            clocks=self._clocks,
            symbol_book=SymbolBook(),
            merged=SeenVersions(),
            attempts=Pacer(CONNECTION_ATTEMPTS),
            log=self._log,
        )

    def _new_repair(self, parts: RepairParts) -> Repair | None:
        wanted = self._settings.repair.enabled or self._role is Role.REPAIR
        public = bool(self._settings.markets.present())
        return new_repair(self._settings, self._ingest_id, parts) if wanted and public else None

    def _raw_topics(self, types: Sequence[RawType] | frozenset[RawType]) -> list[Topic]:
        """Return the raw topics of these types that this process may write: its streams can change while it runs."""
        return [self._table.raw(market, one) for market in self._settings.markets.present() for one in sorted(types)]

    def _account_topics(self) -> list[Topic]:
        """Return the topics in which the streams of accounts are written."""
        types = (RawType.ORDER_UPDATE, RawType.ACCOUNT_UPDATE)
        return [self._table.raw(market, one) for market in self._settings.account_markets for one in types]

    # Run and stop

    async def _run(self, parts: ServiceParts, stopping: asyncio.Future[Any]) -> None:
        sending = asyncio.ensure_future(parts.publisher.run())
        background = asyncio.ensure_future(self._background(parts))
        reading = asyncio.ensure_future(self._read(parts))
        repairing = asyncio.ensure_future(self._repair(parts))
        everything: list[asyncio.Future[None]] = [sending, background, reading, repairing]
        try:
            ended, _ = await asyncio.wait([*everything, stopping], return_when=asyncio.FIRST_COMPLETED)
            self._log.info("stopping")
            deadline_ms = self._clocks.now_ms() + self._settings.stop_limit_s * 1000
            for feed in parts.streaming:
                feed.stop()
            if parts.streaming:
                await asyncio.wait([reading], timeout=self._left_s(deadline_ms))
            if parts.repair is not None:
                parts.repair.stop()
                await asyncio.wait([repairing], timeout=min(_REPAIR_STOP_S, self._left_s(deadline_ms)))
            background.cancel()
            left = await parts.publisher.drain(self._left_s(deadline_ms))
        finally:
            for task in everything:
                task.cancel()
            await asyncio.wait(everything, timeout=1.0)
        for task in ended:
            task.result()  # what broke is raised here
        if left:
            raise UndeliveredError(left)
        self._log.info("stopped, everything acknowledged")

    async def _read(self, parts: ServiceParts) -> None:
        if not parts.streaming:
            await asyncio.Event().wait()
        async with asyncio.TaskGroup() as tasks:
            for feed in parts.streaming:
                tasks.create_task(feed.run_connections())

    async def _background(self, parts: ServiceParts) -> None:
        async with asyncio.TaskGroup() as tasks:
            for feed in parts.streaming:
                tasks.create_task(feed.run())
            for listings in self._listings:
                tasks.create_task(listings.run())
            tasks.create_task(self._config.run())
            if parts.feeds:
                servers = self._settings.kafka
                news = SnapshotNews(servers, self._table, parts.codec, parts.feeds, self._log)
                tasks.create_task(news.follow_requests())
                tasks.create_task(news.follow_snapshots())
            tasks.create_task(self._broker.run(parts.publisher))

    async def _repair(self, parts: ServiceParts) -> None:
        if parts.repair is None:
            await asyncio.Event().wait()
        else:
            await parts.repair.run()

    # What is told

    def _readiness(self, parts: ServiceParts) -> Readiness:
        detail = {label: state for feed in parts.streaming for label, state in feed.readiness.items()}
        ready = all(state == READY for state in detail.values()) and not self._broker.stalled
        return Readiness(ready, {**detail, "kafka": "away" if self._broker.stalled else "ok"})

    def _letter(self, record: Record, reason: str) -> Record:
        return refused_letter(self._table, record, reason, self._wall_ms())

    def _wall_ms(self) -> int:
        return self._clocks.wall_ns() // 1_000_000

    def _left_s(self, deadline_ms: float) -> float:
        return max(0.0, (deadline_ms - self._clocks.now_ms()) / 1000)
