"""Everything at once, and never longer than it may take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import Final, TypeVar, cast

import aiohttp
import structlog
from prometheus_client import CollectorRegistry
from structlog.stdlib import BoundLogger

from ingest.check.account_probe import ACCOUNT, AccountProbe
from ingest.check.findings import Finding, Mark, Report
from ingest.check.rest_probe import RestProbe
from ingest.check.server_probes import KAFKA, REGISTRY, probe_broker, probe_registry
from ingest.check.stream_probe import StreamProbe
from ingest.check.subjects import subjects_of
from ingest.config import Settings
from ingest.connection import Clocks
from ingest.core.budget import Budget
from ingest.core.endpoints import Environment
from ingest.core.streams import Route
from ingest.core.windows import KNOWN_LIMITS, pool_of
from ingest.metrics import Metrics
from ingest.own_topics import own_topics
from ingest.rest import RestClient
from ingest.rest_pool import RestPool
from schemas.markets import Market
from schemas.topics import Topic, TopicTable


__all__ = ["Checking"]

_SILENT: Final = cast(
    "BoundLogger", structlog.wrap_logger(None, wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
)
"""What the check has to say are its findings."""
LIMIT_S: Final = 25.0
"""No probe takes longer, and all run at once."""

T = TypeVar("T")
"""How a server is named."""

_Probe = tuple[str, str, Callable[[], Awaitable[None]]]
"""What it is about, what is waited for in words, and the probe itself."""


class Checking:
    """Tries everything that the settings name.

    Args:
        settings: what to try.
        clocks: time.
        report: takes the findings as they are made, in this process's event loop.
        venue_only: leave broker and registry out.
        limit_s: how long a probe may take in all.
    """

    def __init__(
        self,
        settings: Settings,
        clocks: Clocks,
        report: Report,
        *,
        venue_only: bool = False,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._settings = settings
        self._clocks = clocks
        self._report = report
        self._venue_only = venue_only
        self._limit_s = limit_s
        self.waiting: set[str] = set()
        """What is still under way, in words."""

    async def run(self) -> None:
        """Try everything; returns when the last has ended."""
        # A proxy of the environment is for the way to Binance, not to a sandbox.
        through_proxy = self._settings.endpoint is not Environment.SANDBOX
        async with aiohttp.ClientSession(trust_env=through_proxy) as session, asyncio.TaskGroup() as tasks:
            servers = () if self._venue_only else self._of_servers()
            for group, words, probe in (*servers, *self._of_venue(session)):
                self.waiting.add(words)
                tasks.create_task(self._limited(group, words, probe))

    def _of_servers(self) -> Iterator[_Probe]:
        settings = self._settings
        table, private = TopicTable(settings.topic_prefix), settings.private
        own = own_topics(table, private=private)
        yield KAFKA, KAFKA, partial(self._in_thread, probe_broker, settings.kafka, own)
        every = table.topics(private=private)
        yield REGISTRY, REGISTRY, partial(self._in_thread, probe_registry, settings.schema_registry_url, every)

    def _of_venue(self, session: aiohttp.ClientSession) -> Iterator[_Probe]:
        settings = self._settings
        for one in subjects_of(settings):
            rest = RestProbe(
                one.market,
                one.rest_url,
                one.symbols,
                own_time=settings.endpoint is Environment.SANDBOX,
                session=session,
                clocks=self._clocks,
                report=self._report,
            )
            yield one.market, f"{one.market} REST", rest.run
            for route, (url, streams) in one.routes.items():
                words = f"{one.market} streams" + ("" if route is Route.ALL else f" /{route}")
                probe = StreamProbe(one.market, route, url, streams, clocks=self._clocks, report=self._report)
                yield one.market, words, probe.run
        for label, account in settings.own_accounts.items():
            of_account = AccountProbe(
                label,
                account,
                settings,
                partial(self._client, session),
                clocks=self._clocks,
                report=self._report,
                log=_SILENT,
            )
            yield ACCOUNT, f"account {label}", of_account.run

    def _client(self, session: aiohttp.ClientSession, market: Market) -> RestClient:
        """Return a client with a budget of its own: what is asked here is little."""
        pool = pool_of(market)
        budget = RestPool(
            pool,
            Budget(KNOWN_LIMITS[pool], self._settings.rest.share),
            now_ms=self._clocks.now_ms,
            wall_ms=self._wall_ms,
            metrics=Metrics(CollectorRegistry()),
            log=_SILENT,
        )
        return RestClient(market, self._settings.endpoint_of(market).rest, session, budget, self._wall_ms)

    def _wall_ms(self) -> int:
        return self._clocks.wall_ns() // 1_000_000

    async def _limited(self, group: str, words: str, probe: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                await probe()
        except TimeoutError:
            detail = f"not done within {self._limit_s:.0f} s"
            self._report(Finding(group, words, Mark.FAIL, detail, "the network is slow or drops packets: try again"))
        finally:
            self.waiting.discard(words)

    async def _in_thread(
        self, probe: Callable[[T, Sequence[Topic], Report], None], address: T, wanted: Sequence[Topic]
    ) -> None:
        loop = asyncio.get_running_loop()

        def tell(finding: Finding) -> None:
            loop.call_soon_threadsafe(self._report, finding)

        await asyncio.to_thread(probe, address, wanted, tell)
