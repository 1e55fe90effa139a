"""What is wrong with a setting, in words that name its key and repeat no secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, get_origin

from pydantic import BaseModel


__all__ = ["misspelt", "not_json", "problem_of"]


def misspelt(names: Iterable[str], settings: type[BaseModel]) -> list[tuple[str, str]]:
    """Return the variables that were meant as settings and are none.

    Not every ``INGEST_…`` is meant so: Kubernetes makes ``INGEST_SERVICE_HOST`` and more for a service of that name.
    """
    fields, problems = settings.model_fields, []
    keys = sorted(key for key, field in fields.items() if field.validation_alias is None)
    for name in names:
        if not name.upper().startswith("INGEST_"):
            continue
        key, nested, _ = name[len("INGEST_") :].lower().partition("__")
        if key in fields and key not in keys:
            problems.append((name, f"is {key.upper()}, without INGEST_: all services share it"))
            continue
        alike = difflib.get_close_matches(key, keys, n=1, cutoff=0.8)
        if key not in {*keys, "config"} and (nested or alike):
            hint = f"did you mean INGEST_{alike[0].upper()}" if alike else f"there are {', '.join(keys)}"
            problems.append((name, f"no such setting; {hint}"))
    return problems


def not_json(text: str) -> tuple[str, str]:
    """Return which variable pydantic means that says that a field of the environment cannot be read."""
    field = re.search(r'field "(\w+)"', text)
    name = "environment" if field is None else f"INGEST_{field[1].upper()}"
    return name, "neither JSON nor, where a list is wanted, names with commas between"


def problem_of(error: Any, settings: type[BaseModel]) -> tuple[str, str]:
    """Return the key path of a validation error and a sentence about it."""
    location = [str(part) for part in error["loc"]]
    context: Mapping[str, Any] = error.get("ctx") or {}
    if error["type"] == "fault":
        return ".".join([*location, context["key"]]), context["message"]
    path = ".".join(location) or "settings"
    if error["type"] == "extra_forbidden":
        return path, f"unknown key; allowed here: {', '.join(_keys_at(location[:-1], settings))}"
    message = str(error["msg"]).removeprefix("Value error, ")
    message = f"{message[:1].lower()}{message[1:]}"
    return path, message if _is_secret(location) else f"{message}, was {error.get('input')!r}"


def _is_secret(location: list[str]) -> bool:
    """Return whether what was given there is nothing to repeat."""
    return location[:1] in (["keys"], ["kafka_sasl_password"]) or location[:2] == ["rest", "api_key"]


def _keys_at(location: list[str], model: type[BaseModel]) -> list[str]:
    """Return the keys that the section at a path may have."""
    parts = iter(location)
    for part in parts:
        field = model.model_fields.get(part)
        candidates = [field.annotation, *getattr(field.annotation, "__args__", ())] if field else []
        section = next((one for one in candidates if isinstance(one, type) and issubclass(one, BaseModel)), None)
        if section is None:
            return []
        if field is not None and get_origin(field.annotation) is dict:
            next(parts, None)  # the key under which the section stands
        model = section
    return sorted(model.model_fields)
