"""Grafana's dashboards: queries that Prometheus parses, of series that there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.boards import BOARDS, document
from monitoring.panel import Board
from monitoring.rules import RULES
from tests.support.exported import exported_series
from tests.support.promtool import promtool
from tests.support.queries import NAMES, plain


boards = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)


def queries(board: Board) -> list[str]:
    return [query.expr for panel in board.panels for query in panel.queries]


@boards
def test_every_query_is_one_that_prometheus_parses(board: Board, tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": plain(expr)} for number, expr in enumerate(queries(board))]
    written = tmp_path / "rules.yaml"
    written.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}), encoding="utf-8")

    promtool("check", "rules", written)


@boards
def test_every_series_of_a_panel_is_one_that_a_service_has(board: Board) -> None:
    for expr in queries(board):
        assert set(NAMES.findall(expr)) <= exported_series(), expr


def test_every_series_of_an_alert_is_one_that_a_service_has() -> None:
    for rule in RULES:
        assert set(NAMES.findall(rule.expr)) <= exported_series(), rule.name


@boards
def test_panels_have_titles_of_their_own_and_say_what_they_show(board: Board) -> None:
    for row in board.rows:
        titles = [panel.title for panel in row.panels]
        assert len(set(titles)) == len(titles)
    assert all(panel.about.endswith(".") for panel in board.panels)


@boards
def test_grafana_gets_every_query_under_a_letter_of_its_own_from_the_source_that_is_chosen(board: Board) -> None:
    made = document(board)
    panels: list[dict[str, Any]] = [panel for panel in made["panels"] if panel["type"] != "row"]

    assert made["uid"] == board.uid
    assert [[target["expr"] for target in panel["targets"]] for panel in panels] == [
        [query.expr for query in panel.queries] for panel in board.panels
    ]
    for panel in panels:
        letters = [target["refId"] for target in panel["targets"]]
        assert letters == sorted(set(letters))
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
