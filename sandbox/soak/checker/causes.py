"""What happened during a soak, and which of it explains a hole."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from sandbox.soak.checker.spans import LATE, LIVE, IdSpan
from sandbox.soak.checker.truth import FaultLine, StreamKey
from sandbox.verify.streams import carried
from schemas.control import Connection, ConnectionEvent, Gap
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["Act", "Causes"]

_REACH_MS: Final = 180_000
"""How long after something happened a hole may be found that it made: a reconnect, a restart, a quiet symbol."""
_AHEAD_MS: Final = 2_000
"""An interruption may be noted a little after the hole that it made was found."""
_FRAMES: Final = frozenset({"drop", "reorder", "delay", "silence"})
"""Faults by which a frame comes late or not at all: their lines name ids."""
_INTERRUPTIONS: Final = frozenset({"reset", "half-open", "close", "shutdown"})
"""Faults that end connections."""


class Act(msgspec.Struct, frozen=True):
    """Something that the soak did to a process."""

    act: str
    wall_ms: int


class Causes:
    """Everything that can have made a hole.

    Args:
        faults: what the exchange's faults did.
        acts: what was done to processes.
    """

    def __init__(self, faults: Iterable[FaultLine], acts: Iterable[Act]) -> None:
        self.fault_lines: Counter[str] = Counter()
        """Lines of the faults' log, by fault."""
        self.dropped_ids = 0
        """Trades and aggregate trades that a fault kept from a connection."""
        self._frames: dict[StreamKey, dict[int, str]] = {}
        self._moments: list[tuple[int, str]] = [(act.wall_ms, act.act) for act in acts]
        self._sorted = False
        for line in faults:
            self._take(line)

    def take_connection(self, value: Connection) -> None:
        """Take in a record of the topic `connection`: an end of a connection explains what is missing after it."""
        if value.event is ConnectionEvent.DISCONNECTED:
            self._moments.append((value.time, "disconnect"))
            self._sorted = False

    def of_trades(self, key: StreamKey, gap: Gap, span: IdSpan) -> str | None:
        """Return what made a hole in a stream of trades; None where nothing did.

        A hole that was none has no cause: each of its ids came over a connection, before any higher one.
        """
        frames = self._frames.get(key, {})
        ids = range(max(gap.first_id, span.first_id), min(gap.last_id, span.last_id) + 1)
        if not any(_was_missing(span.marks(number)) for number in ids):
            return None
        for number in ids:
            if number in frames:
                return frames[number]
        return self._moment_before(gap.opened_time)

    def of_depth(self, gap: Gap) -> str | None:
        """Return what made a gap in a stream of diffs; None where nothing did."""
        key = (Market(gap.market), RawType.DEPTH, gap.symbol)
        for number, fault in self._frames.get(key, {}).items():
            if gap.first_id <= number <= gap.last_id:
                return fault
        return self._moment_before(gap.opened_time)

    def dropped(self) -> dict[StreamKey, list[int]]:
        """Return the trade ids that the fault `drop` kept from a connection."""
        return {
            key: sorted(number for number, fault in frames.items() if fault == "drop")
            for key, frames in self._frames.items()
            if key[1] is not RawType.DEPTH
        }

    def _moment_before(self, time_ms: int) -> str | None:
        if not self._sorted:
            self._moments.sort()
            self._sorted = True
        index = bisect_right(self._moments, (time_ms + _AHEAD_MS, "~"))
        if index and time_ms - self._moments[index - 1][0] <= _REACH_MS:
            return self._moments[index - 1][1]
        return None

    def _take(self, line: FaultLine) -> None:
        self.fault_lines[line.fault] += 1
        if line.fault in _INTERRUPTIONS:
            self._moments.append((line.wall_ms, line.fault))
        if line.fault not in _FRAMES:
            return
        market = Market(line.market or "")
        stream = carried(market, line.stream or "")
        if stream is None or not line.ids:
            return
        number = next((line.ids[name] for name in ("t", "a", "u") if line.ids.get(name) is not None), None)
        if number is None:
            return
        frames = self._frames.setdefault((market, stream.raw_type, stream.symbol), {})
        if frames.get(number) != "drop":
            frames[number] = line.fault
        self.dropped_ids += line.fault == "drop" and stream.raw_type is not RawType.DEPTH


def _was_missing(marks: int) -> bool:
    return bool(marks & LATE) or not marks & LIVE
