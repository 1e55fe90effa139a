"""What can be wrong with a recording: fatal as an exception, the rest as entries of a list.

RecordingError                  the recording cannot be used at all
├── RecordingNotFoundError      nothing at the given path
├── UnreadableFileError         a file without a single readable line, or one that cannot be opened
└── UnknownMarketError          no line of the file tells its market, and nobody else does
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sandbox.errors import SandboxError


__all__ = [
    "Problem",
    "ProblemLog",
    "RecordingError",
    "RecordingNotFoundError",
    "UnknownMarketError",
    "UnreadableFileError",
]


class RecordingError(SandboxError):
    """The recording cannot be used; the text names the path."""

    def __init__(self, path: Path, detail: str = "") -> None:
        super().__init__(path, detail)
        self.path = path
        self.detail = detail


class RecordingNotFoundError(RecordingError):
    """Neither a file nor a directory nor a stem of recordings is there."""

    def __str__(self) -> str:
        return f'no recording at "{self.path}": neither a file, nor a directory or common stem of recordings'


class UnreadableFileError(RecordingError):
    """The file holds no line of a known format."""

    def __str__(self) -> str:
        return f'file "{self.path}" is no recording: {self.detail}'


class UnknownMarketError(RecordingError):
    """The payloads fit more than one market."""

    def __str__(self) -> str:
        return f'cannot tell the market of "{self.path}" from its payloads: name it (spot, usdm or coinm)'


class Problem(msgspec.Struct, frozen=True):
    """One thing in a file that could not be used."""

    path: Path
    line_number: int
    """1 for the first line."""
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line_number}: {self.reason}"


class ProblemLog:
    """Counts problems and keeps the first ones, so that a broken file of gigabytes costs no memory."""

    def __init__(self, kept: int = 100) -> None:
        self.count = 0
        self.first: list[Problem] = []
        self._kept = kept

    def add(self, path: Path, line_number: int, reason: str) -> None:
        """Note one problem."""
        self.count += 1
        if len(self.first) < self._kept:
            self.first.append(Problem(path, line_number, reason))
