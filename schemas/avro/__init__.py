"""Avro schemas, one file a type; the topic table says which topic has which."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any


__all__ = ["load_schema", "schema_text"]


@cache
def schema_text(name: str) -> str:
    """Return the schema of ``name`` (``candle``) as it is registered: JSON without insignificant white space.

    Raises:
        FileNotFoundError: there is no schema of this name.
    """
    text = resources.files(__name__).joinpath(f"{name}.avsc").read_text(encoding="utf-8")
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def load_schema(name: str) -> dict[str, Any]:
    """Return the schema of ``name`` as a mapping of its own."""
    schema: dict[str, Any] = json.loads(schema_text(name))
    return schema
