"""Which files make up a recording, and of which market each one is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from sandbox.recordings.errors import ProblemLog, RecordingNotFoundError, UnknownMarketError, UnreadableFileError
from sandbox.recordings.files import candidates, read_lines
from sandbox.recordings.lines import Answer, Remark, Timed, parse_line
from sandbox.recordings.payloads import ControlReply, Payload, Snapshot, classify, market_of_host, market_of_payload
from schemas.markets import Market


__all__ = ["Recording", "RecordingFile"]

_SNIFFED_LINES = 200
"""Lines of a file found in a directory of which one must be readable for it to count as a recording."""
_MARKET_LINES = 20_000
"""Lines in which the payloads must give the market away."""
_MARKET_NAME = re.compile(rf"({'|'.join(Market)})(?![a-z])")


class RecordingFile(msgspec.Struct, frozen=True):
    """One file of a recording."""

    path: Path
    market: Market
    first_ns: int
    """Time of its first readable line, before which the file need not be opened."""


class Recording(msgspec.Struct, frozen=True):
    """The files of one or several recordings that are to be read as one."""

    files: tuple[RecordingFile, ...]

    @classmethod
    def find(cls, paths: Iterable[Path], market: Market | None = None) -> Recording:
        """Return the recording that the paths mean, each a file, a directory or a common stem of files.

        A file's market is `market` if given; else what its name starts with (``spot``, ``usdm``, ``coinm``); else the
        venue's host, where cryptofeed noted it; else what the payloads give away; else that of all other files.

        Raises:
            RecordingNotFoundError: A path means nothing.
            UnreadableFileError: A named file has no readable line at all, or cannot be opened.
            UnknownMarketError: A file's market cannot be told.
        """
        found: dict[Path, RecordingFile | _Undecided] = {}
        for path in paths:
            for file in _inspect_all(path, market):
                found.setdefault(file.path.resolve(), file)
        decided = {file.market for file in found.values() if isinstance(file, RecordingFile)}
        return cls(tuple(_decide(file, decided) for file in found.values()))

    @property
    def markets(self) -> frozenset[Market]:
        """The markets of its files."""
        return frozenset(file.market for file in self.files)


class _Undecided(msgspec.Struct, frozen=True):
    """A file whose payloads fit more than one market."""

    path: Path
    first_ns: int


def _decide(file: RecordingFile | _Undecided, decided: set[Market]) -> RecordingFile:
    if isinstance(file, RecordingFile):
        return file
    if len(decided) != 1:
        raise UnknownMarketError(file.path)
    return RecordingFile(file.path, next(iter(decided)), file.first_ns)


def _inspect_all(path: Path, market: Market | None) -> Iterator[RecordingFile | _Undecided]:
    files, named = candidates(path)
    readable = False
    for file in files:
        inspected = _inspect(file, market, None if named else _SNIFFED_LINES)
        if inspected is not None:
            readable = True
            yield inspected
    if not readable:
        if named:
            raise UnreadableFileError(path, "it has no line of the form <receive time> <json>")
        raise RecordingNotFoundError(path)


def _inspect(path: Path, market: Market | None, sniffed_lines: int | None) -> RecordingFile | _Undecided | None:
    """Return a file's market and first time; None if no line is readable."""
    if market is None and (name := _MARKET_NAME.match(path.name)):
        market = Market(name[1])
    first_ns: int | None = None
    last_line = sniffed_lines
    for number, line in read_lines(path, ProblemLog()):
        if last_line is not None and number > last_line:
            break
        parsed = parse_line(line)
        if isinstance(parsed, Remark):
            market = market or (market_of_host(parsed.host) if parsed.host else None)
        elif parsed is not None and (document := _document(parsed)):
            if first_ns is None:
                first_ns, last_line = parsed.time_ns, number + _MARKET_LINES
            market = market or _market_of(document)
        if first_ns is not None and market is not None:
            return RecordingFile(path, market, first_ns)
    return None if first_ns is None else _Undecided(path, first_ns)


def _document(line: Answer | Timed) -> Answer | Payload | Snapshot | ControlReply | None:
    """Return what the line holds; None if it is nothing that can be read."""
    if isinstance(line, Answer):
        return line
    document = classify(line.body)
    return None if isinstance(document, str) else document


def _market_of(document: Answer | Payload | Snapshot | ControlReply) -> Market | None:
    match document:
        case Answer():
            return market_of_host(f"https://{document.host}{document.path}")
        case Payload() | Snapshot():
            return market_of_payload(document)
        case ControlReply():
            return None
