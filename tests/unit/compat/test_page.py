"""docs/consumers.md shows the programs that `make compat` runs, word for word."""

from __future__ import annotations

from tests.compat.page import PAGE, RECIPES, filled, shown
from tests.compat.readers import PROGRAMS


def test_the_page_shows_every_recipe_as_it_is_run() -> None:
    """After a change: python -m tests.compat.page."""
    files = {path.name: path.read_text() for path in RECIPES.iterdir() if path.is_file()}

    assert shown(PAGE.read_text()) == files


def test_the_page_has_a_section_for_every_reader() -> None:
    sections = {line.removeprefix("## ").lower() for line in PAGE.read_text().splitlines() if line.startswith("## ")}

    for reader in {program.reader for program in PROGRAMS}:
        assert any(reader in section for section in sections), reader


def test_a_stale_block_is_filled_anew() -> None:
    page = "before\n\n<!-- tests/compat/recipes/kcat.sh -->\n```sh\nold\n```\n\nafter\n"

    anew = filled(page)

    assert shown(anew) == {"kcat.sh": (RECIPES / "kcat.sh").read_text()}
    assert anew.startswith("before\n")
    assert anew.endswith("```\n\nafter\n")
