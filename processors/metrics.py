"""All metrics of the workers. Each worker serves its own; names are the same for all families."""

from __future__ import annotations

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
    "ACCOUNT_DIFFERENCES",
    "BATCH_SECONDS",
    "BOOKS",
    "BOOK_GAPS",
    "BOOK_LEVELS",
    "BOOK_VERIFICATIONS",
    "BUILD_INFO",
    "CHECKPOINTS_LOST",
    "CHECKPOINT_AGE",
    "CHECKPOINT_BYTES",
    "CHECKPOINT_ROUND_SECONDS",
    "DEAD_LETTERS",
    "EVENT_AGE",
    "FETCH_AGE",
    "HEARTBEAT_AGE",
    "LAG",
    "OUTPUTS",
    "PARTITIONS",
    "PROCESS",
    "REBALANCES",
    "RECORDS",
    "REGISTRY",
    "RESTORE_SECONDS",
    "SNAPSHOT_REQUESTS",
    "UNKNOWN_EVENTS",
]

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()
"""Our own metrics. Faust's sensors are not among them: their names follow no convention."""

PROCESS: Final = CollectorRegistry()
"""What the client library tells of any process: memory, CPU, open files, garbage collection."""
ProcessCollector(registry=PROCESS)
PlatformCollector(registry=PROCESS)
GCCollector(registry=PROCESS)

# gauge, always 1. Join it to see which version did what; two versions for long: a rollout is stuck.
BUILD_INFO: Final = Gauge(
    "processors_build_info", "Version and revision of what is running.", ["version", "revision"], registry=REGISTRY
)
BUILD_INFO.labels(*build()).set(1)

# counter, records: read from input topics and applied. Flat while lag rises: the worker is stuck.
RECORDS: Final = Counter("processors_records_total", "Input records applied.", ["topic"], registry=REGISTRY)

# counter, records: written to output topics and acknowledged by the broker.
OUTPUTS: Final = Counter(
    "processors_outputs_total", "Output records acknowledged by the broker.", ["topic"], registry=REGISTRY
)

# counter, records: set aside in control.dead-letter, or what is private in control.private-dead-letter. Any rise wants
# a look at the topic.
DEAD_LETTERS: Final = Counter(
    "processors_dead_letters_total",
    "Records set aside in the dead-letter topic.",
    ["topic", "reason"],
    registry=REGISTRY,
)

# histogram, seconds: from receiving a batch to its acknowledgement, outputs durable. Rising: the broker is slow.
BATCH_SECONDS: Final = Histogram(
    "processors_batch_seconds",
    "Time from receiving a batch to its acknowledgement.",
    ["flow"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
    registry=REGISTRY,
)

# histogram, seconds: from the time of a batch's last event to its outputs being durable, by input topic: what the whole
# way takes, ingest and broker included. Rising: look at lag and at ingest_event_lag_seconds. A replay is all old.
EVENT_AGE: Final = Histogram(
    "processors_event_age_seconds",
    "Age of the last event of a batch when its outputs were durable.",
    ["topic"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0),
    registry=REGISTRY,
)

# gauge, records: between the end of the topic and the last acknowledged record, over the assigned partitions.
LAG: Final = Gauge("processors_lag_records", "Input records not yet applied.", ["topic"], registry=REGISTRY)

# gauge, partitions: by what they do: "running" or "restoring".
PARTITIONS: Final = Gauge(
    "processors_partitions", "Assigned partitions by state.", ["flow", "state"], registry=REGISTRY
)

# counter, rebalances: of the consumer group. A steady rise means that workers come and go or are too slow to answer.
REBALANCES: Final = Counter("processors_rebalances_total", "Assignments received.", registry=REGISTRY)

# histogram, seconds: from the assignment until a partition's state was back; by source: "checkpoint", "log" (there was
# none that could be used), "kept" (it was here, others had the partition in between). Rising: see docs/state.md.
RESTORE_SECONDS: Final = Histogram(
    "processors_restore_seconds",
    "Time from an assignment until the state of a partition was back.",
    ["flow", "source"],
    buckets=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
    registry=REGISTRY,
)

# gauge, seconds: since the beginning of the last whole round of checkpoints, of the partition where that is longest
# ago; so much of the log is read again after a restart. Rising: the broker is slow, or the state too large to write.
CHECKPOINT_AGE: Final = Gauge(
    "processors_checkpoint_age_seconds", "Age of the oldest round of checkpoints.", ["flow"], registry=REGISTRY
)

# counter, bytes: checkpoints acknowledged by the broker.
CHECKPOINT_BYTES: Final = Counter(
    "processors_checkpoint_bytes_total", "Bytes of checkpoints written.", ["flow"], registry=REGISTRY
)

# histogram, seconds: from the beginning of a round to its acknowledged manifest. Longer than the interval: rounds
# follow each other without pause, and the checkpoints are older than they were meant to be.
CHECKPOINT_ROUND_SECONDS: Final = Histogram(
    "processors_checkpoint_round_seconds",
    "Time that a round of checkpoints takes.",
    ["flow"],
    buckets=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0),
    registry=REGISTRY,
)

