"""The files of the pages: what is vendored is what its makers published, and the rest asks for nothing else."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from dashboard.api.pages import PAGE_FOLDER


VENDOR = PAGE_FOLDER / "vendor"
OURS = sorted(path for path in PAGE_FOLDER.rglob("*") if path.is_file() and VENDOR not in path.parents)
SCRIPTS = [path for path in OURS if path.suffix == ".js"]


def test_vendored_files_are_those_that_the_list_names() -> None:
    listed = dict(re.findall(r"^([0-9a-f]{64})  (\S+)$", (VENDOR / "README.md").read_text(), re.MULTILINE))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VENDOR.iterdir()}

    del found["README.md"]
    assert found == {name: digest for digest, name in listed.items()}


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.name)
def test_a_file_names_no_other_address_and_holds_nothing_that_the_policy_refuses(path: Path) -> None:
    """The link that the charts' licence asks for is no request."""
    text = path.read_text()

    addresses = set(re.findall(r"https?://[\w.]+", text)) - {"http://www.w3.org", "https://www.tradingview.com"}
    assert addresses == set()
    assert not re.search(r"<style|<script>|\sstyle=|\son\w+=\"|javascript:|innerHTML|insertAdjacentHTML|\beval\(", text)


@pytest.mark.parametrize("name", ["index.html", "operations.html"])
def test_what_a_page_loads_is_there(name: str) -> None:
    loaded = re.findall(r"(?:src|href)=\"static/([^\"]+)\"", (PAGE_FOLDER / name).read_text())

    assert len(loaded) >= 5
    assert [path for path in loaded if not (PAGE_FOLDER / path).is_file()] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_every_module_is_loaded_by_a_page(path: Path) -> None:
    entries = [
        PAGE_FOLDER / entry
        for name in ("index.html", "operations.html")
        for entry in re.findall(r"<script [^>]*src=\"static/([^\"]+)\"", (PAGE_FOLDER / name).read_text())
    ]
    reached, waiting = set(entries), list(entries)
    while waiting:
        script = waiting.pop()
        for other in re.findall(r"from \"(\.[^\"]+)\"", script.read_text()):
            if (target := (script.parent / other).resolve()) not in reached:
                reached.add(target)
                waiting.append(target)

    assert path in reached


@pytest.mark.parametrize("name", ["index.html", "operations.html"])
def test_an_element_that_a_script_asks_for_is_on_its_page(name: str) -> None:
    text = (PAGE_FOLDER / name).read_text()
    there = set(re.findall(r"\sid=\"([^\"]+)\"", text))
    entry = PAGE_FOLDER / "js" / ("market.js" if name == "index.html" else "operations.js")
    scripts = {entry} | {
        (entry.parent / other).resolve() for other in re.findall(r"from \"(\.[^\"]+)\"", entry.read_text())
    }

    asked = {found for script in scripts for found in re.findall(r"byId\(\"([^\"]+)\"\)", script.read_text())}

    assert asked - there == set()
