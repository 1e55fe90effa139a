"""An example of each message, from `examples.json`: what a record of it looks like."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import msgspec


__all__ = ["Example", "example_names", "example_of"]


class Example(msgspec.Struct, frozen=True):
    """A record."""

    key: str
    payload: Any
    headers: Mapping[str, str] | None = None


def example_of(message: str) -> Example:
    """Return the example of a message.

    Raises:
        LookupError: there is none.
    """
    try:
        return _examples()[message]
    except KeyError:
        msg = f'message "{message}": schemas/asyncapi/examples.json has no example of it'
        raise LookupError(msg) from None


def example_names() -> frozenset[str]:
    """Return the messages that have an example."""
    return frozenset(_examples())


@cache
def _examples() -> Mapping[str, Example]:
    text = resources.files(__package__ or __name__).joinpath("examples.json").read_bytes()
    return msgspec.json.decode(text, type=dict[str, Example])
