"""Grafana's dashboards, made of :mod:`monitoring.panel` by Grafana's own builders.

``python -m monitoring.write`` writes them to ``monitoring/grafana/``, from where Grafana imports or provisions them.
"""

from __future__ import annotations

import json
from string import ascii_uppercase
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog import builder as cogbuilder, variants as cogvariants
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models, dashboard as models

from monitoring.accounts_board import ACCOUNTS
from monitoring.ingest_board import INGEST
from monitoring.overview_board import OVERVIEW
from monitoring.panel import Board, Kind, Panel
from monitoring.processors_board import PROCESSORS


__all__ = ["BOARDS", "document"]

BOARDS: Final = {"overview": OVERVIEW, "ingest": INGEST, "processors": PROCESSORS, "accounts": ACCOUNTS}
"""By the name of their file."""

_SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
_TAG: Final = "binance-kafka"
_HEIGHTS: Final = {Kind.GRAPH: 8, Kind.NUMBER: 4}


def document(board: Board) -> dict[str, Any]:
    """Return a dashboard as Grafana reads it."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.about)
        .tags([_TAG])
        .readonly()
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("utc")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("All of Binance Kafka")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([_TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("market")
            .label("Market")
            .datasource(_SOURCE)
            .query("label_values(ingest_symbols, market)")
            .refresh(models.VariableRefresh.ON_DASHBOARD_LOAD)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    )
    for row in board.rows:
        built.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            built.with_panel(_number(panel) if panel.kind is Kind.NUMBER else _graph(panel))
    encoded: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(built.build()))
    return encoded


def _number(panel: Panel) -> stat.Panel:
    made = (
        stat.Panel()
        .title(panel.title)
        .description(panel.about)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .height(_HEIGHTS[panel.kind])
        .span(panel.width)
        .no_value("0")
        .thresholds(_thresholds(panel.red_from, "green"))
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common_models.BigValueGraphMode.AREA)
    )
    return made.targets(_targets(panel))


def _graph(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.about)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .min(0)
        .height(_HEIGHTS[panel.kind])
        .span(panel.width)
        .line_width(1)
        .fill_opacity(10)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    if panel.red_from is not None:
        made.thresholds(_thresholds(panel.red_from, "transparent"))
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(common_models.GraphTresholdsStyleMode.DASHED))
    return made.targets(_targets(panel))


def _targets(panel: Panel) -> list[cogbuilder.Builder[cogvariants.Dataquery]]:
    return [
        prometheus.Dataquery().expr(query.expr).legend_format(query.legend).ref_id(letter).range()
        for letter, query in zip(ascii_uppercase, panel.queries, strict=False)
    ]


def _thresholds(red_from: float | None, base: str) -> dashboard.ThresholdsConfig:
    steps = [models.Threshold(value=None, color=base)]
    if red_from is not None:
        steps.append(models.Threshold(value=red_from, color="red"))
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
