"""What is delivered of others is pinned, listed with its licence, and told to machines."""

from __future__ import annotations

import hashlib
import json
import stat
import sys
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from supply.audit import CLEAN, FOUND, UNKNOWN, audit
from supply.inventory import LOCK, VENDORED, InventoryError, Package, Vendored, packages, pins_of, vendored
from supply.licences import KNOWN_EXCEPTIONS, is_allowed, licence_of
from supply.page import licence_page
from supply.sbom import bill_of_materials, main, problems_of
from tests.support.project import ROOT


PACKAGES = packages(LOCK.read_text())
LIBRARIES = vendored(VENDORED)
ALL: list[Package | Vendored] = [*PACKAGES, *LIBRARIES]

ONE = Package("aiohttp", "1.0", "MIT", ("two",), "First | of | all")
TWO = Package("two", "2.0", "Apache-2.0 OR BSD-3-Clause", (), "")
CHARTS = Vendored("charts", "5.2.1", "Apache-2.0", "charts.LICENSE", (("charts.mjs", "ab" * 32),))


# Licences


def test_every_licence_of_an_image_may_be_delivered_with_it() -> None:
    """GPL, AGPL and what nobody knows may not, unless supply/licences.py says why."""
    refused = {one.name: one.licence for one in ALL if one.name not in KNOWN_EXCEPTIONS and not is_allowed(one.licence)}

    assert refused == {}


def test_an_exception_is_of_something_that_is_there() -> None:
    assert KNOWN_EXCEPTIONS.keys() <= {one.name for one in ALL}


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MIT AND Apache-2.0", True),
        ("GPL-3.0-only OR MIT", True),
        ("GPL-2.0-or-later", False),
        ("AGPL-3.0-only", False),
        ("LGPL-3.0-or-later", False),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("LicenseRef-Repoze", True),
        ("LicenseRef-Of-Somebody", False),
    ],
)
def test_a_licence_is_allowed_if_all_that_it_demands_is(expression: str, allowed: bool) -> None:
    assert is_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("told", "licence"),
    [
        ({"License-Expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0"),
        ({"License": "Apache License, Version 2.0"}, "Apache-2.0"),
        ({"License": "Copyright (c) somebody, and all that"}, None),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({"Classifier": "License :: OSI Approved :: BSD License"}, None),
        ({"License": "UNKNOWN", "Classifier": "License :: OSI Approved :: ISC License (ISCL)"}, "ISC"),
        ({}, None),
    ],
)
def test_a_licence_is_read_from_metadata_or_unknown(told: dict[str, str], licence: str | None) -> None:
    metadata: Any = Message()
    for name, value in told.items():
        metadata[name] = value

    assert licence_of("some-package", metadata) == licence


def test_the_page_of_licences_is_up_to_date() -> None:
    """Write it anew with `python -m supply.page > docs/licences.md`."""
    assert (ROOT / "docs" / "licences.md").read_text() == licence_page(PACKAGES, LIBRARIES)


def test_the_page_lists_packages_and_libraries() -> None:
    page = licence_page([ONE, TWO], [CHARTS])

    assert "| aiohttp | 1.0 | MIT | First \\| of \\| all |" in page
    assert "| charts | 5.2.1 | Apache-2.0 | `charts.mjs` |" in page
    assert "librdkafka" not in page


# The inventory


def test_a_lock_is_read_for_the_system_that_images_are_of() -> None:
    lock = """\
one==1.0 \\
    --hash=sha256:00
only-windows==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:00
Two.Words==3.0 ; python_full_version >= '3.11' \\
    --hash=sha256:00
    # via one
"""
    assert pins_of(lock) == {"one": "1.0", "two-words": "3.0"}


@pytest.mark.parametrize(
    ("lock", "complaint"),
    [
        ("no-such-package-of-anybody==1.0", 'package "no-such-package-of-anybody": not installed here: make setup'),
        ("pytest==0.1", "is installed, 0.1 is locked: make setup"),
    ],
)
def test_what_is_not_installed_cannot_be_told(lock: str, complaint: str) -> None:
    with pytest.raises(InventoryError, match=complaint):
        packages(lock)


def _library(directory: Path) -> None:
    (directory / "README.md").write_text(
        "# Libraries\n\n| package | version | licence | files |\n| --- | --- | --- | --- |\n"
        "| `charts` | 5.2.1 | Apache-2.0, `charts.LICENSE` | `charts.mjs`, `charts.css` |\n"
    )
    for name in ("charts.LICENSE", "charts.mjs", "charts.css"):
        (directory / name).write_text(name)


def test_libraries_of_the_page_are_read_from_the_readme_beside_them(tmp_path: Path) -> None:
    _library(tmp_path)
    hashes = {name: hashlib.sha256(name.encode()).hexdigest() for name in ("charts.css", "charts.mjs")}

    assert vendored(tmp_path) == [
        Vendored("charts", "5.2.1", "Apache-2.0", "charts.LICENSE", tuple(sorted(hashes.items())))
    ]


