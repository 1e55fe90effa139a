"""What a session wants done with the feeds of its connection."""

from __future__ import annotations

import msgspec


__all__ = ["Closing", "Envelope", "Opening", "stream_envelope", "subscription_envelope"]

_encode = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, frozen=True):
    """How a connection gets the events of an account."""

    opening: bytes
    closing: bytes
    always: bool
    """Whether events are wrapped on a connection that is not combined too."""


class Opening(msgspec.Struct, frozen=True):
    """A feed that is to begin."""

    account: str
    envelope: Envelope
    key: str
    """The listen key or API key that it hangs on."""
    kinds: frozenset[str] | None = None
    """The types of events that are wanted; None: all."""


class Closing(msgspec.Struct, frozen=True):
    """A feed that is to end."""

    account: str
    key: str
    farewell: bytes
    """The last event that it tells."""


def subscription_envelope(number: int) -> Envelope:
    """Return how the WebSocket API wraps events."""
    return Envelope(b'{"subscriptionId":%d,"event":' % number, b"}", always=True)


def stream_envelope(name: str) -> Envelope:
    """Return how a stream server wraps the events of a listen key, where it wraps at all.

    What the venue writes as ``stream`` there is not documented.
    """
    return Envelope(b'{"stream":%b,"data":' % _encode(name), b"}", always=False)
