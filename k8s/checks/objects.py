"""Checks of how objects fit each other: selectors, services, budgets, references, roll-outs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from k8s.checks.manifests import Container, Finding, Manifest, Manifests, Pods, matches


__all__ = ["budgets", "duplicates", "namespaces", "references", "rollouts", "selectors", "services", "spread"]

_SELECTED: Final = ("Deployment", "StatefulSet", "DaemonSet")
_LOGINS: Final = "kafka-login"
"""With what names of Secrets begin that users make for the component kafka-password (docs/kubernetes.md)."""


def duplicates(manifests: Manifests) -> Iterator[Finding]:
    """No object is there twice: the later one would win."""
    for where, count in Counter(map(_where, manifests.objects)).items():
        if count > 1:
            yield Finding(where, "is there twice")


def namespaces(manifests: Manifests) -> Iterator[Finding]:
    """Everything lives in the one namespace that is made, and that enforces restricted pods."""
    made = manifests.of_kind("Namespace")
    names = {one["metadata"]["name"] for one in made}
    for one in made:
        if (one["metadata"].get("labels") or {}).get("pod-security.kubernetes.io/enforce") != "restricted":
            yield Finding(_where(one), "does not enforce restricted pods: pod-security.kubernetes.io/enforce")
    for one in manifests.objects:
        if not manifests.cluster_wide(one) and one["metadata"].get("namespace") not in names:
            yield Finding(
                _where(one), f"lives in namespace {one['metadata'].get('namespace')!r}, which is not made here"
            )


def selectors(manifests: Manifests) -> Iterator[Finding]:
    """A workload selects its own pods, and no other's."""
    for pods in manifests.pods():
        if pods.kind not in _SELECTED:
            continue
        selector = pods.workload["spec"].get("selector") or {}
        if not matches(selector, pods.labels):
            yield pods.find("its selector does not match the labels of its template")
        for other in manifests.selected(selector):
            if other.workload is not pods.workload:
                yield pods.find(f"its selector matches the pods of {other.where} too")


def services(manifests: Manifests) -> Iterator[Finding]:
    """A Service finds pods, on ports that they declare; a StatefulSet's Service is there, headless, and finds it."""
    for service in manifests.of_kind("Service"):
        selected = manifests.selected({"matchLabels": service["spec"].get("selector")})
        if not service["spec"].get("selector") or not selected:
            yield Finding(_where(service), "its selector matches no pods")
        for port in service["spec"].get("ports") or ():
            target = port.get("targetPort", port["port"])
            for pods in selected:
                if not pods.declares(target):
                    yield Finding(_where(service), f"targetPort {target!r} is not declared by {pods.where}")
    for workload in manifests.of_kind("StatefulSet"):
        pods, name = Pods(workload), workload["spec"].get("serviceName")
        governing = manifests.named("Service", str(name))
        if governing is None:
            yield pods.find(f"its serviceName {name!r} is no Service here")
        elif governing["spec"].get("clusterIP") != "None":
            yield pods.find(f'its Service "{name}" is not headless (clusterIP: None)')
        elif not matches({"matchLabels": governing["spec"].get("selector")}, pods.labels):
            yield pods.find(f'its Service "{name}" does not select its pods')


def budgets(manifests: Manifests) -> Iterator[Finding]:
    """Each replicated workload has one disruption budget, which lets machines be emptied."""
    covered: Counter[str] = Counter()
    for budget in manifests.of_kind("PodDisruptionBudget"):
        spec, where = budget["spec"], _where(budget)
        selected = manifests.selected(spec.get("selector"))
        covered.update(pods.where for pods in selected)
        if not selected:
            yield Finding(where, "its selector matches no pods")
        if ("minAvailable" in spec) == ("maxUnavailable" in spec):
            yield Finding(where, "must have one of minAvailable and maxUnavailable")
        if spec.get("maxUnavailable") in {0, "0%"} or spec.get("minAvailable") == "100%":
            yield Finding(where, "lets no pod be evicted: no machine could be emptied")
        for pods in selected:
            least = spec.get("minAvailable")
            if isinstance(least, int) and pods.replicas is not None and least >= pods.replicas:
                yield Finding(where, f"lets no pod of {pods.where} be evicted")
        if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
            yield Finding(where, "unhealthyPodEvictionPolicy is to be AlwaysAllow: a sick pod must not keep a machine")
    for where, count in covered.items():
        if count > 1:
            yield Finding(where, f"has {count} disruption budgets: nothing could be evicted")


