"""All metrics of the workers. Each worker serves its own; names are the same for all families."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics


__all__ = [
    "BATCH_SECONDS",
    "DEAD_LETTERS",
    "FETCH_AGE",
    "HEARTBEAT_AGE",
    "LAG",
    "OUTPUTS",
    "PARTITIONS",
    "REBALANCES",
    "REBUILD_SECONDS",
    "RECORDS",
    "REGISTRY",
]

disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY: Final = CollectorRegistry()

# counter, records: read from input topics and applied. Flat while lag rises: the worker is stuck.
RECORDS: Final = Counter("processors_records_total", "Input records applied.", ["topic"], registry=REGISTRY)

# counter, records: written to output topics and acknowledged by the broker.
OUTPUTS: Final = Counter(
    "processors_outputs_total", "Output records acknowledged by the broker.", ["topic"], registry=REGISTRY
)

# counter, records: set aside in control.dead-letter. Any rise wants a look at the topic.
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

# gauge, records: between the end of the topic and the last acknowledged record, over the assigned partitions.
LAG: Final = Gauge("processors_lag_records", "Input records not yet applied.", ["topic"], registry=REGISTRY)

# gauge, partitions: by what they do: "running" or "rebuilding".
PARTITIONS: Final = Gauge(
    "processors_partitions", "Assigned partitions by state.", ["flow", "state"], registry=REGISTRY
)

# counter, rebalances: of the consumer group. A steady rise means that workers come and go or are too slow to answer.
REBALANCES: Final = Counter("processors_rebalances_total", "Assignments received.", registry=REGISTRY)

# histogram, seconds: to rebuild one partition's state from the log.
REBUILD_SECONDS: Final = Histogram(
    "processors_rebuild_seconds",
    "Time to rebuild the state of one partition.",
    ["flow"],
    buckets=(0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0),
    registry=REGISTRY,
)

# gauge, seconds: since the last group heartbeat that succeeded. Above half the session timeout nothing is sent.
HEARTBEAT_AGE: Final = Gauge(
    "processors_heartbeat_age_seconds", "Time since the last successful group heartbeat.", registry=REGISTRY
)

# gauge, seconds: since the broker last answered a fetch, with records or without. Rising: partitions have no leader.
FETCH_AGE: Final = Gauge(
    "processors_fetch_age_seconds", "Time since the broker last answered a fetch.", registry=REGISTRY
)
