"""Avro bodies of flat records, by writers that are put together once per schema.

A general Avro writer looks at the schema again for every value and tries the branches of every union. That took two
thirds of what a trade costs. The bytes are the same, which the tests compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final


__all__ = ["DoesNotFitError", "RecordWriter", "record_writer", "write_long"]

Writer = Callable[[Any], bytes]
"""Returns the bytes of one value."""
RecordWriter = Callable[[Sequence[Any]], list[bytes]]
"""Returns the bytes of each field of a record, given in the schema's order."""

_LONG_DIGITS: Final = 18
_LIMIT: Final = 1 << 64
# Avro writes an integer in groups of 7 bits, the lowest first; the high bit tells that more follow. Two groups at a
# time are looked up here: 14 bits that others follow, and the last ones, without the second group where it is empty.
_MASK: Final = (1 << 14) - 1
_MORE: Final = [bytes((n & 0x7F | 0x80, n >> 7 | 0x80)) for n in range(1 << 14)]
_LAST: Final = [bytes((n,)) if n < 0x80 else bytes((n & 0x7F | 0x80, n >> 7)) for n in range(1 << 14)]
_SHORT: Final = 1 << 13
"""A length below this is written by one look-up."""

_FALSE: Final = b"\x00"
_TRUE: Final = b"\x01"
_NULL: Final = b"\x00"
_PRESENT: Final = b"\x02"
"""The index of the second branch of a union whose first is null."""
_END: Final = b"\x00"
"""After the last block of an array."""


class DoesNotFitError(ValueError):
    """A number too wide for its field; it is never rounded or cut."""

    def __init__(self, schema: str, field: str, value: int, digits: int) -> None:
        self.schema = schema
        self.field = field
        self.value = value
        self.digits = digits
        super().__init__(schema, field, value, digits)

    def __str__(self) -> str:
        return f'{self.schema} field "{self.field}": {self.value} has more than {self.digits} digits'


def record_writer(name: str, schema: Mapping[str, Any]) -> RecordWriter:
    """Return the writer of a schema's records. Decimals are integers, scaled as the schema says.

    Args:
        name: name of the schema, for errors.
        schema: the schema, with its logical types.

    Returns:
        The writer; it raises :class:`DoesNotFitError` for a number that is too wide.

    Raises:
        ValueError: the schema has a type that no writer is known for.
    """
    fields = [field["name"] for field in schema["fields"]]
    writers = [_writer(field["type"]) for field in schema["fields"]]

    def write(values: Sequence[Any]) -> list[bytes]:
        try:
            return [write_field(value) for write_field, value in zip(writers, values, strict=True)]
        except _TooWideError as error:
            field = next(field for field, value in zip(fields, values, strict=True) if _holds(value, error.value))
            raise DoesNotFitError(name, field, error.value, error.digits) from None

    return write


class _TooWideError(Exception):
    def __init__(self, value: int, digits: int) -> None:
        self.value = value
        self.digits = digits
        super().__init__(value, digits)


def _holds(value: object, part: int) -> bool:
    return value is part or (isinstance(value, Sequence) and any(one is part for one in value))


def write_long(value: int) -> bytes:
    """Return the bytes of an int or long."""
    zigzag = value << 1 if value >= 0 else ~(value << 1)
    if zigzag < 1 << 14:
        return _LAST[zigzag]
    if zigzag < 1 << 28:
        return _MORE[zigzag & _MASK] + _LAST[zigzag >> 14]
    if zigzag < 1 << 42:  # times, most ids
        return _MORE[zigzag & _MASK] + _MORE[zigzag >> 14 & _MASK] + _LAST[zigzag >> 28]
    if zigzag >= _LIMIT:
        raise _TooWideError(value, _LONG_DIGITS)
    parts = []
    while zigzag >= 1 << 14:
        parts.append(_MORE[zigzag & _MASK])
        zigzag >>= 14
    return b"".join(parts) + _LAST[zigzag]


def _write_boolean(value: bool) -> bytes:
    return _TRUE if value else _FALSE


def _write_bytes(value: bytes) -> bytes:
    size = len(value)
    return (_LAST[size << 1] if size < _SHORT else write_long(size)) + value


def _write_string(value: str) -> bytes:
    text = value.encode()
    size = len(text)
    return (_LAST[size << 1] if size < _SHORT else write_long(size)) + text


_PLAIN: Final[Mapping[str, Writer]] = {
    "boolean": _write_boolean,
    "bytes": _write_bytes,
    "int": write_long,
    "long": write_long,
    "string": _write_string,
}


def _writer(kind: Any) -> Writer:
    match kind:
        case str() if kind in _PLAIN:
            return _PLAIN[kind]
        case ["null", {"logicalType": "decimal", "precision": digits}]:
            return _nullable_decimal(digits)
        case ["null", branch]:
            return _nullable(_writer(branch))
        case {"logicalType": "decimal", "precision": digits}:
            return _decimal(digits)
        case {"type": "array", "items": items}:
            return _array(_writer(items))
        case {"type": str(plain)} if plain in _PLAIN:
            return _PLAIN[plain]
    msg = f"Avro type {kind}: no writer is known for it"
    raise ValueError(msg)


def _nullable(write: Writer) -> Writer:
    def write_nullable(value: Any) -> bytes:
        return _NULL if value is None else _PRESENT + write(value)

    return write_nullable


def _decimal(digits: int) -> Writer:
    limit = 10**digits
    sizes = [_LAST[size << 1] for size in range((limit.bit_length() + 8 >> 3) + 1)]

    def write_decimal(value: int) -> bytes:
        if not -limit < value < limit:
            raise _TooWideError(value, digits)
        size = value.bit_length() + 8 >> 3
        return sizes[size] + value.to_bytes(size, "big", signed=True)

    return write_decimal


def _nullable_decimal(digits: int) -> Writer:
    # Not through _nullable: most fields of a trade are these, and each call counts.
    limit = 10**digits
    sizes = [_PRESENT + _LAST[size << 1] for size in range((limit.bit_length() + 8 >> 3) + 1)]

    def write_decimal(value: int | None) -> bytes:
        if value is None:
            return _NULL
        if not -limit < value < limit:
            raise _TooWideError(value, digits)
        size = value.bit_length() + 8 >> 3
        return sizes[size] + value.to_bytes(size, "big", signed=True)

    return write_decimal


def _array(write: Writer) -> Writer:
    def write_array(values: Sequence[Any]) -> bytes:
        return b"".join([write_long(len(values)), *map(write, values), _END]) if values else _END

    return write_array
