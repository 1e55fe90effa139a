"""The venue's own candles: from kline frames, from CSV files, and rolled up to longer intervals."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from sandbox.verify.symbols import SymbolId
from schemas.wire import KlineBar


__all__ = [
    "INTERVALS",
    "Kline",
    "KlineFile",
    "KlineFileError",
    "kline_of_bar",
    "read_klines",
    "roll_up",
    "symbol_of_file",
]

INTERVALS: Final = {
    "1s": 1_000,
    "1m": 60_000,
    "3m": 180_000,
    "5m": 300_000,
    "15m": 900_000,
    "30m": 1_800_000,
    "1h": 3_600_000,
    "2h": 7_200_000,
    "4h": 14_400_000,
    "6h": 21_600_000,
    "8h": 28_800_000,
    "12h": 43_200_000,
    "1d": 86_400_000,
    "3d": 259_200_000,
    "1w": 604_800_000,
}
"""Binance's intervals of fixed length, in ms."""

_NAMES: Final = {length: name for name, length in INTERVALS.items()}
_SHORT_COLUMNS: Final = 6
_FULL_COLUMNS: Final = 11  # the twelfth is unused, and some leave it out
_CLOSE_TIME: Final = 6
_COUNT: Final = 8


class Kline(msgspec.Struct, frozen=True, kw_only=True):
    """One candle of the venue; what a source does not tell is None."""

    open_time: int
    close_time: int
    """Exclusive, as ours are."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    """Base asset; on COIN-M contracts."""
    second_volume: Decimal | None = None
    """Quote asset; on COIN-M base asset."""
    trade_count: int | None = None
    taker_buy_volume: Decimal | None = None
    """In the unit of `volume`."""
    taker_buy_second_volume: Decimal | None = None
    """In the unit of `second_volume`."""
    first_trade_id: int | None = None
    """None where not told or without trades."""
    last_trade_id: int | None = None
    origin: str
    """Where it was found, for the report."""


class KlineFile(msgspec.Struct, frozen=True):
    """The klines of one CSV file, all of one interval."""

    path: Path
    interval: str
    klines: dict[int, Kline]
    """By open time."""


class KlineFileError(Exception):
    """A file that is no table of klines, or not one that can be used."""

    def __init__(self, path: Path, reason: str, line_number: int | None = None) -> None:
        super().__init__(path, reason, line_number)
        self.path = path
        self.reason = reason
        self.line_number = line_number

    def __str__(self) -> str:
        where = "" if self.line_number is None else f", line {self.line_number}"
        return f'klines "{self.path}"{where}: {self.reason}'


def kline_of_bar(bar: KlineBar) -> Kline:
    """Return the candle of a kline frame.

    Raises:
        ValueError: a column is not a number.
    """
    return Kline(
        open_time=bar.open_time,
        close_time=bar.close_time + 1,
        open=_decimal(bar.open),
        high=_decimal(bar.high),
        low=_decimal(bar.low),
        close=_decimal(bar.close),
        volume=_decimal(bar.volume),
        second_volume=_decimal(bar.second_volume),
        trade_count=bar.trade_count,
        taker_buy_volume=_decimal(bar.taker_buy_volume),
        taker_buy_second_volume=_decimal(bar.taker_buy_second_volume),
        first_trade_id=bar.first_trade_id if bar.trade_count else None,
        last_trade_id=bar.last_trade_id if bar.trade_count else None,
        origin="kline frame",
    )


def read_klines(path: Path) -> KlineFile:
    """Read a CSV file of klines.

    Columns: open time, open, high, low, close, volume; or Binance's twelve, with or without a header. Times are in
    ms, or in s, µs or ns, told by magnitude. The interval is told by the close times, or where there are none (or none
    that make sense) by the smallest distance between two open times.

    Raises:
        KlineFileError: it cannot be read, or does not tell its interval.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            numbered = [(number, row) for number, row in enumerate(csv.reader(file), 1) if any(map(str.strip, row))]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise KlineFileError(path, getattr(error, "strerror", None) or str(error)) from error
    if numbered and not _is_number(numbered[0][1][0]):
        del numbered[0]
    if not numbered:
        raise KlineFileError(path, "no rows")
    times = [_times(path, number, row) for number, row in numbered]
    interval = _interval(path, times)
    length = INTERVALS[interval]
    klines = {}
    for (number, row), (open_time, _) in zip(numbered, times, strict=True):
        klines[open_time] = _kline(path, number, row, open_time, open_time + length)
    return KlineFile(path, interval, klines)


