"""Which files make up a recording, and of which market they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.recordings import Recording, RecordingNotFoundError, UnknownMarketError, UnreadableFileError
from schemas.markets import Market
from tests.unit.sandbox.payloads import EPOCH_NS, combined, diff, kline, line, trade, write_lines


SPOT_TRADE = line(EPOCH_NS, combined("btcusdt@trade", trade(1)))
USDM_DIFF = line(EPOCH_NS, combined("btcusdt@depth", diff(1, 2, previous_id=0)))
ANY_KLINE = line(EPOCH_NS, combined("btcusdt@kline_1m", kline()))


def markets(recording: Recording) -> dict[str, Market]:
    return {file.path.name: file.market for file in recording.files}


def test_payloads_tell_the_market(tmp_path: Path) -> None:
    write_lines(tmp_path / "a.gz", [ANY_KLINE, SPOT_TRADE])
    write_lines(tmp_path / "b", [USDM_DIFF])

    assert markets(Recording.find([tmp_path])) == {"a.gz": Market.SPOT, "b": Market.USDM}


def test_the_beginning_of_the_name_tells_the_market_before_payloads_do(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "coinm.gz", [SPOT_TRADE])

    assert markets(Recording.find([path])) == {"coinm.gz": Market.COINM}


def test_the_host_tells_the_market_before_payloads_do(tmp_path: Path) -> None:
    header = b"wss://dstream.binance.com/stream?streams=btcusdt@trade <-> 1633998511.1\n"
    path = write_lines(tmp_path / "X.ws.1.0", [header, b"1633998511.2: " + SPOT_TRADE.partition(b" ")[2]])

    assert markets(Recording.find([path])) == {"X.ws.1.0": Market.COINM}


def test_a_given_market_wins(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "spot.gz", [SPOT_TRADE])

    assert Recording.find([path], Market.USDM).markets == {Market.USDM}


def test_a_file_that_does_not_tell_is_of_the_market_of_the_others(tmp_path: Path) -> None:
    write_lines(tmp_path / "a", [ANY_KLINE])
    write_lines(tmp_path / "b", [USDM_DIFF])

    assert Recording.find([tmp_path]).markets == {Market.USDM}


def test_a_market_that_cannot_be_told_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a", [ANY_KLINE])

    with pytest.raises(UnknownMarketError, match="name it"):
        Recording.find([path])


def test_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a", [SPOT_TRADE])

    assert len(Recording.find([path, tmp_path, tmp_path / "a"]).files) == 1


def test_other_files_in_a_directory_are_left_aside(tmp_path: Path) -> None:
    write_lines(tmp_path / "LICENSE", [b"Copyright\n"])
    write_lines(tmp_path / "klines.csv", [b"1723161600000,1,2,3\n"])
    write_lines(tmp_path / "a", [SPOT_TRADE])

    assert list(markets(Recording.find([tmp_path]))) == ["a"]


def test_a_directory_without_recordings_is_an_error(tmp_path: Path) -> None:
    write_lines(tmp_path / "LICENSE", [b"Copyright\n"])

    with pytest.raises(RecordingNotFoundError):
        Recording.find([tmp_path])


@pytest.mark.parametrize("content", [b"", b"\n\n", b"hello\nworld\n", b"1723161600000000000 {broken\n"])
def test_a_named_file_without_a_readable_line_is_an_error(tmp_path: Path, content: bytes) -> None:
    path = write_lines(tmp_path / "file", [content])

    with pytest.raises(UnreadableFileError, match="is no recording"):
        Recording.find([path])


def test_a_single_readable_line_makes_a_recording(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "file", [b"rubbish\n"] * 500 + [SPOT_TRADE])

    assert Recording.find([path]).files[0].first_ns == EPOCH_NS
