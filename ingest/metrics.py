"""Every metric of ingest: its name, its kind, its labels, its meaning, and what a rise of it means."""

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

from ingest.publisher import Delivery
from schemas.build import build


__all__ = ["METRICS", "PROCESS", "Metrics"]

disable_created_metrics()  # type: ignore[no-untyped-call]

PROCESS: Final = CollectorRegistry()
"""What the client library tells of any process: memory, CPU, open files, garbage collection."""
ProcessCollector(registry=PROCESS)
PlatformCollector(registry=PROCESS)
GCCollector(registry=PROCESS)

METRICS: Final = {
    # gauge, always 1. Join it to see which version did what; two versions for long: a rollout is stuck.
    "ingest_build_info": "Version and revision of what is running.",
    # counter. A rate of 0 while the market is open: look at the connection.
    "ingest_frames_total": "Frames read, by connection.",
    # counter. Bytes of frames; with the frames, their mean size.
    "ingest_frame_bytes_total": "Bytes of frames read, by connection.",
    # counter. Records handed to the publisher; more than were delivered for long: the broker is slow or away.
    "ingest_records_total": "Raw records, by market and stream type.",
    # counter. Flat while ingest_records_total rises: nothing gets into the log; see the broker.
    "ingest_delivered_records_total": "Records that the broker has acknowledged, by topic.",
    # counter, bytes. What the topics grow by, before compression and replication.
    "ingest_delivered_bytes_total": "Bytes of records that the broker has acknowledged, by topic.",
    # histogram, seconds. A rise: the broker, or the network to it, is slow.
    "ingest_produce_duration_seconds": "Time from sending a batch until the broker acknowledged it.",
    # gauge, seconds since the epoch. Far in the past: the stream type is silent, or this process cannot keep up.
    "ingest_last_event_timestamp_seconds": "Time of the last event, by market and stream type; 0: there was none.",
    # counter. Any rise: read the dead-letter topic.
    "ingest_dead_letters_total": "Payloads and records set aside, by market and reason.",
    # counter. A rise: the venue's clock or ours is off, or it sends impossible times.
    "ingest_event_times_replaced_total": "Records stamped with their receive time because their event time cannot be.",
    # histogram, seconds. A rise: the network or this process is slow; negative times count as 0.
    "ingest_event_lag_seconds": "Receive time less event time, of the last record of each chunk.",
    # gauge, 1 or 0. 0: this connection is down or not all its subscriptions are acknowledged.
    "ingest_connection_live": "Whether all subscriptions of a connection are acknowledged.",
    # counter. A steady rise of another reason than "rotated" or "stopping": see the log.
    "ingest_disconnects_total": "Ends of sockets and failed attempts, by connection and reason.",
    # gauge. Above 0: the venue acknowledged streams that do not deliver; they are in the log, with the likely cause.
    "ingest_silent_streams": "Streams overdue with their first event, by connection.",
    # counter. Rises with every rotation; a rise without one: look at the disconnects.
    "ingest_overlap_duplicates_total": "Events dropped because the other socket of a rotation had them, by market.",
    # counter. Any rise: the venue refuses streams; they are in the log.
    "ingest_refused_streams_total": "Streams that the venue refused, by connection.",
    # gauge. A rise: the broker is slow or away.
    "ingest_unacknowledged_records": "Records that the broker has not acknowledged.",
    # gauge, bytes. At ingest_buffer_limit_bytes the readers stop.
    "ingest_unacknowledged_bytes": "Memory taken by unacknowledged records.",
    # gauge, bytes. The setting producer.buffer_bytes.
    "ingest_buffer_limit_bytes": "Unacknowledged records for which there is memory.",
    # gauge, 1 or 0. 1: nothing was acknowledged for 10 s although something waits; /ready fails.
    "ingest_broker_stalled": "Whether the broker is away.",
    # counter. A rise: the broker refused a batch or forgot a producer.
    "ingest_producer_failures_total": "Producers that had to be replaced.",
    # counter. One per symbol at start, then one per symbol and refresh, and those asked for.
    "ingest_snapshots_total": "Depth snapshots published, by market.",
    # counter. A steady rise: the venue refuses or does not answer; see the log.
    "ingest_snapshot_failures_total": "Failed attempts at a depth snapshot, by market.",
    # gauge, weight. Near the allowed weight: the venue is asked as much as may be, and requests wait.
    "ingest_rest_used_weight": "Weight used in the venue's present window by everybody at this address, by pool.",
    # gauge, weight. A fall: a ban halved it for an hour.
    "ingest_rest_allowed_weight": "Weight that may be used in a window: the configured share of the limit, by pool.",
    # gauge. A lasting queue of holes: trades come late; of refreshes: harmless.
    "ingest_rest_queue": "Requests that wait for their turn, by pool and importance.",
    # histogram, seconds. A rise: the budget is too small for what is asked, or the address is banned.
    "ingest_rest_wait_seconds": "How long requests waited for their turn, by pool and importance.",
    # counter, by outcome. A rise of `slow-down` or `banned`: somebody at this address asks too much.
    "ingest_rest_requests_total": "Requests that ended: ok, refused, unreachable, slow-down (429), banned (418).",
    # gauge, seconds since the epoch. In the future: nothing is asked until then.
    "ingest_rest_paused_until_timestamp_seconds": "Until when the venue wants to be left alone, by pool; 0: never yet.",
    # counter. Any rise: trades are missing; read the ledger topic.
    "ingest_holes_total": "Holes in the ids of a stream, by market and stream type.",
    # gauge. Above 0 for long: `binance-ingest gaps`; docs/gaps.md says what to do.
    "ingest_open_holes": "Holes that are not settled in the partitions of this process, by market and stream type.",
    # gauge. Falls while a long hole is filled.
    "ingest_missing_ids": "Ids that are missing and not settled, by market and stream type.",
    # counter. A rise of `lost`: data is gone for good; the ledger says why.
    "ingest_hole_ids_total": "Ids of settled holes, by market, stream type and fate: backfilled, late, absent, lost.",
    # gauge. A rise: holes are found late; the process has no time, or the broker is slow.
    "ingest_repair_lag_records": "Raw records that repair has not read yet.",
    # counter, by outcome. No rise of `done`: what an outage takes from a symbol that trades no more is not found.
    "ingest_tail_checks_total": "Looks whether the log ends where the venue does, by market: done, failed.",
    # counter. A rise without a disconnect: a stream lost its last records in silence.
    "ingest_tail_holes_total": "Holes at the end of a stream, which no next id tells, by market and stream type.",
    # counter. A flat line while the market is open: nobody vouches, and no window closes.
    "ingest_heartbeats_total": "Heartbeats published, by market.",
    # counter, by outcome. No rise of `done`: what a stream misses is not found; the log says why.
    "ingest_reconciliations_total": "Comparisons of accounts with the venue, by market, account, cause: done, failed.",
    # counter. A steep rise: an old order is open, or a stream breaks again and again; docs/reconciliation.md.
    "ingest_reconciliation_answers_total": "Answers about accounts put into the log, by market and account.",
    # histogram, seconds. A rise: the request budget is too small, or there are more orders to page through.
    "ingest_reconciliation_seconds": "How long whole comparisons took, by market and account.",
    # gauge, seconds since the epoch. Far in the past: see ingest_reconciliations_total.
    "ingest_reconciled_timestamp_seconds": "End of the last whole comparison, by market and account; 0: none yet.",
    # gauge, 1 or 0. 1: the file was changed and is wrong; the log says where. The settings before it are in force.
    "ingest_config_invalid": "Whether the configuration file cannot be used as it is.",
    # counter. A rate of 0 says nothing: an account is silent when nothing happens to it. Compare with the venue.
    "ingest_account_events_total": "Events of accounts' streams, by market, account and stream type.",
    # gauge, seconds since the epoch. Says when something last happened to the account, as far as the stream tells.
    "ingest_account_last_event_timestamp_seconds": "When the last event of an account was read, by market and account.",
    # counter. A rise: prolonging did not work, see the log. Each expiry is followed by a comparison over REST.
    "ingest_listen_key_expiries_total": "Listen keys that ended while in use, by market and account.",
    # gauge, 1 or 0. 1: the key is wrong, revoked, or not allowed from this address; the log says what to do.
    "ingest_account_key_refused": "Whether the venue refuses an account's key, by market and account.",
    # counter. One per market of the account after its key was replaced; if not, see ingest_account_key_refused.
    "ingest_account_key_replacements_total": "New keys that took the place of old ones, by market and account.",
    # gauge. A fall: symbols were delisted or taken out of the configuration; the log says why.
    "ingest_symbols": "Symbols whose streams this process takes, by market.",
}
"""Names and help texts."""

