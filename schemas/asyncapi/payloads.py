"""JSON Schemas of Binance's messages, made from the types that decode them.

What the type checker and the decoder know becomes types and required keys; the name of a field here becomes the title
of the venue's one-letter key, and the text under it the description. Keys that the types do not name are allowed: raw
values are the venue's bytes, and it adds keys without notice.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec


__all__ = ["json_schemas", "plain_text"]

REF: Final = "#/components/schemas/{name}"
_ROLE: Final = re.compile(r":[a-z]+:`~?([^`]+)`")


def json_schemas(types: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a schema for each of the types, and the components that these refer to, by name."""
    types = tuple(types)
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    documented = {_name(of): _documented(of, components[_name(of)]) for of in _structs(types)}
    return (
        tuple(_as_draft_7(schema) for schema in schemas),
        {name: _as_draft_7(documented.get(name, component)) for name, component in components.items()},
    )


def plain_text(text: str) -> str:
    """Return a docstring as CommonMark in one paragraph."""
    return " ".join(_ROLE.sub(r"`\1`", text).replace("``", "`").split())


def _name(of: type[msgspec.Struct]) -> str:
    return of.__name__


def _structs(types: Iterable[Any]) -> Iterable[type[msgspec.Struct]]:
    """Return all struct types that are reachable from some."""
    found: dict[type[msgspec.Struct], None] = {}
    waiting = [msgspec.inspect.type_info(of) for of in types]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            if info.cls in found:
                continue
            found[info.cls] = None
            waiting += [field.type for field in info.fields]
        elif isinstance(info, msgspec.inspect.UnionType):
            waiting += info.types
        elif isinstance(info, msgspec.inspect.ListType):
            waiting.append(info.item_type)
    return found


def _documented(of: type[msgspec.Struct], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a struct with a title, and mostly a description, for each of its keys."""
    texts = _field_texts(of)
    names = {field.encode_name: field.name for field in msgspec.structs.fields(of)}
    properties = {}
    for key, content in schema["properties"].items():
        named = {} if names[key] == key else {"title": names[key]}
        text = {"description": texts[names[key]]} if names[key] in texts else {}
        # Beside a reference nothing else counts.
        properties[key] = {"allOf": [content], **named, **text} if "$ref" in content else {**named, **text, **content}
    return {**schema, "description": plain_text(inspect.getdoc(of) or ""), "properties": properties}


@cache
def _field_texts(of: type[msgspec.Struct]) -> dict[str, str]:
    """Return the texts under the fields of a class: the interpreter forgets them, its source does not."""
    definition = ast.parse(textwrap.dedent(inspect.getsource(of))).body[0]
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 - it is the source of a class
    texts = {}
    for statement, following in zip(definition.body, definition.body[1:], strict=False):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                texts[name] = plain_text(text)
            case _:
                pass
    return texts


def _as_draft_7(node: Any) -> Any:
    """Return a schema in the words of draft 7, which AsyncAPI's are, and in no more of them than needed."""
    if isinstance(node, list):
        return [_as_draft_7(item) for item in node]
    if not isinstance(node, dict):
        return node
    converted = {key: _as_draft_7(value) for key, value in node.items()}
    if "prefixItems" in converted:
        converted["additionalItems"] = converted.pop("items", True)
        converted["items"] = converted.pop("prefixItems")
    if converted.get("default", ...) is None:
        del converted["default"]
    branches = converted.get("anyOf")
    if branches and all(branch.keys() == {"type"} for branch in branches):
        del converted["anyOf"]
        converted["type"] = [branch["type"] for branch in branches]
    return converted
