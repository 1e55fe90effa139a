"""One line: a time and a document, a REST answer, a remark, or nothing known."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings.lines import Answer, Remark, Timed, parse_line, parse_time_ns


@pytest.mark.parametrize(
    ("token", "time_ns"),
    [
        (b"1723161253937085768", 1_723_161_253_937_085_768),
        (b"1723161253937085", 1_723_161_253_937_085_000),
        (b"1723161253937", 1_723_161_253_937_000_000),
        (b"1723161253", 1_723_161_253_000_000_000),
        (b"1633998512.0633569", 1_633_998_512_063_356_900),
        (b"1723161253937.5", 1_723_161_253_937_500_000),
        (b"1723161253.1234567891", 1_723_161_253_123_456_789),
    ],
)
def test_the_unit_of_a_time_is_told_by_its_magnitude(token: bytes, time_ns: int) -> None:
    assert parse_time_ns(token) == time_ns


@given(st.integers(min_value=10**18, max_value=4 * 10**18 - 1))
def test_a_time_reads_the_same_in_every_unit_that_can_hold_it(time_ns: int) -> None:
    second = time_ns // 10**9

    assert parse_time_ns(b"%d" % time_ns) == time_ns
    assert parse_time_ns(b"%d.%09d" % (second, time_ns % 10**9)) == time_ns
    assert parse_time_ns(b"%d" % (time_ns // 1_000)) == time_ns // 1_000 * 1_000
    assert parse_time_ns(b"%d" % (time_ns // 10**6)) == time_ns // 10**6 * 10**6


@pytest.mark.parametrize("token", [b"", b"abc", b"12x", b"1.2.3", b"1.x", b"-5", b"1e9"])
def test_what_is_no_number_is_no_time(token: bytes) -> None:
    assert parse_time_ns(token) is None


def test_a_frame_follows_its_time() -> None:
    assert parse_line(b'1723161253937085768 {"u":1}') == Timed(1_723_161_253_937_085_768, b'{"u":1}')


def test_cryptofeed_puts_a_colon_behind_the_seconds() -> None:
    assert parse_line(b'1633998512.5: {"u":1}') == Timed(1_633_998_512_500_000_000, b'{"u":1}')


def test_a_rest_answer_names_its_request() -> None:
    line = b'https://api.binance.com/api/v3/depth?symbol=NKNUSDT&limit=1000 -> 1633998512.5: {"lastUpdateId":1}'

    assert parse_line(line) == Answer(
        1_633_998_512_500_000_000,
        "api.binance.com",
        "/api/v3/depth",
        {"symbol": "NKNUSDT", "limit": "1000"},
        b'{"lastUpdateId":1}',
    )


def test_remarks_hold_no_data_but_may_name_the_host() -> None:
    opened = b"wss://stream.binance.com:9443/stream?streams=a@b <-> 1633998511.1"

    assert parse_line(opened) == Remark("stream.binance.com")
    assert parse_line(b'configuration: {"trades":["BTC-USDT"]}') == Remark()


@pytest.mark.parametrize(
    "line",
    [b"hello", b'{"u":1}', b"1723161253937085768", b"1,2,3", b"https://host/path without an arrow", b"\x00\xff\xfe"],
)
def test_a_line_of_no_known_format_is_nothing(line: bytes) -> None:
    assert parse_line(line) is None


@given(st.binary(max_size=200))
def test_no_line_is_an_exception(line: bytes) -> None:
    parse_line(line)
