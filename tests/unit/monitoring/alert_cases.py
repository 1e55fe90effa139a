"""For each alert, series on which it fires and series on which it must not. A value a minute, from the epoch on."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


__all__ = ["CASES", "Case"]

STILL, ZERO, ONE, RISING = "5x60", "0x60", "1x60", "0+10x60"
CLOCK = "0+60x60"
"""A time that is always now."""


class Case(msgspec.Struct, frozen=True):
    """When an alert fires and when not."""

    fires: Mapping[str, str]
    quiet: Mapping[str, str]
    minute: int = 30
    """When it is looked at."""
    fires_too: tuple[Mapping[str, str], ...] = ()
    """Where a rule has several reasons."""
    quiet_too: tuple[Mapping[str, str], ...] = ()


def buckets(name: str, labels: str, fast: str, slow: str) -> dict[str, str]:
    """Return a histogram of which `fast` come below a millisecond and `slow` above a minute."""
    inner = f"{labels}," if labels else ""
    return {
        f'{name}_bucket{{{inner}le="0.001"}}': fast,
        f'{name}_bucket{{{inner}le="60"}}': fast,
        f'{name}_bucket{{{inner}le="300"}}': slow,
        f'{name}_bucket{{{inner}le="+Inf"}}': slow,
    }


def counter(name: str, *, healthy: str = STILL) -> Case:
    """Return the case of an alert about any rise of a counter."""
    return Case({name: RISING}, {name: healthy})


def gauge(name: str, bad: str = ONE, good: str = ZERO, minute: int = 59) -> Case:
    """Return the case of an alert about the value of a gauge."""
    return Case({name: bad}, {name: good}, minute)


def slow(name: str, labels: str = "") -> Case:
    """Return the case of an alert about a quantile."""
    return Case(buckets(name, labels, STILL, RISING), buckets(name, labels, RISING, RISING))


_LAST = "ingest_last_event_timestamp_seconds"
_SPOT_DEPTH = '{market="spot",stream="depth"}'
_SPOT_TRADE = '{market="spot",stream="trade"}'
_TOPIC = '{topic="binance.spot.raw.depth"}'
_RECONCILED = 'ingest_reconciliations_total{market="spot",account="main",cause="timer",outcome="%s"}'
_KEY_REFUSED = 'ingest_account_key_refused{market="spot",account="main"}'
_RUNNING = 'processors_partitions{flow="%s",state="running"}'

CASES: dict[str, Case] = {
    "IngestDown": Case({}, {'ingest_build_info{version="1"}': ONE}),
    "FeedStale": Case(
        {_LAST + _SPOT_DEPTH: ZERO},
        {_LAST + _SPOT_DEPTH: CLOCK, _LAST + '{market="usdm",stream="force-order"}': ZERO},
    ),
    "TradesStale": Case({_LAST + _SPOT_TRADE: ZERO}, {_LAST + _SPOT_TRADE: CLOCK}),
    "ConnectionDown": gauge('ingest_connection_live{connection="spot-0"}', ZERO, ONE),
    "ConnectionFlapping": Case(
        {'ingest_disconnects_total{connection="spot-0",reason="venue"}': "0+1x60"},
        {
            'ingest_disconnects_total{connection="spot-0",reason="rotated"}': "0+1x60",
            'ingest_disconnects_total{connection="spot-0",reason="venue"}': "0x20 1x40",
        },
    ),
    "StreamsSilent": gauge('ingest_silent_streams{connection="spot-0"}'),
    "StreamsRefused": counter('ingest_refused_streams_total{connection="spot-0"}'),
    "EventLagHigh": slow("ingest_event_lag_seconds", 'market="spot"'),
    "HeartbeatsMissing": Case(
        {'ingest_heartbeats_total{market="spot"}': ZERO, _LAST + _SPOT_TRADE: ZERO},
        {
            'ingest_heartbeats_total{market="spot"}': RISING,
            _LAST + _SPOT_TRADE: CLOCK,
            # Nobody vouches for tickers; trades were taken once.
            'ingest_heartbeats_total{market="usdm"}': STILL,
            'ingest_records_total{market="usdm",stream="trade"}': STILL,
            _LAST + '{market="usdm",stream="ticker"}': CLOCK,
        },
    ),
    "IngestDeadLetters": counter('ingest_dead_letters_total{market="spot",reason="unknown-event"}'),
    "EventTimesReplaced": counter('ingest_event_times_replaced_total{market="spot"}'),
    "ConfigInvalid": gauge("ingest_config_invalid"),
    "IngestBrokerAway": gauge("ingest_broker_stalled"),
    "IngestBufferFull": Case(
        {"ingest_unacknowledged_bytes": "90x60", "ingest_buffer_limit_bytes": "100x60"},
        {"ingest_unacknowledged_bytes": "50x60", "ingest_buffer_limit_bytes": "100x60"},
    ),
    "ProduceSlow": slow("ingest_produce_duration_seconds"),
    "ProducerFailing": counter("ingest_producer_failures_total", healthy="0x20 1x40"),
    "HolesOpen": gauge("ingest_open_holes" + _SPOT_TRADE),
    "IdsLost": Case(
        {'ingest_hole_ids_total{market="spot",stream="trade",outcome="lost"}': RISING},
        {'ingest_hole_ids_total{market="spot",stream="trade",outcome="backfilled"}': RISING},
    ),
    "RepairBehind": gauge("ingest_repair_lag_records", "200000x60", "2000x60"),
    "TailChecksFailing": Case(
        {
            'ingest_tail_checks_total{market="spot",outcome="failed"}': RISING,
            'ingest_tail_checks_total{market="spot",outcome="done"}': ZERO,
        },
        {
            'ingest_tail_checks_total{market="spot",outcome="failed"}': RISING,
            'ingest_tail_checks_total{market="spot",outcome="done"}': RISING,
        },
    ),
    "RestPaused": Case(
        {'ingest_rest_paused_until_timestamp_seconds{pool="spot"}': "7200x60"},
        {
            'ingest_rest_paused_until_timestamp_seconds{pool="spot"}': "900x60",
            'ingest_rest_paused_until_timestamp_seconds{pool="futures"}': ZERO,
        },
    ),
    "RestQueueLong": Case(
        {'ingest_rest_queue{pool="spot",importance="hole"}': "50x60"},
        {
            'ingest_rest_queue{pool="spot",importance="hole"}': "5x60",
            'ingest_rest_queue{pool="spot",importance="refresh"}': "500x60",
        },
    ),
    "SnapshotsFailing": Case(
        {'ingest_snapshot_failures_total{market="spot"}': RISING, 'ingest_snapshots_total{market="spot"}': STILL},
        {'ingest_snapshot_failures_total{market="spot"}': RISING, 'ingest_snapshots_total{market="spot"}': RISING},
    ),
    "AccountKeyRefused": gauge(_KEY_REFUSED),
    "ReconciliationFailing": Case(
        {_RECONCILED % "failed": RISING, _RECONCILED % "done": ZERO},
        {_RECONCILED % "failed": RISING, _RECONCILED % "done": RISING},
    ),
    "ListenKeyExpired": counter('ingest_listen_key_expiries_total{market="usdm",account="main"}', healthy="0x20 1x40"),
    "ProcessorsDown": Case(
        {_RUNNING % "books": "12x60"},
        {_RUNNING % "books": "12x60", _RUNNING % "trades": "12x60"},
        fires_too=(
            {_RUNNING % "books": "12x60", _RUNNING % "trades": "12x60", _KEY_REFUSED: ZERO},
            {_RUNNING % "trades": "12x60"},
        ),
        quiet_too=(
            {
                _RUNNING % "books": "12x60",
                _RUNNING % "trades": "12x60",
                _RUNNING % "accounts": "12x60",
                _KEY_REFUSED: ZERO,
            },
        ),
    ),
    "ProcessorsStuck": Case(
        {"processors_lag_records" + _TOPIC: ONE, "processors_records_total" + _TOPIC: STILL},
        {
            "processors_lag_records" + _TOPIC: ONE,
            "processors_records_total" + _TOPIC: RISING,
            'processors_lag_records{topic="binance.control.gap"}': ZERO,
            'processors_records_total{topic="binance.control.gap"}': STILL,
        },
    ),
    "ProcessorsBehind": slow("processors_event_age_seconds", 'topic="binance.spot.raw.depth"'),
    "ProcessorsBrokerAway": Case(
        {"processors_heartbeat_age_seconds": "20x60", "processors_fetch_age_seconds": ZERO},
        {"processors_heartbeat_age_seconds": "2x60", "processors_fetch_age_seconds": ONE},
    ),
    "BatchesSlow": slow("processors_batch_seconds", 'flow="books"'),
    "RestoreSlow": Case(
        {'processors_partitions{flow="books",state="restoring"}': ONE},
        {
            'processors_partitions{flow="books",state="restoring"}': ZERO,
            'processors_partitions{flow="books",state="running"}': ONE,
        },
    ),
    "BooksNotLive": Case(
        {
            'processors_books{market="spot",state="live"}': "9x60",
            'processors_books{market="spot",state="stale"}': ONE,
        },
        {
            'processors_books{market="spot",state="live"}': "99x60",
            'processors_books{market="spot",state="stale"}': ONE,
            'processors_books{market="usdm",state="live"}': ZERO,
            'processors_books{market="usdm",state="stale"}': ZERO,
        },
        fires_too=(
            # One in two hundred a minute: that is no start.
            {
                'processors_books{market="spot",state="live"}': "0+5x60",
                'processors_books{market="spot",state="syncing"}': "1000-5x60",
            },
        ),
        quiet_too=(
            # A start: 1,500 books in 22 minutes, when the alert could fire for the first time, and near the end.
            {
                'processors_books{market="spot",state="live"}': "_x25 0+68x22 1500x20",
                'processors_books{market="spot",state="syncing"}': "_x25 1500-68x22 0x20",
            },
            {
                'processors_books{market="spot",state="live"}': "_x10 0+68x22 1500x40",
                'processors_books{market="spot",state="syncing"}': "_x10 1500-68x22 0x40",
            },
        ),
    ),
    "BooksStayBroken": Case(
        {'processors_books{market="spot",state="syncing"}': ONE},
        {'processors_books{market="spot",state="syncing"}': "1x20 0x40"},
        59,
    ),
    "BooksDiffer": Case(
        {'processors_book_verifications_total{market="spot",result="different"}': RISING},
        {'processors_book_verifications_total{market="spot",result="equal"}': RISING},
    ),
    "ProcessorsDeadLetters": counter(
        'processors_dead_letters_total{topic="binance.spot.raw.depth",reason="bad-number"}'
    ),
    "GroupUnstable": counter("processors_rebalances_total", healthy="0x20 1x40"),
    "CheckpointOld": gauge('processors_checkpoint_age_seconds{flow="books"}', "400x60", "12x60"),
    "CheckpointsLost": counter('processors_checkpoints_lost_total{flow="books",cause="missing"}'),
    "AccountStreamIncomplete": Case(
        {'processors_account_differences_total{market="spot",what="fill"}': RISING},
        {'processors_account_differences_total{market="spot",what="unknown-order"}': RISING},
    ),
    "UnknownEvents": counter('processors_unknown_events_total{market="spot"}'),
    "DashboardDown": Case({}, {'dashboard_build_info{version="1"}': ONE}),
    "DashboardNotSynchronised": gauge("dashboard_unsynchronised_partitions"),
    "DashboardBehind": gauge('dashboard_lag_records{instance="a",topic="t"}', "20000x60", "20x60"),
    "DashboardBrokerAway": gauge("dashboard_contact_age_seconds", "40x60", ONE),
    "DashboardUnreadable": counter('dashboard_unreadable_records_total{topic="t"}'),
    "InstanceDown": Case(
        {'up{job="p",instance="a"}': ZERO, 'processors_build_info{job="p",instance="b"}': ONE},
        {
            'up{job="p",instance="b"}': ONE,
            'processors_build_info{job="p",instance="b"}': ONE,
            'up{job="of-others",instance="c"}': ZERO,
        },
    ),
    "VersionsDiffer": Case(
        {'ingest_build_info{version="1"}': "1x90", 'processors_build_info{version="2"}': "1x90"},
        {'ingest_build_info{version="1"}': "1x90", 'processors_build_info{version="1"}': "1x90"},
        80,
    ),
}
