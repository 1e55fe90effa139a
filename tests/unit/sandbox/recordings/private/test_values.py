from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings import RecordingNotFoundError, UnreadableFileError
from sandbox.recordings.private.values import Flaw, Value, read_bytes, values_of


A, B = b'{"a":{"b":"}{ \\" ["}}', b'{"c":1.10}'


def found(data: bytes) -> list[bytes | str]:
    return [value.data if isinstance(value, Value) else value.reason for value in values_of(data)]


@pytest.mark.parametrize(
    "data",
    [
        A + B,
        A + b"\n" + B + b"\n",
        A + b"\r\n\r\n" + B,
        b"[" + A + b",\n" + B + b"]\n",
        b"\xef\xbb\xbf" + A + b" , " + B,
        b"\x1e" + A + b"\n\x1e" + B + b"\n",
        b"1772459340067000000 " + A + b"\n1772459340068000000 " + B,
    ],
)
def test_objects_are_found_however_they_follow_one_another(data: bytes) -> None:
    assert found(data) == [A, B]


def test_objects_keep_their_bytes_and_know_their_place() -> None:
    pretty = b'{\n  "a" : 1\n}'

    assert list(values_of(b"\n" + pretty + b"\n" + B)) == [Value(pretty, 2, 1), Value(B, 5, 15)]


def test_an_object_that_the_file_ends_in_is_told() -> None:
    cut = b'{"e":"x","E":17724'

    assert list(values_of(B + b"\n" + cut)) == [
        Value(B, 1, 0),
        Flaw(2, f"cut off: the file ends in the middle of an object (the object begins at byte {len(B) + 1})"),
    ]


@pytest.mark.parametrize("end", range(1, len(A)))
def test_wherever_a_line_is_cut_the_next_ones_are_read(end: int) -> None:
    results = list(values_of(A[:end] + b"\n" + B + b"\n" + A))

    assert [value.data for value in results if isinstance(value, Value)] == [B, A]
    assert len([flaw for flaw in results if isinstance(flaw, Flaw) and flaw.line_number == 1]) == 1


@pytest.mark.parametrize("end", range(1, len(A)))
def test_wherever_the_file_ends_too_early_that_is_told_and_nothing_else_lost(end: int) -> None:
    results = list(values_of(B + A[:end]))

    assert [type(result) for result in results] == [Value, Flaw]


def test_text_that_is_no_json_is_told_and_passed_over() -> None:
    results = list(values_of(b"connected\n" + A + b"\nbye"))

    assert results == [
        Flaw(1, "no JSON object (byte 0)"),
        Value(A, 2, 10),
        Flaw(3, f"no JSON object (byte {11 + len(A)})"),
    ]


def test_braces_alone_make_no_json() -> None:
    (flaw,) = values_of(b'{"a":1,}')

    assert isinstance(flaw, Flaw)
    assert flaw.reason.startswith("no valid JSON: ")


@given(st.binary(max_size=200))
def test_no_bytes_are_an_error(data: bytes) -> None:
    assert all(isinstance(value, Value | Flaw) for value in values_of(data))


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(st.dictionaries(st.text(), _json, max_size=3), min_size=1, max_size=5),
    st.sampled_from([None, 1, 4]),
    st.sampled_from(["", "\n", ",\n", " "]),
    st.booleans(),
)
def test_whatever_is_written_is_read_again(
    objects: list[dict[str, Any]],
    indent: int | None,
    between: str,
    ascii_only: bool,
) -> None:
    text = between.join(json.dumps(value, indent=indent, ensure_ascii=ascii_only) for value in objects)

    assert [json.loads(value) for value in found(text.encode("utf-8", "surrogatepass"))] == objects


def test_a_packed_file_is_unpacked_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(gzip.compress(A) + gzip.compress(B))

    assert read_bytes(tmp_path / "packed") == (A + B, "")


def test_of_a_packed_file_that_is_cut_the_readable_part_is_read_and_the_rest_told(tmp_path: Path) -> None:
    whole = b"".join(b'{"a":%d}\n' % number for number in range(20_000))
    packed = gzip.compress(whole)
    (tmp_path / "packed").write_bytes(packed[: len(packed) // 2])

    data, damage = read_bytes(tmp_path / "packed")

    assert data
    assert whole.startswith(data)
    assert damage.startswith("damaged gzip")


def test_what_is_not_there_or_no_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(RecordingNotFoundError, match="absent"):
        read_bytes(tmp_path / "absent")
    with pytest.raises(UnreadableFileError, match=str(tmp_path)):
        read_bytes(tmp_path)
