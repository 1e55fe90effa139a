"""What an alert rule is, and all of them: one per thing that an operator must act on.

``python -m monitoring.write`` makes the files of them; each has a section in ``docs/runbook.md``, by test.
"""

from __future__ import annotations

from monitoring.dashboard_rules import DASHBOARD_RULES
from monitoring.ingest_rules import ACCOUNT_RULES, FEED_RULES, KAFKA_RULES, REPAIR_RULES
from monitoring.processors_rules import PROCESSORS_RULES
from monitoring.rule import Group, Rule


__all__ = ["GROUPS", "RULES"]

GROUPS: tuple[Group, ...] = (
    Group("binance-kafka.feed", FEED_RULES),
    Group("binance-kafka.kafka", KAFKA_RULES),
    Group("binance-kafka.repair", REPAIR_RULES),
    Group("binance-kafka.accounts", ACCOUNT_RULES),
    Group("binance-kafka.processors", PROCESSORS_RULES),
    Group("binance-kafka.dashboard", DASHBOARD_RULES),
)
"""In the order of the flow."""

RULES: tuple[Rule, ...] = tuple(rule for group in GROUPS for rule in group.rules)
