"""Rendering and validating manifests with the real tools, where they are at hand."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from k8s.checks.manifests import Manifest
from tests.support.project import ROOT


__all__ = ["COMPONENTS", "EXCLUSIVE", "K8S", "OVERLAYS", "compose", "each_invalid", "invalid", "render", "require"]

K8S: Final = ROOT / "k8s"
OVERLAYS: Final = tuple(sorted(path.name for path in (K8S / "overlays").iterdir()))
COMPONENTS: Final = tuple(sorted(path.name for path in (K8S / "components").iterdir()))
EXCLUSIVE: Final = (
    frozenset({"kafka-password", "strimzi"}),
    frozenset({"kafka-password", "keda"}),
    frozenset({"keda", "strimzi"}),
)
"""Two ways to log in to Kafka, one of them at most; and KEDA, which is told of neither (docs/kubernetes.md)."""
_VALID: Final[set[str]] = set()
_TOOLS: Final = ROOT / ".make" / "kube" / "bin"
_BESIDE_THE_CHECKOUT: Final = ROOT.parent / "shared" / "k8s-schemas"


def require() -> None:
    """Skip the test, saying why, where a tool or the schemas are missing; fail it where REQUIRE_KUBE=1."""
    missing = [name for name in ("kustomize", "kubeconform") if _tool(name) is None]
    reasons = [f"{' and '.join(missing)} not found: `make kube` installs them"] if missing else []
    if not (folder := _schemas()).is_dir():
        reasons.append(f"no Kubernetes schemas at {folder}: KUBERNETES_SCHEMAS names their folder")
    if reasons and os.environ.get("REQUIRE_KUBE") == "1":
        pytest.fail(f"REQUIRE_KUBE=1, but {'; '.join(reasons)}")
    if reasons:
        pytest.skip("; ".join(reasons))


def render(folder: Path) -> str:
    """Return what kustomize makes of a folder."""
    return _run("kustomize", ["build", str(folder)])


def compose(folder: Path, overlay: str, components: Iterable[str], **more: Any) -> Path:
    """Write a kustomization of an overlay and components into a folder, and return it.

    Args:
        folder: where.
        overlay: what it is on top of.
        components: what goes with it.
        more: further fields of the kustomization.
    """
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "namespace": "binance-kafka",
        "resources": [os.path.relpath(K8S / "overlays" / overlay, folder)],
        "components": [os.path.relpath(K8S / "components" / one, folder) for one in components],
        **more,
    }
    (folder / "kustomization.yaml").write_text(json.dumps(kustomization))
    return folder


def invalid(objects: Iterable[Manifest]) -> list[str]:
    """Return what kubeconform has to say about objects that fit no schema, strictly.

    What it found nothing about is not shown to it again: combinations of components have most objects in common.
    """
    fresh = {text for one in objects if (text := json.dumps(one, sort_keys=True)) not in _VALID}
    found = _kubeconform(given="\n---\n".join(sorted(fresh))) if fresh else []
    if not found:
        _VALID.update(fresh)
    return [f"{one['kind']}/{one['name']}: {one['msg']}" for one in found]


def each_invalid(objects: Mapping[str, Manifest], folder: Path) -> dict[str, str]:
    """Return what kubeconform has to say about objects, asked once about all, by the names that they have here.

    Args:
        objects: by names that are names of files.
        folder: an empty one, for those files.
    """
    for name, one in objects.items():
        (folder / f"{name}.json").write_text(json.dumps(one))
    return {Path(one["filename"]).stem: one["msg"] for one in _kubeconform(str(folder))}


def _kubeconform(*files: str, given: str = "") -> list[dict[str, Any]]:
    locations = [
        f"{_schemas()}/k8s/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
        f"{_schemas()}/crd/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json",
        f"{K8S}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json",
    ]
    options = [option for location in locations for option in ("-schema-location", location)]
    output = _run("kubeconform", ["-strict", "-output", "json", *options, *files], given=given, ok=(0, 1))
    resources: list[dict[str, Any]] = json.loads(output).get("resources") or []
    return resources


def _run(tool: str, arguments: Sequence[str], *, given: str = "", ok: Sequence[int] = (0,)) -> str:
    program = _tool(tool)
    assert program is not None, tool
    done = subprocess.run(  # noqa: S603 - the tools are those of `require`
        [program, *arguments], input=given, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode in ok, done.stderr
    return done.stdout


def _tool(name: str) -> str | None:
    own = _TOOLS / name
    return str(own) if own.is_file() else shutil.which(name)


def _schemas() -> Path:
    return Path(os.environ.get("KUBERNETES_SCHEMAS", _BESIDE_THE_CHECKOUT))
