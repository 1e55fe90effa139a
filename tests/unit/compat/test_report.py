"""The table that `make compat` ends with."""

from __future__ import annotations

import io
from decimal import Decimal

from rich.console import Console

from tests.compat.comparing import Difference, Verdict
from tests.compat.report import Line, Report, print_report


def printed(*lines: Line) -> str:
    """What is told of some lines where the width is that of a pipe."""
    said = io.StringIO()
    print_report(Report({}, lines, 31), Console(file=said, width=80))
    return said.getvalue()


def line(*more: Difference) -> Line:
    """The line of a reader that counted 7,602 trades."""
    verdict = Verdict("candle", 7602, Decimal("12193266882363.4796859231564184"), 16, 16, [])
    return Line.of("clickhouse", "4.4.0", "JSONEachRow, AvroConfluent", verdict=verdict, more=more, seconds=113.04)


def test_numbers_are_told_whole_where_the_output_is_narrow() -> None:
    rows = printed(line()).splitlines()

    assert rows[1].split() == [
        *["clickhouse", "4.4.0", "JSONEachRow,", "AvroConfluent", "candle", "7,602"],
        *["12193266882363.4796859231564184", "16/16", "113.0", "yes"],
    ]
    assert rows[-1] == "every reader found what it must; the run wrote 31 MB"


def test_what_is_wrong_is_told_below_the_table() -> None:
    said = printed(line(Difference("records", "1", "2")), Line.failed("flink", "SQL", "[no] such class", 9))

    assert "✗ clickhouse, JSONEachRow, AvroConfluent: records: found 1, expected 2" in said
    assert "✗ flink, SQL: [no] such class" in said
    assert "2 of 2 wrong" in said
