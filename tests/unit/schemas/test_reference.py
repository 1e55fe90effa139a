from __future__ import annotations

from pathlib import Path

from schemas.reference import topic_reference


TOPICS = Path(__file__).parents[3] / "docs" / "topics.md"


def test_the_topic_reference_is_what_the_table_says() -> None:
    """``python -m schemas.reference > docs/topics.md`` writes it anew."""
    assert TOPICS.read_text(encoding="utf-8") == topic_reference()
