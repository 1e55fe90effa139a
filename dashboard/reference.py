"""The reference of settings and metrics, written from what the code says of itself.

``python -m dashboard.reference > docs/read-service-reference.md``; a test fails while they differ.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from typing import Final

from pydantic.fields import FieldInfo

from dashboard import metrics
from dashboard.config import Settings


__all__ = ["reference", "setting_rows"]

_METRIC: Final = re.compile(
    r'^# (?P<meaning>.+)\n\w+: Final = \w+\(\s*"(?P<name>\w+)",\s*"(?P<what>[^"]+)"', re.MULTILINE
)


def reference() -> str:
    """Return settings and metrics as Markdown."""
    return "\n".join(_lines()) + "\n"


def setting_rows() -> Iterator[tuple[str, str, str]]:
    """Yield of each setting its variable, and as Markdown its default and meaning."""
    for name, field in Settings.model_fields.items():
        yield _variable(name, field), f"`{_default(field)}`", field.description or ""


def _lines() -> Iterator[str]:
    yield "# Settings and metrics of the read service"
    yield ""
    yield "<!-- written by `python -m dashboard.reference`; do not edit -->"
    yield ""
    yield "[read-service.md](read-service.md) says what it is for."
    yield ""
    yield "## Settings"
    yield ""
    yield "From the environment. Every one has a default."
    yield ""
    yield "| variable | default | what |"
    yield "| --- | --- | --- |"
    for variable, default, what in setting_rows():
        yield f"| `{variable}` | {default} | {what} |"
    yield ""
    yield "## Metrics"
    yield ""
    yield "Served at `/metrics`. The last column begins with kind and unit."
    yield ""
    yield "| metric | what | how to read it |"
    yield "| --- | --- | --- |"
    for found in _METRIC.finditer(inspect.getsource(metrics)):
        yield f"| `{found['name']}` | {found['what']} | {found['meaning']} |"


def _variable(name: str, field: FieldInfo) -> str:
    return name.upper() if field.validation_alias is not None else f"DASHBOARD_{name.upper()}"


def _default(field: FieldInfo) -> str:
    default = field.get_default()
    return default if isinstance(default, str) else json.dumps(default)


if __name__ == "__main__":
    sys.stdout.write(reference())