_CONNECTION: Final = ("connection",)
_MARKET: Final = ("market",)
_STREAM: Final = ("market", "stream")
_TOPIC: Final = ("topic",)
_ACCOUNT: Final = ("market", "account")
_POOL: Final = ("pool",)
_IMPORTANCE: Final = ("pool", "importance")
_WAIT_BUCKETS_S: Final = (0.01, 0.1, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 7200.0)
_RECONCILIATION_BUCKETS_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 7200.0)
_LAG_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PRODUCE_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """The metrics of one process.

    Args:
        registry: where they are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._gauge("ingest_build_info", ("version", "revision")).labels(*build()).set(1)
        self.frames = self._counter("ingest_frames_total", _CONNECTION)
        self.frame_bytes = self._counter("ingest_frame_bytes_total", _CONNECTION)
        self.records = self._counter("ingest_records_total", _STREAM)
        self.delivered_records = self._counter("ingest_delivered_records_total", _TOPIC)
        self.delivered_bytes = self._counter("ingest_delivered_bytes_total", _TOPIC)
        self.produce_duration = self._histogram("ingest_produce_duration_seconds", (), _PRODUCE_BUCKETS_S)
        self.last_event = self._gauge("ingest_last_event_timestamp_seconds", _STREAM)
        self.dead_letters = self._counter("ingest_dead_letters_total", ("market", "reason"))
        self.event_times_replaced = self._counter("ingest_event_times_replaced_total", _MARKET)
        self.event_lag = self._histogram("ingest_event_lag_seconds", _MARKET, _LAG_BUCKETS_S)
        self.connection_live = self._gauge("ingest_connection_live", _CONNECTION)
        self.disconnects = self._counter("ingest_disconnects_total", ("connection", "reason"))
        self.silent_streams = self._gauge("ingest_silent_streams", _CONNECTION)
        self.overlap_duplicates = self._counter("ingest_overlap_duplicates_total", _MARKET)
        self.refused_streams = self._counter("ingest_refused_streams_total", _CONNECTION)
        self.unacknowledged_records = self._gauge("ingest_unacknowledged_records")
        self.unacknowledged_bytes = self._gauge("ingest_unacknowledged_bytes")
        self.buffer_limit_bytes = self._gauge("ingest_buffer_limit_bytes")
        self.broker_stalled = self._gauge("ingest_broker_stalled")
        self.producer_failures = self._counter("ingest_producer_failures_total")
        self.snapshots = self._counter("ingest_snapshots_total", _MARKET)
        self.snapshot_failures = self._counter("ingest_snapshot_failures_total", _MARKET)
        self.rest_used_weight = self._gauge("ingest_rest_used_weight", _POOL)
        self.rest_allowed_weight = self._gauge("ingest_rest_allowed_weight", _POOL)
        self.rest_queue = self._gauge("ingest_rest_queue", _IMPORTANCE)
        self.rest_waits = self._histogram("ingest_rest_wait_seconds", _IMPORTANCE, _WAIT_BUCKETS_S)
        self.rest_requests = self._counter("ingest_rest_requests_total", ("pool", "outcome"))
        self.rest_paused_until = self._gauge("ingest_rest_paused_until_timestamp_seconds", _POOL)
        self.holes = self._counter("ingest_holes_total", _STREAM)
        self.open_holes = self._gauge("ingest_open_holes", _STREAM)
        self.missing_ids = self._gauge("ingest_missing_ids", _STREAM)
        self.hole_ids = self._counter("ingest_hole_ids_total", ("market", "stream", "outcome"))
        self.repair_lag = self._gauge("ingest_repair_lag_records")
        self.tail_checks = self._counter("ingest_tail_checks_total", ("market", "outcome"))
        self.tail_holes = self._counter("ingest_tail_holes_total", _STREAM)
        self.heartbeats = self._counter("ingest_heartbeats_total", _MARKET)
        self.reconciliations = self._counter("ingest_reconciliations_total", (*_ACCOUNT, "cause", "outcome"))
        self.reconciliation_answers = self._counter("ingest_reconciliation_answers_total", _ACCOUNT)
        self.reconciliation_seconds = self._histogram(
            "ingest_reconciliation_seconds", _ACCOUNT, _RECONCILIATION_BUCKETS_S
        )
        self.reconciled_time = self._gauge("ingest_reconciled_timestamp_seconds", _ACCOUNT)
        self.config_invalid = self._gauge("ingest_config_invalid")
        self.account_events = self._counter("ingest_account_events_total", (*_ACCOUNT, "stream"))
        self.account_last_event = self._gauge("ingest_account_last_event_timestamp_seconds", _ACCOUNT)
        self.listen_key_expiries = self._counter("ingest_listen_key_expiries_total", _ACCOUNT)
        self.account_key_refused = self._gauge("ingest_account_key_refused", _ACCOUNT)
        self.account_key_replacements = self._counter("ingest_account_key_replacements_total", _ACCOUNT)
        self.symbols = self._gauge("ingest_symbols", _MARKET)

    def delivered(self, delivery: Delivery) -> None:
        """Count a batch that the broker has acknowledged."""
        self.delivered_records.labels(delivery.topic).inc(delivery.record_count)
        self.delivered_bytes.labels(delivery.topic).inc(delivery.byte_count)
        self.produce_duration.observe(delivery.seconds)

    def _counter(self, name: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, METRICS[name], labels, registry=self.registry)

    def _gauge(self, name: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, METRICS[name], labels, registry=self.registry)

    def _histogram(self, name: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, METRICS[name], labels, registry=self.registry, buckets=buckets)
