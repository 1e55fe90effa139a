"""What a page points to is there."""

from __future__ import annotations

import pytest

from tests.support.pages import PAGES, Page, page
from tests.support.project import ROOT


OUTSIDE = ("http://", "https://", "mailto:")


def missing(name: str) -> list[str]:
    """The links of a page that lead nowhere."""
    of, found = PAGES[name], []
    for link in of.links:
        if link.startswith(OUTSIDE):
            continue
        place, _, anchor = link.partition("#")
        path = (of.path.parent / place).resolve() if place else of.path
        target = PAGES.get(path.relative_to(ROOT).as_posix()) if path.exists() else None
        if not path.exists() or (anchor and (target is None or anchor not in target.anchors)):
            found.append(link)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_every_link_and_anchor_of_a_page_leads_somewhere(name: str) -> None:
    assert missing(name) == []


@pytest.mark.parametrize("name", PAGES)
def test_no_two_headings_of_a_page_have_one_anchor(name: str) -> None:
    if name != "CHANGELOG.md":  # each release has the same headings
        anchors = PAGES[name].anchors

        assert sorted(anchors) == sorted(set(anchors))


def test_a_page_of_the_site_points_to_nothing_outside_of_it() -> None:
    """On the site there is no README; on GitHub there is."""
    wrong = {
        (name, link)
        for name, one in PAGES.items()
        if name.startswith("docs/")
        for link in one.links
        if link.startswith(("..", "/"))
    }

    assert wrong == set()


def test_every_page_is_named_by_another_one() -> None:
    """A page to which nothing leads is not found."""
    named = {
        (one.path.parent / link.partition("#")[0]).resolve().relative_to(ROOT).as_posix()
        for one in PAGES.values()
        for link in one.links
        if not link.startswith((*OUTSIDE, "#"))
    }

    assert {name for name in PAGES if name.startswith("docs/")} - named == set()


def test_headings_links_and_blocks_are_told_apart() -> None:
    shown = Page(
        "x.md", "# A `b` c\n\n[to](y.md#z) and `[no](n.md)`\n\n```sh\n# no heading\n[no](n.md)\n```\n\n## A/b & c\n"
    )

    assert shown.anchors == ["a-b-c", "ab--c"]
    assert shown.links == ["y.md#z"]
    assert [(block.line, block.language, block.text) for block in shown.blocks] == [
        (5, "sh", "# no heading\n[no](n.md)\n")
    ]
    assert page("README.md").links
