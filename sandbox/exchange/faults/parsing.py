"""Faults from what HTTP and scenario files say, and sentences about what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Any, get_args, get_type_hints

import msgspec
from msgspec import Struct

from sandbox.exchange.faults.model import Delist, Fault, FaultError, List, Rest, Shutdown, Wipe
from schemas.markets import Market


__all__ = ["parse_fault"]

_KINDS = {kind.__struct_config__.tag: kind for kind in Fault.__args__}
_CHOICE = re.compile(r"Invalid enum value '?(?P<value>.*?)'? - at `\$\.(?P<field>[\w-]+)`")
_TEXTS = (
    (re.compile(r"Object contains unknown field `(\w+)`"), r'it has no field "\1"'),
    (re.compile(r"Object missing required field `([\w-]+)`"), r'field "\1" is missing'),
    (re.compile(r"(.*) - at `\$\.([\w-]+)`"), r'field "\2": \1'),
)


def parse_fault(value: Any) -> Fault:
    """Return the fault that an object of JSON or YAML means.

    Raises:
        FaultError: It means none; the text names what is wrong with it.
    """
    if not isinstance(value, Mapping) or not isinstance(value.get("fault"), str):
        msg = 'a fault is an object with a field "fault" that names it'
        raise FaultError(msg)
    name = value["fault"]
    kind = _KINDS.get(name)
    if kind is None:
        msg = f'there is no fault "{name}"; there are {", ".join(sorted(map(str, _KINDS)))}'
        raise FaultError(msg)
    fields = dict(value)
    if kind is Rest and isinstance(fields.get("kind"), int):
        fields["kind"] = str(fields["kind"])  # YAML reads 429 as a number
    try:
        fault: Fault = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        msg = f'fault "{name}": {_sentence(str(error), kind)}'
        raise FaultError(msg) from error
    problem = _problem(fault)
    if problem:
        msg = f'fault "{name}": {problem}'
        raise FaultError(msg)
    return fault


def _sentence(text: str, kind: type[Struct]) -> str:
    if found := _CHOICE.fullmatch(text):
        allowed = ", ".join(_choices(get_type_hints(kind)[found["field"]]))
        return f'field "{found["field"]}": "{found["value"]}" is none of {allowed}'
    for pattern, replacement in _TEXTS:
        text, count = pattern.subn(replacement, text)
        if count:
            break
    return text


def _choices(annotation: Any) -> list[str]:
    """Return the words that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return [str(member.value) for member in annotation]
    words = [one for one in get_args(annotation) if isinstance(one, str)]
    return words + [word for one in get_args(annotation) if not isinstance(one, str) for word in _choices(one)]


def _problem(fault: Fault) -> str | None:
    if isinstance(fault, List | Delist | Wipe) and fault.market is None:
        return 'field "market" is missing'
    if isinstance(fault, Shutdown) and fault.market is not Market.SPOT:
        return 'field "market": serverShutdown exists on spot only'
    return None
