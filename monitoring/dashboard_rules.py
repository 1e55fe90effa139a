"""Alerts about the read service, and about all services together."""

from __future__ import annotations

from typing import Final

from monitoring.rule import Rule, Severity


__all__ = ["DASHBOARD_RULES"]

_TICKET = Severity.TICKET

DASHBOARD_RULES: Final = (
    Rule(
        name="DashboardDown",
        expr="absent(dashboard_build_info)",
        after="5m",
        severity=_TICKET,
        summary="No read service is running",
        description="The page and its interface do not answer; the topics are not affected.",
    ),
    Rule(
        name="DashboardNotSynchronised",
        expr="dashboard_unsynchronised_partitions > 0",
        after="10m",
        severity=_TICKET,
        summary="Read service {{ $labels.instance }} has not read {{ $value }} partitions to their end",
        description="It answers 503 about what is in them.",
    ),
    Rule(
        name="DashboardBehind",
        expr="sum by (instance) (dashboard_lag_records) > 10000",
        after="5m",
        severity=_TICKET,
        summary="Read service {{ $labels.instance }} is {{ $value | humanize }} records behind",
        description="What it shows is of the past.",
    ),
    Rule(
        name="DashboardBrokerAway",
        expr="dashboard_contact_age_seconds > 30",
        after="1m",
        severity=_TICKET,
        summary="Kafka does not answer read service {{ $labels.instance }}",
        description="For {{ $value | humanizeDuration }}; live books are called stale.",
    ),
    Rule(
        name="DashboardUnreadable",
        expr="sum by (topic) (increase(dashboard_unreadable_records_total[15m])) > 0",
        after="0s",
        severity=_TICKET,
        summary="{{ $labels.topic }} holds records that cannot be read",
        description="{{ $value | humanize }} in 15 minutes: somebody else writes there, or a schema does not fit.",
    ),
    Rule(
        name="InstanceDown",
        expr=(
            "up == 0 and on (job) count by (job) (ingest_build_info or processors_build_info or dashboard_build_info)"
        ),
        after="10m",
        severity=_TICKET,
        summary="{{ $labels.instance }} of {{ $labels.job }} does not answer, others do",
        description="One of several processes is down: nothing is lost, but nothing is in reserve either.",
    ),
    Rule(
        name="VersionsDiffer",
        expr=(
            "count(count by (version, revision) (ingest_build_info or processors_build_info or dashboard_build_info))"
            " > 1"
        ),
        after="1h",
        severity=_TICKET,
        summary="{{ $value }} versions run at once",
        description="A rollout that did not end.",
    ),
)
