"""What ingest hands to the publisher, and the headers that travel with it."""

from __future__ import annotations

from typing import Final

from msgspec import Struct


__all__ = ["ORIGIN_LIVE", "Header", "Record", "header"]

Header = tuple[str, bytes]
"""Name and UTF-8 text; integers in decimal."""


class Record(Struct, frozen=True, gc=False):
    """One Kafka record to be."""

    topic: str
    partition: int
    key: bytes
    value: bytes
    timestamp_ms: int
    """Event time where the venue says one, else the receive time."""
    headers: list[Header]
    event_time: int | None = None
    """The venue's event time as sent, plausible or not; None: the payload has none."""


ORIGIN_LIVE: Final = ("origin", b"live")
"""What came over a connection, or as a snapshot; ``backfill`` is the other value."""


def header(name: str, value: str | int) -> Header:
    """Return one header."""
    return (name, str(value).encode())
