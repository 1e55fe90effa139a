"""Every setting, metric and topic is in the documents."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from dashboard import metrics as dashboard_metrics
from dashboard.config import Settings as DashboardSettings
from ingest.config import Settings as IngestSettings
from ingest.metrics import METRICS
from ingest.reference import setting_sections
from processors import metrics as processors_metrics
from processors.config import Settings as ProcessorsSettings
from sandbox.reference import reference
from schemas.kafka_access import KafkaSettings
from schemas.topics import Layer, Topic, TopicTable
from tests.support.exported import expositions
from tests.support.pages import PAGES, page
from tests.support.project import ROOT


CONFIGURATION = "docs/configuration.md"
ALL = "\n".join(one.text for name, one in PAGES.items() if name.startswith("docs/"))
SHARED = (*KafkaSettings.model_fields, "schema_registry_url", "topic_prefix")


def test_the_configuration_is_what_the_code_says() -> None:
    """``python -m sandbox.reference > docs/configuration.md`` writes it anew."""
    assert page(CONFIGURATION).text == reference()


def variables() -> Iterator[str]:
    for prefix, settings in (("PROCESSORS", ProcessorsSettings), ("DASHBOARD", DashboardSettings)):
        for name in settings.model_fields:
            yield name.upper() if name in SHARED else f"{prefix}_{name.upper()}"
    for name in IngestSettings.model_fields:
        if name in SHARED:
            yield name.upper()
    for _, rows in setting_sections():
        for key, _, _ in rows:
            if key not in SHARED:
                yield f"INGEST_{key.upper().replace('.', '__')}"


@pytest.mark.parametrize("variable", sorted(set(variables())))
def test_a_setting_has_a_row_of_the_configuration(variable: str) -> None:
    assert re.search(rf"^\|(?: `[^`]+` \|)? `{re.escape(variable)}` \|", page(CONFIGURATION).text, re.MULTILINE)


def test_every_section_of_ingest_is_among_them() -> None:
    keys = {key.partition(".")[0] for _, rows in setting_sections() for key, _, _ in rows}

    assert keys == set(IngestSettings.model_fields)


REFERENCES = ("docs/metrics.md", "docs/processors-reference.md", "docs/read-service-reference.md")
NO_METRICS = {"ingest_id"}
"""Fields of records that begin like a metric."""


@pytest.mark.parametrize("name", sorted(PAGES.keys() - {"CHANGELOG.md", *REFERENCES}))
def test_a_metric_that_a_page_names_exists(name: str) -> None:
    known = {row for one in REFERENCES for row in re.findall(r"^\| `(\w+)` \|", page(one).text, re.MULTILINE)}
    named = set(
        re.findall(
            r"`((?:ingest|processors|dashboard)_[a-z0-9_]+)(?:_bucket|_sum|_count)?(?:\{[^}`]*\})?`", PAGES[name].text
        )
    )

    assert named - known - NO_METRICS == set()


def labels_by_series() -> dict[str, set[str]]:
    labels: dict[str, set[str]] = defaultdict(set)
    for text in expositions().values():
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels[sample.name] |= set(sample.labels)
    return labels


SELECTED = re.compile(r"\b((?:ingest|processors|dashboard)_[a-z0-9_]+)\{([^}`\n]*)\}")
"""A metric with labels, as a page or a query names it."""


@pytest.mark.parametrize("name", sorted(PAGES.keys() - {"CHANGELOG.md"}))
def test_a_label_of_a_metric_that_a_page_names_is_one_that_it_has(name: str) -> None:
    known = labels_by_series()
    named = {
        (metric, label)
        for metric, selector in SELECTED.findall(PAGES[name].text)
        for label in re.findall(r"(\w+) *(?:[!=]|,|$)", re.sub(r'"[^"]*"', "", selector))
    }

    assert {(metric, label) for metric, label in named if label not in known[metric]} == set()


def read_by_code() -> set[str]:
    """Variables that sandbox, tests and benches look up themselves."""
    places = [path for folder in ("sandbox", "tests", "bench") for path in Path(ROOT / folder).rglob("*.py")]
    looked_up = re.compile(r"environ(?:\.get\(|\[)\"([A-Z][A-Z0-9_]+)\"")
    return {name for path in places for name in looked_up.findall(path.read_text("utf-8"))} - {"PATH"}


@pytest.mark.parametrize("variable", sorted(read_by_code()))
def test_a_variable_that_code_looks_up_is_in_the_configuration(variable: str) -> None:
    assert f"| `{variable}` |" in page(CONFIGURATION).text


def names_of(registry: CollectorRegistry, module: object) -> set[str]:
    counters = {f"{one._name}_total" for one in vars(module).values() if isinstance(one, Counter)}
    return {family.name for family in registry.collect() if family.type != "counter"} | counters


@pytest.mark.parametrize(
    "metric",
    sorted(
        set(METRICS)
        | names_of(processors_metrics.REGISTRY, processors_metrics)
        | names_of(dashboard_metrics.REGISTRY, dashboard_metrics)
    ),
)
def test_a_metric_is_in_the_documents(metric: str) -> None:
    assert f"| `{metric}` |" in ALL


ALERTS = sorted(
    re.findall(r"^ *- alert: (\w+)$", (ROOT / "monitoring" / "alerts.yaml").read_text("utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_section_of_the_runbook_and_a_row_of_the_table(alert: str) -> None:
    assert alert.lower() in page("docs/runbook.md").anchors
    assert re.search(rf"^\| .*\b{alert}\b", page("docs/monitoring.md").text, re.MULTILINE)


def test_the_alerts_are_found() -> None:
    assert len(ALERTS) > 20


TITLES = {
    Layer.RAW: r"`<prefix>\.<market>\.raw",
    Layer.CONTROL: r"`<prefix>\.control",
    Layer.DERIVED: r"`<prefix>\.<market>\.<type>",
}


@pytest.mark.parametrize("topic", list(TopicTable()), ids=lambda topic: str(topic.name))
def test_a_topic_has_a_row_under_the_title_of_its_layer(topic: Topic) -> None:
    (section,) = re.findall(
        rf"^## [^\n]*{TITLES[topic.layer]}.*?(?=^## )", page("docs/topics.md").text, re.MULTILINE | re.DOTALL
    )

    assert f"\n| `{topic.type}`" in section
