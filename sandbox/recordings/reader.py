"""The content of a recording in time order: frames and REST answers, as the venue sent them."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from operator import itemgetter
from pathlib import Path

import msgspec

from sandbox.recordings.errors import ProblemLog
from sandbox.recordings.files import read_lines
from sandbox.recordings.lines import Answer, Remark, Timed, parse_line
from sandbox.recordings.payloads import ControlReply, Payload, Snapshot, classify, why_no_json
from sandbox.recordings.recording import Recording, RecordingFile
from schemas.markets import Market


__all__ = ["DEPTH_PATHS", "ControlReplies", "Frame", "LineId", "RestAnswer", "read"]

DEPTH_PATHS: Mapping[Market, str] = {
    Market.SPOT: "/api/v3/depth",
    Market.USDM: "/fapi/v1/depth",
    Market.COINM: "/dapi/v1/depth",
}

LineId = tuple[Path, int]
"""A file and the number of a line in it."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One payload of one stream."""

    receive_time_ns: int
    """By the recorder's clock, which may differ from the venue's."""
    market: Market
    stream: str
    data: bytes
    """The JSON payload, verbatim, without the combined wrapper."""


class RestAnswer(msgspec.Struct, frozen=True):
    """One REST answer that was recorded with the streams."""

    time_ns: int
    market: Market
    path: str
    """The venue's, as in ``/api/v3/depth``."""
    params: dict[str, str]
    """Of a depth answer without ``symbol`` where the recording does not tell whose it is."""
    body: bytes
    line: LineId


class ControlReplies:
    """Counts replies to SUBSCRIBE and the like, which are no market data."""

    def __init__(self) -> None:
        self.count = 0


def read(
    recording: Recording,
    *,
    symbols: Mapping[LineId, str] | None = None,
    problems: ProblemLog | None = None,
    control_replies: ControlReplies | None = None,
) -> Iterator[Frame | RestAnswer]:
    """Yield everything in a recording in the order of time; each file keeps its own order.

    Memory is bounded by the number of files that overlap in time. Files that repeat each other's lines yield them
    each.

    Args:
        recording: What to read.
        symbols: Whose the depth answers are that do not say it themselves, as a survey found out.
        problems: Where lines are noted that cannot be used.
        control_replies: Counts replies to control requests, which are left out.

    Raises:
        UnreadableFileError: A file went away since it was found.
    """
    problems = problems or ProblemLog()
    control_replies = control_replies or ControlReplies()
    contents = [_Content(file, symbols or {}, problems, control_replies) for file in recording.files]
    if len(contents) == 1:
        yield from contents[0].entries()
        return
    for _, entry in heapq.merge(*(content.in_order() for content in contents), key=itemgetter(0)):
        if entry is not None:
            yield entry


class _Content:
    """The readable lines of one file."""

    def __init__(
        self,
        file: RecordingFile,
        symbols: Mapping[LineId, str],
        problems: ProblemLog,
        control_replies: ControlReplies,
    ) -> None:
        self._file = file
        self._symbols = symbols
        self._problems = problems
        self._control_replies = control_replies

    def in_order(self) -> Iterator[tuple[int, Frame | RestAnswer | None]]:
        """Yield entries with times that never go back, after a marker before which the file is not opened."""
        order_ns = self._file.first_ns
        yield order_ns, None
        for entry in self.entries():
            time_ns = entry.receive_time_ns if isinstance(entry, Frame) else entry.time_ns
            order_ns = max(order_ns, time_ns)
            yield order_ns, entry

    def entries(self) -> Iterator[Frame | RestAnswer]:
        path, market = self._file.path, self._file.market
        for number, line in read_lines(path, self._problems):
            parsed = parse_line(line)
            if isinstance(parsed, Timed):
                document = classify(parsed.body)
                if isinstance(document, Payload):
                    yield Frame(parsed.time_ns, market, document.stream, document.data)
                elif isinstance(document, Snapshot):
                    yield self._depth_answer(parsed.time_ns, document, number)
                elif isinstance(document, ControlReply):
                    self._control_replies.count += 1
                else:
                    self._problems.add(path, number, document)
            elif isinstance(parsed, Answer):
                if reason := why_no_json(parsed.body):
                    self._problems.add(path, number, reason)
                else:
                    yield RestAnswer(parsed.time_ns, market, parsed.path, parsed.params, parsed.body, (path, number))
            elif not isinstance(parsed, Remark):
                self._problems.add(path, number, "line of no known format")

    def _depth_answer(self, time_ns: int, snapshot: Snapshot, number: int) -> RestAnswer:
        line = self._file.path, number
        symbol = snapshot.symbol or self._symbols.get(line, "")
        params = {"symbol": symbol} if symbol else {}
        return RestAnswer(time_ns, self._file.market, DEPTH_PATHS[self._file.market], params, snapshot.body, line)
