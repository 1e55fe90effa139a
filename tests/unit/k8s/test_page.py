"""What docs/kubernetes.md says can be done as it says."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from k8s.checks import Manifests, check
from monitoring.write import files
from tests.support import kubernetes
from tests.support.project import ROOT


PAGE = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines() if line.strip()
]
BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
BESIDE = {text.split()[1]: text for text in BLOCKS if re.match(r"# (?!kustomization)[a-z-]+\.yaml\n", text)}
"""Files that the overlays on the page name, by their names."""
OVERLAYS = [
    text
    for text in BLOCKS
    if text not in BESIDE.values() and not text.startswith("# of the Kafka resource")  # which is Strimzi's
]


@pytest.mark.parametrize("text", OVERLAYS, ids=lambda text: text.splitlines()[0])
def test_overlay_on_the_page_can_be_deployed(kube: None, text: str, tmp_path: Path) -> None:
    shutil.copytree(kubernetes.K8S, tmp_path / "k8s", ignore=shutil.ignore_patterns("*.py"))
    mine = tmp_path / "k8s" / "overlays" / "mine"
    mine.mkdir()
    kustomization: dict[str, Any] = {"resources": ["../prod"], "namespace": "binance-kafka"} | yaml.safe_load(text)
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    for name, content in BESIDE.items():
        (mine / name).write_text(content)

    manifests = Manifests.parse(kubernetes.render(mine))

    assert (kubernetes.invalid(manifests.objects), check(manifests)) == ([], [])
    assert manifests.objects != Manifests.parse(kubernetes.render(mine.parent / "prod")).objects


@pytest.mark.parametrize(
    "command", [line for line in COMMANDS if line.startswith(("kustomize build", "python -m k8s"))]
)
def test_command_that_needs_no_cluster_works(kube: None, command: str, tmp_path: Path) -> None:
    build, _, piped = command.partition(" | ")
    if build.startswith("python"):
        program = [sys.executable, *shlex.split(build)[1:], "--folder", str(tmp_path)]
        subprocess.run(program, check=True, cwd=ROOT, capture_output=True)  # noqa: S603 - a command of the page
        return
    rendered = kubernetes.render(ROOT / shlex.split(build)[2])

    if piped:
        done = subprocess.run(  # noqa: S603 - as before
            [sys.executable, *shlex.split(piped)[1:]],
            input=rendered,
            text=True,
            capture_output=True,
            cwd=ROOT,
            check=True,
        )
        assert done.stdout.endswith("0 findings\n")


def test_alerts_are_written_with_the_address_that_their_command_names() -> None:
    ((_, address),) = [shlex.split(line)[3:] for line in COMMANDS if line.startswith("python -m monitoring.write")]

    rules = files(address)[Path("k8s", "components", "prometheus-operator", "rules.yaml")]

    assert f"runbook_url: {address}#" in rules


def test_every_command_is_one_that_is_run_or_needs_a_cluster() -> None:
    needs_a_cluster = ("kubectl ", "kind ")

    assert [line for line in COMMANDS if not line.startswith(("kustomize build", "python -m", *needs_a_cluster))] == []


def test_every_file_on_the_page_is_named_by_an_overlay() -> None:
    assert {name for name in BESIDE if not any(name in text for text in OVERLAYS)} == set()


@pytest.mark.parametrize("name", [*kubernetes.OVERLAYS, *kubernetes.COMPONENTS])
def test_every_overlay_and_component_is_on_the_page(name: str) -> None:
    assert re.search(rf"k8s/(overlays|components)/{name}\b", PAGE)


def test_every_kind_of_object_is_on_the_page(everything: Manifests) -> None:
    assert {one["kind"] for one in everything.objects if one["kind"] not in PAGE} == set()


def test_every_namespaced_command_names_what_exists(everything: Manifests) -> None:
    names = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in everything.objects}
    told = set(
        re.findall(
            r"\b((?:deployment|statefulset|service|job)/[a-z-]+)", " ".join(re.findall(r"kubectl [^`\n]*", PAGE))
        )
    )

    assert told - names == set()
