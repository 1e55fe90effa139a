"""What the services export, without running them."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dashboard import metrics as of_dashboard
from dashboard.api.pushing import PAGES
from dashboard.core.views import EVENTS
from ingest import metrics as of_ingest
from ingest.config import Settings
from ingest.metric_series import show_at_zero, show_connection
from processors import metrics as of_processors
from processors.config import Settings as ProcessorsSettings
from processors.flows import Family, flows_of, outputs_of
from processors.metric_series import show_at_zero as show_processors
from schemas.topics import TopicTable


__all__ = ["exported_series", "expositions", "ingest_settings"]


def ingest_settings() -> Settings:
    """Return settings that name something of everything: markets, patterns, an account."""
    return Settings(
        markets={  # type: ignore[arg-type]  # pydantic converts
            "spot": {"symbols": ["*USDT"], "streams": ["trade", "depth@100ms", "bookTicker", "!miniTicker@arr"]},
            "usdm": {"symbols": ["BTCUSDT"], "streams": ["aggTrade", "markPrice", "!forceOrder@arr"]},
        },
        accounts={"main": {"markets": ["spot", "usdm"]}},  # type: ignore[dict-item]
    )


@cache
def expositions() -> dict[str, str]:
    """Return what each service serves before anything happens, by service."""
    registry, table = CollectorRegistry(), TopicTable()
    metrics = of_ingest.Metrics(registry)
    show_at_zero(metrics, ingest_settings(), table)
    show_connection(metrics, "spot-0")
    settings = ProcessorsSettings()
    for family in Family:
        flows = flows_of(family, table, settings.markets, snapshot_levels=20, snapshot_interval_ms=1_000)
        show_processors(family, flows, outputs_of(family, table, settings.markets), settings.markets)
    of_dashboard.show_at_zero(["binance.spot.trade.v1"], ["/live"], PAGES, EVENTS)
    of_dashboard.SYMBOLS.labels("spot")
    parts = {
        "ingest": (registry, of_ingest.PROCESS),
        "processors": (of_processors.REGISTRY, of_processors.PROCESS),
        "dashboard": (of_dashboard.REGISTRY, of_dashboard.PROCESS),
    }
    return {name: "".join(generate_latest(one).decode() for one in both) for name, both in parts.items()}


@cache
def exported_series() -> frozenset[str]:
    """Return the names of all series of all services."""
    return frozenset(
        sample.name
        for text in expositions().values()
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    )
