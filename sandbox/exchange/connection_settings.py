"""How the server treats its connections."""

from __future__ import annotations

from enum import StrEnum

import msgspec


__all__ = ["ConnectionSettings", "SlowReaders"]


class SlowReaders(StrEnum):
    """What happens to a client that reads more slowly than the market moves."""

    WAIT = "wait"
    """Everything waits for it: a replay without pauses has no pace of its own."""
    CUT = "cut"
    """Its connection is cut, as the venue does; nobody else notices."""


class ConnectionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a server treats its connections."""

    flat_errors: bool = False
    """Error replies as documented instead of as seen, see `StreamSession`."""
    slow_readers: SlowReaders = SlowReaders.WAIT
    most_unsent_bytes: int = 8 * 1024 * 1024
    """`SlowReaders.CUT`: a connection with more than this unsent is cut."""
