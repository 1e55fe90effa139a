"""What differs between two configurations: what can be changed while ingest runs, and what needs a restart."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct


__all__ = ["LIVE_KEYS", "Changes", "changes"]

LIVE_KEYS: Final = frozenset({"symbols", "exclude_symbols", "streams", "symbol_streams"})
"""Keys of a market that can be changed while ingest runs."""

Settings = Mapping[str, Any]
"""Settings as nested mappings with plain values at the leaves."""
_ABSENT: Final = object()


class Changes(Struct, frozen=True):
    """Differences, by key; values are not told, some might be secret."""

    live: tuple[str, ...]
    """Keys that take effect at once: ``markets.spot.symbols``."""
    restart: tuple[str, ...]
    """Keys that take effect with the next start."""


def changes(old: Settings, new: Settings, live: Collection[str]) -> Changes:
    """Return what differs, sorted by key.

    A market of which only one of the two takes streams needs a restart: its addresses and its place among the topics
    that repair reads are settled at start.

    Args:
        old: the settings in force.
        new: those that are to be.
        live: the markets of which both take streams.
    """
    at_once: set[str] = set()
    restart: list[str] = []
    for path in _differing(old, new):
        if len(path) > 2 and path[0] == "markets" and path[1] in live and path[2] in LIVE_KEYS:
            at_once.add(".".join(path[:3]))
        else:
            restart.append(".".join(path))
    return Changes(tuple(sorted(at_once)), tuple(sorted(restart)))


def _differing(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the outermost values that differ in kind, and of the leaves that differ."""
    if old == new:
        return
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        yield path
        return
    for key in old.keys() | new.keys():
        yield from _differing(old.get(key, _ABSENT), new.get(key, _ABSENT), (*path, key))
