"""Rendered manifests as what is checked: objects, and the pods that they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec
import yaml


__all__ = ["Container", "Finding", "Manifest", "Manifests", "Pods", "matches"]

Manifest = Mapping[str, Any]
_TEMPLATES: Final = ("Deployment", "StatefulSet", "DaemonSet", "Job")
_CLUSTER_WIDE: Final = ("Namespace", "PriorityClass", "ClusterRole", "ClusterRoleBinding")
_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Finding(msgspec.Struct, frozen=True, order=True):
    """What is wrong, and where."""

    where: str
    """Kind and name, with the container where it is one's."""
    problem: str

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class Container(msgspec.Struct, frozen=True):
    """A container of pods; ``spec`` is as in the manifest."""

    pods: Pods
    spec: Manifest

    @property
    def where(self) -> str:
        """Kind and name of the workload, and the container's name."""
        return f'{self.pods.where}, container "{self.spec.get("name")}"'

    @property
    def env(self) -> list[Manifest]:
        """The variables that are named one by one."""
        return list(self.spec.get("env") or ())

    @property
    def ports(self) -> list[Manifest]:
        """The declared ports."""
        return list(self.spec.get("ports") or ())

    def find(self, of: str, what: str) -> Finding:
        """Return a finding about a part of it."""
        return Finding(self.where, f"{of}: {what}")


class Pods(msgspec.Struct, frozen=True):
    """The pods that one workload makes."""

    workload: Manifest

    @property
    def kind(self) -> str:
        """Kind of the workload."""
        return str(self.workload["kind"])

    @property
    def name(self) -> str:
        """Name of the workload."""
        return str(self.workload["metadata"]["name"])

    @property
    def where(self) -> str:
        """Kind and name."""
        return f"{self.kind}/{self.name}"

    @property
    def template(self) -> Manifest:
        """The pods' template."""
        template: Manifest = self.workload["spec"]["template"]
        return template

    @property
    def labels(self) -> Mapping[str, str]:
        """The pods' labels."""
        labels: Mapping[str, str] = (self.template.get("metadata") or {}).get("labels") or {}
        return labels

    @property
    def spec(self) -> Manifest:
        """The pods' specification."""
        spec: Manifest = self.template["spec"]
        return spec

    @property
    def replicas(self) -> int | None:
        """How many there are to be; None: it is not said here."""
        replicas: int | None = self.workload["spec"].get("replicas")
        return replicas

    @property
    def volumes(self) -> list[Manifest]:
        """Their volumes."""
        return list(self.spec.get("volumes") or ())

    def containers(self) -> Iterator[Container]:
        """Yield each container, those that begin first among them."""
        for spec in (*(self.spec.get("initContainers") or ()), *self.spec["containers"]):
            yield Container(self, spec)

    def port_names(self) -> set[str]:
        """Return the names of the declared ports."""
        return {port["name"] for one in self.containers() for port in one.ports if "name" in port}

    def port_numbers(self) -> set[int]:
        """Return the numbers of the declared ports."""
        return {port["containerPort"] for one in self.containers() for port in one.ports}

    def declares(self, port: str | int) -> bool:
        """Return whether a port is declared, by name or number."""
        return port in self.port_names() if isinstance(port, str) else port in self.port_numbers()

    def find(self, problem: str) -> Finding:
        """Return a finding about them."""
        return Finding(self.where, problem)


class Manifests:
    """All objects of one deployment.

    Args:
        objects: as rendered.
    """

    def __init__(self, objects: Iterable[Manifest]) -> None:
        self.objects = [one for one in objects if one]

    @classmethod
    def parse(cls, text: str) -> Manifests:
        """Return the objects of YAML documents."""
        return cls(yaml.load_all(text, Loader=_Loader))

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """Return the objects of some kinds."""
        return [one for one in self.objects if one.get("kind") in kinds]

    def named(self, kind: str, name: str) -> Manifest | None:
        """Return an object by its name, if it is there."""
        return next((one for one in self.of_kind(kind) if one["metadata"]["name"] == name), None)

    def pods(self) -> list[Pods]:
        """Return the pods of all workloads."""
        return [Pods(one) for one in self.of_kind(*_TEMPLATES)]

    def containers(self) -> Iterator[Container]:
        """Yield every container of all pods."""
        for pods in self.pods():
            yield from pods.containers()

    def selected(self, selector: Manifest | None) -> list[Pods]:
        """Return the pods that a label selector (matchLabels, matchExpressions) selects."""
        return [pods for pods in self.pods() if matches(selector or {}, pods.labels)]

    def cluster_wide(self, manifest: Manifest) -> bool:
        """Return whether an object lives in no namespace."""
        return manifest["kind"] in _CLUSTER_WIDE


def matches(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector selects something with these labels; an empty one selects everything."""
    wanted: Mapping[str, str] = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or ())


def _holds(expression: Manifest, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case _:
            return False
