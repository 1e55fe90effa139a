"""Checks of network policies, and of what scrapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from k8s.checks.manifests import Finding, Manifest, Manifests, Pods


__all__ = ["monitors", "policies"]

_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_DIRECTIONS: Final = {"ingress": "from", "egress": "to"}


def policies(manifests: Manifests) -> Iterator[Finding]:
    """Policies speak of pods and ports that exist; every pod is under one for each direction; all can ask for names."""
    found = manifests.of_kind("NetworkPolicy")
    for policy in found:
        yield from _policy(manifests, policy)
    for pods in manifests.pods():
        for direction in ("Ingress", "Egress"):
            if not any(_covers(manifests, policy, pods, direction) for policy in found):
                yield pods.find(f"no NetworkPolicy limits its {direction.lower()}")
    if not any(_denies_all(policy) for policy in found):
        yield Finding("NetworkPolicy", "none denies everything that is not named")


def _covers(manifests: Manifests, policy: Manifest, pods: Pods, direction: str) -> bool:
    selected = manifests.selected(policy["spec"].get("podSelector"))
    return direction in policy["spec"].get("policyTypes", ()) and any(one.workload is pods.workload for one in selected)


def _denies_all(policy: Manifest) -> bool:
    spec = policy["spec"]
    everybody = not spec.get("podSelector")
    return everybody and set(spec.get("policyTypes", ())) == {"Ingress", "Egress"} and "ingress" not in spec


def _policy(manifests: Manifests, policy: Manifest) -> Iterator[Finding]:
    spec, where = policy["spec"], f"NetworkPolicy/{policy['metadata']['name']}"
    selected = manifests.selected(spec.get("podSelector"))
    if not selected:
        yield Finding(where, "its podSelector matches no pods")
    for direction, side in _DIRECTIONS.items():
        if direction in spec and direction.capitalize() not in spec.get("policyTypes", ()):
            yield Finding(where, f"has {direction} rules, which its policyTypes leave out")
        for rule in spec.get(direction) or ():
            peers = _peers(manifests, rule.get(side) or ())
            if any(not pods for pods in peers):
                yield Finding(where, f"a podSelector of its {direction} matches no pods")
            targets = selected if direction == "ingress" else [pods for one in peers for pods in one]
            yield from _ports(where, rule, targets)


def _peers(manifests: Manifests, peers: Iterable[Manifest]) -> list[list[Pods]]:
    """Return the pods of each peer that is of this namespace."""
    return [
        manifests.selected(peer["podSelector"])
        for peer in peers
        if "podSelector" in peer and "namespaceSelector" not in peer
    ]


def _ports(where: str, rule: Manifest, targets: list[Pods]) -> Iterator[Finding]:
    if not rule.get("ports"):
        yield Finding(where, "a rule names no port: it lets everything through")
    for port in rule.get("ports") or ():
        if port.get("protocol", "TCP") not in _PROTOCOLS:
            yield Finding(where, f"protocol {port['protocol']!r} is none of {', '.join(_PROTOCOLS)}")
        named = port.get("port")
        if targets and not any(pods.declares(named) for pods in targets):
            yield Finding(where, f"port {named!r} is declared by none of the pods that it is about")


def monitors(manifests: Manifests) -> Iterator[Finding]:
    """What is to be scraped is there, on ports of these names, and every port that has metrics is scraped."""
    scraped: set[tuple[str, str]] = set()
    found = manifests.of_kind("PodMonitor")
    for monitor in found:
        where = f"PodMonitor/{monitor['metadata']['name']}"
        selected = manifests.selected(monitor["spec"].get("selector"))
        if not selected:
            yield Finding(where, "its selector matches no pods")
        for endpoint in monitor["spec"].get("podMetricsEndpoints") or ():
            port = str(endpoint.get("port"))
            scraped |= {(pods.where, port) for pods in selected}
            yield from (
                Finding(where, f'port "{port}" is not declared by {pods.where}')
                for pods in selected
                if not pods.declares(port)
            )
    for pods in manifests.pods():
        if found and "metrics" in pods.port_names() and (pods.where, "metrics") not in scraped:
            yield pods.find("its metrics are scraped by no PodMonitor")
