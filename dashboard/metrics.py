"""All metrics of the read service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from schemas.build import build


__all__ = [
    "BEATS_MISSED",
    "BUILD_INFO",
    "CONTACT_AGE",
    "LAG",
    "MESSAGES",
    "OLDER",
    "PAGES",
    "PAGES_REFUSED",
    "PROCESS",
    "RECORDS",
    "REGISTRY",
    "REPLACED",
    "REQUEST_SECONDS",
    "SYMBOLS",
    "UNREADABLE",
    "UNSYNCHRONISED",
    "show_at_zero",
]

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()

PROCESS: Final = CollectorRegistry()
"""What the client library tells of any process: memory, CPU, open files, garbage collection."""
ProcessCollector(registry=PROCESS)
PlatformCollector(registry=PROCESS)
GCCollector(registry=PROCESS)

# gauge, always 1. Join it to see which version did what; two versions for long: a rollout is stuck.
BUILD_INFO: Final = Gauge(
    "dashboard_build_info", "Version and revision of what is running.", ["version", "revision"], registry=REGISTRY
)
BUILD_INFO.labels(*build()).set(1)

# counter, records. Flat while workers write: the reader is stuck, or reads other topics than they write.
RECORDS: Final = Counter("dashboard_records_total", "Records read from derived topics.", ["topic"], registry=REGISTRY)

# counter, records. A burst: a worker began again, and repeats what it had written. A steady rise: two write the same.
OLDER: Final = Counter(
    "dashboard_older_records_total", "Records that were older than what was known.", ["topic"], registry=REGISTRY
)

# counter, records. Any rise: somebody else writes to a derived topic, or its schema is not compatible.
UNREADABLE: Final = Counter(
    "dashboard_unreadable_records_total", "Records that are not what their topic holds.", ["topic"], registry=REGISTRY
)

# counter, partitions. A rise: topics were deleted and made anew, or reading fell behind their retention.
REPLACED: Final = Counter(
    "dashboard_replaced_partitions_total", "Partitions read again from their beginning.", ["topic"], registry=REGISTRY
)

# gauge, records. A rise: the service has no time, answers are of the past.
LAG: Final = Gauge("dashboard_lag_records", "Records that are not read yet.", ["topic"], registry=REGISTRY)

# gauge, partitions. Above 0 for long after a start: look at the lag.
UNSYNCHRONISED: Final = Gauge(
    "dashboard_unsynchronised_partitions", "Partitions not read to the end that they had at start.", registry=REGISTRY
)

# gauge, seconds. Above the contact limit: the broker is away, /ready fails and live books are called stale.
CONTACT_AGE: Final = Gauge("dashboard_contact_age_seconds", "Time since the broker last answered.", registry=REGISTRY)

# gauge, symbols. Bounds the memory together with what is kept of each.
SYMBOLS: Final = Gauge("dashboard_symbols", "Symbols of which something is known.", ["market"], registry=REGISTRY)

# gauge, pages. At DASHBOARD_PAGES_LIMIT: others are refused.
PAGES: Final = Gauge("dashboard_pages", "Open pages that are pushed to.", ["page"], registry=REGISTRY)

# counter, requests. Any rise: more pages are wanted than DASHBOARD_PAGES_LIMIT, or somebody opens them in a loop.
PAGES_REFUSED: Final = Counter(
    "dashboard_pages_refused_total", "Pages refused because as many were open as may be.", registry=REGISTRY
)

# counter, messages. By event; at most ten a second of each page and event, less where nothing changes.
MESSAGES: Final = Counter("dashboard_messages_total", "Messages pushed to pages.", ["event"], registry=REGISTRY)

# counter, beats. A steady rise: readers are slow, or this process has no time. What changed meanwhile is told as one.
BEATS_MISSED: Final = Counter(
    "dashboard_beats_missed_total", "Tenths of a second that a page was not told of.", registry=REGISTRY
)

# histogram, seconds, by route and status. A rise of 503: topics are not synchronised, or books are not live.
REQUEST_SECONDS: Final = Histogram(
    "dashboard_request_seconds",
    "Time until an answer to a request begins.",
    ["route", "status"],
    buckets=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    registry=REGISTRY,
)


def show_at_zero(topics: Iterable[str], routes: Iterable[str], pages: Iterable[str], events: Iterable[str]) -> None:
    """Make every series whose labels are known beforehand: a rate begins with the first event.

    Args:
        topics: what is read.
        routes: what can be asked for.
        pages: what is pushed to.
        events: what is pushed.
    """
    for topic in topics:
        for of_topic in (RECORDS, OLDER, UNREADABLE, REPLACED, LAG):
            of_topic.labels(topic)
    for route in routes:
        REQUEST_SECONDS.labels(route, 200)
    for page in pages:
        PAGES.labels(page)
    for event in events:
        MESSAGES.labels(event)
