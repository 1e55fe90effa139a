"""When a symbol needs a depth snapshot, and the record that is made of one."""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from ingest.core.backoff import delay_s
from ingest.core.budget import Importance
from ingest.core.records import ORIGIN_LIVE, Record, header
from schemas import rest
from schemas.markets import Market
from schemas.topics import RawType, TopicTable, partition_of


__all__ = [
    "FIRST_TO_ANOTHER_MS",
    "SNAPSHOT_STREAM",
    "Snapshot",
    "SnapshotOrigin",
    "SnapshotSchedule",
    "read_snapshot",
    "snapshot_record",
]

SNAPSHOT_STREAM: Final = "rest:depth"
"""The header ``stream`` of depth snapshots; no stream of the venue has a colon."""
MOST_UNDER_WAY: Final = 16
"""So many snapshots of one importance are asked for at once, those included that wait for their turn in the budget: who
is next is decided late, and few of the large answers are held at a time."""

TOO_OLD_ATTEMPTS: Final = 4
"""How often a snapshot that ends too early is asked for again: 15 s, in which a stream moves on."""

FIRST_TO_ANOTHER_MS: Final = 60_000.0
"""By so much a process lets another, which took a symbol's last snapshot, take the next one too."""

_decode: Final = msgspec.json.Decoder(rest.DepthSnapshot).decode


class _Symbol:
    """What is known of one symbol's snapshots."""

    def __init__(self) -> None:
        self.due_ms = math.inf
        self.asked: Importance | None = None
        """What a snapshot that is under way was asked for; None: none is."""
        self.requested = False
        self.failures = 0
        self.after_update_id: int | None = None
        self.read_up_to = -1
        """What the reader whose wish waits had read of the log when it asked."""
        self.late_request: tuple[int | None, int] | None = None
        """What a reader asked for while a snapshot was under way already."""
        self.last_id: int | None = None
        self.last_offset = -1
        self.live = False

    @property
    def importance(self) -> Importance:
        """A reader waits, or will as soon as it starts; or there is an older snapshot for it."""
        return Importance.BOOK if self.requested or self.last_id is None else Importance.REFRESH

    @property
    def rank(self) -> tuple[Importance, bool, float]:
        """Order those who are due: a reader's wish before a symbol's first, then the longest due."""
        return self.importance, not self.requested, self.due_ms

    def satisfies(self, after_update_id: int | None, input_offset: int) -> bool:
        if self.last_id is None or self.last_offset <= input_offset:
            return False
        return after_update_id is None or self.last_id >= after_update_id


