"""What is wrong with a setting, in words that name its key and repeat no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_origin

from pydantic import BaseModel


__all__ = ["problem_of"]


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
    return location[:1] == ["keys"] or location[:2] == ["rest", "api_key"]


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