# counter, checkpoints: that did not serve when a state was to be brought back, by cause. Any rise: books ask for
# snapshots, trades and tickers are rebuilt from the log; the log names some of them.
CHECKPOINTS_LOST: Final = Counter(
    "processors_checkpoints_lost_total", "Checkpoints that could not be used.", ["flow", "cause"], registry=REGISTRY
)

# gauge, books: by state, "live", "syncing" or "stale". Others than live for long: their snapshots do not come, or
# nobody vouches for them; docs/runbook.md. After a day without anything new of them they are counted no more.
BOOKS: Final = Gauge("processors_books", "Books by state.", ["market", "state"], registry=REGISTRY)

# counter, gaps in the diffs that books met. A rise: depth events are missing in the log; the ledger says which.
BOOK_GAPS: Final = Counter("processors_book_gaps_total", "Gaps in the diffs of books.", ["market"], registry=REGISTRY)

# counter, requests for depth snapshots, by why a book wants to be built anew or compared. A steady rise of another
# reason than "out-of-reach": books are wrong again and again, or nobody answers.
SNAPSHOT_REQUESTS: Final = Counter(
    "processors_snapshot_requests_total", "Depth snapshots asked for.", ["market", "reason"], registry=REGISTRY
)

# counter, comparisons of a book with a depth snapshot, by result: "equal", "different" or "not-comparable". A rise of
# "different": books were wrong; they were built anew, and the ledger has a hole of reason "snapshot-differs".
BOOK_VERIFICATIONS: Final = Counter(
    "processors_book_verifications_total",
    "Comparisons of books with depth snapshots.",
    ["market", "result"],
    registry=REGISTRY,
)

# counter, price levels of those comparisons: "equal" or "different". The share of equal ones is to be 1.
BOOK_LEVELS: Final = Counter(
    "processors_book_levels_compared_total",
    "Price levels compared with depth snapshots.",
    ["market", "result"],
    registry=REGISTRY,
)

# counter, differences between what the streams told of an account and what the venue answered, by market and by what:
# "order", "fill", "balance", "position"; "unknown-…" where the streams had told nothing of it, as at the first start of
# an account. A rise of the others without a disconnect: the stream loses events; the log has both sides of each.
ACCOUNT_DIFFERENCES: Final = Counter(
    "processors_account_differences_total",
    "What the venue's answers had to add to its streams of user data.",
    ["market", "what"],
    registry=REGISTRY,
)

# counter, events about accounts of a type that nobody knows, by market. Any rise: the venue has something new; the log
# names it.
UNKNOWN_EVENTS: Final = Counter(
    "processors_unknown_events_total", "Events about accounts that were passed over.", ["market"], registry=REGISTRY
)

# gauge, seconds: since the last group heartbeat that succeeded. Above half the session timeout nothing is sent.
HEARTBEAT_AGE: Final = Gauge(
    "processors_heartbeat_age_seconds", "Time since the last successful group heartbeat.", registry=REGISTRY
)

# gauge, seconds: since the broker last answered a fetch, with records or without; 0 where nothing is assigned.
# Rising: partitions have no leader.
FETCH_AGE: Final = Gauge(
    "processors_fetch_age_seconds", "Time since the broker last answered a fetch.", registry=REGISTRY
)
