"""Checks of pods by themselves: volumes, ports, variables, resources, images, and what a pod may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Any, Final, TypeVar

from k8s.checks.manifests import Container, Finding, Manifest, Manifests, Pods
from k8s.checks.quantities import parsed


__all__ = ["environment", "images", "ports", "resources", "restricted", "volumes"]

_PROBES: Final = ("startupProbe", "readinessProbe", "livenessProbe")
_HANDLERS: Final = ("httpGet", "tcpSocket", "grpc")
_MOVING_TAGS: Final = ("latest", "main", "master", "stable", "edge")
_VOLUME_TYPES: Final = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret",
}  # fmt: skip
"""What Kubernetes' restricted profile lets a pod mount."""
_T = TypeVar("_T", bound=Hashable)
_OF_THE_HOST: Final = ("hostNetwork", "hostPID", "hostIPC")


def volumes(manifests: Manifests) -> Iterator[Finding]:
    """Each mount has a volume, each volume is mounted, no path is mounted twice, /tmp can be written to."""
    for pods in manifests.pods():
        names = [volume["name"] for volume in pods.volumes]
        names += [claim["metadata"]["name"] for claim in pods.workload["spec"].get("volumeClaimTemplates") or ()]
        yield from (pods.find(f'volume "{name}" is declared twice') for name in _twice(names))
        mounted: set[str] = set()
        for container in pods.containers():
            mounts = container.spec.get("volumeMounts") or ()
            mounted |= {mount["name"] for mount in mounts}
            yield from _mounts(container, mounts, names)
        for name in sorted(set(names) - mounted):
            yield pods.find(f'volume "{name}" is mounted by no container')


def _mounts(container: Container, mounts: Iterable[Manifest], names: list[str]) -> Iterator[Finding]:
    for mount in mounts:
        if mount["name"] not in names:
            yield container.find(f'volumeMount "{mount["name"]}"', "there is no such volume")
        if "subPath" in mount:
            yield container.find(f'volumeMount "{mount["name"]}"', "a subPath never sees a change: mount the folder")
    for path in _twice(mount["mountPath"] for mount in mounts):
        yield container.find("volumeMounts", f"{path} is mounted twice")
    if not any(mount["mountPath"] == "/tmp" and not mount.get("readOnly") for mount in mounts):  # noqa: S108
        yield container.find("volumeMounts", "nothing writable at /tmp, though the root file system is read-only")


def ports(manifests: Manifests) -> Iterator[Finding]:
    """Probes and hooks go to declared ports; no port or name of a port is there twice."""
    for pods in manifests.pods():
        declared = [port for container in pods.containers() for port in container.ports]
        for name in _twice(port.get("name") for port in declared):
            yield pods.find(f'port name "{name}" is declared twice')
        for number in _twice((port["containerPort"], port.get("protocol", "TCP")) for port in declared):
            yield pods.find(f"port {number[0]} is declared twice")
        for container in pods.containers():
            for of, port in _asked_ports(container.spec):
                if not pods.declares(port):
                    yield container.find(of, f"port {port!r} is declared by no container of the pod")
        if pods.kind != "Job":
            yield from _lacking_probes(pods)


def _asked_ports(container: Manifest) -> Iterator[tuple[str, str | int]]:
    actions = {probe: container[probe] for probe in _PROBES if probe in container}
    actions |= {f"lifecycle.{hook}": action for hook, action in (container.get("lifecycle") or {}).items()}
    for of, action in actions.items():
        for handler in _HANDLERS:
            if handler in action:
                yield of, action[handler]["port"]


def _lacking_probes(pods: Pods) -> Iterator[Finding]:
    for spec in pods.spec["containers"]:
        yield from (Container(pods, spec).find(probe, "there is none") for probe in _PROBES if probe not in spec)


def environment(manifests: Manifests) -> Iterator[Finding]:
    """No variable is there twice; a value is text, or comes from one place."""
    for container in manifests.containers():
        for name in _twice(one["name"] for one in container.env):
            yield container.find(f"env {name}", "is there twice; the last one wins without a word")
        for one in container.env:
            if "value" in one and not isinstance(one["value"], str):
                yield container.find(f"env {one['name']}", f"value {one['value']!r} is no text: put it in quotes")
            if ("value" in one) == ("valueFrom" in one):
                yield container.find(f"env {one['name']}", "must have either value or valueFrom")


