"""The dashboard to look at first: one line from Binance to the readers."""

from __future__ import annotations

from typing import Final

from monitoring.panel import Board, Kind, Panel, Query, Row, Unit


__all__ = ["OVERVIEW"]

OVERVIEW: Final = Board(
    uid="binance-kafka-overview",
    title="Binance Kafka / Overview",
    about="Is everything well, and if not, which service is to be looked at.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    title="Connections that are not live",
                    about="Above 0: streams are not read. See the dashboard of ingest.",
                    queries=(Query("sum(ingest_connection_live == bool 0)"),),
                    kind=Kind.NUMBER,
                    red_from=1,
                    width=4,
                ),
                Panel(
                    title="Oldest feed",
                    about="Age of the last event of the stream type that is longest silent, liquidations aside.",
                    queries=(
                        Query(
                            "max(time() - max by (market, stream) (ingest_last_event_timestamp_seconds"
                            '{stream!~"force-order|order-update|account-update|.*-snapshot"}))'
                        ),
                    ),
                    unit=Unit.SECONDS,
                    kind=Kind.NUMBER,
                    red_from=60,
                    width=4,
                ),
                Panel(
                    title="Open holes",
                    about="Holes in the ids of streams that are not settled.",
                    queries=(Query("sum(ingest_open_holes)"),),
                    kind=Kind.NUMBER,
                    red_from=1,
                    width=4,
                ),
                Panel(
                    title="Books that are not live",
                    about="They say so themselves, as syncing or stale.",
                    queries=(Query('sum(processors_books{state!="live"})'),),
                    kind=Kind.NUMBER,
                    red_from=1,
                    width=4,
                ),
                Panel(
                    title="Records that wait",
                    about="Lag of all workers together.",
                    queries=(Query("sum(processors_lag_records)"),),
                    kind=Kind.NUMBER,
                    red_from=100_000,
                    width=4,
                ),
                Panel(
                    title="Dead letters, last hour",
                    about="Of ingest and of the processors.",
                    queries=(
                        Query(
                            "sum(increase(ingest_dead_letters_total[1h]))"
                            " + sum(increase(processors_dead_letters_total[1h]))"
                        ),
                    ),
                    kind=Kind.NUMBER,
                    red_from=1,
                    width=4,
                ),
            ),
        ),
        Row(
            "Flow",
            (
                Panel(
                    title="Records into Kafka",
                    about="What the broker acknowledged, by topic.",
                    queries=(
                        Query(
                            "sum by (topic) (rate(ingest_delivered_records_total[$__rate_interval])) > 0", "{{topic}}"
                        ),
                    ),
                    unit=Unit.PER_SECOND,
                ),
                Panel(
                    title="Records applied by workers",
                    about="By input topic; it follows what comes in.",
                    queries=(
                        Query("sum by (topic) (rate(processors_records_total[$__rate_interval])) > 0", "{{topic}}"),
                    ),
                    unit=Unit.PER_SECOND,
                ),
                Panel(
                    title="Derived records",
                    about="By topic; acknowledged.",
                    queries=(
                        Query("sum by (topic) (rate(processors_outputs_total[$__rate_interval])) > 0", "{{topic}}"),
                    ),
                    unit=Unit.PER_SECOND,
                ),
            ),
        ),
        Row(
            "Time",
            (
                Panel(
                    title="From event to our socket",
                    about="Receive time less event time: the network, and how exact our clock is.",
                    queries=tuple(
                        Query(
                            f"histogram_quantile({share}, sum by (market, le)"
                            ' (rate(ingest_event_lag_seconds_bucket{market=~"$market"}[$__rate_interval])))',
                            f"{{{{market}}}} p{name}",
                        )
                        for share, name in (("0.5", "50"), ("0.99", "99"))
                    ),
                    unit=Unit.SECONDS,
                    red_from=2,
                ),
                Panel(
                    title="Kafka's acknowledgement",
                    about="From sending a batch until all replicas have it.",
                    queries=tuple(
                        Query(
                            f"histogram_quantile({share}, sum by (le)"
                            " (rate(ingest_produce_duration_seconds_bucket[$__rate_interval])))",
                            f"p{name}",
                        )
                        for share, name in (("0.5", "50"), ("0.99", "99"))
                    ),
                    unit=Unit.SECONDS,
                    red_from=1,
                ),
                Panel(
                    title="From event to derived record",
                    about="The whole way, by input topic, 99th percentile.",
                    queries=(
                        Query(
                            "histogram_quantile(0.99, sum by (topic, le)"
                            " (rate(processors_event_age_seconds_bucket[$__rate_interval])))",
                            "{{topic}}",
                        ),
                    ),
                    unit=Unit.SECONDS,
                    red_from=10,
                ),
            ),
        ),
        Row(
            "Processes",
            (
                Panel(
                    title="CPU",
                    about="Cores that each process uses.",
                    queries=(Query("rate(process_cpu_seconds_total[$__rate_interval])", "{{job}} {{instance}}"),),
                    unit=Unit.SHARE,
                ),
                Panel(
                    title="Memory",
                    about="Resident memory of each process.",
                    queries=(Query("process_resident_memory_bytes", "{{job}} {{instance}}"),),
                    unit=Unit.BYTES,
                ),
                Panel(
                    title="Versions",
                    about="How many processes of which version. Two for long: a rollout did not end.",
                    queries=(
                        Query(
                            "count by (version, revision)"
                            " (ingest_build_info or processors_build_info or dashboard_build_info)",
                            "{{version}} {{revision}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