def symbol_of_file(path: Path, symbols: Collection[SymbolId]) -> SymbolId | None:
    """Return the symbol that a file's name tells, or the only one there is; None where that is not clear.

    A market's name in the file name decides between markets that trade the same symbol.
    """
    if len(symbols) == 1:
        return next(iter(symbols))
    name = path.name.upper()
    named = [symbol_id for symbol_id in symbols if _names(name, symbol_id.symbol)]
    # ETHUSD_PERP holds ETHUSD as well.
    longest = max((len(symbol_id.symbol) for symbol_id in named), default=0)
    named = [symbol_id for symbol_id in named if len(symbol_id.symbol) == longest]
    if len(named) > 1:
        named = [symbol_id for symbol_id in named if _names(name, symbol_id.market.upper())]
    return named[0] if len(named) == 1 else None


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![A-Z0-9]){re.escape(word)}(?![A-Z0-9])", text) is not None


def roll_up(klines: Iterable[Kline], length: int) -> dict[int, Kline]:
    """Fold klines into candles of `length` ms, as far as all parts of a candle are there; by open time.

    The venue makes each interval from trades: of the prices of a part without trades, which repeat the close before it,
    a longer interval that has trades shows nothing.
    """
    groups: dict[int, list[Kline]] = {}
    for kline in sorted(klines, key=lambda kline: kline.open_time):
        groups.setdefault(kline.open_time - kline.open_time % length, []).append(kline)
    return {
        open_time: _folded(parts, open_time, length)
        for open_time, parts in groups.items()
        if sum(part.close_time - part.open_time for part in parts) == length
    }


def _folded(parts: Sequence[Kline], open_time: int, length: int) -> Kline:
    traded = [part for part in parts if part.volume] or parts
    return Kline(
        open_time=open_time,
        close_time=open_time + length,
        open=traded[0].open,
        high=max(part.high for part in traded),
        low=min(part.low for part in traded),
        close=traded[-1].close,
        volume=sum((part.volume for part in parts), Decimal(0)),
        second_volume=_total([part.second_volume for part in parts]),
        trade_count=None if any(p.trade_count is None for p in parts) else sum(p.trade_count or 0 for p in parts),
        taker_buy_volume=_total([part.taker_buy_volume for part in parts]),
        taker_buy_second_volume=_total([part.taker_buy_second_volume for part in parts]),
        origin=f"rolled up from {parts[0].origin}",
    )


def _total(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if len(known) == len(values) else None


def _is_number(text: str) -> bool:
    try:
        _decimal(text)
    except ValueError:
        return False
    return True


def _decimal(text: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation as error:
        msg = f'"{text[:40]}" is not a number'
        raise ValueError(msg) from error
    if not value.is_finite():
        msg = f'"{text[:40]}" is not a number'
        raise ValueError(msg)
    return value


def _times(path: Path, number: int, row: Sequence[str]) -> tuple[int, int | None]:
    """Return the open time and, where the row tells it, the length of a row, in ms."""
    if len(row) < _SHORT_COLUMNS:
        raise KlineFileError(path, f"{len(row)} columns, were to be at least {_SHORT_COLUMNS}", number)
    try:
        opened = _whole(row[0])
        closed = _whole(row[_CLOSE_TIME]) if len(row) > _CLOSE_TIME else None
    except ValueError as error:
        raise KlineFileError(path, str(error), number) from error
    multiplier, divisor = _unit(opened)
    length = None if closed is None else (closed + 1 - opened) * multiplier // divisor
    return opened * multiplier // divisor, length


def _whole(text: str) -> int:
    value = _decimal(text)
    if value != value.to_integral_value():
        msg = f'"{text[:40]}" is not a whole number'
        raise ValueError(msg)
    return int(value)


def _unit(time: int) -> tuple[int, int]:
    """Return by what to multiply and divide a time of this magnitude to have ms."""
    if time < 10**11:
        return 1000, 1
    if time < 10**14:
        return 1, 1
    return 1, 1000 if time < 10**17 else 1_000_000


def _interval(path: Path, times: Sequence[tuple[int, int | None]]) -> str:
    lengths = {length for _, length in times if length in _NAMES}
    if len(lengths) > 1:
        raise KlineFileError(path, "rows of more than one interval")
    if not lengths:
        opened = sorted({open_time for open_time, _ in times})
        lengths = {min((after - before for before, after in pairwise(opened)), default=0)}
    length = lengths.pop()
    if length == 0:
        raise KlineFileError(path, "one row without a close time does not tell its interval")
    if length not in _NAMES:
        raise KlineFileError(path, f"{length} ms is no interval of Binance's")
    return _NAMES[length]


def _kline(path: Path, number: int, row: Sequence[str], open_time: int, close_time: int) -> Kline:
    try:
        full = len(row) >= _FULL_COLUMNS
        return Kline(
            open_time=open_time,
            close_time=close_time,
            open=_decimal(row[1]),
            high=_decimal(row[2]),
            low=_decimal(row[3]),
            close=_decimal(row[4]),
            volume=_decimal(row[5]),
            second_volume=_decimal(row[7]) if full else None,
            trade_count=_whole(row[_COUNT]) if full else None,
            taker_buy_volume=_decimal(row[9]) if full else None,
            taker_buy_second_volume=_decimal(row[10]) if full else None,
            origin=path.name,
        )
    except ValueError as error:
        raise KlineFileError(path, str(error), number) from error
