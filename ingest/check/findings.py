"""What the check found."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from msgspec import Struct


__all__ = ["Finding", "Mark", "Report"]


class Mark(StrEnum):
    """How it stands with something."""

    OK = "ok"
    WARN = "warn"
    """It works, but somebody should look at it."""
    FAIL = "fail"
    SKIP = "skip"
    """Not tried, because something before it failed."""


class Finding(Struct, frozen=True):
    """One thing that was tried."""

    group: str
    """What it is about: ``spot``, ``Kafka``."""
    subject: str
    mark: Mark
    detail: str
    advice: str | None = None
    """What to do about it, in one line."""
    part: str = ""
    """Of the group: ``REST``, or a socket; findings of one part are shown together, as they were made."""


Report = Callable[[Finding], object]
"""Takes each finding as it is made."""
