"""Values of the derived topics as JSON: decimals as text, exact to the last digit; times in ms."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, Final

import msgspec

from schemas.avro import load_schema
from schemas.decimals import format_scaled


__all__ = ["is_array", "scale_of", "scales_of", "to_document"]

_TIMES: Final = re.compile(r"times 10\^([0-9]+)")
"""How the ``doc`` of an array of longs says that they are scaled: there is no logical type for it."""


@cache
def scales_of(schema: str) -> dict[str, int]:
    """Return the fields of a schema that are scaled integers here, or arrays of them, and how many places each has."""
    fields = ((field["name"], scale_of(field)) for field in load_schema(schema)["fields"])
    return {name: scale for name, scale in fields if scale is not None}


def scale_of(field: dict[str, Any]) -> int | None:
    """Return the places of a decimal, a nullable decimal, or an array of scaled longs; None: it is something else."""
    of = field["type"]
    for branch in of if isinstance(of, list) else [of]:
        if isinstance(branch, dict) and branch.get("logicalType") == "decimal":
            return int(branch["scale"])
    if is_array(field) and (found := _TIMES.search(field.get("doc", ""))):
        return int(found[1])
    return None


def is_array(field: dict[str, Any]) -> bool:
    """Return whether a field of a schema is an array."""
    return isinstance(field["type"], dict) and bool(field["type"]["type"] == "array")


def to_document(schema: str, value: msgspec.Struct) -> dict[str, Any]:
    """Return a value as what its JSON will say, all fields under their names."""
    document = msgspec.structs.asdict(value)
    for name, scale in scales_of(schema).items():
        content = document[name]
        document[name] = (
            [_text(number, scale) for number in content] if isinstance(content, list) else _text(content, scale)
        )
    return document


def _text(number: int | None, scale: int) -> str | None:
    return None if number is None else format_scaled(number, scale)
