from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
import yaml

from k8s.checks import CHECKS, Manifests, check
from tests.support import kubernetes
from tests.support.project import ROOT


class Broken(msgspec.Struct, frozen=True):
    """A change that makes good manifests bad."""

    what: str
    object: str
    change: dict[str, Any]
    caught: list[str]


BROKEN = msgspec.convert(
    yaml.safe_load((ROOT / "tests" / "data" / "k8s" / "broken.yaml").read_text(encoding="utf-8")), list[Broken]
)


@pytest.fixture(scope="module")
def against_schema(everything: Manifests, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What kubeconform says about each of the broken objects; of those that it finds nothing about, nothing."""
    numbered = {str(number): _changed(everything, broken)[0] for number, broken in enumerate(BROKEN)}
    found = kubernetes.each_invalid(numbered, tmp_path_factory.mktemp("broken"))
    return {BROKEN[int(number)].what: problem for number, problem in found.items()}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.what)
def test_what_is_broken_is_caught(everything: Manifests, against_schema: dict[str, str], broken: Broken) -> None:
    _, manifests = _changed(everything, broken)

    found = [(name, str(finding)) for name, finding in check(manifests)]
    found += [("schema", against_schema[broken.what])] if broken.what in against_schema else []

    print(broken.what, *(f"  {name}: {problem}" for name, problem in found), sep="\n")  # noqa: T201 - pytest -rP shows it
    assert sorted({name for name, _ in found}) == sorted(broken.caught)


def test_good_manifests_are_not_caught(everything: Manifests) -> None:
    """Or everything above would prove nothing."""
    assert (kubernetes.invalid(everything.objects), check(everything)) == ([], [])


def test_every_check_catches_something() -> None:
    assert {name for broken in BROKEN for name in broken.caught} == {*CHECKS, "schema"}


def test_each_broken_manifest_is_another() -> None:
    assert len({broken.what for broken in BROKEN}) == len(BROKEN) >= 20


def _changed(everything: Manifests, broken: Broken) -> tuple[Mapping[str, Any], Manifests]:
    """Return the object that was changed, and all manifests with it."""
    kind, _, name = broken.object.partition("/")
    original = everything.named(kind, name)
    assert original is not None, f"{broken.object} is not among the manifests"
    changed = copy.deepcopy(original)
    for pointer, value in broken.change.items():
        _set(changed, [part.replace("~1", "/") for part in pointer.split("/")[1:]], value)
    assert changed != original, f"{broken.what}: changes nothing"
    return changed, Manifests(changed if one is original else one for one in everything.objects)


def _set(where: Any, path: list[str], value: Any) -> None:
    *parents, last = path
    for part in parents:
        where = where[int(part)] if isinstance(where, list) else where[part]
    if isinstance(where, list):
        index = int(last)
        where[index : index + 1] = [] if value is None else [value]
    elif value is None:
        del where[last]
    else:
        where[last] = value
