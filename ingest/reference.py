"""The references of settings and metrics, written from what the code says of itself.

``python -m ingest.reference settings > docs/settings.md``, ``python -m ingest.reference metrics > docs/metrics.md``;
a test fails while they differ.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator
from typing import Annotated, Any, Final, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ingest import metrics
from ingest.config import Settings
from ingest.metrics import METRICS
from schemas.kafka_access import KafkaSettings


__all__ = ["REFERENCES", "metrics_reference", "settings_reference"]

_SHARED: Final = frozenset({*KafkaSettings.model_fields, "schema_registry_url", "topic_prefix"})
"""Settings that all services have under one name."""
_MARKET: Final = "<market>"
"""Stands for each of the markets, whose settings are of one shape."""
_LABEL: Final = "<label>"
"""Likewise for the label of an account."""
_MEANINGS: Final = re.compile(r'^ {4}# (?P<meaning>.+)\n {4}"(?P<name>ingest_\w+)":', re.MULTILINE)


def settings_reference() -> str:
    """Return the settings of ingest as Markdown."""
    return "\n".join(_settings()) + "\n"


def metrics_reference() -> str:
    """Return the metrics of ingest as Markdown."""
    return "\n".join(_metrics()) + "\n"


def _settings() -> Iterator[str]:
    yield "# Settings of ingest"
    yield ""
    yield "<!-- written by `python -m ingest.reference settings`; do not edit -->"
    yield ""
    yield (
        "From a YAML file (`--config`, or `INGEST_CONFIG`), overridden by the environment: `connection.idle_limit_s` is"
        " `INGEST_CONNECTION__IDLE_LIMIT_S`, and lists may be written with commas,"
        " `INGEST_MARKETS__SPOT__SYMBOLS=BTCUSDT,ETHUSDT`. Every key has a default; `binance-ingest config check` shows"
        " all as they are understood, and names each mistake by its key. `<market>` is `spot`, `usdm` or `coinm`; a"
        " market that is not named is not connected to, unless an account trades there; `urls` alone, without symbols,"
        " say where such a market is reached. `<label>` is an account's, of your choice: lower case, digits and"
        " hyphens; in the environment upper case, and `_` for `-`. Keys come from files or the environment alone."
    )
    for title, fields in _sections("", Settings):
        yield ""
        yield f"## {title}"
        yield ""
        yield "| key | default | what |"
        yield "| --- | --- | --- |"
        for key, field in fields.items():
            yield f"| {_key(key)} | {_default(field)} | {_cell(field.description or '')} |"


def _sections(prefix: str, model: type[BaseModel]) -> Iterator[tuple[str, dict[str, FieldInfo]]]:
    """Yield the keys of a section, and then of the sections in it."""
    inner: list[tuple[str, type[BaseModel]]] = []
    fields: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        section = _section_of(field)
        if section is None:
            fields[f"{prefix}{name}"] = field
        elif prefix == "markets.":
            inner = [(f"markets.{_MARKET}.", section)]
        elif get_origin(field.annotation) is dict:
            inner.append((f"{prefix}{name}.{_LABEL}.", section))
        else:
            inner.append((f"{prefix}{name}.", section))
    if fields:
        yield (f"`{prefix.rstrip('.')}`" if prefix else "General"), fields
    for path, section in inner:
        yield from _sections(path, section)


def _section_of(field: FieldInfo) -> type[BaseModel] | None:
    candidates = [field.annotation, *get_args(field.annotation)]
    return next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)


def _key(key: str) -> str:
    return f"`{key}`, in the environment `{key.upper()}`" if key in _SHARED else f"`{key}`"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value in ((), {}):
        return "none"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`" + _choices(field.annotation)


def _choices(annotation: Any) -> str:
    """Return what else a setting may be, where it is one of a few."""
    if get_origin(annotation) is Annotated:
        return _choices(get_args(annotation)[0])
    values = getattr(annotation, "__members__", None)
    names = list(values.values()) if values else [one for one in get_args(annotation) if isinstance(one, (str, int))]
    return f" of {', '.join(f'`{name}`' for name in names)}" if names else ""


def _metrics() -> Iterator[str]:
    yield "# Metrics of ingest"
    yield ""
    yield "<!-- written by `python -m ingest.reference metrics`; do not edit -->"
    yield ""
    yield (
        "Served at `/metrics` beside `/live` and `/ready`, on `http.host` and `http.port` (127.0.0.1:9101)."
        " The last column begins with kind and unit. In a fleet, sum over processes: each counts its own part."
    )
    yield ""
    yield "| metric | what | how to read it |"
    yield "| --- | --- | --- |"
    meanings = {one["name"]: one["meaning"] for one in _MEANINGS.finditer(inspect.getsource(metrics))}
    for name, what in METRICS.items():
        yield f"| `{name}` | {_cell(what)} | {_cell(meanings[name])} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


REFERENCES: Final = {"settings": settings_reference, "metrics": metrics_reference}

if __name__ == "__main__":
    sys.stdout.write(REFERENCES[sys.argv[1]]())
