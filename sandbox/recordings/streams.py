"""What a stream name says."""

from __future__ import annotations

import re


__all__ = ["DIFF_DEPTH", "symbol_of"]

DIFF_DEPTH = re.compile(r"[^@!]+@depth(@\d+ms)?")
"""Full match: a stream of depth diffs; ``@depth20`` and the like are top-N snapshots."""


def symbol_of(stream: str) -> str:
    """Return the symbol of a single-symbol stream, upper case; empty for streams of a whole market."""
    symbol, at, _ = stream.partition("@")
    return symbol.upper() if at and not symbol.startswith("!") else ""
