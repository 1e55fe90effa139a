"""What a panel of a dashboard is, before Grafana's way to say it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


__all__ = ["Board", "Kind", "Panel", "Query", "Row", "Unit"]


class Kind(StrEnum):
    """How a panel shows its numbers."""

    GRAPH = "graph"
    NUMBER = "number"


class Unit(StrEnum):
    """Grafana's names of units."""

    PLAIN = "short"
    PER_SECOND = "cps"
    SECONDS = "s"
    BYTES = "bytes"
    BYTES_PER_SECOND = "Bps"
    SHARE = "percentunit"
    AGO = "dateTimeFromNow"


class Query(msgspec.Struct, frozen=True):
    """One query, and how its series are called."""

    expr: str
    legend: str = ""


class Panel(msgspec.Struct, frozen=True, kw_only=True):
    """One panel."""

    title: str
    about: str
    """What it shows and how to read it: the text behind the panel's info mark."""
    queries: tuple[Query, ...]
    unit: Unit = Unit.PLAIN
    kind: Kind = Kind.GRAPH
    red_from: float | None = None
    """The value from which on it is bad."""
    width: int = 8
    """Of 24 columns."""


class Row(msgspec.Struct, frozen=True):
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """One dashboard."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        """All panels, in order."""
        return tuple(panel for row in self.rows for panel in row.panels)
