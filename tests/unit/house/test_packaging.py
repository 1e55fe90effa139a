"""What is installed is the five packages, their data, and commands that exist."""

from __future__ import annotations

import importlib
import zipfile
from pathlib import Path

import pytest

from tests.support.project import PACKAGES, ROOT, pyproject, run_tool


@pytest.mark.parametrize(("command", "target"), pyproject()["project"]["scripts"].items())
def test_a_console_script_has_a_function_to_call(command: str, target: str) -> None:
    module, _, function = target.partition(":")

    assert callable(getattr(importlib.import_module(module), function)), command


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names of the files in a wheel built from this checkout, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    run_tool("hatchling", "build", "--target", "wheel", "--directory", folder, ok=[0])
    (built,) = folder.iterdir()
    return zipfile.ZipFile(built).namelist()


def test_the_wheel_holds_the_five_packages_and_nothing_else(wheel: list[str]) -> None:
    project = pyproject()["project"]
    metadata = f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"

    assert {name.partition("/")[0] for name in wheel} == {*PACKAGES, metadata}
    assert f"{metadata}/licenses/LICENSE" in wheel


@pytest.mark.parametrize("package", PACKAGES)
def test_the_wheel_holds_every_file_of_a_package(wheel: list[str], package: str) -> None:
    """Schemas, pinned artifacts, pages and type markers are read at run time."""
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert {name for name in wheel if Path(name).parts[0] == package} == files
