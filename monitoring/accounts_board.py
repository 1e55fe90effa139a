"""The dashboard of accounts: keys, streams, comparisons."""

from __future__ import annotations

from typing import Final

from monitoring.panel import Board, Panel, Query, Row, Unit


__all__ = ["ACCOUNTS"]

ACCOUNTS: Final = Board(
    uid="binance-kafka-accounts",
    title="Binance Kafka / Accounts",
    about="What happens to accounts. Empty where none is configured.",
    rows=(
        Row(
            "Streams",
            (
                Panel(
                    title="Keys refused",
                    about="1: wrong, revoked, or not allowed from this address.",
                    queries=(
                        Query(
                            'max by (market, account) (ingest_account_key_refused{market=~"$market"})',
                            "{{market}} {{account}}",
                        ),
                    ),
                    red_from=1,
                ),
                Panel(
                    title="Events",
                    about="Per hour, by stream type. None says nothing: an account may rest.",
                    queries=(
                        Query(
                            'sum by (market, account, stream) (increase(ingest_account_events_total{market=~"$market"}'
                            "[1h]))",
                            "{{market}} {{account}} {{stream}}",
                        ),
                    ),
                ),
                Panel(
                    title="Last event",
                    about="How long ago something happened to the account, as far as its stream tells.",
                    queries=(
                        Query(
                            "time() - max by (market, account)"
                            ' (ingest_account_last_event_timestamp_seconds{market=~"$market"} > 0)',
                            "{{market}} {{account}}",
                        ),
                    ),
                    unit=Unit.SECONDS,
                ),
                Panel(
                    title="Keys",
                    about="Listen keys that expired in use, and keys replaced; per hour.",
                    queries=(
                        Query(
                            "sum by (market, account) (increase(ingest_listen_key_expiries_total[1h]))",
                            "{{market}} {{account}} expired",
                        ),
                        Query(
                            "sum by (market, account) (increase(ingest_account_key_replacements_total[1h]))",
                            "{{market}} {{account}} replaced",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Comparison with the venue",
            (
                Panel(
                    title="Last whole comparison",
                    about="How long ago; what a stream missed since is not found yet.",
                    queries=(
                        Query(
                            "time() - max by (market, account)"
                            ' (ingest_reconciled_timestamp_seconds{market=~"$market"} > 0)',
                            "{{market}} {{account}}",
                        ),
                    ),
                    unit=Unit.SECONDS,
                ),
                Panel(
                    title="Comparisons",
                    about="Per hour, by cause and outcome.",
                    queries=(
                        Query(
                            "sum by (cause, outcome) (increase(ingest_reconciliations_total[1h])) > 0 or vector(0)",
                            "{{cause}} {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    title="Time of a comparison",
                    about="Mean.",
                    queries=(
                        Query(
                            "sum by (market, account) (ingest_reconciliation_seconds_sum)"
                            " / sum by (market, account) (ingest_reconciliation_seconds_count)",
                            "{{market}} {{account}}",
                        ),
                    ),
                    unit=Unit.SECONDS,
                ),
                Panel(
                    title="Answers put into the log",
                    about="Per hour.",
                    queries=(
                        Query(
                            "sum by (market, account) (increase(ingest_reconciliation_answers_total[1h]))",
                            "{{market}} {{account}}",
                        ),
                    ),
                ),
                Panel(
                    title="What streams had not told",
                    about="Differences that comparisons found, per hour; `unknown-` ones are the first start's.",
                    queries=(
                        Query(
                            'sum by (market, what) (increase(processors_account_differences_total{market=~"$market"}'
                            "[1h]))",
                            "{{market}} {{what}}",
                        ),
                    ),
                ),
                Panel(
                    title="Events of an unknown type",
                    about="Per hour.",
                    queries=(
                        Query(
                            'sum by (market) (increase(processors_unknown_events_total{market=~"$market"}[1h]))',
                            "{{market}}",
                        ),
                    ),
                    red_from=1,
                ),
            ),
        ),
    ),
)
