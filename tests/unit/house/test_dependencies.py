"""`requirements.lock` pins all that `pyproject.toml` asks for, by content, and says nothing of where it came from."""

from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.project import ROOT, pyproject


LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK, re.MULTILINE))


def requirements() -> list[str]:
    project = pyproject()
    extras = [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    return [*project["project"]["dependencies"], *extras, *project["build-system"]["requires"]]


@pytest.mark.parametrize("text", sorted(set(requirements())))
def test_a_requirement_is_pinned_to_a_version_that_it_admits(text: str) -> None:
    requirement = Requirement(text)

    assert requirement.specifier.contains(PINS[canonicalize_name(requirement.name)])


def test_every_pin_is_a_version_with_the_hashes_of_its_files() -> None:
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE).rstrip())

    assert len(entries) == len(PINS)
    for entry in entries:
        pin, *rest = (line.strip().removesuffix(" \\") for line in entry.splitlines())
        hashes = [line for line in rest if not line.startswith("#")]
        assert hashes, pin
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", line) for line in hashes), pin


def test_the_lock_names_no_host() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", LOCK)