def test_a_file_that_is_not_named_or_not_there_is_told(tmp_path: Path) -> None:
    _library(tmp_path)
    (tmp_path / "stranger.js").write_text("")
    with pytest.raises(InventoryError, match=r"stranger\.js"):
        vendored(tmp_path)
    (tmp_path / "stranger.js").unlink()
    (tmp_path / "charts.LICENSE").unlink()
    with pytest.raises(InventoryError, match=r"charts\.LICENSE"):
        vendored(tmp_path)
    (tmp_path / "charts.css").unlink()
    with pytest.raises(InventoryError, match=r"charts\.css: the README beside it names it"):
        vendored(tmp_path)


def test_without_a_page_there_are_no_libraries(tmp_path: Path) -> None:
    assert vendored(tmp_path / "nothing") == []


# The bill of materials


def test_the_bill_names_everything_once_and_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "dist" / "sbom.cdx.json"

    assert main(["--output", str(path)]) == 0

    bill = json.loads(path.read_text())
    assert problems_of(path.read_text()) is None
    assert [one["purl"] for one in bill["components"] if one["purl"].startswith("pkg:pypi/")] == [
        f"pkg:pypi/{one.name}@{one.version}" for one in PACKAGES
    ]
    assert all(one["licenses"] for one in bill["components"])
    dependencies = {one["ref"]: one.get("dependsOn", []) for one in bill["dependencies"]}
    assert reachable(dependencies, "binance-kafka") >= {f"pypi:{one.name}" for one in PACKAGES}


def reachable(edges: dict[str, list[str]], start: str) -> set[str]:
    found, waiting = set[str](), [start]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += edges[node]
    return found


def test_the_bill_holds_licences_dependencies_and_sums_of_files() -> None:
    bill = json.loads(bill_of_materials([ONE, TWO], [CHARTS], datetime(2026, 11, 28, tzinfo=UTC)))
    components = {one["bom-ref"]: one for one in bill["components"]}

    assert components["pypi:aiohttp"]["licenses"] == [{"license": {"id": "MIT"}}]
    assert components["pypi:two"]["licenses"] == [{"expression": "Apache-2.0 OR BSD-3-Clause"}]
    assert components["npm:charts"]["purl"] == "pkg:npm/charts@5.2.1"
    assert components["npm:charts"]["components"][0]["hashes"] == [{"alg": "SHA-256", "content": "ab" * 32}]
    assert {"ref": "pypi:aiohttp", "dependsOn": ["pypi:two"]} in bill["dependencies"]
    assert bill["metadata"]["timestamp"] == "2026-11-28T00:00:00+00:00"


def test_equal_inventories_give_equal_bytes() -> None:
    assert bill_of_materials([ONE, TWO], [CHARTS], None) == bill_of_materials([ONE, TWO], [CHARTS], None)
    assert bill_of_materials([ONE, TWO], [CHARTS], None) != bill_of_materials([ONE, TWO], [], None)


def test_a_bill_that_is_not_valid_is_told() -> None:
    bill = json.loads(bill_of_materials([ONE, TWO], [], None))
    bill["components"][0]["type"] = "thing"

    assert problems_of(json.dumps(bill)) is not None


# The audit


def program(directory: Path, *lines: str) -> str:
    """A stand-in for pip-audit: a real program that says what it would say."""
    path = directory / "pip-audit"
    path.write_text("\n".join([f"#!{sys.executable}", "import sys", *lines]) + "\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_a_database_out_of_reach_is_told_in_a_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    trace = "Traceback\\n  File x\\nrequests.exceptions.ConnectionError: Failed to resolve 'api.osv.dev'\\n"
    status = audit(program(tmp_path, f"sys.stderr.write({trace!r}.replace('\\\\n', chr(10)))", "sys.exit(1)"), [])

    told = capfd.readouterr().err
    assert status == UNKNOWN
    assert told.startswith("error: https://api.osv.dev cannot be reached from here, so nothing is known: ")
    assert "Traceback" not in told


def test_a_finding_is_passed_on_and_so_are_arguments(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    found = program(tmp_path, "print(sys.argv[1:])", "sys.stderr.write('Found 1 known vulnerability')", "sys.exit(1)")

    assert audit(found, ["--format", "json"]) == FOUND

    told = capfd.readouterr()
    assert told.err == "Found 1 known vulnerability"
    assert str(LOCK) in told.out
    assert "'--format', 'json'" in told.out


def test_a_clean_audit_is_a_success(tmp_path: Path) -> None:
    assert audit(program(tmp_path, "sys.exit(0)"), []) == CLEAN