def resources(manifests: Manifests) -> Iterator[Finding]:
    """Quantities are quantities, requests are within limits, memory has both, CPU has no limit."""
    for container in manifests.containers():
        given: Manifest = container.spec.get("resources") or {}
        amounts: dict[tuple[str, str], Any] = {}
        for part in ("requests", "limits"):
            for resource, text in (given.get(part) or {}).items():
                try:
                    amounts[part, resource] = parsed(text)
                except ValueError as error:
                    yield container.find(f"resources.{part}.{resource}", str(error))
        for (part, resource), amount in amounts.items():
            limit = amounts.get(("limits", resource))
            if part == "requests" and limit is not None and amount > limit:
                yield container.find(f"resources.requests.{resource}", "is above the limit")
        for part, resource in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if resource not in (given.get(part) or {}):
                yield container.find(f"resources.{part}", f"{resource} is not said")
        if "cpu" in (given.get("limits") or {}):
            yield container.find("resources.limits.cpu", "a limit of CPU makes pauses; leave it out")


def images(manifests: Manifests) -> Iterator[Finding]:
    """Every image is of one version: it has a digest, or a tag that does not move."""
    for container in manifests.containers():
        image = str(container.spec.get("image") or "")
        _, _, digest = image.partition("@")
        _, colon, tag = image.partition("@")[0].rpartition("/")[2].partition(":")
        if not digest and (not colon or not tag or tag in _MOVING_TAGS):
            yield container.find("image", f'"{image}" is not pinned: name a version or a digest')


def restricted(manifests: Manifests) -> Iterator[Finding]:
    """Pods are what the restricted profile asks for, and some more: no token, no root file system to write to."""
    for pods in manifests.pods():
        spec, context = pods.spec, pods.spec.get("securityContext") or {}
        if spec.get("automountServiceAccountToken") is not False:
            yield pods.find("automountServiceAccountToken is to be false: nothing here asks Kubernetes anything")
        if spec.get("enableServiceLinks") is not False:
            yield pods.find(
                "enableServiceLinks is to be false: it makes variables such as DASHBOARD_PORT, which are settings"
            )
        yield from (pods.find(f"{key} is not allowed") for key in _OF_THE_HOST if spec.get(key))
        if not context.get("runAsNonRoot") or not context.get("runAsUser"):
            yield pods.find("securityContext must say runAsNonRoot and a runAsUser other than 0")
        if (context.get("seccompProfile") or {}).get("type") not in {"RuntimeDefault", "Localhost"}:
            yield pods.find("securityContext.seccompProfile.type must be RuntimeDefault")
        for volume in pods.volumes:
            if wrong := set(volume) - {"name"} - _VOLUME_TYPES:
                yield pods.find(f'volume "{volume["name"]}": {", ".join(sorted(wrong))} is not allowed')
        for container in pods.containers():
            yield from _contained(container)


def _contained(container: Container) -> Iterator[Finding]:
    context: Manifest = container.spec.get("securityContext") or {}
    capabilities: Manifest = context.get("capabilities") or {}
    wrong = {
        "allowPrivilegeEscalation": context.get("allowPrivilegeEscalation") is not False,
        "readOnlyRootFilesystem": context.get("readOnlyRootFilesystem") is not True,
        "privileged": bool(context.get("privileged")),
        "runAsNonRoot": context.get("runAsNonRoot") is False,
        "runAsUser": context.get("runAsUser") == 0,
        "capabilities": "ALL" not in (capabilities.get("drop") or ()) or bool(capabilities.get("add")),
    }
    for key, is_wrong in wrong.items():
        if is_wrong:
            yield container.find(f"securityContext.{key}", "is not what the restricted profile asks for")
    for port in container.ports:
        if port.get("hostPort"):
            yield container.find("ports", f"hostPort {port['hostPort']} is not allowed")


def _twice(values: Iterable[_T]) -> list[_T]:
    return [value for value, count in Counter(value for value in values if value is not None).items() if count > 1]
