from __future__ import annotations

import io
from typing import Any

import fastavro
import pytest
from hypothesis import given, strategies as st

from schemas.avro import load_schema
from schemas.codec import TYPES
from schemas.writing import DoesNotFitError, record_writer, write_long


LONGS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-300, 300)
EDGES = [sign * (1 << bits) - by for bits in range(63) for sign in (-1, 1) for by in (0, 1)]
RECORD: dict[str, Any] = {
    "type": "record",
    "name": "Everything",
    "fields": [
        {"name": "blob", "type": "bytes"},
        {"name": "blobs", "type": {"type": "array", "items": "bytes"}},
        {"name": "maybe_longs", "type": {"type": "array", "items": ["null", "long"]}},
        {"name": "sum", "type": {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 16}},
    ],
}
SCHEMAS = {name: load_schema(name) for name in TYPES} | {"everything": RECORD}


PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=200),
    "int": LONGS,
    "long": LONGS,
    "string": st.text(max_size=100),
}


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Return values of an Avro type, decimals as integers."""
    match kind:
        case ["null", branch]:
            return st.none() | values_of(branch)
        case {"logicalType": "decimal", "precision": digits}:
            return st.integers(-(10**digits) + 1, 10**digits - 1) | st.integers(-130, 130)
        case {"type": "array", "items": items}:
            return st.lists(values_of(items), max_size=70)
        case {"type": plain}:
            return PLAIN[plain]
        case plain:
            return PLAIN[plain]


def for_fastavro(kind: Any, value: Any) -> tuple[Any, Any]:
    """Return a type without its logical type, and a value for it: decimals as bytes."""
    match kind:
        case ["null", branch]:
            plain, converted = for_fastavro(branch, value)
            return ["null", plain], None if value is None else converted
        case {"logicalType": "decimal"}:
            size = ((value or 0).bit_length() + 8) // 8
            return "bytes", (value or 0).to_bytes(size, "big", signed=True)
        case {"logicalType": str(), "type": plain}:
            return plain, value
        case _:
            return kind, value


def by_fastavro(schema: dict[str, Any], values: list[Any]) -> bytes:
    fields, record = [], {}
    for field, value in zip(schema["fields"], values, strict=True):
        kind, record[field["name"]] = for_fastavro(field["type"], value)
        fields.append({"name": field["name"], "type": kind})
    out = io.BytesIO()
    fastavro.schemaless_writer(out, {"type": "record", "name": "Record", "fields": fields}, record)
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
@given(data=st.data())
def test_a_record_is_written_byte_for_byte_as_fastavro_writes_it(name: str, data: st.DataObject) -> None:
    schema = SCHEMAS[name]
    values = [data.draw(values_of(field["type"])) for field in schema["fields"]]

    assert b"".join(record_writer(name, schema)(values)) == by_fastavro(schema, values)


@given(LONGS | st.sampled_from(EDGES))
def test_integers_of_every_length_are_written_as_fastavro_writes_them(value: int) -> None:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, {"type": "long"}, value)

    assert write_long(value) == out.getvalue()


@pytest.mark.parametrize("values", [(b"", [], [1 << 63], 0), (b"", [], [0, None, -(1 << 63) - 1], 0)])
def test_a_long_of_more_than_64_bits_is_refused_by_field(values: tuple[Any, ...]) -> None:
    with pytest.raises(DoesNotFitError, match='everything field "maybe_longs"'):
        record_writer("everything", RECORD)(values)


@pytest.mark.parametrize("value", [10**38, -(10**38)])
def test_a_decimal_of_too_many_digits_is_refused_by_field(value: int) -> None:
    with pytest.raises(DoesNotFitError, match=f'everything field "sum": {value} has more than 38 digits'):
        record_writer("everything", RECORD)((b"", [], [], value))


@pytest.mark.parametrize("kind", ["double", ["long", "null"], {"type": "map", "values": "long"}])
def test_a_type_without_a_writer_is_refused_when_the_schema_is_read(kind: Any) -> None:
    with pytest.raises(ValueError, match="no writer is known"):
        record_writer("odd", {"fields": [{"name": "odd", "type": kind}]})
