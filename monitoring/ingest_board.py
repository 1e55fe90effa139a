"""The dashboard of ingest: connections, the way into Kafka, completeness, REST."""

from __future__ import annotations

from typing import Final

from monitoring.panel import Board, Panel, Query, Row, Unit


__all__ = ["INGEST"]

_FEED: Final = Row(
    "Feed",
    (
        Panel(
            title="Connections",
            about="1: all subscriptions are acknowledged.",
            queries=(Query("ingest_connection_live", "{{connection}} {{instance}}"),),
        ),
        Panel(
            title="Frames",
            about="By connection.",
            queries=(Query("sum by (connection) (rate(ingest_frames_total[$__rate_interval]))", "{{connection}}"),),
            unit=Unit.PER_SECOND,
        ),
        Panel(
            title="Bytes from the venue",
            about="By connection, uncompressed.",
            queries=(
                Query("sum by (connection) (rate(ingest_frame_bytes_total[$__rate_interval]))", "{{connection}}"),
            ),
            unit=Unit.BYTES_PER_SECOND,
        ),
        Panel(
            title="Age of the last event",
            about="By stream type. Liquidations may rest for long; depth and tickers never do.",
            queries=(
                Query(
                    'time() - max by (market, stream) (ingest_last_event_timestamp_seconds{market=~"$market"} > 0)',
                    "{{market}} {{stream}}",
                ),
            ),
            unit=Unit.SECONDS,
        ),
        Panel(
            title="Ends of connections",
            about="By reason, per hour. Rotations are planned.",
            queries=(
                Query(
                    "sum by (connection, reason) (increase(ingest_disconnects_total[1h]))", "{{connection}} {{reason}}"
                ),
            ),
        ),
        Panel(
            title="Streams that are silent or refused",
            about="Silent: acknowledged and overdue with their first event. Refused: in the last hour.",
            queries=(
                Query("sum by (connection) (ingest_silent_streams)", "{{connection}} silent"),
                Query("sum by (connection) (increase(ingest_refused_streams_total[1h]))", "{{connection}} refused"),
            ),
            red_from=1,
        ),
        Panel(
            title="Symbols",
            about="Whose streams are taken.",
            queries=(Query('sum by (market) (ingest_symbols{market=~"$market"})', "{{market}}"),),
        ),
        Panel(
            title="Copies dropped in rotations",
            about="Events that both sockets of a rotation delivered.",
            queries=(
                Query(
                    'sum by (market) (increase(ingest_overlap_duplicates_total{market=~"$market"}[1h]))', "{{market}}"
                ),
            ),
        ),
        Panel(
            title="Set aside or corrected",
            about="Dead letters by reason, and event times that could not be; per hour.",
            queries=(
                Query(
                    'sum by (market, reason) (increase(ingest_dead_letters_total{market=~"$market"}[1h]))',
                    "{{market}} {{reason}}",
                ),
                Query(
                    'sum by (market) (increase(ingest_event_times_replaced_total{market=~"$market"}[1h]))',
                    "{{market}} event time replaced",
                ),
            ),
            red_from=1,
        ),
    ),
)

_KAFKA: Final = Row(
    "Into Kafka",
    (
        Panel(
            title="Handed over and delivered",
            about="Raw records read, and everything that the broker acknowledged; a lasting difference: the broker.",
            queries=(
                Query("sum(rate(ingest_records_total[$__rate_interval]))", "raw records read"),
                Query("sum(rate(ingest_delivered_records_total[$__rate_interval]))", "delivered"),
            ),
            unit=Unit.PER_SECOND,
        ),
        Panel(
            title="Bytes delivered",
            about="Before compression and replication, by topic.",
            queries=(Query("sum by (topic) (rate(ingest_delivered_bytes_total[$__rate_interval])) > 0", "{{topic}}"),),
            unit=Unit.BYTES_PER_SECOND,
        ),
        Panel(
            title="Buffer",
            about="Full: reading stops.",
            queries=(
                Query("ingest_unacknowledged_bytes", "{{instance}} in use"),
                Query("ingest_buffer_limit_bytes", "{{instance}} limit"),
            ),
            unit=Unit.BYTES,
        ),
        Panel(
            title="Unacknowledged records",
            about="On their way to the broker.",
            queries=(Query("ingest_unacknowledged_records", "{{instance}}"),),
        ),
        Panel(
            title="Broker",
            about="1: nothing was acknowledged for 10 s. Producers replaced: in the last hour.",
            queries=(
                Query("ingest_broker_stalled", "{{instance}} stalled"),
                Query("increase(ingest_producer_failures_total[1h])", "{{instance}} producers replaced"),
            ),
            red_from=1,
        ),
        Panel(
            title="Heartbeats",
            about="Promises that the log is complete, per second. None: no window closes.",
            queries=(
                Query(
                    'sum by (market) (rate(ingest_heartbeats_total{market=~"$market"}[$__rate_interval]))', "{{market}}"
                ),
            ),
            unit=Unit.PER_SECOND,
        ),
    ),
)

