"""The dashboard of the workers, and of the read service behind them."""

from __future__ import annotations

from typing import Final

from monitoring.panel import Board, Panel, Query, Row, Unit


__all__ = ["PROCESSORS"]

_FLOW: Final = Row(
    "Flow",
    (
        Panel(
            title="Lag",
            about="Input records not yet applied, by topic.",
            queries=(Query("sum by (topic) (processors_lag_records)", "{{topic}}"),),
        ),
        Panel(
            title="Records applied",
            about="By input topic.",
            queries=(Query("sum by (topic) (rate(processors_records_total[$__rate_interval]))", "{{topic}}"),),
            unit=Unit.PER_SECOND,
        ),
        Panel(
            title="Time of a batch",
            about="From receiving it to durable outputs.",
            queries=tuple(
                Query(
                    f"histogram_quantile({share}, sum by (flow, le)"
                    " (rate(processors_batch_seconds_bucket[$__rate_interval])))",
                    f"{{{{flow}}}} p{name}",
                )
                for share, name in (("0.5", "50"), ("0.99", "99"))
            ),
            unit=Unit.SECONDS,
        ),
        Panel(
            title="Dead letters",
            about="Per hour, by reason.",
            queries=(
                Query(
                    "sum by (topic, reason) (increase(processors_dead_letters_total[1h])) > 0 or vector(0)",
                    "{{topic}} {{reason}}",
                ),
            ),
            red_from=1,
        ),
        Panel(
            title="Kafka's silence",
            about="Since the last group heartbeat and the last answered fetch.",
            queries=(
                Query("processors_heartbeat_age_seconds", "{{instance}} heartbeat"),
                Query("processors_fetch_age_seconds", "{{instance}} fetch"),
            ),
            unit=Unit.SECONDS,
            red_from=10,
        ),
        Panel(
            title="Rebalances",
            about="Assignments per hour.",
            queries=(Query("increase(processors_rebalances_total[1h])", "{{instance}}"),),
        ),
    ),
)

_BOOKS: Final = Row(
    "Books",
    (
        Panel(
            title="Books by state",
            about="Live: right. Syncing and stale: they say that they are not.",
            queries=(Query('sum by (market, state) (processors_books{market=~"$market"})', "{{market}} {{state}}"),),
        ),
        Panel(
            title="Gaps in diffs",
            about="Per hour.",
            queries=(
                Query('sum by (market) (increase(processors_book_gaps_total{market=~"$market"}[1h]))', "{{market}}"),
            ),
        ),
        Panel(
            title="Snapshots asked for",
            about="Per hour, by reason.",
            queries=(
                Query(
                    'sum by (market, reason) (increase(processors_snapshot_requests_total{market=~"$market"}[1h]))',
                    "{{market}} {{reason}}",
                ),
            ),
        ),
        Panel(
            title="Verification",
            about="Books held against the venue's snapshots, per hour, by result.",
            queries=(
                Query(
                    'sum by (market, result) (increase(processors_book_verifications_total{market=~"$market"}[1h]))',
                    "{{market}} {{result}}",
                ),
            ),
        ),
        Panel(
            title="Levels that differed",
            about="Of those compared, per hour.",
            queries=(
                Query(
                    "sum by (market) (increase(processors_book_levels_compared_total"
                    '{market=~"$market",result="different"}[1h]))',
                    "{{market}}",
                ),
            ),
            red_from=1,
        ),
    ),
)

_STATE: Final = Row(
    "State",
    (
        Panel(
            title="Partitions",
            about="Running, and being restored.",
            queries=(Query("sum by (flow, state) (processors_partitions)", "{{flow}} {{state}}"),),
        ),
        Panel(
            title="Age of checkpoints",
            about="So much of the log is read again after a restart.",
            queries=(Query("max by (flow) (processors_checkpoint_age_seconds)", "{{flow}}"),),
            unit=Unit.SECONDS,
            red_from=300,
        ),
        Panel(
            title="Bytes of checkpoints",
            about="Written, by flow.",
            queries=(Query("sum by (flow) (rate(processors_checkpoint_bytes_total[$__rate_interval]))", "{{flow}}"),),
            unit=Unit.BYTES_PER_SECOND,
        ),
        Panel(
            title="A round of checkpoints",
            about="Its mean time.",
            queries=(
                Query(
                    "sum by (flow) (rate(processors_checkpoint_round_seconds_sum[$__rate_interval]))"
                    " / sum by (flow) (rate(processors_checkpoint_round_seconds_count[$__rate_interval]))",
                    "{{flow}}",
                ),
            ),
            unit=Unit.SECONDS,
        ),
        Panel(
            title="Restores",
            about="Partitions brought back, by what their state rests on; per hour.",
            queries=(
                Query("sum by (flow, source) (increase(processors_restore_seconds_count[1h]))", "{{flow}} {{source}}"),
            ),
        ),
        Panel(
            title="Checkpoints lost",
            about="Per hour, by cause.",
            queries=(
                Query("sum by (flow, cause) (increase(processors_checkpoints_lost_total[1h]))", "{{flow}} {{cause}}"),
            ),
            red_from=1,
        ),
    ),
)

_DASHBOARD: Final = Row(
    "Read service",
    (
        Panel(
            title="Records read",
            about="From derived topics.",
            queries=(Query("sum by (instance) (rate(dashboard_records_total[$__rate_interval]))", "{{instance}}"),),
            unit=Unit.PER_SECOND,
        ),
        Panel(
            title="Behind",
            about="Records not read yet, and partitions not read to the end that they had at start.",
            queries=(
                Query("sum by (instance) (dashboard_lag_records)", "{{instance}} records"),
                Query("dashboard_unsynchronised_partitions", "{{instance}} partitions"),
            ),
        ),
        Panel(
            title="Answers",
            about="By route and status.",
            queries=(
                Query(
                    "sum by (route, status) (rate(dashboard_request_seconds_count[$__rate_interval]))",
                    "{{route}} {{status}}",
                ),
            ),
            unit=Unit.PER_SECOND,
        ),
        Panel(
            title="Kafka's silence",
            about="Since the broker last answered.",
            queries=(Query("dashboard_contact_age_seconds", "{{instance}}"),),
            unit=Unit.SECONDS,
            red_from=30,
        ),
        Panel(
            title="Unusual records",
            about="Older than what was known, unreadable, or read again; per hour.",
            queries=(
                Query("sum(increase(dashboard_older_records_total[1h]))", "older"),
                Query("sum(increase(dashboard_unreadable_records_total[1h]))", "unreadable"),
                Query("sum(increase(dashboard_replaced_partitions_total[1h]))", "partitions read again"),
            ),
        ),
        Panel(
            title="Symbols known",
            about="By market.",
            queries=(Query('max by (market) (dashboard_symbols{market=~"$market"})', "{{market}}"),),
        ),
    ),
)

PROCESSORS: Final = Board(
    uid="binance-kafka-processors",
    title="Binance Kafka / Processors and read service",
    about="Kafka to derived topics, and who shows them.",
    rows=(_FLOW, _BOOKS, _STATE, _DASHBOARD),
)
