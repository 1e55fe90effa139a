"""What a reader found, held against what it must find: pure.

A recipe prints tables. A table begins with a header that has the columns `source`, `symbol` and `open_time`; cells are
parted by commas, tabs or the bars of a drawn table; it ends where a line has another number of cells. Each row is a
minute of a symbol as one source tells it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation, localcontext
from typing import Final

import msgspec


__all__ = ["COLUMNS", "Difference", "Found", "MinuteId", "Truth", "Verdict", "judge", "minutes_in", "total_of"]

MinuteId = tuple[str, int]
"""Symbol, and the start of the minute in ms since the epoch."""
Minute = Mapping[str, Decimal]
"""Numbers of a minute by column."""
Truth = Mapping[MinuteId, Minute]
Found = dict[MinuteId, dict[str, Decimal]]

COLUMNS: Final = ("trades", "high", "low", "base_volume", "quote_volume")
"""What every table must tell of a minute; `open` and `close` are compared where they are told."""
_OPTIONAL: Final = ("open", "close")
_KEY: Final = {"source", "symbol", "open_time"}
_SHOWN: Final = 3
_DIGITS: Final = 60


class Difference(msgspec.Struct, frozen=True):
    """One thing that a reader found otherwise."""

    what: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.what}: found {self.found}, expected {self.expected}"


class Verdict(msgspec.Struct, frozen=True):
    """How what a reader found of one source compares."""

    source: str
    rows: int
    """Trades that it counted."""
    sum: Decimal
    """Quote volume of all of them."""
    windows_equal: int
    windows: int
    differences: Sequence[Difference]

    @property
    def ok(self) -> bool:
        """Whether all of it is as it must be."""
        return not self.differences


def minutes_in(output: str) -> dict[str, Found]:
    """Read the tables in a recipe's output, by source.

    Raises:
        ValueError: a table cannot be understood; says which line.
    """
    found: dict[str, Found] = {}
    header: list[str] = []
    for line in output.splitlines():
        cells = _cells(line)
        if {*cells} >= _KEY:
            header = cells
            if missing := {*COLUMNS} - {*header}:
                msg = f"a table lacks {', '.join(sorted(missing))}: {line!r}"
                raise ValueError(msg)
        elif header and len(cells) == len(header):
            _add(found, dict(zip(header, cells, strict=True)), line)
        elif not re.fullmatch(r"[+|=\s-]+", line):  # the rule under a drawn header is no end
            header = []
    return found


def judge(source: str, found: Found, truth: Truth) -> Verdict:
    """Compare all numbers of all minutes of one source, and their sums."""
    differences = list(_differences(found, truth))
    unequal = {each.what.rpartition(" ")[0] for each in differences}
    equal = sum(1 for key in found.keys() & truth.keys() if _name(key) not in unequal)
    shown = differences[:_SHOWN]
    if len(differences) > _SHOWN:
        shown.append(Difference("differences in all", str(len(differences)), "0"))
    for column in ("trades", "quote_volume"):
        got, right = total_of(found, column), total_of(truth, column)
        if got != right:
            shown.append(Difference(f"sum of {column}", f"{got:f}", f"{right:f}"))
    return Verdict(source, int(total_of(found, "trades")), total_of(found, "quote_volume"), equal, len(truth), shown)


def total_of(minutes: Truth, column: str) -> Decimal:
    """Add up a column, exactly."""
    with localcontext(prec=_DIGITS):
        return sum((minute[column] for minute in minutes.values()), Decimal())


def _differences(found: Found, truth: Truth) -> Iterator[Difference]:
    for key in sorted(found.keys() | truth.keys()):
        name = _name(key)
        if key not in found:
            yield Difference(f"{name} row", "none", "one")
        elif key not in truth:
            yield Difference(f"{name} row", "one", "none")
        else:
            told = [column for column in _OPTIONAL if column in found[key]]
            for column in (*COLUMNS, *told):
                got, right = found[key][column], truth[key][column]
                if got != right:
                    yield Difference(f"{name} {column}", f"{got:f}", f"{right:f}")


def _name(key: MinuteId) -> str:
    return f"{key[0]} {datetime.fromtimestamp(key[1] / 1000, UTC):%H:%M}"


def _cells(line: str) -> list[str]:
    drawn = line.strip()
    if drawn.startswith("|") and drawn.endswith("|"):
        return [cell.strip() for cell in drawn[1:-1].split("|")]
    return [cell.strip().strip('"') for cell in re.split(r"[,\t]", line)]


def _add(found: dict[str, Found], row: Mapping[str, str], line: str) -> None:
    try:
        key = (row["symbol"], _ms(row["open_time"]))
        minute = {name: Decimal(row[name]) for name in _numbers_of(row)}
    except (InvalidOperation, ValueError) as error:
        msg = f"a row cannot be read: {line!r}"
        raise ValueError(msg) from error
    minutes = found.setdefault(row["source"], {})
    if key in minutes:
        msg = f"{row['source']} tells {_name(key)} twice"
        raise ValueError(msg)
    minutes[key] = minute


def _numbers_of(row: Mapping[str, str]) -> Iterable[str]:
    return (name for name in (*COLUMNS, *_OPTIONAL) if name in row)


def _ms(text: str) -> int:
    """Read a time: ms since the epoch, or a date and time, of UTC where it does not say."""
    if re.fullmatch(r"\d+", text):
        return int(text)
    time = datetime.fromisoformat(text)
    return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