_REPAIR: Final = Row(
    "Completeness",
    (
        Panel(
            title="Open holes",
            about="Not settled yet.",
            queries=(Query('sum by (market, stream) (ingest_open_holes{market=~"$market"})', "{{market}} {{stream}}"),),
            red_from=1,
        ),
        Panel(
            title="Missing ids",
            about="In the open holes; falls while a long one is filled.",
            queries=(
                Query('sum by (market, stream) (ingest_missing_ids{market=~"$market"})', "{{market}} {{stream}}"),
            ),
        ),
        Panel(
            title="Fate of ids in holes",
            about="Per hour. Lost ones are gone for good.",
            queries=(
                Query(
                    'sum by (market, outcome) (increase(ingest_hole_ids_total{market=~"$market"}[1h]))',
                    "{{market}} {{outcome}}",
                ),
            ),
        ),
        Panel(
            title="Holes found",
            about="By a later id, and at the end of a stream; per hour.",
            queries=(
                Query(
                    'sum by (market, stream) (increase(ingest_holes_total{market=~"$market"}[1h]))',
                    "{{market}} {{stream}}",
                ),
                Query(
                    'sum by (market, stream) (increase(ingest_tail_holes_total{market=~"$market"}[1h]))',
                    "{{market}} {{stream}} at the end",
                ),
            ),
        ),
        Panel(
            title="Repair's lag",
            about="Raw records that it has not looked at.",
            queries=(Query("ingest_repair_lag_records", "{{instance}}"),),
        ),
        Panel(
            title="Looks at the venue's last trades",
            about="Per hour, by outcome.",
            queries=(
                Query(
                    'sum by (market, outcome) (increase(ingest_tail_checks_total{market=~"$market"}[1h]))',
                    "{{market}} {{outcome}}",
                ),
            ),
        ),
    ),
)

_REST: Final = Row(
    "REST",
    (
        Panel(
            title="Weight",
            about="Used by everybody at this address in the venue's window, and what may be used.",
            queries=(
                Query("max by (pool) (ingest_rest_used_weight)", "{{pool}} used"),
                Query("max by (pool) (ingest_rest_allowed_weight)", "{{pool}} allowed"),
            ),
        ),
        Panel(
            title="Requests that wait",
            about="By importance. Waiting holes: trades come late.",
            queries=(Query("sum by (pool, importance) (ingest_rest_queue)", "{{pool}} {{importance}}"),),
        ),
        Panel(
            title="Wait for a turn",
            about="99th percentile, by importance.",
            queries=(
                Query(
                    "histogram_quantile(0.99, sum by (importance, le)"
                    " (rate(ingest_rest_wait_seconds_bucket[$__rate_interval])))",
                    "{{importance}}",
                ),
            ),
            unit=Unit.SECONDS,
        ),
        Panel(
            title="Requests",
            about="By outcome, per hour.",
            queries=(
                Query("sum by (pool, outcome) (increase(ingest_rest_requests_total[1h]))", "{{pool}} {{outcome}}"),
            ),
        ),
        Panel(
            title="Pause",
            about="For how long the venue wants to be left alone.",
            queries=(
                Query("clamp_min(max by (pool) (ingest_rest_paused_until_timestamp_seconds) - time(), 0)", "{{pool}}"),
            ),
            unit=Unit.SECONDS,
            red_from=1,
        ),
        Panel(
            title="Depth snapshots",
            about="Published and failed, per hour.",
            queries=(
                Query(
                    'sum by (market) (increase(ingest_snapshots_total{market=~"$market"}[1h]))', "{{market}} published"
                ),
                Query(
                    'sum by (market) (increase(ingest_snapshot_failures_total{market=~"$market"}[1h]))',
                    "{{market}} failed",
                ),
            ),
        ),
    ),
)

INGEST: Final = Board(
    uid="binance-kafka-ingest",
    title="Binance Kafka / Ingest",
    about="Binance to Kafka: connections, delivery, completeness, REST budget.",
    rows=(_FEED, _KAFKA, _REPAIR, _REST),
)
