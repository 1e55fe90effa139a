"""Values of the derived topics as JSON: decimals as text, exact to the last digit; times in ms."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from schemas.avro import load_schema
from schemas.decimals import format_scaled


__all__ = ["decimal_scale", "scales_of", "to_document"]


@cache
def scales_of(schema: str) -> dict[str, int]:
    """Return the decimal fields of a schema, and how many places each has."""
    fields = ((field["name"], decimal_scale(field["type"])) for field in load_schema(schema)["fields"])
    return {name: scale for name, scale in fields if scale is not None}


def decimal_scale(of: Any) -> int | None:
    """Return the places of a decimal or nullable decimal; None: it is something else."""
    for branch in of if isinstance(of, list) else [of]:
        if isinstance(branch, dict) and branch.get("logicalType") == "decimal":
            return int(branch["scale"])
    return None


def to_document(schema: str, value: msgspec.Struct) -> dict[str, Any]:
    """Return a value as what its JSON will say, all fields under their names."""
    document = msgspec.structs.asdict(value)
    for name, scale in scales_of(schema).items():
        if (number := document[name]) is not None:
            document[name] = format_scaled(number, scale)
    return document
