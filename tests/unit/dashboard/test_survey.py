from __future__ import annotations

import pytest

from dashboard.survey import groups_of
from processors.jobs import Job
from schemas.topics import TopicTable


@pytest.mark.parametrize("family", ["books", "trades", "private"])
def test_the_groups_that_are_looked_at_are_those_of_the_workers(family: str) -> None:
    assert Job().group("test", family) in groups_of(TopicTable("test"))
