"""What of one book is written into a checkpoint."""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.book import PackedBook
from processors.core.book_alerts import AlertsState
from processors.core.book_inputs import PackedInput
from processors.core.book_requests import RequestsState
from processors.core.book_results import NeedSnapshot
from processors.core.book_trail import TrailState
from schemas.derived import BookState


__all__ = ["ReportedState", "SyncState", "decoded", "encode"]

VERSION: Final = 1


class SyncState(msgspec.Struct, frozen=True, kw_only=True):
    """Of a book and its alignment; fields as of :class:`~processors.core.book_sync.BookSync` and its parts."""

    book: PackedBook
    live: bool
    update_id: int
    need: NeedSnapshot | None
    buffer: list[PackedInput]
    ahead: PackedInput | None
    seen_id: int
    seen_time: int
    trail: TrailState
    right_id: int
    differed: bool
    distrusted: bool


class ReportedState(msgspec.Struct, frozen=True, kw_only=True):
    """Of a book and what was said of it; fields as of :class:`~processors.core.reported_book.ReportedBook`."""

    version: int = VERSION
    sync: SyncState
    alerts: AlertsState
    state: BookState | None
    event_time: int | None
    first_offset: int
    next_offset: int
    offset: int
    said: tuple[int, int | None, int]
    said_time: int
    boundary: int
    changed: bool
    unmeasured: bool
    requests: RequestsState
    vouched_until: int


encode: Final = msgspec.msgpack.Encoder().encode
"""Returns a :class:`ReportedState` as bytes."""
_decode: Final = msgspec.msgpack.Decoder(ReportedState).decode


def decoded(dumped: bytes) -> ReportedState:
    """Return what was encoded.

    Raises:
        ValueError: it cannot be read.
    """
    state = _decode(dumped)
    if state.version != VERSION:
        msg = f"version {state.version}, expected {VERSION}"
        raise ValueError(msg)
    return state