class SnapshotSchedule:
    """Whose snapshot is to be asked for when, and how important it is; how fast is for the budget to say.

    Args:
        symbols: those with depth diffs.
        refresh_ms: every symbol gets a new snapshot after so long.
        most: so many of one importance are under way at once.
        salt: of two processes with different ones, each begins with other symbols where many are due at once, and is
            spared those that the other has taken by then; empty: in the order of their names.
    """

    def __init__(
        self, symbols: Iterable[str], refresh_ms: float, most: int = MOST_UNDER_WAY, *, salt: str = ""
    ) -> None:
        self._symbols = {symbol: _Symbol() for symbol in symbols}
        self._refresh_ms = refresh_ms
        self._most = most
        self._salt = salt

    def follow(self, symbols: Iterable[str]) -> set[str]:
        """See to these symbols from now on, and to no others; what is known of those that stay is kept.

        One that has a snapshot under way still gets that.

        Returns:
            Those that are new.
        """
        wanted = set(symbols)
        new = wanted - self._symbols.keys()
        left = {symbol: s for symbol, s in self._symbols.items() if symbol not in wanted and s.asked is not None}
        for state in left.values():
            state.live = False
        self._symbols = left | {symbol: self._symbols.get(symbol) or _Symbol() for symbol in sorted(wanted)}
        return new

    @property
    def symbols(self) -> tuple[str, ...]:
        """Those that have their turn."""
        return tuple(self._symbols)

    def restore(self, symbol: str, last_id: int, offset: int, age_ms: float, now_ms: float) -> None:
        """Take note of a snapshot that the log has already.

        Args:
            symbol: whose.
            last_id: its update id.
            offset: where it lies.
            age_ms: how old it is, by the venue's clock.
            now_ms: the time.
        """
        if (state := self._symbols.get(symbol)) is not None:
            state.last_id, state.last_offset = last_id, offset
            state.due_ms = now_ms + max(0.0, self._refresh_ms - max(0.0, age_ms))

    def noticed(self, symbol: str, last_id: int, offset: int, age_ms: float, now_ms: float) -> bool:
        """Take note of a snapshot that came into the log, whoever took it.

        Args:
            symbol: whose.
            last_id: its update id.
            offset: where it lies.
            age_ms: how old it is, by the venue's clock.
            now_ms: the time.

        Returns:
            Whether it is another process's, and spares this one its own.
        """
        state = self._symbols.get(symbol)
        if state is None or offset <= state.last_offset:
            return False
        state.last_id, state.last_offset = last_id, offset
        if state.asked is not None or (
            state.requested and not state.satisfies(state.after_update_id, state.read_up_to)
        ):
            return False
        state.requested, state.after_update_id, state.failures = False, None, 0
        first_to_another_ms = min(FIRST_TO_ANOTHER_MS, self._refresh_ms / 10)
        state.due_ms = now_ms + max(0.0, self._refresh_ms - max(0.0, age_ms)) + first_to_another_ms
        return True

    def live(self, symbols: Iterable[str], now_ms: float) -> None:
        """Take note that the diffs of symbols flow: those without a recent snapshot need one now."""
        for symbol in symbols:
            if (state := self._symbols.get(symbol)) is not None:
                state.live = True
                if state.last_id is None:
                    state.due_ms = min(state.due_ms, now_ms)

    def request(self, symbol: str, after_update_id: int | None, input_offset: int, now_ms: float) -> bool:
        """Take a reader's wish for a snapshot.

        Args:
            symbol: whose.
            after_update_id: the snapshot must not end before this id; None: any will do.
            input_offset: what the reader had read of the log when it asked: a snapshot behind it is an answer.
            now_ms: the time.

        Returns:
            Whether one will be asked for: it is not if the log holds an answer, or the symbol is not ours.
        """
        state = self._symbols.get(symbol)
        if state is None or state.satisfies(after_update_id, input_offset):
            return False
        # The last wish counts: ids may have gone back, or an earlier one may have come of a record that lied.
        state.after_update_id, state.read_up_to = after_update_id, input_offset
        state.requested = True
        if state.asked is not None:
            state.late_request = (after_update_id, input_offset)
        state.due_ms = min(state.due_ms, now_ms)
        return True

    def due(self, now_ms: float) -> list[tuple[str, Importance]]:
        """Return the symbols to ask for now, the most important first; each is then under way."""
        waiting = sorted(
            (state.rank, self._place(symbol), symbol)
            for symbol, state in self._symbols.items()
            if self._wants(state, now_ms)
        )
        under_way = self._under_way()
        chosen: list[tuple[str, Importance]] = []
        for (importance, _, _), _, symbol in waiting:
            if under_way[importance] < self._most:
                under_way[importance] += 1
                self._symbols[symbol].asked = importance
                chosen.append((symbol, importance))
        return chosen

    def withdrawn(self, symbol: str, now_ms: float) -> None:
        """Take note that a request that was under way was given up, for a more important one to take its place."""
        state = self._symbols[symbol]
        state.asked, state.late_request, state.due_ms = None, None, now_ms

    def succeeded(self, symbol: str, snapshot: Snapshot, offset: int, now_ms: float) -> None:
        """Take note of a snapshot that is in the log now."""
        state = self._symbols[symbol]
        state.asked, state.failures, state.after_update_id, state.requested = None, 0, None, False
        state.last_id, state.last_offset = snapshot.last_update_id, offset
        late_request, state.late_request = state.late_request, None
        if late_request is None or state.satisfies(*late_request):
            state.due_ms = now_ms + self._refresh_ms
        else:
            (state.after_update_id, state.read_up_to), state.requested = late_request, True
            state.due_ms = now_ms

    def failed(self, symbol: str, now_ms: float, jitter: float, retry_after_s: float | None = None) -> float:
        """Take note of a failed attempt; returns the seconds until the next."""
        state = self._symbols[symbol]
        wait_s = max(delay_s(state.failures, jitter), retry_after_s or 0.0)
        state.asked = None
        state.failures += 1
        state.due_ms = now_ms + wait_s * 1000
        return wait_s

    def too_old(self, symbol: str, snapshot: Snapshot) -> bool:
        """Return whether a snapshot ends before what was asked for, and may be newer next time.

        After some attempts it is as new as the venue has it, and the reader is the one to judge it.
        """
        state = self._symbols[symbol]
        if state.after_update_id is None or state.failures >= TOO_OLD_ATTEMPTS:
            return False
        return snapshot.last_update_id < state.after_update_id

    def wait_ms(self, now_ms: float) -> float:
        """Return how long nothing will be due, if nothing happens."""
        under_way = self._under_way()
        waiting = (s for s in self._symbols.values() if s.live and s.asked is None)
        soonest = min((s.due_ms for s in waiting if under_way[s.importance] < self._most), default=math.inf)
        return max(0.0, soonest - now_ms)

    def _under_way(self) -> Counter[Importance]:
        return Counter(state.asked for state in self._symbols.values() if state.asked is not None)

    def _place(self, symbol: str) -> int:
        """Order symbols that are due alike."""
        return zlib.crc32(f"{self._salt}|{symbol}".encode()) if self._salt else 0

    @staticmethod
    def _wants(state: _Symbol, now_ms: float) -> bool:
        return state.live and state.asked is None and state.due_ms <= now_ms


class Snapshot(Struct, frozen=True):
    """A depth snapshot as answered."""

    body: bytes
    last_update_id: int
    event_time: int | None
    """Futures: when the venue made it."""
    symbol: str | None = None
    """Whose it is, if it says so: COIN-M."""


def read_snapshot(body: bytes) -> Snapshot:
    """Read what ingest needs of an answer to a depth request.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is none.
    """
    snapshot = _decode(body)
    return Snapshot(body, snapshot.last_update_id, snapshot.event_time, snapshot.symbol)


class SnapshotOrigin(Struct, frozen=True):
    """Where a snapshot came from."""

    connection_id: str
    """Of the REST client: ``<ingest id>.rest``."""
    sequence: int
    """Counts its snapshots."""
    receive_time_ns: int


def snapshot_record(
    table: TopicTable, market: Market, symbol: str, snapshot: Snapshot, origin: SnapshotOrigin
) -> Record:
    """Return the raw record of a snapshot: the answer verbatim, beside the symbol's diffs."""
    event_time = snapshot.event_time
    return Record(
        table.raw(market, RawType.DEPTH).name,
        partition_of(symbol),
        symbol.encode(),
        snapshot.body,
        origin.receive_time_ns // 1_000_000 if event_time is None else event_time,
        [
            header("receive_time_ns", origin.receive_time_ns),
            header("connection_id", origin.connection_id),
            header("connection_sequence", origin.sequence),
            header("stream", SNAPSHOT_STREAM),
            ORIGIN_LIVE,
        ],
        event_time,
    )
