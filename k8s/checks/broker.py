"""Checks of how services get to Kafka: that the network lets them, and that what they show there is at hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from k8s.checks.manifests import Container, Finding, Manifest, Manifests, Pods
from k8s.checks.settings import environment_of, ours


__all__ = ["logins", "reach"]

_BY_DEFAULT: Final = 0o644
"""The mode of what a volume holds that names none."""
_OTHERS: Final = 0o007
_USED_BY: Final[Mapping[str, str]] = {"KAFKA_SSL_": "SSL", "KAFKA_SASL_": "SASL"}
"""What the protocol is to contain, or a setting means nothing."""


def logins(manifests: Manifests) -> Iterator[Finding]:
    """Certificates, keys and passwords are files that are mounted, that the service can read, and that it uses."""
    for container, env in _asking_kafka(manifests):
        protocol = env.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
        for name, path in sorted(env.items()):
            for beginning, part in _USED_BY.items():
                if name.startswith(beginning) and part not in protocol:
                    yield container.find(f"env {name}", f"is not used: KAFKA_SECURITY_PROTOCOL is {protocol}")
            if name.startswith(tuple(_USED_BY)) and name.endswith("_FILE"):
                yield from (container.find(f"env {name}", problem) for problem in _file(container, path))


def reach(manifests: Manifests) -> Iterator[Finding]:
    """A policy lets each service out to the port of the brokers that it is told."""
    for container, env in _asking_kafka(manifests):
        open_ports = set(_open(manifests, container.pods))
        for server in filter(None, env.get("KAFKA_BOOTSTRAP_SERVERS", "").split(",")):
            port = server.strip().rpartition(":")[2]
            if port not in open_ports:
                problem = f"no NetworkPolicy lets it out to port {port}, where KAFKA_BOOTSTRAP_SERVERS is"
                yield container.find("env KAFKA_BOOTSTRAP_SERVERS", problem)


def _asking_kafka(manifests: Manifests) -> Iterator[tuple[Container, Mapping[str, str]]]:
    for container in ours(manifests):
        if "--schemas-only" not in container.spec["command"]:
            yield container, environment_of(manifests, container)


def _file(container: Container, path: str) -> Iterator[str]:
    """Say what is wrong with a file of a Secret."""
    file = PurePosixPath(path)
    mounts = {PurePosixPath(one["mountPath"]): one for one in container.spec.get("volumeMounts") or ()}
    folder = next((one for one in file.parents if one in mounts), None)
    volume = next((one for one in container.pods.volumes if folder and one["name"] == mounts[folder]["name"]), None)
    if folder is None or volume is None:
        yield f"{path} is in no folder that is mounted"
        return
    source = volume.get("projected") or volume.get("secret") or volume.get("configMap") or {}
    held = _held(source)
    if held and str(file.relative_to(folder)) not in held:
        yield f'volume "{volume["name"]}" has no {file.relative_to(folder)}, only {", ".join(sorted(held))}'
    mode = source.get("defaultMode", _BY_DEFAULT)
    if "configMap" not in volume and mode & _OTHERS:
        yield f'volume "{volume["name"]}" has the mode {mode:04o}: everybody may read it; defaultMode 0440'
    elif "fsGroup" not in (container.pods.spec.get("securityContext") or {}):
        yield f"{path} is root's: without fsGroup it cannot be read"


def _held(source: Manifest) -> set[str]:
    """Return the paths that a volume is told to have; none: all that its source has."""
    parts = [one for part in source.get("sources") or () for one in part.values()] or [source]
    return {item["path"] for part in parts for item in part.get("items") or ()}


def _open(manifests: Manifests, pods: Pods) -> Iterator[str]:
    """Yield the numbers of the ports that policies let pods out to."""
    for policy in manifests.of_kind("NetworkPolicy"):
        selected = manifests.selected(policy["spec"].get("podSelector"))
        if any(one.workload is pods.workload for one in selected):
            for rule in policy["spec"].get("egress") or ():
                for one in rule.get("ports") or ():
                    yield from _numbers(manifests, one["port"])


def _numbers(manifests: Manifests, port: Any) -> Iterator[str]:
    if isinstance(port, int):
        yield str(port)
        return
    declared = (one for pods in manifests.pods() for container in pods.containers() for one in container.ports)
    yield from (str(one["containerPort"]) for one in declared if one.get("name") == port)
