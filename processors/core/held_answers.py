"""Answers of the venue that must wait until the events they speak of were applied.

An answer says below which offset of the update topic everything lies that the streams told before it was made
(``after_offset``). Applied once that was applied, what it adds was missed by the streams.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec

from processors.core.records import RawRecord


__all__ = ["OVERTAKEN_LIMIT", "HeldAnswer", "HeldAnswers", "after_offset_of"]

OVERTAKEN_LIMIT: Final = 256
"""Answers that are due behind one that is not: beyond it that one waits for what never comes.

Two replicas of ingest may write a few answers in another order than that of their offsets; an offset that lies so much
further is of another log.
"""

_DIGITS: Final = 18


class HeldAnswer(msgspec.Struct, frozen=True):
    """An answer, and when it may be applied."""

    record: RawRecord
    after_offset: int


class HeldAnswers:
    """The answers in one partition of one topic, and how far its update topic was applied.

    They are let go in their order in the log, so that all below one that was applied were applied too.
    """

    __slots__ = ("_waiting", "next_offset")

    def __init__(self) -> None:
        self.next_offset = 0
        """Everything of the update topic below was applied."""
        self._waiting: deque[HeldAnswer] = deque()

    @property
    def first(self) -> int | None:
        """Offset of the first answer that waits; None: none does."""
        return self._waiting[0].record.offset if self._waiting else None

    def offer(self, record: RawRecord) -> None:
        """Take an answer."""
        self._waiting.append(HeldAnswer(record, after_offset_of(record)))

    def advance(self, next_offset: int) -> None:
        """Take note how far the update topic was applied."""
        self.next_offset = max(self.next_offset, next_offset)

    def next_due(self) -> RawRecord | None:
        """Return the next answer that may be applied, once; None: none may."""
        if not self._waiting or self._waiting[0].after_offset > self.next_offset:
            return None
        return self._waiting.popleft().record

    def next_lost(self) -> HeldAnswer | None:
        """Return an answer that waits for what never comes, once; None: none does."""
        if len(self._waiting) <= OVERTAKEN_LIMIT or self._waiting[0].after_offset <= self.next_offset:
            return None
        due = sum(1 for held in self._waiting if held.after_offset <= self.next_offset)
        return self._waiting.popleft() if due > OVERTAKEN_LIMIT else None


def after_offset_of(record: RawRecord) -> int:
    """Return what an answer's header says; 0 where it says nothing: then it need not wait."""
    text = record.header("after_offset") or b""
    return int(text) if text.isdigit() and len(text) <= _DIGITS else 0
