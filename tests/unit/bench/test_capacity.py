"""The page about capacity says what the measured figures come to."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.capacity import PAGE, measured, rewritten, tables
from bench.capacity_model import Assumed, Workload, need_of


KNOWN = measured()
NONE = Assumed(core_price=0, memory_price=0, disk_price=0, transfer_price=0)


def test_the_tables_of_the_page_are_what_the_figures_come_to() -> None:
    """``python -m bench.capacity --write`` writes them anew."""
    page = PAGE.read_text("utf-8")

    assert page == rewritten(page, tables(KNOWN, Assumed()))


def test_every_figure_was_found_and_is_one() -> None:
    flat = msgspec.to_builtins(KNOWN)
    numbers = [value for value in flat.values() if not isinstance(value, dict)]
    numbers += [
        value
        for kind in (flat["busy"], flat["ordinary"], flat["quiet"], flat["derived_bytes"])
        for value in kind.values()
    ]

    assert all(number > 0 for number in numbers)


def test_twice_the_symbols_need_twice_of_what_grows_with_them() -> None:
    one, two = (need_of(Workload("", 5 * n, 20 * n, 100 * n), KNOWN, Assumed()) for n in (1, 2))

    assert (two.events, two.raw_gb_day, two.disk_gb, two.sent_mb_s) == pytest.approx(
        (2 * one.events, 2 * one.raw_gb_day, 2 * one.disk_gb, 2 * one.sent_mb_s)
    )
    assert two.books_cores == pytest.approx(2 * one.books_cores)
    assert one.memory_gib < two.memory_gib < 2 * one.memory_gib


def test_a_price_is_of_what_it_names() -> None:
    work = Workload("", 1, 0, 0)
    need = need_of(work, KNOWN, NONE)

    assert need.cost == 0
    assert need_of(work, KNOWN, msgspec.structs.replace(NONE, disk_price=2)).cost == pytest.approx(2 * need.disk_gb)
    assert need_of(work, KNOWN, msgspec.structs.replace(NONE, memory_price=3)).cost == pytest.approx(
        3 * need.memory_gib
    )


def test_copies_and_days_make_the_disk() -> None:
    need = need_of(Workload("", 1, 0, 0), KNOWN, msgspec.structs.replace(NONE, replication=2, retention_days=3))

    assert need.disk_gb == pytest.approx((need.raw_gb_day + need.derived_gb_day) * 6)


def test_a_table_that_is_not_where_it_was_is_an_error_that_names_it(tmp_path: Path) -> None:
    for name in ("benchmarks", "scale", "capacity"):
        text = (PAGE.parent / f"{name}.md").read_text("utf-8")
        (tmp_path / f"{name}.md").write_text(text.replace("`ours, whole agent`", "`ours`"), "utf-8")

    with pytest.raises(LookupError, match="whole agent"):
        measured(tmp_path)
