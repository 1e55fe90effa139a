"""Keeps the programs in docs/consumers.md the very files that `make compat` runs.

A line `<!-- tests/compat/recipes/NAME -->` stands before the block that shows the file; after changing a recipe::

    python -m tests.compat.page
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final


__all__ = ["PAGE", "RECIPES", "filled", "shown"]

_ROOT: Final = Path(__file__).parents[2]
PAGE: Final = _ROOT / "docs" / "consumers.md"
RECIPES: Final = Path(__file__).with_name("recipes")
_BLOCK: Final = re.compile(r"(<!-- tests/compat/recipes/(\S+) -->\n```\w+\n)(.*?)(^```$)", re.MULTILINE | re.DOTALL)


def filled(page: str) -> str:
    """Return the page with every recipe as its file has it."""
    return _BLOCK.sub(lambda block: block[1] + (RECIPES / block[2]).read_text() + block[4], page)


def shown(page: str) -> dict[str, str]:
    """Return the recipes that the page shows, by name."""
    return {block[2]: block[3] for block in _BLOCK.finditer(page)}


def main() -> int:
    """Write the page anew; returns the exit status."""
    PAGE.write_text(filled(PAGE.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
