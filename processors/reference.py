"""The reference of settings and metrics, written from what the code says of itself.

``python -m processors.reference > docs/processors-reference.md``; a test fails while they differ.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from typing import Final

from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from processors import metrics
from processors.config import Settings


__all__ = ["reference", "setting_rows"]

_METRIC: Final = re.compile(
    r'^(?P<meaning>(?:# .+\n)+)\w+: Final = \w+\(\s*"(?P<name>\w+)",\s*"(?P<what>[^"]+)"', re.MULTILINE
)


def reference() -> str:
    """Return settings and metrics as Markdown."""
    return "\n".join(_lines()) + "\n"


def setting_rows() -> Iterator[tuple[str, str, str]]:
    """Yield of each setting its variable, and as Markdown its default and meaning."""
    for name, field in Settings.model_fields.items():
        yield _variable(name, field), _default(field), field.description or ""


def _lines() -> Iterator[str]:
    yield "# Settings and metrics of the processors"
    yield ""
    yield "<!-- written by `python -m processors.reference`; do not edit -->"
    yield ""
    yield "[state.md](state.md) says what to watch, [semantics.md](semantics.md) what the records mean."
    yield ""
    yield "## Settings"
    yield ""
    yield "From the environment, for workers of every family. Every one has a default."
    yield ""
    yield "| variable | default | what |"
    yield "| --- | --- | --- |"
    for variable, default, what in setting_rows():
        yield f"| `{variable}` | {default} | {what} |"
    yield ""
    yield "## Metrics"
    yield ""
    yield (
        "Served at `/metrics` beside `/live` and `/ready`. The last column begins with kind and unit. Sum over workers:"
        " each counts its own partitions."
    )
    yield ""
    yield "| metric | what | how to read it |"
    yield "| --- | --- | --- |"
    for found in _METRIC.finditer(inspect.getsource(metrics)):
        meaning = " ".join(line.removeprefix("# ") for line in found["meaning"].splitlines())
        yield f"| `{found['name']}` | {found['what']} | {meaning} |"


def _variable(name: str, field: FieldInfo) -> str:
    return name.upper() if field.validation_alias is not None else f"PROCESSORS_{name.upper()}"


def _default(field: FieldInfo) -> str:
    default = to_jsonable_python(field.get_default())
    if default is None:
        return "none"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
