"""Alerts about ingest: the feed, the way into Kafka, completeness, accounts."""

from __future__ import annotations

from typing import Final

from monitoring.rule import Rule, Severity


__all__ = ["ACCOUNT_RULES", "FEED_RULES", "KAFKA_RULES", "REPAIR_RULES"]

_PAGE, _TICKET = Severity.PAGE, Severity.TICKET

FEED_RULES: Final = (
    Rule(
        name="IngestDown",
        expr="absent(ingest_build_info)",
        after="2m",
        severity=_PAGE,
        summary="No ingest is running",
        description="No process of ingest is scraped: nothing of Binance gets into Kafka.",
    ),
    Rule(
        name="FeedStale",
        expr=(
            "time() - max by (market, stream) (ingest_last_event_timestamp_seconds"
            '{stream=~"depth|book-ticker|partial-depth|mark-price|mini-ticker|ticker"}) > 60'
        ),
        after="1m",
        severity=_PAGE,
        summary="{{ $labels.market }} {{ $labels.stream }}: no event for more than a minute",
        description="The last event is {{ $value | humanizeDuration }} old. These stream types never rest that long.",
    ),
    Rule(
        name="TradesStale",
        expr=(
            "time() - max by (market, stream) (ingest_last_event_timestamp_seconds"
            '{stream=~"trade|agg-trade|kline"}) > 600'
        ),
        after="5m",
        severity=_TICKET,
        summary="{{ $labels.market }} {{ $labels.stream }}: no event for more than ten minutes",
        description="The last is {{ $value | humanizeDuration }} old. A market of quiet symbols may rest that long.",
    ),
    Rule(
        name="ConnectionDown",
        expr="ingest_connection_live == 0",
        after="5m",
        severity=_PAGE,
        summary="Connection {{ $labels.connection }} is not live",
        description="Its streams are not read by {{ $labels.instance }}: it cannot connect, or subscriptions fail.",
    ),
    Rule(
        name="ConnectionFlapping",
        expr=(
            "sum without (reason) (increase(ingest_disconnects_total"
            '{reason!~"rotated|stopping|shutdown|unproven"}[15m])) > 5'
        ),
        after="0s",
        severity=_TICKET,
        summary="Connection {{ $labels.connection }} breaks again and again",
        description="{{ $value | humanize }} ends in 15 minutes that nobody planned; each can leave holes.",
    ),
    Rule(
        name="StreamsSilent",
        expr="ingest_silent_streams > 0",
        after="10m",
        severity=_TICKET,
        summary="Connection {{ $labels.connection }}: {{ $value }} streams deliver nothing",
        description="The venue acknowledged them and sends nothing; the log names them and the likely cause.",
    ),
    Rule(
        name="StreamsRefused",
        expr="increase(ingest_refused_streams_total[15m]) > 0",
        after="0s",
        severity=_TICKET,
        summary="Connection {{ $labels.connection }}: the venue refuses streams",
        description="Nobody vouches for a connection with refused streams, so its windows do not close.",
    ),
    Rule(
        name="EventLagHigh",
        expr="histogram_quantile(0.99, sum by (market, le) (rate(ingest_event_lag_seconds_bucket[5m]))) > 2",
        after="10m",
        severity=_TICKET,
        summary="{{ $labels.market }}: events arrive {{ $value | humanizeDuration }} late",
        description="Between the venue's stamp and our reading, at the 99th percentile: network, CPU, or our clock.",
    ),
    Rule(
        name="HeartbeatsMissing",
        expr=(
            "sum by (market) (rate(ingest_heartbeats_total[2m])) == 0"
            " and on (market) count by (market)"
            ' (ingest_last_event_timestamp_seconds{stream=~"trade|agg-trade|depth"})'
        ),
        after="3m",
        severity=_PAGE,
        summary="{{ $labels.market }}: nobody vouches for the log",
        description="Without heartbeats windows do not close and books become stale.",
    ),
    Rule(
        name="IngestDeadLetters",
        expr="sum by (market, reason) (increase(ingest_dead_letters_total[15m])) > 0",
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }}: payloads are set aside as {{ $labels.reason }}",
        description="{{ $value | humanize }} in 15 minutes. They are in the dead-letter topic, whole or cut.",
    ),
    Rule(
        name="EventTimesReplaced",
        expr="sum by (market) (increase(ingest_event_times_replaced_total[15m])) > 0",
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }}: event times that cannot be",
        description="{{ $value | humanize }} records of 15 minutes bear their receive time: a clock is off.",
    ),
    Rule(
        name="ConfigInvalid",
        expr="ingest_config_invalid == 1",
        after="1m",
        severity=_TICKET,
        summary="The changed configuration of ingest cannot be used",
        description="{{ $labels.instance }} goes on with the settings before it, and would not start again.",
    ),
)

