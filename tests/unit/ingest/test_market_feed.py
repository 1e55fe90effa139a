"""A market's feed while its settings change; how its connections follow is tested with those."""

from __future__ import annotations

import aiohttp
import structlog
from prometheus_client import CollectorRegistry

from ingest.config import Settings
from ingest.control_records import ControlRecords
from ingest.core.limits import Allowance
from ingest.core.merged import SeenVersions
from ingest.core.pacing import Pacer
from ingest.core.plan import plan_connections
from ingest.core.streams import stream_of
from ingest.market_feed import MarketFeed
from ingest.metric_series import show_at_zero
from ingest.metrics import Metrics
from ingest.shared import Shared
from ingest.symbols import SymbolBook
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import RawType, TopicTable
from tests.support.fakes import FakeClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.rest import rest_client


def settings_of(*streams: str) -> Settings:
    return Settings(markets={"spot": {"symbols": ["BTCUSDT"], "streams": list(streams)}})  # type: ignore[arg-type]


def told(metrics: Metrics) -> dict[str, float]:
    (family,) = (one for one in metrics.registry.collect() if one.name == "ingest_last_event_timestamp_seconds")
    return {sample.labels["stream"]: sample.value for sample in family.samples}


async def test_the_last_event_of_a_stream_type_that_the_settings_name_no_more_is_told_no_more() -> None:
    """Not by an event either that was read before: it would be called stale for ever."""
    before, after = settings_of("trade", "ticker"), settings_of("trade", "depth")
    clocks, table, metrics = FakeClocks(1_700_000_000_000), TopicTable(), Metrics(CollectorRegistry())
    show_at_zero(metrics, before, table)
    shared = Shared(
        settings=before,
        ingest_id="i1",
        table=table,
        publisher=RecordingPublisher(),
        control=ControlRecords(table, Codec(table, OfflineRegistry())),
        metrics=metrics,
        clocks=clocks,
        symbol_book=SymbolBook(),
        merged=SeenVersions(),
        attempts=Pacer(Allowance(100, 100.0)),
        log=structlog.get_logger(),
    )
    (plan,) = plan_connections([stream_of(Market.SPOT, "trade", "BTCUSDT")])
    async with aiohttp.ClientSession() as session:
        feed = MarketFeed(Market.SPOT, shared, rest_client("http://127.0.0.1:1/api/v3", session, clocks))
        at_first = told(metrics)
        feed.apply(after)
        at_once = told(metrics)
        metrics.last_event.labels(Market.SPOT, RawType.TICKER).set(7)
        feed.worked(plan, "i1.spot-0.1", 1, 100, None)

    assert at_first == {"trade": 0, "ticker": 0}
    assert at_once == told(metrics) == {"trade": 0, "depth": 0}
