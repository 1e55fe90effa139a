"""When a heartbeat counts, and what is known from heartbeats about the time before a symbol's first record.

A heartbeat vouches for what lies below an offset of a raw partition. It comes in another topic, so it may be read
before the records it speaks of: then it waits for them (architecture §4.6).
"""

from __future__ import annotations

import sys
from collections import OrderedDict, deque
from typing import Final

import msgspec

from schemas.control import Heartbeat


__all__ = [
    "Coverage",
    "CoverageState",
    "GateState",
    "HeartbeatGate",
    "Rosters",
    "RostersState",
    "Voices",
    "VoicesState",
]

WAITING_LIMIT: Final = 4_096
"""Heartbeats that may wait. Beyond it every second one is dropped: the next one vouches for more."""
RUN_LIMIT: Final = 1_000
"""Runs of ingest remembered."""
ROSTER_LIMIT: Final = 64
"""Runs whose symbols are remembered; a heartbeat of an older one is taken to be about all."""
UNVOUCHED_MS: Final = 10_000
"""How long a partition may be without heartbeats before nobody vouches for it."""

Run = tuple[str, int | None]
"""Which process vouches, and the number of its present run of promises."""


def run_of(heartbeat: Heartbeat) -> Run:
    """Return the run that a heartbeat belongs to; one of before runs had numbers is told by where it began."""
    return heartbeat.ingest_id, heartbeat.begin_offset if heartbeat.run is None else heartbeat.run


class GateState(msgspec.Struct, frozen=True):
    """What a gate keeps in a checkpoint."""

    next_offset: int
    waiting: list[Heartbeat]


class RostersState(msgspec.Struct, frozen=True):
    """What rosters keep in a checkpoint: runs, the one heard least recently first, and whom each is about."""

    symbols: list[tuple[Run, list[str]]]


class CoverageState(msgspec.Struct, frozen=True):
    """What coverage keeps in a checkpoint."""

    known: list[Run]
    runs: list[tuple[int, int, Run]]


class VoicesState(msgspec.Struct, frozen=True):
    """What voices keep in a checkpoint: no times, which are of the clock of one process."""

    runs: dict[str, Run]
    promised: bool


class HeartbeatGate:
    """Holds the heartbeats of one raw partition back until its records were processed."""

    __slots__ = ("_waiting", "next_offset")

    def __init__(self) -> None:
        self.next_offset = 0
        """Every record below was processed."""
        self._waiting: deque[Heartbeat] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def newest(self) -> Heartbeat | None:
        """The last heartbeat that waits."""
        return self._waiting[-1] if self._waiting else None

    def offer(self, heartbeat: Heartbeat) -> list[Heartbeat]:
        """Take a heartbeat; return those that count now."""
        self._waiting.append(heartbeat)
        if len(self._waiting) > WAITING_LIMIT:
            # One more than an even number: the newest, which vouches for the most, is among those that stay.
            self._waiting = deque(list(self._waiting)[::2])
        return self.due()

    def due(self) -> list[Heartbeat]:
        """Return the heartbeats that count now, each once."""
        due: list[Heartbeat] = []
        while self._waiting and self._waiting[0].offset <= self.next_offset:
            due.append(self._waiting.popleft())
        return due

    def dump(self) -> GateState:
        """Return the whole state."""
        return GateState(self.next_offset, list(self._waiting))

    def load(self, state: GateState) -> None:
        """Take over a whole state."""
        self.next_offset = state.next_offset
        self._waiting = deque(state.waiting)