def references(manifests: Manifests) -> Iterator[Finding]:
    """ConfigMaps and Secrets that pods name are there, with the keys that they name, or may be missing."""
    for pods in manifests.pods():
        for volume in pods.volumes:
            for source in [volume, *((volume.get("projected") or {}).get("sources") or ())]:
                yield from _volume_source(manifests, pods, source)
        for container in pods.containers():
            for source in container.spec.get("envFrom") or ():
                yield from _of_env(manifests, container, source, "configMapRef", "secretRef")
            for one in container.env:
                yield from _of_env(manifests, container, one.get("valueFrom") or {}, "configMapKeyRef", "secretKeyRef")


def _volume_source(manifests: Manifests, pods: Pods, source: Manifest) -> Iterator[Finding]:
    for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
        if of := source.get(field):
            name = of.get("secretName") or of.get("name")
            keys = [item["key"] for item in of.get("items") or ()]
            yield from (pods.find(text) for text in _missing(manifests, kind, name, keys, optional=of.get("optional")))


def _of_env(
    manifests: Manifests, container: Container, source: Manifest, config: str, secret: str
) -> Iterator[Finding]:
    for field, kind in ((config, "ConfigMap"), (secret, "Secret")):
        if of := source.get(field):
            keys = [of["key"]] if "key" in of else []
            for text in _missing(manifests, kind, of["name"], keys, optional=of.get("optional")):
                yield container.find("env", text)


def _missing(manifests: Manifests, kind: str, name: Any, keys: list[str], *, optional: bool | None) -> Iterator[str]:
    if optional:
        return
    there = manifests.named(kind, str(name))
    if there is None and not (kind == "Secret" and _made_by_others(manifests, str(name))):
        yield f'{kind} "{name}" is not here'
    elif there is not None:
        content = (there.get("data") or {}) | (there.get("binaryData") or {}) | (there.get("stringData") or {})
        yield from (f'{kind} "{name}" has no key "{key}"' for key in keys if key not in content)


def _made_by_others(manifests: Manifests, name: str) -> bool:
    """Return whether somebody else makes a Secret: Strimzi for users and its own authority, people for logins."""
    users = manifests.of_kind("KafkaUser")
    clusters = {one["metadata"]["labels"].get("strimzi.io/cluster") for one in users}
    return name.startswith(_LOGINS) or name in {one["metadata"]["name"] for one in users} | {
        f"{one}-cluster-ca-cert" for one in clusters
    }


def rollouts(manifests: Manifests) -> Iterator[Finding]:
    """Roll-outs are possible, and ingest's successor is there before the old one goes."""
    for deployment in manifests.of_kind("Deployment"):
        pods, strategy = Pods(deployment), deployment["spec"].get("strategy") or {}
        rolling = strategy.get("rollingUpdate") or {}
        if strategy.get("type") == "Recreate" and rolling:
            yield pods.find("strategy Recreate has no rollingUpdate")
        if pods.name == "ingest" and (strategy.get("type") == "Recreate" or rolling.get("maxUnavailable") != 0):
            yield pods.find("a roll-out must not stop it before its successor is ready: maxUnavailable 0")
        if rolling.get("maxSurge") in {0, "0%"} and rolling.get("maxUnavailable") in {0, "0%"}:
            yield pods.find("maxSurge and maxUnavailable are both 0: no roll-out could begin")


def spread(manifests: Manifests) -> Iterator[Finding]:
    """What spreads pods over machines counts those very pods."""
    for pods in manifests.pods():
        for constraint in pods.spec.get("topologySpreadConstraints") or ():
            selector = constraint.get("labelSelector") or {}
            if not selector or not matches(selector, pods.labels):
                yield pods.find("a topologySpreadConstraint does not match the pods' own labels")


def _where(manifest: Manifest) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"
