"""Checks of rendered manifests: what no JSON schema sees, and most of it no API server either.

Pure: manifests in, findings out. ``python -m k8s.check`` runs them on files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from k8s.checks import broker, kafka, network, objects, pods, settings
from k8s.checks.manifests import Finding, Manifests


__all__ = ["CHECKS", "Finding", "Manifests", "check"]

CHECKS: Final[Mapping[str, Callable[[Manifests], Iterator[Finding]]]] = {
    "budgets": objects.budgets,
    "commands": settings.commands,
    "duplicates": objects.duplicates,
    "environment": pods.environment,
    "images": pods.images,
    "logins": broker.logins,
    "membership": settings.membership,
    "monitors": network.monitors,
    "namespaces": objects.namespaces,
    "policies": network.policies,
    "ports": pods.ports,
    "reach": broker.reach,
    "references": objects.references,
    "resources": pods.resources,
    "restricted": pods.restricted,
    "rights": kafka.rights,
    "rollouts": objects.rollouts,
    "scaling": kafka.scaling,
    "selectors": objects.selectors,
    "services": objects.services,
    "settings": settings.settings,
    "spread": objects.spread,
    "times": settings.times,
    "topics": kafka.topics,
    "volumes": pods.volumes,
}


def check(manifests: Manifests) -> list[tuple[str, Finding]]:
    """Return what is wrong, each with the name of the check that found it."""
    return [(name, finding) for name, run in CHECKS.items() for finding in run(manifests)]