class Rosters:
    """Which symbols the heartbeats of each run are about."""

    __slots__ = ("_symbols",)

    def __init__(self) -> None:
        self._symbols: OrderedDict[Run, frozenset[str]] = OrderedDict()

    def note(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat as soon as it is read."""
        run = run_of(heartbeat)
        if run in self._symbols:
            # Those that still vouch are remembered longest, however often another process begins anew.
            self._symbols.move_to_end(run)
            return
        if heartbeat.symbols is None:
            return
        # Most runs are about the same symbols: one copy of each name is enough.
        self._symbols[run] = frozenset(map(sys.intern, heartbeat.symbols))
        if len(self._symbols) > ROSTER_LIMIT:
            self._symbols.popitem(last=False)

    def hold(self, run: Run, symbol: str) -> bool:
        """Return whether a run is about a symbol; one that does not say is about all."""
        symbols = self._symbols.get(run)
        return symbols is None or symbol in symbols

    def dump(self) -> RostersState:
        """Return the whole state."""
        return RostersState([(run, sorted(symbols)) for run, symbols in self._symbols.items()])

    def load(self, state: RostersState) -> None:
        """Take over a whole state."""
        self._symbols = OrderedDict((run, frozenset(map(sys.intern, symbols))) for run, symbols in state.symbols)


class Coverage:
    """Since when a raw partition is known to be whole.

    A run of ingest vouches from its first heartbeat on, for the records from its beginning on. What happened before, or
    between two runs, is only known where ids tell.

    Args:
        rosters: which symbols each run is about.
    """

    __slots__ = ("_known", "_rosters", "_runs")

    def __init__(self, rosters: Rosters) -> None:
        self._rosters = rosters
        self._known: deque[Run] = deque(maxlen=RUN_LIMIT)
        self._runs: deque[tuple[int, int, Run]] = deque(maxlen=RUN_LIMIT)

    def note(self, heartbeat: Heartbeat) -> bool:
        """Take a heartbeat as soon as it is read; return whether it is the first of its run."""
        run = run_of(heartbeat)
        if self._known and self._known[-1] == run:
            return False
        if run in self._known:
            return False
        self._known.append(run)
        begin = heartbeat.offset if heartbeat.begin_offset is None else heartbeat.begin_offset
        self._runs.append((begin, heartbeat.vouched_until, run))
        return True

    def since(self, offset: int, symbol: str) -> int | None:
        """Return since when the run that delivered a symbol's record at ``offset`` vouches for it.

        None: it did not before that record.
        """
        for begin, vouched_until, run in reversed(self._runs):
            if begin <= offset and self._rosters.hold(run, symbol):
                return vouched_until
        return None

    def dump(self) -> CoverageState:
        """Return the whole state, without the rosters."""
        return CoverageState(list(self._known), list(self._runs))

    def load(self, state: CoverageState) -> None:
        """Take over a whole state."""
        self._known = deque(state.known, maxlen=RUN_LIMIT)
        self._runs = deque(state.runs, maxlen=RUN_LIMIT)


class Voices:
    """Who vouches for one raw partition at present, and for which symbols."""

    __slots__ = ("_heard", "_last_ms", "_rosters", "_runs", "promised")

    def __init__(self, rosters: Rosters) -> None:
        self._rosters = rosters
        self._heard: set[str] = set()
        """Processes heard since the last tick."""
        self._last_ms: dict[str, int] = {}
        """The tick after the last heartbeat of each process."""
        self._runs: dict[str, Run] = {}
        self.promised = False
        """Whether anybody ever vouched."""

    def hear(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat."""
        self._heard.add(heartbeat.ingest_id)
        self._runs[heartbeat.ingest_id] = run_of(heartbeat)

    def tick(self, now_ms: int) -> None:
        """Let time pass: who was not heard for long vouches no more."""
        self.promised = self.promised or bool(self._heard)
        self._last_ms |= dict.fromkeys(self._heard, now_ms)
        self._heard.clear()
        for ingest_id, last_ms in list(self._last_ms.items()):
            if now_ms - last_ms > UNVOUCHED_MS:
                del self._last_ms[ingest_id], self._runs[ingest_id]

    def vouch_for(self, symbol: str) -> bool:
        """Return whether anybody vouches for a symbol."""
        return any(self._rosters.hold(run, symbol) for run in self._runs.values())

    def dump(self) -> VoicesState:
        """Return who vouched lately."""
        return VoicesState(dict(self._runs), self.promised or bool(self._heard))

    def load(self, state: VoicesState) -> None:
        """Take over who vouched lately: each counts as heard just now, and has its time to speak again."""
        self._runs = dict(state.runs)
        self._heard = set(state.runs)
        self.promised = state.promised
