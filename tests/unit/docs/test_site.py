"""The documentation as a site: it can be built without a warning, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.project import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    place = tmp_path_factory.mktemp("site")
    done = subprocess.run(  # noqa: S603 - a tool of this environment
        [Path(sys.executable).with_name("mkdocs"), "build", "--strict", "--site-dir", place],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "true"},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return place


class Loaded(HTMLParser):
    """What a browser fetches to show a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href", "object": "data"}
        self.sources.extend(value for name, value in attrs if value and wanted.get(tag) == name)


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path.relative_to(site).as_posix(), path.read_text("utf-8")


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    loaded = {source for _, text in pages(site) for source in Loaded(text).sources}
    styles = [path.read_text("utf-8") for path in site.rglob("*.css")]

    assert {source for source in loaded if re.match(r"(?:\w+:)?//", source)} == set()
    assert [
        found for text in styles for found in re.findall(r"(?:url\(|@import)\s*['\"]?(?:\w+:)?//[^)'\"]+", text)
    ] == []
    assert loaded


def test_what_would_make_the_theme_load_something_is_not_there(site: Path) -> None:
    """Its script fetches a renderer for diagrams, and a repository's stars, from elsewhere where a page has them."""
    asking = {name for name, text in pages(site) if 'class="mermaid"' in text or 'data-md-component="source"' in text}

    assert asking == set()


def test_every_file_that_a_page_loads_is_in_the_site(site: Path) -> None:
    missing = {
        (name, source)
        for name, text in pages(site)
        for source in Loaded(text).sources
        if name != "404.html" and not (site / name).parent.joinpath(source.partition("?")[0]).exists()
    }

    assert missing == set()


def test_lists_and_tables_are_shown_as_such(site: Path) -> None:
    """GitHub begins a list without an empty line before it, this renderer does not."""
    plain = {
        (name, found[:60])
        for name, text in pages(site)
        for found in re.findall(r"<p>[^<]*\n(?:[-*] |\d+\. |\|)[^\n]*", text)
    }

    assert plain == set()


def test_the_pages_can_be_searched(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text("utf-8")

    assert "ingest_open_holes" in index
