"""What a survey finds in a recording."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import msgspec

from sandbox.recordings.errors import Problem
from sandbox.recordings.observed import Steps
from sandbox.recordings.reader import LineId
from sandbox.recordings.recording import Recording
from schemas.markets import Market


__all__ = ["KeptSnapshot", "StreamSummary", "Summary", "SymbolSummary"]


class StreamSummary(msgspec.Struct, frozen=True):
    """One stream of a recording."""

    market: Market
    stream: str
    frame_count: int
    first_ns: int
    last_ns: int
    """Receive times."""


class SymbolSummary(msgspec.Struct, frozen=True):
    """One symbol of a recording."""

    market: Market
    symbol: str
    snapshot_count: int
    """Depth snapshots that are known to be this symbol's."""
    gap_count: int
    """Places where its depth diffs do not follow one another, or do not join the first snapshot."""
    steps: Steps
    """The finest price and quantity steps seen in a sample."""


class KeptSnapshot(msgspec.Struct, frozen=True):
    """A recorded depth snapshot that a book may need: of those for which it waits, at the start and after each gap.

    Of snapshots that do not say whose they are, more than one may be kept for the same need.
    """

    market: Market
    symbol: str
    line: LineId
    packed: bytes

    @property
    def body(self) -> bytes:
        """The REST answer, verbatim."""
        return zlib.decompress(self.packed)


class Summary(msgspec.Struct, frozen=True):
    """What a recording holds."""

    recording: Recording
    streams: tuple[StreamSummary, ...]
    """In the order of their first frames."""
    symbols: tuple[SymbolSummary, ...]
    """Sorted by market and name."""
    frame_count: int
    rest_answer_count: int
    control_reply_count: int
    first_ns: int
    last_ns: int
    """Receive times of the first and last entry; 0 in a recording without any."""
    first_event_ms: int
    last_event_ms: int
    """The venue's clock at the first and last entry, single event times that cannot be left aside; receive times if no
    payload carries one."""
    snapshots: tuple[KeptSnapshot, ...]
    snapshot_symbols: Mapping[LineId, str]
    """Whose the anonymous snapshots are; for `read`."""
    unknown_snapshots: tuple[LineId, ...]
    """Depth snapshots of which it cannot be known whose they are; they are among the problems too."""
    exchange_info: Mapping[Market, bytes]
    """The first recorded one of each market."""
    problem_count: int
    problems: tuple[Problem, ...]
    """The first hundred of them."""

    @property
    def markets(self) -> frozenset[Market]:
        """The markets of which there are streams."""
        return frozenset(stream.market for stream in self.streams)

    def stream_names(self, market: Market) -> frozenset[str]:
        """Return the streams recorded of a market."""
        return frozenset(stream.stream for stream in self.streams if stream.market is market)

    def symbol_names(self, market: Market) -> tuple[str, ...]:
        """Return the symbols recorded of a market, sorted."""
        return tuple(symbol.symbol for symbol in self.symbols if symbol.market is market)
