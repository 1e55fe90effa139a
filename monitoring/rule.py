"""The shape of an alert rule."""

from __future__ import annotations

from enum import StrEnum

import msgspec


__all__ = ["Group", "Rule", "Severity"]


class Severity(StrEnum):
    """Who is told."""

    PAGE = "page"
    """Somebody, now: data is being lost, or nobody gets any."""
    TICKET = "ticket"
    """Somebody, in working hours."""


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One alert."""

    name: str
    expr: str
    after: str
    """For how long it must hold, as Prometheus writes durations; `0s`: at once."""
    severity: Severity
    summary: str
    """One line, with labels."""
    description: str
    """What it means and where to look first."""


class Group(msgspec.Struct, frozen=True):
    """Rules that are evaluated together."""

    name: str
    rules: tuple[Rule, ...]
