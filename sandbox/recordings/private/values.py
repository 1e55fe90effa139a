"""The JSON objects of a file, however they follow one another, and what between them is none.

Concatenated objects, one object a line, an array of objects, pretty-printed ones, plain or gzip: all of it is a
sequence of objects with whitespace, commas and brackets between. A number before an object is a recorder's time.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sandbox.recordings.errors import RecordingNotFoundError, UnreadableFileError


__all__ = ["Flaw", "Value", "read_bytes", "values_of"]

_GZIP_MAGIC: Final = b"\x1f\x8b"
_BETWEEN: Final = re.compile(rb"[\s,\[\]\x1e]*(?:-?\d+(?:\.\d+)?(?=[\s{]|\Z)[\s,]*)*")
"""What may stand between two objects; RFC 7464 puts a record separator there."""
_BOM: Final = b"\xef\xbb\xbf"
_TOKEN: Final = re.compile(rb'"(?:[^"\\\x00-\x1f]|\\.)*"|["{}]')
"""A whole string, a quotation mark that begins none, or a brace."""
_OBJECT_LINE: Final = re.compile(rb"^\{", re.MULTILINE)


class Value(msgspec.Struct, frozen=True):
    """One JSON object, not yet decoded."""

    data: bytes
    line_number: int
    """Where it begins; 1 is the first line."""
    offset: int
    """The same in bytes of the unpacked file."""


class Flaw(msgspec.Struct, frozen=True):
    """A place that holds no whole object."""

    line_number: int
    reason: str


def read_bytes(path: Path) -> tuple[bytes, str]:
    """Return a file's content, unpacked, and what is wrong with its packing; "": nothing.

    Raises:
        RecordingNotFoundError: There is no such file.
        UnreadableFileError: It cannot be read, or nothing of it unpacked.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise RecordingNotFoundError(path) from error
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error
    if not data.startswith(_GZIP_MAGIC):
        return data, ""
    try:
        return gzip.decompress(data), ""
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        unpacked = _unpacked(data)
        if not unpacked:
            raise UnreadableFileError(path, f"damaged gzip: {error}") from error
        return unpacked, f"damaged gzip, nothing read beyond here: {error}"


def values_of(data: bytes) -> Iterator[Value | Flaw]:
    """Yield the objects in their order, and a flaw for each place where there is none.

    After a flaw it goes on at the next line that begins with an object, or else with a later object of the line.
    """
    position = len(_BOM) if data.startswith(_BOM) else 0
    lines = _Lines(data)
    while True:
        between = _BETWEEN.match(data, position)
        position = between.end() if between else position
        if position >= len(data):
            return
        if data[position] != ord("{"):
            yield Flaw(lines.number(position), f"no JSON object (byte {position})")
            position = _next_object(data, position)
            continue
        end = _end_of(data, position)
        if isinstance(end, str):
            yield Flaw(lines.number(position), f"{end} (the object begins at byte {position})")
            position = _next_line(data, position)
            continue
        number, value = lines.number(position), data[position:end]
        try:
            _validate(value)
        except msgspec.DecodeError as error:
            yield Flaw(number, f"{_plain(error)} (the object begins at byte {position})")
            position = min(_next_line(data, position), end)
        else:
            yield Value(value, number, position)
            position = end


_validate = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _plain(error: msgspec.DecodeError) -> str:
    """Say in our own words what the decoder says; it never quotes the content."""
    return f"no valid JSON: {error}"


def _end_of(data: bytes, position: int) -> int | str:
    """Return where the object ends that begins here, or why it does not."""
    depth = 0
    for match in _TOKEN.finditer(data, position):
        token = match[0]
        if token == b"{":
            depth += 1
        elif token == b"}":
            depth -= 1
            if not depth:
                return match.end()
        elif token == b'"':
            return f"cut off in the middle of a string at byte {match.start()}"
    return "cut off: the file ends in the middle of an object"


def _next_object(data: bytes, position: int) -> int:
    found = data.find(b"{", position)
    return len(data) if found < 0 else found


def _next_line(data: bytes, position: int) -> int:
    found = _OBJECT_LINE.search(data, position + 1)
    return found.start() if found else len(data)


def _unpacked(data: bytes) -> bytes:
    """Return what can be unpacked of a damaged gzip file."""
    parts, member = [], zlib.decompressobj(31)
    while data:
        try:
            parts.append(member.decompress(data))
        except zlib.error:
            break
        data = member.unused_data.lstrip(b"\0")
        member = zlib.decompressobj(31)
    return b"".join(parts)


class _Lines:
    """Counts lines, from a place to a later one."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._number = 1
        self._position = 0

    def number(self, position: int) -> int:
        """Return the number of the line of a place, which is no earlier than the last one asked for."""
        self._number += self._data.count(b"\n", self._position, position)
        self._position = position
        return self._number
