"""Rows on disk come back in order, whatever the order in which they came and however few fit into memory."""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.verify.spill import SortedRows


rows = st.lists(st.tuples(st.integers(-(10**25), 10**25), st.integers(0, 3)), max_size=60)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=rows, buffered=st.integers(2, 8))
def test_iteration_sorts_whatever_was_added(tmp_path: Path, rows: list[tuple[int, int]], buffered: int) -> None:
    path = tmp_path / str(random.random())  # noqa: S311 - a name
    spill = SortedRows(path, buffered_rows=buffered)
    for row in rows:
        spill.add(row)

    assert list(spill) == sorted(rows)
    assert list(spill.unique()) == sorted(set(rows))
    assert len(spill) == len(rows)


def test_rows_may_be_added_after_reading(tmp_path: Path) -> None:
    spill = SortedRows(tmp_path / "rows", buffered_rows=4)
    spill.add((2,))
    assert list(spill) == [(2,)]

    spill.add((1,))

    assert list(spill) == [(1,), (2,)]
    assert list(spill) == [(1,), (2,)]


def test_nothing_added_is_nothing_read(tmp_path: Path) -> None:
    assert list(SortedRows(tmp_path / "rows")) == []
    assert list(SortedRows(tmp_path / "rows").unique()) == []


def test_rows_nearly_in_order_make_one_run(tmp_path: Path) -> None:
    """Book tickers that swap places with their neighbours must not cost a merge."""
    spill = SortedRows(tmp_path / "rows", buffered_rows=64)
    shuffled = [(number + random.Random(number).randrange(20),) for number in range(10_000)]  # noqa: S311
    for row in shuffled:
        spill.add(row)

    assert list(spill) == sorted(shuffled)
    assert len(spill._runs) == 1
