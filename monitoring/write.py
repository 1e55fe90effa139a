"""Writes every file that is made from code: alert rules, the operator's rules, their table, Grafana's dashboards.

``python -m monitoring.write`` writes them where they are kept; a test fails while they differ. ``--runbook
https://docs.example.org/runbook/`` has the alerts point at where you serve ``docs/runbook.md``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from monitoring.boards import BOARDS, document
from monitoring.rule import Rule
from monitoring.rules import GROUPS, RULES


__all__ = ["RUNBOOK", "files", "main"]

ROOT: Final = Path(__file__).parents[1]

RUNBOOK: Final = "docs/runbook.md"
"""Where the sections of the runbook are, unless told otherwise."""

_TABLE_BEGIN: Final = "<!-- alerts: written by `python -m monitoring.write` -->"
_TABLE_END: Final = "<!-- end of alerts -->"
_NOTE: Final = "# Written by `python -m monitoring.write`; do not edit.\n"


def files(runbook: str = RUNBOOK) -> dict[Path, str]:
    """Return what each file is to hold, by its path below the project's root.

    Args:
        runbook: the address of the runbook's page.
    """
    groups = {"groups": [{"name": group.name, "rules": list(_rules(group.rules, runbook))} for group in GROUPS]}
    made = {
        Path("monitoring/alerts.yaml"): _yaml(groups),
        Path("k8s/components/prometheus-operator/rules.yaml"): _yaml(
            {
                "apiVersion": "monitoring.coreos.com/v1",
                "kind": "PrometheusRule",
                "metadata": {"name": "binance-kafka", "labels": {"app.kubernetes.io/part-of": "binance-kafka"}},
                "spec": groups,
            }
        ),
    }
    page = Path("docs/monitoring.md")
    made[page] = _with_table((ROOT / page).read_text(encoding="utf-8"))
    for name, board in BOARDS.items():
        made[Path(f"monitoring/grafana/{name}.json")] = json.dumps(document(board), indent=2, sort_keys=True) + "\n"
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Write all files."""
    parser = argparse.ArgumentParser(prog="python -m monitoring.write", description=__doc__)
    parser.add_argument("--runbook", default=RUNBOOK, help="address of the runbook's page (default: %(default)s)")
    for path, text in files(parser.parse_args(arguments).runbook).items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
    return 0


def _rules(rules: Sequence[Rule], runbook: str) -> Iterator[dict[str, Any]]:
    for rule in rules:
        yield {
            "alert": rule.name,
            "expr": rule.expr,
            "for": rule.after,
            "labels": {"severity": str(rule.severity)},
            "annotations": {
                "summary": rule.summary,
                "description": rule.description,
                "runbook_url": f"{runbook}#{rule.name.lower()}",
            },
        }


def _with_table(page: str) -> str:
    """Return the page with the present table of alerts in it."""
    before, rest = page.split(_TABLE_BEGIN)
    _, after = rest.split(_TABLE_END)
    rows = ["| alert | severity | holds for | when |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        expr = rule.expr.replace("|", "\\|")
        rows.append(f"| [{rule.name}](runbook.md#{rule.name.lower()}) | {rule.severity} | {rule.after} | `{expr}` |")
    return "\n".join((f"{before}{_TABLE_BEGIN}\n", *rows, "", f"{_TABLE_END}{after}"))


def _yaml(document: Mapping[str, Any]) -> str:
    return _NOTE + yaml.safe_dump(document, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    sys.exit(main())
