"""Kline files in all their variants mean the same candles."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from sandbox.verify.klines import Kline, KlineFileError, kline_of_bar, read_klines, roll_up, symbol_of_file
from sandbox.verify.symbols import SymbolId
from schemas.markets import Market
from schemas.wire import KlineBar


MINUTE = 60_000
START = 1_723_161_000_000
SHORT = "{open},2679.79,2680.34,2677.76,2678.46,1562.640"
FULL = SHORT + ",{close},4186321.93300,2393,768.385,2058584.40762,0"
HEADER = "open_time,open,high,low,close,volume"
FULL_HEADER = f"{HEADER},close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore"


def full(open_time: int = START) -> Kline:
    return Kline(
        open_time=open_time,
        close_time=open_time + MINUTE,
        open=Decimal("2679.79"),
        high=Decimal("2680.34"),
        low=Decimal("2677.76"),
        close=Decimal("2678.46"),
        volume=Decimal("1562.640"),
        second_volume=Decimal("4186321.93300"),
        trade_count=2393,
        taker_buy_volume=Decimal("768.385"),
        taker_buy_second_volume=Decimal("2058584.40762"),
        origin="klines.csv",
    )


def write(tmp_path: Path, *lines: str) -> Path:
    path = tmp_path / "klines.csv"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def rows(template: str, *open_times: int, per_ms: Fraction = Fraction(1)) -> list[str]:
    return [template.format(open=int(time * per_ms), close=int((time + MINUTE) * per_ms) - 1) for time in open_times]


@pytest.mark.parametrize("header", [[], [FULL_HEADER]], ids=["no header", "header"])
@pytest.mark.parametrize(
    "per_ms",
    [Fraction(1), Fraction(1000), Fraction(1_000_000), Fraction(1, 1000)],
    ids=["ms", "us", "ns", "s"],
)
def test_twelve_columns_in_any_unit(tmp_path: Path, header: list[str], per_ms: Fraction) -> None:
    file = read_klines(write(tmp_path, *header, *rows(FULL, START, START + MINUTE, per_ms=per_ms)))

    assert file.interval == "1m"
    assert file.klines == {START: full(), START + MINUTE: full(START + MINUTE)}


@pytest.mark.parametrize("header", [[], [HEADER]], ids=["no header", "header"])
def test_six_columns_tell_their_interval_by_spacing(tmp_path: Path, header: list[str]) -> None:
    file = read_klines(write(tmp_path, *header, *rows(SHORT, START, START + 5 * MINUTE, START + 15 * MINUTE)))

    assert file.interval == "5m"
    assert file.klines[START].close_time == START + 5 * MINUTE
    assert file.klines[START].second_volume is None
    assert file.klines[START].trade_count is None


def test_a_single_row_tells_its_interval_by_the_close_time(tmp_path: Path) -> None:
    assert read_klines(write(tmp_path, *rows(FULL, START))).klines == {START: full()}


def test_rows_with_a_hole_keep_the_interval_of_their_close_times(tmp_path: Path) -> None:
    assert read_klines(write(tmp_path, *rows(FULL, START, START + 7 * MINUTE))).interval == "1m"


def test_blank_lines_byte_order_mark_and_eleven_columns_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "klines.csv"
    text = "\n".join([FULL_HEADER.rpartition(",")[0], "", *(r.rpartition(",")[0] for r in rows(FULL, START))])
    path.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"\r\n\r\n")

    assert read_klines(path).klines == {START: full()}


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "no rows"),
        ([HEADER], "no rows"),
        (rows(SHORT, START), "one row without a close time does not tell its interval"),
        (rows(SHORT, START, START + 7), "7 ms is no interval of Binance's"),
        ([f"{START},1,2"], "3 columns, were to be at least 6"),
        ([*rows(SHORT, START, START + MINUTE), f"{START},x,1,1,1,1"], '"x" is not a number'),
        ([*rows(SHORT, START, START + MINUTE), f"{START},nan,1,1,1,1"], '"nan" is not a number'),
        ([f"{START}.5,1,1,1,1,1"], "is not a whole number"),
    ],
)
def test_what_is_no_table_of_klines_is_refused(tmp_path: Path, lines: list[str], reason: str) -> None:
    with pytest.raises(KlineFileError, match=reason) as caught:
        read_klines(write(tmp_path, *lines))
    assert "klines.csv" in str(caught.value)


def test_rows_of_two_intervals_are_refused(tmp_path: Path) -> None:
    five_minutes = FULL.format(open=START, close=START + 5 * MINUTE - 1)

    with pytest.raises(KlineFileError, match="more than one interval"):
        read_klines(write(tmp_path, *rows(FULL, START), five_minutes))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(KlineFileError, match=r"none\.csv.*No such file"):
        read_klines(tmp_path / "none.csv")


def test_a_kline_frame_is_a_kline() -> None:
    bar = KlineBar(
        open_time=START,
        close_time=START + MINUTE - 1,
        interval="1m",
        first_trade_id=-1,
        last_trade_id=-1,
        open="1.0",
        close="1.0",
        high="1.0",
        low="1.0",
        volume="0",
        trade_count=0,
        final=True,
        second_volume="0",
        taker_buy_volume="0",
        taker_buy_second_volume="0",
    )

    kline = kline_of_bar(bar)

    assert (kline.close_time, kline.volume, kline.trade_count) == (START + MINUTE, Decimal(0), 0)
    assert (kline.first_trade_id, kline.last_trade_id) == (None, None)


def test_rolling_up_needs_all_parts() -> None:
    length = 5 * MINUTE
    base = START - START % length
    parts = [full(base + number * MINUTE) for number in range(9)]

    rolled = roll_up(parts, length)

    assert list(rolled) == [base]
    assert rolled[base].volume == 5 * Decimal("1562.640")
    assert rolled[base].trade_count == 5 * 2393
    assert (rolled[base].open_time, rolled[base].close_time) == (base, base + length)


def test_rolled_up_prices_are_those_of_trades_not_of_minutes_without_any() -> None:
    length = 5 * MINUTE
    base = START - START % length
    traded = full(base + 2 * MINUTE)

    def empty(number: int, price: str) -> Kline:
        close, nothing = Decimal(price), Decimal(0)
        return msgspec.structs.replace(
            full(base + number * MINUTE), open=close, high=close, low=close, close=close, volume=nothing, trade_count=0
        )

    before = [empty(0, "9999"), empty(1, "9999")]
    after = [empty(number, "1") for number in (3, 4)]

    rolled = roll_up([*before, traded, *after], length)[base]
    quiet = roll_up([*before, *(empty(number, "9999") for number in (2, 3, 4))], length)[base]

    assert (rolled.open, rolled.high, rolled.low, rolled.close) == (traded.open, traded.high, traded.low, traded.close)
    assert {quiet.open, quiet.high, quiet.low, quiet.close} == {Decimal(9999)}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("SPOT-BTCUSDT-1m-2024.csv", SymbolId(Market.SPOT, "BTCUSDT")),
        ("usdm_btcusdt.csv", SymbolId(Market.USDM, "BTCUSDT")),
        ("XBTCUSDT-1m.csv", None),
        ("USDM-BTCUSDT-1m.csv", SymbolId(Market.USDM, "BTCUSDT")),
        ("ethusdt-1m-2024-08.csv", SymbolId(Market.USDM, "ETHUSDT")),
        ("ETHUSD_PERP-1m.csv", SymbolId(Market.COINM, "ETHUSD_PERP")),
        ("BTCUSDT-1m.csv", None),
        ("klines.csv", None),
    ],
)
def test_a_files_name_tells_its_symbol(name: str, expected: SymbolId | None) -> None:
    symbols = {
        SymbolId(Market.SPOT, "BTCUSDT"),
        SymbolId(Market.USDM, "BTCUSDT"),
        SymbolId(Market.USDM, "ETHUSDT"),
        SymbolId(Market.COINM, "ETHUSD_PERP"),
    }

    assert symbol_of_file(Path(name), symbols) == expected


def test_the_only_symbol_needs_no_name() -> None:
    only = SymbolId(Market.SPOT, "BTCUSDT")

    assert symbol_of_file(Path("klines.csv"), {only}) == only
