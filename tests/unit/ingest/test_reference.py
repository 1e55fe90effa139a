from __future__ import annotations

import pytest

from ingest.reference import REFERENCES
from tests.support.project import ROOT


@pytest.mark.parametrize("name", REFERENCES)
def test_the_reference_is_what_the_code_says(name: str) -> None:
    """``python -m ingest.reference settings > docs/settings.md`` writes it anew."""
    assert (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8") == REFERENCES[name]()


def test_secrets_and_sections_of_each_market_are_in_the_reference() -> None:
    rows = [line for line in REFERENCES["settings"]().splitlines() if line.startswith("| `")]
    keys = [row.split("`")[1] for row in rows]

    assert {"rest.api_key", "markets.<market>.symbols", "markets.<market>.urls.rest", "http.port"} <= set(keys)
    assert len(keys) == len(set(keys))
    assert all(row.split(" | ")[2].rstrip(" |").endswith(".") for row in rows)