KAFKA_RULES: Final = (
    Rule(
        name="IngestBrokerAway",
        expr="ingest_broker_stalled == 1",
        after="1m",
        severity=_PAGE,
        summary="Kafka takes nothing from ingest",
        description="{{ $labels.instance }} holds what it reads in memory; when that is full it stops reading.",
    ),
    Rule(
        name="IngestBufferFull",
        expr="ingest_unacknowledged_bytes / ingest_buffer_limit_bytes > 0.8",
        after="1m",
        severity=_PAGE,
        summary="Ingest's buffer is {{ $value | humanizePercentage }} full",
        description="At 100 % {{ $labels.instance }} stops reading, and the venue drops slow readers.",
    ),
    Rule(
        name="ProduceSlow",
        expr="histogram_quantile(0.99, sum by (le) (rate(ingest_produce_duration_seconds_bucket[5m]))) > 1",
        after="10m",
        severity=_TICKET,
        summary="Kafka takes {{ $value | humanizeDuration }} to acknowledge a batch",
        description="At the 99th percentile. A broker's disk, replication, or the network is slow.",
    ),
    Rule(
        name="ProducerFailing",
        expr="increase(ingest_producer_failures_total[15m]) > 3",
        after="0s",
        severity=_TICKET,
        summary="Ingest replaces its producer again and again",
        description="{{ $value | humanize }} times in 15 minutes: the broker refuses batches or forgets producers.",
    ),
)

REPAIR_RULES: Final = (
    Rule(
        name="HolesOpen",
        expr="sum by (market, stream) (ingest_open_holes) > 0",
        after="15m",
        severity=_TICKET,
        summary="{{ $labels.market }} {{ $labels.stream }}: {{ $value }} holes are not filled",
        description="Trades are missing and were not fetched for 15 minutes; windows they touch are incomplete.",
    ),
    Rule(
        name="IdsLost",
        expr='sum by (market, stream) (increase(ingest_hole_ids_total{outcome="lost"}[1h])) > 0',
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }} {{ $labels.stream }}: data is gone for good",
        description="{{ $value | humanize }} ids cannot be fetched any more; the ledger says which, and why.",
    ),
    Rule(
        name="RepairBehind",
        expr="sum(ingest_repair_lag_records) > 100000",
        after="10m",
        severity=_TICKET,
        summary="Repair has {{ $value | humanize }} records to read",
        description="Holes are found late. Nobody repairs, repair has no time, or the broker is slow.",
    ),
    Rule(
        name="TailChecksFailing",
        expr=(
            'sum by (market) (increase(ingest_tail_checks_total{outcome="failed"}[15m])) > 0'
            ' unless sum by (market) (increase(ingest_tail_checks_total{outcome="done"}[15m])) > 0'
        ),
        after="5m",
        severity=_TICKET,
        summary="{{ $labels.market }}: whether the log ends where the venue does is not known",
        description="No look at the venue's last trades succeeded for 15 minutes.",
    ),
    Rule(
        name="RestPaused",
        expr="max by (pool) (ingest_rest_paused_until_timestamp_seconds) - time() > 60",
        after="0s",
        severity=_PAGE,
        summary="Binance wants to be left alone for {{ $value | humanizeDuration }} (pool {{ $labels.pool }})",
        description="This address is banned or was told to slow down: no snapshot, no hole filled until then.",
    ),
    Rule(
        name="RestQueueLong",
        expr='max by (pool, importance) (ingest_rest_queue{importance=~"clock|hole|book"}) > 20',
        after="10m",
        severity=_TICKET,
        summary="{{ $value }} requests of importance {{ $labels.importance }} wait (pool {{ $labels.pool }})",
        description="More is asked than the budget allows: holes are filled late, and books wait for snapshots.",
    ),
    Rule(
        name="SnapshotsFailing",
        expr=(
            "sum by (market) (increase(ingest_snapshot_failures_total[15m])) > 5"
            " unless sum by (market) (increase(ingest_snapshots_total[15m])) > 0"
        ),
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }}: no depth snapshot succeeds",
        description="A book that lost its place stays `syncing` until there is one.",
    ),
)

ACCOUNT_RULES: Final = (
    Rule(
        name="AccountKeyRefused",
        expr="ingest_account_key_refused == 1",
        after="1m",
        severity=_PAGE,
        summary="Binance refuses the key of account {{ $labels.account }} on {{ $labels.market }}",
        description="Nothing of its orders and balances is read. Wrong, revoked, or not allowed from this address.",
    ),
    Rule(
        name="ReconciliationFailing",
        expr=(
            'sum by (market, account) (increase(ingest_reconciliations_total{outcome="failed"}[1h])) > 2'
            ' unless sum by (market, account) (increase(ingest_reconciliations_total{outcome="done"}[1h])) > 0'
        ),
        after="0s",
        severity=_TICKET,
        summary="Account {{ $labels.account }} on {{ $labels.market }} is not compared with the venue",
        description="What its stream missed is not found. The log says why each comparison failed.",
    ),
    Rule(
        name="ListenKeyExpired",
        expr="sum by (market, account) (increase(ingest_listen_key_expiries_total[1h])) > 1",
        after="0s",
        severity=_TICKET,
        summary="Listen keys of account {{ $labels.account }} on {{ $labels.market }} expire in use",
        description="{{ $value | humanize }} in an hour: prolonging them fails, and events fall out meanwhile.",
    ),
)
