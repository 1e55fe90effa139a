"""Alerts about the processors."""

from __future__ import annotations

from typing import Final

from monitoring.rule import Rule, Severity


__all__ = ["PROCESSORS_RULES"]

_PAGE, _TICKET = Severity.PAGE, Severity.TICKET

PROCESSORS_RULES: Final = (
    Rule(
        name="ProcessorsDown",
        expr=(
            'absent(processors_partitions{flow="books"}) or absent(processors_partitions{flow="trades"})'
            ' or (absent(processors_partitions{flow="accounts"}) and on () count(ingest_account_key_refused))'
        ),
        after="2m",
        severity=_PAGE,
        summary="No worker of {{ $labels.flow }} is running",
        description="Its derived topics stand still. The raw topics keep everything: nothing is lost meanwhile.",
    ),
    Rule(
        name="ProcessorsStuck",
        expr=(
            "sum by (topic) (processors_lag_records) > 0"
            " and on (topic) sum by (topic) (rate(processors_records_total[5m])) == 0"
        ),
        after="5m",
        severity=_PAGE,
        summary="{{ $labels.topic }}: {{ $value | humanize }} records wait, and none is applied",
        description="A worker has the partitions and does nothing with them.",
    ),
    Rule(
        name="ProcessorsBehind",
        expr="histogram_quantile(0.99, sum by (topic, le) (rate(processors_event_age_seconds_bucket[5m]))) > 10",
        after="5m",
        severity=_PAGE,
        summary="{{ $labels.topic }}: what comes of events is {{ $value | humanizeDuration }} late",
        description="From the event to durable outputs, 99th percentile. Normal while catching up after an outage.",
    ),
    Rule(
        name="ProcessorsBrokerAway",
        expr="processors_heartbeat_age_seconds > 10 or processors_fetch_age_seconds > 30",
        after="1m",
        severity=_PAGE,
        summary="Kafka does not answer worker {{ $labels.instance }}",
        description="For {{ $value | humanizeDuration }}. It writes nothing when its group may have given it up.",
    ),
    Rule(
        name="BatchesSlow",
        expr="histogram_quantile(0.99, sum by (flow, le) (rate(processors_batch_seconds_bucket[5m]))) > 3",
        after="10m",
        severity=_TICKET,
        summary="Batches of {{ $labels.flow }} take {{ $value | humanizeDuration }}",
        description="At the 99th percentile, with the broker's acknowledgement: a slow broker, or too little CPU.",
    ),
    Rule(
        name="RestoreSlow",
        expr='sum by (flow) (processors_partitions{state="restoring"}) > 0',
        after="10m",
        severity=_TICKET,
        summary="{{ $value }} partitions of {{ $labels.flow }} are still being restored",
        description="Their derived topics stand still until their state is back.",
    ),
    Rule(
        name="BooksNotLive",
        # At a start 1,500 books wait 22 minutes for the REST budget; those that become live show that it works.
        expr=(
            'sum by (market) (processors_books{state!="live"}) / sum by (market) (processors_books) > 0.05'
            ' unless on (market) (sum by (market) (processors_books{state="live"})'
            ' - sum by (market) (processors_books{state="live"} offset 5m))'
            " / sum by (market) (processors_books) > 0.05"
        ),
        after="5m",
        severity=_PAGE,
        summary="{{ $labels.market }}: {{ $value | humanizePercentage }} of the books are not right",
        description="They say so themselves, as syncing or stale, and do not become fewer.",
    ),
    Rule(
        name="BooksStayBroken",
        expr='sum by (market, state) (processors_books{state!="live"}) > 0',
        after="30m",
        severity=_TICKET,
        summary="{{ $labels.market }}: {{ $value }} books stay {{ $labels.state }}",
        description="A symbol that was delisted or halted, or one whose snapshots never fit.",
    ),
    Rule(
        name="BooksDiffer",
        expr='sum by (market) (increase(processors_book_verifications_total{result="different"}[1h])) > 0',
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }}: books differed from the venue's snapshots",
        description="{{ $value | humanize }} in an hour were wrong without knowing it; they were built anew.",
    ),
    Rule(
        name="ProcessorsDeadLetters",
        expr="sum by (topic, reason) (increase(processors_dead_letters_total[15m])) > 0",
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.topic }}: records are set aside as {{ $labels.reason }}",
        description="{{ $value | humanize }} in 15 minutes. Nothing derived has them in it.",
    ),
    Rule(
        name="GroupUnstable",
        expr="increase(processors_rebalances_total[15m]) > 4",
        after="0s",
        severity=_TICKET,
        summary="The group of worker {{ $labels.instance }} rebalances again and again",
        description="{{ $value | humanize }} assignments in 15 minutes: workers come and go, or answer too late.",
    ),
    Rule(
        name="CheckpointOld",
        expr="max by (flow) (processors_checkpoint_age_seconds) > 300",
        after="5m",
        severity=_TICKET,
        summary="The oldest checkpoint of {{ $labels.flow }} is {{ $value | humanizeDuration }} old",
        description="A restart reads so much of the log again.",
    ),
    Rule(
        name="CheckpointsLost",
        expr="sum by (flow, cause) (increase(processors_checkpoints_lost_total[1h])) > 0",
        after="0s",
        severity=_TICKET,
        summary="Checkpoints of {{ $labels.flow }} could not be used: {{ $labels.cause }}",
        description="{{ $value | humanize }} in an hour. Books ask for snapshots, all else is rebuilt from the log.",
    ),
    Rule(
        name="AccountStreamIncomplete",
        expr='sum by (market, what) (increase(processors_account_differences_total{what!~"unknown-.*"}[1h])) > 0',
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }}: an account's stream missed a change of its {{ $labels.what }}",
        description="{{ $value | humanize }} in an hour came by the venue's answers alone; they are in the topics now.",
    ),
    Rule(
        name="UnknownEvents",
        expr="sum by (market) (increase(processors_unknown_events_total[1h])) > 0",
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.market }}: the venue sends events about accounts that nobody knows",
        description="They are in the raw topics, and nothing is made of them.",
    ),
)
