"""Everything at once, and never longer than it may take."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final

import aiohttp

from ingest.check.findings import Finding, Mark, Report
from ingest.check.rest_probe import RestProbe
from ingest.check.server_probes import KAFKA, REGISTRY, probe_broker, probe_registry
from ingest.check.stream_probe import StreamProbe
from ingest.check.subjects import subjects_of
from ingest.config import Settings
from ingest.connection import Clocks
from ingest.core.endpoints import Environment
from ingest.core.streams import Route
from schemas.topics import TopicTable


__all__ = ["Checking"]

LIMIT_S: Final = 25.0
"""No probe takes longer, and all run at once."""

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
        yield KAFKA, KAFKA, partial(self._in_thread, probe_broker, settings.kafka_bootstrap_servers)
        yield REGISTRY, REGISTRY, partial(self._in_thread, probe_registry, settings.schema_registry_url)

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

    async def _limited(self, group: str, words: str, probe: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._limit_s):
                await probe()
        except TimeoutError:
            detail = f"not done within {self._limit_s:.0f} s"
            self._report(Finding(group, words, Mark.FAIL, detail, "the network is slow or drops packets: try again"))
        finally:
            self.waiting.discard(words)

    async def _in_thread(self, probe: Callable[[str, TopicTable, Report], None], address: str) -> None:
        loop = asyncio.get_running_loop()

        def tell(finding: Finding) -> None:
            loop.call_soon_threadsafe(self._report, finding)

        await asyncio.to_thread(probe, address, TopicTable(self._settings.topic_prefix), tell)
