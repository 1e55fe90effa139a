"""One fast pass over a recording: what is in it, so that a caller can plan before the replay.

It also finds what a replay must know beforehand: whose the anonymous depth snapshots are, and the snapshots that a
book will need, at the start and after each gap.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import msgspec

from sandbox.recordings.clock import EventTimes
from sandbox.recordings.continuity import DiffChain
from sandbox.recordings.errors import ProblemLog
from sandbox.recordings.inference import EVIDENCE_KINDS
from sandbox.recordings.observed import StepObserver
from sandbox.recordings.payloads import event_ms
from sandbox.recordings.pending import PendingSnapshots, Settled
from sandbox.recordings.reader import ControlReplies, Frame, LineId, RestAnswer, read
from sandbox.recordings.recording import Recording
from sandbox.recordings.streams import DIFF_DEPTH, symbol_of
from sandbox.recordings.summary import KeptSnapshot, StreamSummary, Summary, SymbolSummary
from schemas.markets import Market


__all__ = ["survey"]

_SAMPLED_ARRAYS = 50
"""Frames of a whole-market stream in which symbols are looked up."""


def survey(recording: Recording) -> Summary:
    """Read a recording once and return what it holds.

    Raises:
        UnreadableFileError: A file went away since it was found.
    """
    running = _Survey()
    for entry in read(recording, problems=running.problems, control_replies=running.control_replies):
        if isinstance(entry, Frame):
            running.frame(entry)
        else:
            running.answer(entry)
    return running.finish(recording)


class _Ids(msgspec.Struct):
    """Event time and update ids of a payload; 0 or None where it has none."""

    event_ms: int = msgspec.field(name="E", default=0)
    first_id: int = msgspec.field(name="U", default=0)
    final_id: int = msgspec.field(name="u", default=0)
    previous_id: int | None = msgspec.field(name="pu", default=None)


class _SnapshotId(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")


class _Element(msgspec.Struct):
    """An element of an array, or the single object that some whole-market streams send."""

    s: str = ""


_decode_ids = msgspec.json.Decoder(_Ids).decode
_decode_snapshot_id = msgspec.json.Decoder(_SnapshotId).decode
_decode_elements = msgspec.json.Decoder(list[_Element] | _Element).decode


def _ids_of(data: bytes) -> _Ids:
    try:
        return _decode_ids(data)
    except ValueError:
        pass
    try:
        return _Ids(event_ms=event_ms(data))
    except ValueError:
        return _Ids()  # a payload of unknown shape


class _Symbol:
    """What the pass keeps of one symbol."""

    def __init__(self) -> None:
        self.chain = DiffChain()
        self.steps = StepObserver()
        self.snapshot_count = 0


class _Stream:
    """What the pass keeps of one stream."""

    def __init__(self, stream: str, symbol: _Symbol | None, first_ns: int) -> None:
        self.symbol = symbol
        kind = stream.partition("@")[2]
        self.is_diff_depth = DIFF_DEPTH.fullmatch(stream) is not None
        self.is_evidence = self.is_diff_depth or kind in EVIDENCE_KINDS
        self.frame_count = 0
        self.first_ns = self.last_ns = first_ns


class _Survey:
    """The state of the pass."""

    def __init__(self) -> None:
        self.problems = ProblemLog()
        self.control_replies = ControlReplies()
        self._times = EventTimes()
        self._streams: dict[tuple[Market, str], _Stream] = {}
        self._symbols: dict[tuple[Market, str], _Symbol] = {}
        self._pending = {market: PendingSnapshots(market) for market in Market}
        self._snapshots: list[KeptSnapshot] = []
        self._snapshot_symbols: dict[LineId, str] = {}
        self._unknown_snapshots: list[LineId] = []
        self._exchange_info: dict[Market, bytes] = {}
        self._rest_answer_count = 0

    def frame(self, frame: Frame) -> None:
        """Take in one payload."""
        stream = self._streams.get((frame.market, frame.stream)) or self._new_stream(frame)
        stream.frame_count += 1
        stream.last_ns = frame.receive_time_ns
        ids = _ids_of(frame.data)
        self._times.observe(frame.receive_time_ns, ids.event_ms)
        if stream.symbol is None:
            if stream.frame_count <= _SAMPLED_ARRAYS:
                self._element_symbols(frame)
        elif stream.is_evidence:
            if stream.is_diff_depth and ids.final_id:
                stream.symbol.chain.diff(ids.first_id, ids.final_id, ids.previous_id)
            else:
                stream.symbol.steps.observe(frame.data)
            self._settle(self._pending[frame.market].frame(frame))

    def answer(self, answer: RestAnswer) -> None:
        """Take in one REST answer."""
        self._rest_answer_count += 1
        self._times.observe(answer.time_ns, 0)
        if answer.path.endswith("/exchangeInfo"):
            self._exchange_info.setdefault(answer.market, answer.body)
        elif answer.path.endswith("/depth"):
            self._depth_answer(answer)

    def finish(self, recording: Recording) -> Summary:
        """Return what was found."""
        for pending in self._pending.values():
            self._settle(pending.finish())
        first_event_ms, last_event_ms = self._times.span_ms()
        return Summary(
            recording=recording,
            streams=tuple(
                StreamSummary(market, name, stream.frame_count, stream.first_ns, stream.last_ns)
                for (market, name), stream in self._streams.items()
            ),
            symbols=tuple(
                SymbolSummary(market, name, symbol.snapshot_count, symbol.chain.gap_count, symbol.steps.steps)
                for (market, name), symbol in sorted(self._symbols.items())
            ),
            frame_count=sum(stream.frame_count for stream in self._streams.values()),
            rest_answer_count=self._rest_answer_count,
            control_reply_count=self.control_replies.count,
            first_ns=self._times.first_ns,
            last_ns=self._times.last_ns,
            first_event_ms=first_event_ms,
            last_event_ms=last_event_ms,
            snapshots=tuple(self._snapshots),
            snapshot_symbols=self._snapshot_symbols,
            unknown_snapshots=tuple(self._unknown_snapshots),
            exchange_info=self._exchange_info,
            problem_count=self.problems.count,
            problems=tuple(self.problems.first),
        )

    def _new_stream(self, frame: Frame) -> _Stream:
        name = symbol_of(frame.stream)
        symbol = self._symbol(frame.market, name) if name else None
        stream = _Stream(frame.stream, symbol, frame.receive_time_ns)
        self._streams[frame.market, frame.stream] = stream
        return stream

    def _symbol(self, market: Market, name: str) -> _Symbol:
        return self._symbols.setdefault((market, name), _Symbol())

    def _element_symbols(self, frame: Frame) -> None:
        try:
            elements = _decode_elements(frame.data)
        except ValueError:
            return
        for element in elements if isinstance(elements, list) else [elements]:
            if element.s:
                self._symbol(frame.market, element.s)

    def _depth_answer(self, answer: RestAnswer) -> None:
        try:
            last_update_id = _decode_snapshot_id(answer.body).last_update_id
        except ValueError:
            self.problems.add(*answer.line, "depth answer without lastUpdateId")
            return
        if name := answer.params.get("symbol"):
            symbol = self._symbol(answer.market, name.upper())
            symbol.snapshot_count += 1
            if symbol.chain.snapshot(last_update_id):
                self._keep(answer, name.upper())
        else:
            unneeded_by = frozenset(
                name
                for (market, name), symbol in self._symbols.items()
                if market is answer.market and not symbol.chain.awaits(last_update_id)
            )
            self._pending[answer.market].answer(answer, unneeded_by)

    def _settle(self, settled: Iterable[Settled]) -> None:
        for snapshot in settled:
            answer, name = snapshot.answer, snapshot.symbol
            if name is None:
                self._unknown_snapshots.append(answer.line)
                self.problems.add(*answer.line, "depth snapshot that does not say its symbol and fits no single one")
                continue
            self._snapshot_symbols[answer.line] = name
            symbol = self._symbol(answer.market, name)
            symbol.snapshot_count += 1
            # It may have been awaited when it came and be too old by now: there was a gap since, and it is kept too.
            still_awaited = symbol.chain.snapshot(_decode_snapshot_id(answer.body).last_update_id)
            if still_awaited or name not in snapshot.unneeded_by:
                self._keep(answer, name)

    def _keep(self, answer: RestAnswer, name: str) -> None:
        self._snapshots.append(KeptSnapshot(answer.market, name, answer.line, zlib.compress(answer.body)))
