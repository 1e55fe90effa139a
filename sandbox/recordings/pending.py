"""Depth snapshots of unknown symbols, waiting until the recording has told enough to say whose they are."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sandbox.recordings.inference import infer_symbol
from sandbox.recordings.reader import Frame, RestAnswer
from schemas.markets import Market


__all__ = ["PendingSnapshots", "Settled"]

_WAIT_NS = 60_000_000_000


class Settled(msgspec.Struct, frozen=True):
    """An anonymous snapshot that need not wait longer."""

    answer: RestAnswer
    symbol: str | None
    """None: it cannot be known."""
    unneeded_by: frozenset[str]
    """Symbols whose books did not wait for a snapshot when it came."""


class _Waiting(msgspec.Struct, frozen=True):
    answer: RestAnswer
    unneeded_by: frozenset[str]
    before: dict[str, bytes]
    after: dict[str, bytes]


class PendingSnapshots:
    """The anonymous snapshots of one market.

    Each waits for up to a minute of the recording, or its end; then the symbol is inferred from the last payload of
    every stream before it and the first one after it.
    """

    def __init__(self, market: Market) -> None:
        self._ids_are_per_symbol = not market.is_futures
        self._latest: dict[str, bytes] = {}
        self._waiting: list[_Waiting] = []

    def frame(self, frame: Frame) -> Iterator[Settled]:
        """Note a trade, book ticker or diff; yield the snapshots that have waited long enough."""
        self._latest[frame.stream] = frame.data
        for waiting in self._waiting:
            waiting.after.setdefault(frame.stream, frame.data)
        while self._waiting and frame.receive_time_ns - self._waiting[0].answer.time_ns > _WAIT_NS:
            yield self._settle()

    def answer(self, answer: RestAnswer, unneeded_by: frozenset[str]) -> None:
        """Let an anonymous snapshot wait."""
        self._waiting.append(_Waiting(answer, unneeded_by, dict(self._latest), {}))

    def finish(self) -> Iterator[Settled]:
        """Yield all that still wait, at the recording's end."""
        while self._waiting:
            yield self._settle()

    def _settle(self) -> Settled:
        waiting = self._waiting.pop(0)
        evidence = [*waiting.before.items(), *waiting.after.items()]
        body = waiting.answer.body
        symbol = infer_symbol(body, ids_are_per_symbol=self._ids_are_per_symbol, evidence=evidence)
        return Settled(waiting.answer, symbol, waiting.unneeded_by)
