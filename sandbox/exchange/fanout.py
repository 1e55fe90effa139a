"""Who gets which frame: one list of clients per stream, each frame wrapped at most once."""

from __future__ import annotations

from typing import Protocol

import msgspec

from sandbox.exchange.source import StreamEvent
from schemas.markets import Market


__all__ = ["Client", "Fanout"]

_encode = msgspec.json.Encoder().encode


class Client(Protocol):
    """A connection as the fan-out sees it."""

    @property
    def combined(self) -> bool:
        """Whether its frames are wrapped with the stream's name."""
        ...

    async def send(self, frame: bytes) -> bool:
        """Send a text frame, waiting while the client is slow; return False if it is gone."""
        ...


class _Audience:
    """The clients of one stream."""

    def __init__(self, stream: str) -> None:
        self.opening = b'{"stream":' + _encode(stream) + b',"data":'
        self.clients: tuple[Client, ...] = ()


class Fanout:
    """Delivers events to those who subscribed to their streams."""

    def __init__(self) -> None:
        self.sent_count = 0
        """Frames sent, one per client and event."""
        self.subscription_count = 0
        """Subscriptions that exist now."""
        self._audiences: dict[Market, dict[str, _Audience]] = {market: {} for market in Market}

    def subscribed_streams(self, market: Market) -> frozenset[str]:
        """Return the streams of a market that somebody gets."""
        return frozenset(stream for stream, audience in self._audiences[market].items() if audience.clients)

    def subscribe(self, client: Client, market: Market, stream: str) -> None:
        """Let a client get a stream from the next event on."""
        audience = self._audiences[market].setdefault(stream, _Audience(stream))
        if client not in audience.clients:
            audience.clients += (client,)
            self.subscription_count += 1

    def unsubscribe(self, client: Client, market: Market, stream: str) -> None:
        """Let a client get a stream no more."""
        audience = self._audiences[market].get(stream)
        if audience is not None and client in audience.clients:
            audience.clients = tuple(other for other in audience.clients if other is not client)
            self.subscription_count -= 1

    async def deliver(self, event: StreamEvent) -> bool:
        """Send an event to everybody who subscribed, one after the other; return whether anybody got it."""
        audience = self._audiences[event.market].get(event.stream)
        if audience is None or not audience.clients:
            return False
        wrapped = b""
        delivered = False
        for client in audience.clients:
            if client.combined:
                wrapped = wrapped or audience.opening + event.data + b"}"
                sent = await client.send(wrapped)
            else:
                sent = await client.send(event.data)
            self.sent_count += sent
            delivered = delivered or sent
        return delivered
