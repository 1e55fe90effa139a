"""Files of a recording: which ones a path means, and their lines as a stream of bounded memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sandbox.recordings.errors import ProblemLog, RecordingNotFoundError, UnreadableFileError


__all__ = ["candidates", "read_lines"]

_CHUNK_BYTES = 1 << 16
_LINE_LIMIT_BYTES = 16 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31


def candidates(path: Path) -> tuple[tuple[Path, ...], bool]:
    """Return the files that `path` means, and whether it names one file itself.

    A file means itself; a directory all visible files under it; anything else is the common stem of several files
    (``…/BINANCE`` for ``BINANCE.0``, ``BINANCE.ws.1.0`` …; only where there is none of these, a prefix of names).

    Raises:
        RecordingNotFoundError: Nothing is there.
    """
    if path.is_file():
        return (path,), True
    if path.is_dir():
        found = [file for file in path.rglob("*") if not file.name.startswith(".")]
    else:
        siblings = [file for file in path.parent.glob("*") if file.name.startswith(path.name)]
        found = [file for file in siblings if file.name.startswith(f"{path.name}.")] or siblings
    files = tuple(sorted(file for file in found if file.is_file()))
    if not files:
        raise RecordingNotFoundError(path)
    return files, False


def read_lines(path: Path, problems: ProblemLog) -> Iterator[tuple[int, bytes]]:
    """Yield the non-empty lines of a plain or gzip file with their numbers, without line ends.

    Gzip is told by its magic bytes, not by the name; members may follow one another. A gzip file that ends early or
    is damaged is reported once, after everything readable was yielded; so is a line beyond 16 MiB, which is skipped.

    Raises:
        UnreadableFileError: The file cannot be opened or read.
    """
    number = 1
    tail = b""
    skipping = False
    damage: list[str] = []
    for chunk in _chunks(path, damage):
        lines = (tail + chunk).split(b"\n")
        tail = lines.pop()
        for line in lines:
            if skipping:
                skipping = False
            elif line and not line.isspace():
                yield number, line
            number += 1
        if len(tail) > _LINE_LIMIT_BYTES:
            if not skipping:
                problems.add(path, number, f"line longer than {_LINE_LIMIT_BYTES} bytes")
            skipping, tail = True, b""
    if tail and not skipping and not tail.isspace():
        yield number, tail
    for reason in damage:
        problems.add(path, number, reason)


def _chunks(path: Path, damage: list[str]) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            chunk = file.read(_CHUNK_BYTES)
            if chunk.startswith(_GZIP_MAGIC):
                yield from _inflate(chunk, file, damage)
                return
            while chunk:
                yield chunk
                chunk = file.read(_CHUNK_BYTES)
    except OSError as error:
        raise UnreadableFileError(path, error.strerror or str(error)) from error


def _inflate(chunk: bytes, file: BinaryIO, damage: list[str]) -> Iterator[bytes]:
    member = zlib.decompressobj(_GZIP_WINDOW)
    while chunk:
        try:
            yield member.decompress(chunk)
        except zlib.error as error:
            damage.append(f"damaged gzip, nothing read beyond here: {error}")
            return
        if member.eof:
            chunk = (member.unused_data or file.read(_CHUNK_BYTES)).lstrip(b"\0")
            if chunk:
                member = zlib.decompressobj(_GZIP_WINDOW)
        else:
            chunk = file.read(_CHUNK_BYTES)
    if not member.eof:
        damage.append("truncated gzip: the file ends in the middle of its data")
