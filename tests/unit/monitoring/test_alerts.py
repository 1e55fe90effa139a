"""Alert rules: legal to Prometheus, each fires when it is to and only then, and each has its section in the runbook."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring.boards import BOARDS
from monitoring.rules import RULES
from monitoring.write import files, main
from tests.support.project import ROOT
from tests.support.promtool import promtool
from tests.unit.monitoring.alert_cases import CASES, Case


RULE_FILE = ROOT / "monitoring" / "alerts.yaml"
COMMANDS = r"(binance-|chronyc |curl |docker-compose |kcat |kubectl |make )"
SERVICES = ("ingest", "processors", "dashboard", "schemas")
REFERENCES = ("settings", "processors-reference", "read-service-reference", "topics", "semantics")
OF_OTHERS = {
    "TopicAuthorizationFailed", "UnknownProducerId", "message.max.bytes", "min.insync.replicas", "chronyd",
    "systemd-timesyncd",
}  # fmt: skip
"""Kafka's words, and Linux's."""
UNLIKE_ANY: Mapping[str, str] = {"something_else": "1x90"}
"""Promtool wants a series where there is none."""


def write_test(directory: Path, name: str, rule: Mapping[str, Any], case: Case) -> Path:
    """Write promtool's test of an alert, beside a file of this rule alone: all rules in every test take a minute."""
    firing = f'count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}})'
    fired = [{"labels": f'{{alertname="{name}"}}', "value": 1}]
    tests = [
        {
            "interval": "1m",
            "input_series": [{"series": one, "values": values} for one, values in (series or UNLIKE_ANY).items()],
            "promql_expr_test": [{"expr": firing, "eval_time": f"{case.minute}m", "exp_samples": samples}],
        }
        for series, samples in (
            *((series, fired) for series in (case.fires, *case.fires_too)),
            *((series, []) for series in (case.quiet, *case.quiet_too)),
        )
    ]
    alone = directory / f"{name}.yaml"
    alone.write_text(yaml.safe_dump({"groups": [{"name": name, "rules": [rule]}]}), encoding="utf-8")
    written = directory / f"{name}.test.yaml"
    document = {"rule_files": [alone.name], "evaluation_interval": "1m", "tests": tests}
    written.write_text(yaml.safe_dump(document), encoding="utf-8")
    return written


def test_what_is_kept_is_what_the_code_says() -> None:
    """``python -m monitoring.write`` writes it anew."""
    for path, text in files().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, path


def test_nothing_is_kept_that_nobody_writes() -> None:
    kept = {path.relative_to(ROOT) for path in (ROOT / "monitoring" / "grafana").iterdir()}

    assert kept == {path for path in files() if path.parent.name == "grafana"}


def test_prometheus_takes_the_rules_and_the_configuration() -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", RULE_FILE)
    promtool("check", "config", ROOT / "monitoring" / "prometheus.yaml")


def test_every_alert_fires_on_what_is_bad_and_rests_on_what_is_not(tmp_path: Path) -> None:
    rules = {
        rule["alert"]: rule
        for group in yaml.safe_load(RULE_FILE.read_text(encoding="utf-8"))["groups"]
        for rule in group["rules"]
    }
    written = [write_test(tmp_path, name, rules[name], case) for name, case in CASES.items()]

    promtool("test", "rules", *written)


def test_every_alert_has_its_cases() -> None:
    assert set(CASES) == {rule.name for rule in RULES}
    assert len(RULES) == len(CASES)


def test_every_alert_has_a_section_of_the_runbook_and_the_other_way_round() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    sections = re.findall(r"^### (\w+)$", page, re.MULTILINE)

    assert sorted(sections) == sorted(rule.name for rule in RULES)
    for name in sections:
        body = page.split(f"\n### {name}\n")[1].split("\n### ")[0].split("\n## ")[0]
        for part in ("**Means**", "**Look**", "**Do**", "**Escalate**"):
            assert part in body, f"{name} lacks {part}"


def test_what_the_runbook_quotes_is_there() -> None:
    """Lines of logs, settings, panels, pages: an operator searches for them by these words."""
    page = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    quotes = {quote for quote in re.findall(r"`([^`\n]+)`", page) if not re.match(COMMANDS, quote)}
    known = "".join(path.read_text(encoding="utf-8") for package in SERVICES for path in (ROOT / package).rglob("*.py"))
    known += "".join((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") for name in REFERENCES)
    titles = {panel.title for board in BOARDS.values() for panel in board.panels}

    pages = {quote for quote in quotes if (ROOT / quote).is_file()}
    assert {quote for quote in quotes - pages - titles - OF_OTHERS if quote not in known} == set()


def test_every_alert_is_in_the_table_of_the_monitoring_page() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| \[(\w+)\]\(runbook\.md#(\w+)\) \| (\w+) \|", page, re.MULTILINE)
    assert rows == [(rule.name, rule.name.lower(), str(rule.severity)) for rule in RULES]


def test_the_runbook_can_be_elsewhere() -> None:
    text = files("https://docs.example.org/runbook/")[Path("monitoring/alerts.yaml")]

    urls = {rule["annotations"]["runbook_url"] for group in yaml.safe_load(text)["groups"] for rule in group["rules"]}
    assert urls == {f"https://docs.example.org/runbook/#{rule.name.lower()}" for rule in RULES}


def test_help_says_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    assert "--runbook" in capsys.readouterr().out
