"""Rendered manifests, made once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from k8s.checks import Manifests
from tests.support import kubernetes


@pytest.fixture(scope="session")
def kube() -> None:
    """The tools and the schemas are there."""
    kubernetes.require()


@pytest.fixture(scope="session")
def everything(kube: None, tmp_path_factory: pytest.TempPathFactory) -> Manifests:
    """The production overlay with every component that leaves something to check, and KEDA told how Kafka is asked."""
    components = [name for name in kubernetes.COMPONENTS if name not in {"no-accounts", "kafka-password"}]
    by_tls = [
        {"op": "add", "path": "/spec/triggers/0/metadata/tls", "value": "enable"},
        {"op": "add", "path": "/spec/triggers/0/authenticationRef", "value": {"name": "kafka"}},
    ]
    patches = [{"target": {"kind": "ScaledObject"}, "patch": json.dumps(by_tls)}]
    folder = kubernetes.compose(Path(tmp_path_factory.mktemp("everything")), "prod", components, patches=patches)
    return Manifests.parse(kubernetes.render(folder))
