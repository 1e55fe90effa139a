"""Milliseconds become microseconds, and nothing else changes."""

from __future__ import annotations

import json

import pytest

from sandbox.exchange.source import RestReply
from sandbox.exchange.time_units import answer_in_microseconds, asks_microseconds, payload_in_microseconds


@pytest.mark.parametrize(
    ("value", "asks"),
    [(None, False), ("MILLISECOND", False), ("MICROSECOND", True), ("microsecond", True), ("", None), ("us", None)],
)
def test_the_unit_has_two_names_in_two_spellings(value: str | None, asks: bool | None) -> None:
    assert asks_microseconds(value) is asks


def test_every_time_of_a_kline_is_converted() -> None:
    kline = (
        b'{"e":"kline","E":1723161600123,"s":"X",'
        b'"k":{"t":1723161600000,"T":1723161659999,"f":5,"L":-1,"v":"1723161600000"}}'
    )

    assert json.loads(payload_in_microseconds(kline)) == {
        "e": "kline",
        "E": 1723161600123000,
        "s": "X",
        "k": {"t": 1723161600000000, "T": 1723161659999000, "f": 5, "L": -1, "v": "1723161600000"},
    }


def test_ids_stay_as_they_are() -> None:
    diff = b'{"e":"depthUpdate","E":1723161600123,"U":26964266415,"u":26964266416,"b":[["1.0","2.0"]],"a":[]}'

    assert payload_in_microseconds(diff) == diff.replace(b"1723161600123", b"1723161600123000")


def test_times_in_objects_and_arrays_of_answers_are_converted() -> None:
    body = b'[[1723161600000,"1.0",1723161659999],{"id":28457,"time":1723161600000,"qty":"1723161600000"}]'

    assert json.loads(answer_in_microseconds(RestReply(200, body)).body) == [
        [1723161600000000, "1.0", 1723161659999000],
        {"id": 28457, "time": 1723161600000000, "qty": "1723161600000"},
    ]
