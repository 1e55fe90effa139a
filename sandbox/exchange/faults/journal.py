"""Writes down what faults did, one line of JSON each: what a checker compares its findings with."""

from __future__ import annotations

from pathlib import Path
from typing import IO, Any

import msgspec

from sandbox.errors import SandboxError
from schemas.markets import Market


__all__ = ["Deed", "FaultJournal", "JournalExistsError", "ids_of", "require_unused"]

_FILE = "faults.jsonl"
_IDS = {
    "trade": ("t",),
    "aggTrade": ("a", "f", "l"),
    "depthUpdate": ("U", "u", "pu"),
    "executionReport": ("i", "I", "t"),
    "ORDER_TRADE_UPDATE": ("i", "t"),
    "TRADE_LITE": ("i", "t"),
}
_WITHOUT_EVENT = ("u",)
"""Of a payload without an event type, such as spot's book ticker."""

_encode = msgspec.json.Encoder().encode


class JournalExistsError(SandboxError):
    """The directory holds the journal of an earlier run."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f'"{self.path}" exists: move it away, or name another directory'


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a fault did."""

    id: int
    """Of the fault."""
    fault: str
    market: Market | None
    stream: str | None = None
    connection: int | None = None
    wall_ms: int
    """When, by the machine's clock."""
    venue_ms: int
    """When, by the venue's clock."""
    ids: dict[str, int] = {}
    """Of the frame touched: trade id `t`; aggregate id `a` and its trades `f` to `l`; `U`, `u`, futures `pu`."""
    detail: str | None = None
    """What else there is to say: a request's path, a symbol."""


def require_unused(directory: Path) -> None:
    """Refuse a directory that holds the log of an earlier run, before any of its files is opened.

    Raises:
        JournalExistsError: It does.
    """
    if (directory / _FILE).exists():
        raise JournalExistsError(directory / _FILE)


class FaultJournal:
    """The file ``faults.jsonl`` of a directory.

    Args:
        directory: Made if it is not there.

    Raises:
        JournalExistsError: It holds such a file already.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / _FILE
        try:
            self._file: IO[bytes] = path.open("xb")
        except FileExistsError as error:
            raise JournalExistsError(path) from error

    def write(self, deed: Deed) -> None:
        """Write a line; it is in the file when this returns."""
        self._file.write(_encode(deed) + b"\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def ids_of(data: bytes) -> dict[str, int]:
    """Return the ids in a payload, as `Deed.ids` has them; nothing for payloads without."""
    value: Any = msgspec.json.decode(data)
    if not isinstance(value, dict):
        return {}
    names = _IDS.get(value["e"], ()) if "e" in value else _WITHOUT_EVENT
    if isinstance(value.get("o"), dict):
        value = value["o"]
    return {name: value[name] for name in names if isinstance(value.get(name), int)}
