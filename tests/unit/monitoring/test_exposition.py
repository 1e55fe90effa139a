"""What the services export: names by Prometheus' conventions, everything there from the start, labels bounded."""

from __future__ import annotations

import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.exported import expositions
from tests.support.promtool import promtool


services = pytest.mark.parametrize("service", ["ingest", "processors", "dashboard"])

PREFIXES = ("process_", "python_")
LABELS = {
    "account", "cause", "connection", "event", "flow", "generation", "importance", "le", "market", "outcome", "page", "pool", "reason",
    "result", "revision", "route", "source", "state", "status", "stream", "topic", "version", "what",
    "implementation", "major", "minor", "patchlevel",
}  # fmt: skip
"""Every one of few values, whatever the symbols are: none is a symbol, an id or a price."""


@services
def test_promtool_has_nothing_to_complain_of(service: str) -> None:
    assert promtool("check", "metrics", stdin=expositions()[service]) == ""


@services
def test_every_series_is_there_at_zero_before_anything_happens(service: str) -> None:
    """A family without labels known beforehand would have no sample, and an alert on it nothing to look at."""
    families = list(text_string_to_metric_families(expositions()[service]))

    assert [family.name for family in families if not family.samples] == []


@services
def test_every_name_is_ours_or_of_the_process(service: str) -> None:
    """Faust's sensors, which follow no convention, and the library's times of creation are not among them."""
    names = {family.name for family in text_string_to_metric_families(expositions()[service])}

    assert {name for name in names if not name.startswith((f"{service}_", *PREFIXES))} == set()
    assert not re.search(r"_created\b", expositions()[service])


@services
def test_every_label_has_few_values(service: str) -> None:
    families = text_string_to_metric_families(expositions()[service])
    labels = {label for family in families for sample in family.samples for label in sample.labels}

    assert labels <= LABELS


@services
def test_the_build_says_its_version(service: str) -> None:
    assert re.search(
        rf'^{service}_build_info{{revision="[^"]+",version="[^"]+"}} 1\.0$', expositions()[service], re.MULTILINE
    )


def test_a_pattern_of_symbols_costs_no_more_series_than_one_symbol() -> None:
    """`*USDT` is some four hundred symbols."""
    assert "BTCUSDT" not in expositions()["ingest"]
    assert len(expositions()["ingest"].splitlines()) < 2_000
