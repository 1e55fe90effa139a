"""Every import contract of `pyproject.toml` is kept, and each of them notices when it is not."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.project import PACKAGES, ROOT, pyproject, run_tool


CONTRACTS = [contract["name"] for contract in pyproject()["tool"]["importlinter"]["contracts"]]

# What each contract exists to prevent: a module, and what it must not import.
OFFENCES = [
    ("ingest and processors meet only in schemas", "ingest", "processors"),
    ("ingest and processors meet only in schemas", "processors", "ingest"),
    ("schemas is the floor", "schemas", "sandbox"),
    ("schemas is the floor", "schemas.markets", "asyncio"),
    ("services know no sandbox", "ingest", "sandbox"),
    ("services know no sandbox", "processors", "sandbox"),
    ("services know no sandbox", "dashboard", "sandbox"),
    ("dashboard reads topics, not other services", "dashboard", "ingest"),
    ("dashboard reads topics, not other services", "dashboard.core.quotes", "processors.core.book"),
    ("the cores do no I/O", "dashboard.core", "os"),
    ("the cores do no I/O", "ingest.core", "random"),
    ("the cores do no I/O", "processors.core", "time"),
    ("processors layers", "processors.app", "processors.agents"),
]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the five packages and of the contracts over them."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        for source in (ROOT / package).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
    return tmp_path


def broken_contracts(project: Path) -> dict[str, str]:
    """The contracts that import-linter finds broken, each with what it says of them."""
    report = run_tool("lint-imports", "--no-logo", "--no-cache", cwd=project).stdout
    verdicts, _, findings = report.partition("Broken contracts\n")
    broken = re.findall(r"^(.+) BROKEN", verdicts, re.MULTILINE)
    assert len(broken) + len(re.findall(r" KEPT", verdicts)) == len(CONTRACTS), report
    sections = dict(re.findall(r"^([^\n]+)\n-{3,}\n(.*?)(?=\n\n\n|\Z)", findings, re.MULTILINE | re.DOTALL))
    return {name: sections[name] for name in broken}


def test_every_contract_has_an_offence_to_prove_it() -> None:
    assert {contract for contract, _, _ in OFFENCES} == set(CONTRACTS)


def test_the_packages_keep_every_contract(project: Path) -> None:
    assert broken_contracts(project) == {}


@pytest.mark.parametrize(("contract", "importer", "imported"), OFFENCES)
def test_a_contract_is_broken_by_what_it_forbids(project: Path, contract: str, importer: str, imported: str) -> None:
    with source_of(importer, project).open("a") as source:
        source.write(f"\nimport {imported}\n")

    broken = broken_contracts(project)

    assert f"{importer} -> {imported} (l." in broken[contract]


def source_of(module: str, project: Path) -> Path:
    path = project.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
