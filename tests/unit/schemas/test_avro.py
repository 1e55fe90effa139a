"""The schema files, the types, and yesterday's bytes say the same thing."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import Any, Union, get_args, get_origin

import fastavro
import msgspec
import pytest

from schemas.avro import load_schema
from schemas.codec import TYPES, Codec
from schemas.topics import TopicTable
from tests.support import golden
from tests.support.offline_registry import OfflineRegistry


NAMES = sorted(TYPES)
SUBJECTS = {topic.schema: topic for topic in TopicTable() if topic.schema is not None}


def avro_kind(field_type: Any) -> tuple[str, bool]:
    """Return (Python's word for it, nullable) of a field's Avro type."""
    nullable = isinstance(field_type, list)
    branch = next(item for item in field_type if item != "null") if nullable else field_type
    name = branch["type"] if isinstance(branch, dict) else branch
    logical = branch.get("logicalType") if isinstance(branch, dict) else None
    kind = {"bytes": "bytes", "string": "str", "boolean": "bool", "int": "int", "long": "int", "array": "list"}.get(
        name
    )
    if logical == "decimal":
        kind = "int"
    assert kind is not None, field_type
    return kind, nullable


def python_kind(annotation: Any) -> tuple[str, bool]:
    """Return the same of a Struct field."""
    if get_origin(annotation) in {Union, types.UnionType}:
        inner = next(item for item in get_args(annotation) if item is not type(None))
        return python_kind(inner)[0], True
    if get_origin(annotation) is list:
        return "list", False
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "str", False
    return annotation.__name__, False


@pytest.mark.parametrize("name", NAMES)
def test_schema_and_type_have_the_same_fields(name: str) -> None:
    schema = {field["name"]: avro_kind(field["type"]) for field in load_schema(name)["fields"]}
    struct = {field.name: python_kind(field.type) for field in msgspec.structs.fields(TYPES[name])}

    assert list(schema) == list(struct)
    assert schema == struct


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_documented_and_nullable_ones_have_a_default(name: str) -> None:
    for field in load_schema(name)["fields"]:
        assert len(field["doc"]) > 3, field["name"]
        assert isinstance(field["type"], list) == ("default" in field), field["name"]


@pytest.mark.parametrize("name", NAMES)
def test_enumerated_fields_name_each_value_in_their_doc(name: str) -> None:
    docs = {field["name"]: field["doc"] for field in load_schema(name)["fields"]}
    for field in msgspec.structs.fields(TYPES[name]):
        annotations = get_args(field.type) or (field.type,)
        for annotation in annotations:
            if isinstance(annotation, type) and issubclass(annotation, StrEnum):
                assert all(f"'{member}'" in docs[field.name] for member in annotation), field.name


@pytest.mark.parametrize("name", NAMES)
def test_decimals_have_the_widths_that_readers_can_multiply(name: str) -> None:
    allowed = {(20, 8), (28, 8), (38, 16)}
    for field in load_schema(name)["fields"]:
        for branch in field["type"] if isinstance(field["type"], list) else [field["type"]]:
            if isinstance(branch, dict) and branch.get("logicalType") == "decimal":
                assert (branch["precision"], branch["scale"]) in allowed


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_schema_has_a_new_version(name: str) -> None:
    """``python -m tests.support.golden`` writes the next version; review its diff."""
    latest = golden.versions(name)[-1]

    assert latest.schema == load_schema(name)


@pytest.mark.parametrize("name", NAMES)
def test_yesterdays_bytes_decode_with_todays_type(name: str) -> None:
    codec = Codec(TopicTable(), OfflineRegistry())
    for version in golden.versions(name):
        shape = codec._shapes[name]
        decoded = shape.decoder(version.schema)(b"\0\0\0\0\1" + version.body)

        assert decoded == golden.example(name), version.number


@pytest.mark.parametrize("name", NAMES)
def test_todays_bytes_decode_with_yesterdays_reader(name: str) -> None:
    codec = Codec(TopicTable(), OfflineRegistry())
    body = codec.encode(SUBJECTS[name], golden.example(name))[5:]
    for version in golden.versions(name):
        fields = golden.read(body, load_schema(name), version.schema)

        assert set(fields) == {field["name"] for field in version.schema["fields"]}


@pytest.mark.parametrize("name", NAMES)
def test_a_plain_avro_reader_sees_decimals_and_times(name: str) -> None:
    """What fastavro makes of the bytes with the schema as registered, logical types and all."""
    codec = Codec(TopicTable(), OfflineRegistry())
    fields = golden.read(codec.encode(SUBJECTS[name], golden.example(name))[5:], load_schema(name), None)
    plain = golden.plain(name)

    assert {key: str(value) for key, value in fields.items()} == plain


def test_schemas_parse_as_avro() -> None:
    for name in NAMES:
        fastavro.parse_schema(load_schema(name))
