"""What a session tells the edge to do, or to take note of."""

from __future__ import annotations

from msgspec import Struct

from ingest.core.endings import Ending
from ingest.core.secrecy import Secret


__all__ = ["Action", "Changed", "Close", "Live", "Ping", "Refused", "Send", "SendSecret", "Silent"]


class Send(Struct, frozen=True):
    """Send this text frame."""

    text: str


class SendSecret(Struct, frozen=True):
    """Send this text frame, which bears a key."""

    text: Secret


class Ping(Struct, frozen=True):
    """Send a ping, and report its pong as something heard."""


class Close(Struct, frozen=True):
    """Close the socket."""

    ending: Ending
    reason: str


class Live(Struct, frozen=True):
    """Take note: every subscription that the socket began with is answered."""


class Refused(Struct, frozen=True):
    """Take note: the venue refuses these streams; the others go on."""

    names: tuple[str, ...]
    error: str


class Changed(Struct, frozen=True):
    """Take note: a part of a change is acknowledged; from now on these streams flow, or do not flow any more."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


class Silent(Struct, frozen=True):
    """Take note: these streams are acknowledged and do not deliver."""

    names: tuple[str, ...]


Action = Send | SendSecret | Ping | Close | Live | Refused | Changed | Silent
