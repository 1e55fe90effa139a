from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from k8s.checks import Manifests, check
from tests.support import kubernetes


COMBINATIONS = [
    chosen
    for size in range(len(kubernetes.COMPONENTS) + 1)
    for chosen in combinations(kubernetes.COMPONENTS, size)
    if not any(set(chosen) >= together for together in kubernetes.EXCLUSIVE)
]


@pytest.mark.parametrize("overlay", kubernetes.OVERLAYS)
def test_every_overlay_fits_the_schemas_and_passes_the_checks(kube: None, overlay: str) -> None:
    manifests = Manifests.parse(kubernetes.render(kubernetes.K8S / "overlays" / overlay))

    assert (kubernetes.invalid(manifests.objects), check(manifests)) == ([], [])


@pytest.mark.parametrize("components", COMBINATIONS, ids=lambda chosen: "+".join(chosen) or "none")
def test_components_go_together_in_every_combination(kube: None, components: tuple[str, ...], tmp_path: Path) -> None:
    manifests = Manifests.parse(kubernetes.render(kubernetes.compose(tmp_path, "prod", components)))

    assert (kubernetes.invalid(manifests.objects), check(manifests)) == ([], [])


@pytest.mark.parametrize("kept", sorted(frozenset.union(*kubernetes.EXCLUSIVE)))
def test_order_of_components_does_not_matter(kube: None, kept: str, tmp_path: Path) -> None:
    left_out = frozenset.union(*kubernetes.EXCLUSIVE) - {kept}
    components = [one for one in kubernetes.COMPONENTS if one not in left_out]
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()

    first = kubernetes.render(kubernetes.compose(one, "prod", components))
    second = kubernetes.render(kubernetes.compose(other, "prod", reversed(components)))

    assert _by_name(first) == _by_name(second)


def _by_name(rendered: str) -> dict[tuple[str, str], object]:
    return {(one["kind"], one["metadata"]["name"]): one for one in Manifests.parse(rendered).objects}
