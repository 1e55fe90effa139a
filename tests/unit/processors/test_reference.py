from __future__ import annotations

from prometheus_client import Counter

from processors import metrics
from processors.config import Settings
from processors.reference import reference
from tests.support.project import ROOT


def test_the_reference_is_what_the_code_says() -> None:
    """``python -m processors.reference > docs/processors-reference.md`` writes it anew."""
    assert (ROOT / "docs" / "processors-reference.md").read_text(encoding="utf-8") == reference()


def test_every_setting_and_every_metric_has_a_row() -> None:
    rows = {line.split("`")[1] for line in reference().splitlines() if line.startswith("| `")}
    families = list(metrics.REGISTRY.collect())
    counters = {f"{one._name}_total" for one in vars(metrics).values() if isinstance(one, Counter)}
    named = {family.name for family in families if family.type != "counter"} | counters

    assert len(families) == len(metrics.__all__) - 2
    assert named <= rows
    assert {"KAFKA_BOOTSTRAP_SERVERS", "PROCESSORS_ORDER_RETENTION_S"} <= rows
    assert len(rows) == len(named) + len(Settings.model_fields)
