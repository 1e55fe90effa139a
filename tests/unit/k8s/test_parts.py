from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

import k8s.check
from k8s.checks import Manifests
from k8s.checks.manifests import matches
from k8s.checks.quantities import parsed
from tests.support import kubernetes
from tests.support.project import pyproject


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("250m", "0.25"),
        ("1", "1"),
        (2, "2"),
        ("1.5", "1.5"),
        ("1Gi", str(1024**3)),
        ("1536Mi", str(1536 * 1024**2)),
        ("1k", "1000"),
    ],
)
def test_quantity_is_a_number(text: object, amount: str) -> None:
    assert parsed(text) == Decimal(amount)


@pytest.mark.parametrize("text", ["250mm", "", "Mi", "1 Gi", "-1", "1GiB", None])
def test_what_is_no_quantity_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        parsed(text)


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        ({}, True),
        ({"matchLabels": {"a": "1"}}, True),
        ({"matchLabels": {"a": "2"}}, False),
        ({"matchLabels": {"c": "1"}}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["1", "2"]}]}, True),
        ({"matchExpressions": [{"key": "c", "operator": "In", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}, False),
        ({"matchExpressions": [{"key": "b", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Equals", "values": ["1"]}]}, False),
        ({"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}, False),
    ],
)
def test_selector_selects_as_kubernetes_does(selector: dict[str, Any], selected: bool) -> None:
    assert matches(selector, {"a": "1", "b": "x"}) is selected


def test_check_of_nothing_fails() -> None:
    result = CliRunner().invoke(_app(), input="")

    assert (result.exit_code, "nothing to check" in result.output) == (1, True)


def test_check_tells_what_it_found_and_fails() -> None:
    broken = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "x"},
        "spec": {"ports": []},
    }

    result = CliRunner().invoke(_app(), input=yaml.safe_dump(broken))

    assert result.exit_code == 1
    assert "services     Service/web: its selector matches no pods" in result.output


def test_versions_are_the_projects() -> None:
    base = yaml.safe_load((kubernetes.K8S / "base" / "kustomization.yaml").read_text(encoding="utf-8"))
    labels = {key: value for one in base["labels"] for key, value in one["pairs"].items()}
    version = pyproject()["project"]["version"]

    assert (base["images"], labels["app.kubernetes.io/version"]) == (
        [{"name": "binance-kafka", "newTag": version}],
        version,
    )


def test_ingest_follows_its_settings_while_it_runs(everything: Manifests) -> None:
    """Its ConfigMap keeps its name, so that a change of symbols reaches the pod and does not replace it."""
    names = {one["metadata"]["name"] for one in everything.of_kind("ConfigMap")}

    assert "binance-ingest" in names
    assert "binance-kafka" not in names


def _app() -> Any:
    import typer  # noqa: PLC0415

    app = typer.Typer()
    app.command()(k8s.check.main)
    return app
