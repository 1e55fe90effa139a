"""Who gets which frame: one list of clients per stream, each frame framed at most once and written once a turn.

A frame is pushed to its clients, which keep it; `Fanout.settle` lets each of them write all that it keeps in one go.
Nobody awaits for a frame, so one core moves tens of thousands of them a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Protocol, TypeVar

import msgspec

from sandbox.exchange.source import StreamEvent
from sandbox.exchange.time_units import payload_in_microseconds
from schemas.markets import Market


__all__ = ["Client", "Fanout", "Numbered", "Tap", "account_stream", "text_frame"]

_encode = msgspec.json.Encoder().encode

_FINAL_TEXT = 0x81
_SHORT, _MEDIUM = 126, 1 << 16
_pack_short = Struct("!BB").pack
_pack_medium = Struct("!BBH").pack
_pack_long = Struct("!BBQ").pack


def text_frame(payload: bytes) -> bytes:
    """Return a server's WebSocket text frame, neither masked nor compressed (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < _SHORT:
        return _pack_short(_FINAL_TEXT, length) + payload
    if length < _MEDIUM:
        return _pack_medium(_FINAL_TEXT, 126, length) + payload
    return _pack_long(_FINAL_TEXT, 127, length) + payload


def account_stream(account: str, kind: str) -> str:
    """Return the name by which faults know the events of a type of an account: no public stream has a slash in it."""
    return f"{account}/{kind}"


class Numbered(Protocol):
    """Something that leads to a connection."""

    number: int
    """The connection's number among all of the server."""


class Client(Numbered, Protocol):
    """A connection as the fan-out sees it."""

    microseconds: bool
    """Whether it gets times in microseconds."""

    @property
    def combined(self) -> bool:
        """Whether its frames are wrapped with the stream's name."""
        ...

    def push(self, frame: bytes) -> bool:
        """Keep a WebSocket frame for the next flush; return False if the client is gone."""
        ...

    def flush(self) -> bool:
        """Write what was kept; return whether the server is to wait for the client (`drain`)."""
        ...

    async def drain(self) -> None:
        """Wait until the client has taken most of what was written, or is gone."""
        ...


class AccountClient(Numbered, Protocol):
    """Something that leads the events of an account to a connection."""

    def wants(self, kind: str) -> bool:
        """Return whether events of a type are wanted."""
        ...

    def tell(self, event: bytes) -> bool:
        """Push an event; return False if the client is gone."""
        ...


class AccountClients(Protocol):
    """What leads the events of accounts to connections."""

    def of(self, market: Market, account: str) -> Sequence[AccountClient]:
        """Return what leads the events of an account."""
        ...


_Numbered = TypeVar("_Numbered", bound=Numbered)


class Tap(Protocol):
    """Something between the streams and the clients: faults."""

    def touches(self, market: Market, stream: str) -> bool:
        """Return whether frames of a stream have to pass by `feed`."""
        ...

    def feed(self, event: StreamEvent, clients: Sequence[_Numbered]) -> Sequence[tuple[_Numbered, bytes]]:
        """Return which payloads go to which client now, instead of the event to all."""
        ...


class _Audience:
    """The clients of one stream."""

    def __init__(self, stream: str) -> None:
        self.opening = b'{"stream":' + _encode(stream) + b',"data":'
        self.clients: tuple[Client, ...] = ()
        self.alike = True
        """Whether payloads are the same for all clients."""

    def set_clients(self, clients: tuple[Client, ...]) -> None:
        self.clients = clients
        self.alike = not any(client.microseconds for client in clients)

    def push(self, client: Client, data: bytes) -> bool:
        if client.microseconds:
            data = payload_in_microseconds(data)
        return client.push(text_frame(self.opening + data + b"}" if client.combined else data))


class Fanout:
    """Delivers events to those who subscribed to their streams."""

    def __init__(self) -> None:
        self.sent_count = 0
        """Frames sent, one per client and event."""
        self.subscription_count = 0
        """Subscriptions that exist now."""
        self.tap: Tap | None = None
        """What frames pass by, if anything."""
        self.alter: Callable[[StreamEvent], StreamEvent] | None = None
        """What every event is made into before it goes out, if anything."""
        self.accounts: AccountClients | None = None
        """Who gets the events of accounts, if anybody can."""
        self._audiences: dict[Market, dict[str, _Audience]] = {market: {} for market in Market}
        self._spot, self._usdm, self._coinm = (self._audiences[market] for market in Market)
        self._written_to: list[Client] = []

    def subscribed_streams(self, market: Market) -> frozenset[str]:
        """Return the streams of a market that somebody gets."""
        return frozenset(stream for stream, audience in self._audiences[market].items() if audience.clients)

    def subscribe(self, client: Client, market: Market, stream: str) -> None:
        """Let a client get a stream from the next event on."""
        audience = self._audiences[market].setdefault(stream, _Audience(stream))
        if client not in audience.clients:
            audience.set_clients((*audience.clients, client))
            self.subscription_count += 1

    def unsubscribe(self, client: Client, market: Market, stream: str) -> None:
        """Let a client get a stream no more."""
        audience = self._audiences[market].get(stream)
        if audience is not None and client in audience.clients:
            audience.set_clients(tuple(other for other in audience.clients if other is not client))
            self.subscription_count -= 1

    def deliver(self, event: StreamEvent) -> bool:
        """Push an event to everybody who subscribed; return whether anybody got it."""
        market = event.market
        if event.account:
            return self._deliver_private(event)
        # Thrice as fast as a dictionary of markets: hashing an enum's member is a call of Python code.
        audiences = self._spot if market is Market.SPOT else self._usdm if market is Market.USDM else self._coinm
        audience = audiences.get(event.stream)
        if audience is None or not audience.clients:
            return False
        if self.alter is not None:
            event = self.alter(event)
        if self.tap is not None and self.tap.touches(market, event.stream):
            count = sum(audience.push(client, data) for client, data in self.tap.feed(event, audience.clients))
        elif audience.alike:
            count = self._push_to_all(audience, event.data)
        else:
            count = sum(audience.push(client, event.data) for client in audience.clients)
        self.sent_count += count
        return count > 0

    def deliver_to(self, client: Numbered, market: Market, stream: str, data: bytes) -> bool:
        """Push a payload to one client, if it is still subscribed; return whether it got it."""
        account, slash, kind = stream.partition("/")
        if slash:
            got = any(each.tell(data) for each in self._led(market, account, kind) if each.number == client.number)
        else:
            audience = self._audiences[market].get(stream)
            clients = audience.clients if audience is not None else ()
            got = any(audience.push(each, data) for each in clients if audience is not None and each is client)
        self.sent_count += got
        return got

    def keeps(self, client: Client) -> None:
        """Note that a client has something to write."""
        self._written_to.append(client)

    def flush(self) -> list[Client]:
        """Let all clients write what they keep; return those to be waited for."""
        written_to, self._written_to = self._written_to, []
        return [client for client in written_to if client.flush()]

    async def settle(self) -> None:
        """Let all clients write what they keep, and wait for those that are slow."""
        for client in self.flush():
            await client.drain()

    def _led(self, market: Market, account: str, kind: str) -> Sequence[AccountClient]:
        """Return what leads the events of a type of an account to those who want them."""
        if self.accounts is None:
            return ()
        return [each for each in self.accounts.of(market, account) if each.wants(kind)]

    def _deliver_private(self, event: StreamEvent) -> bool:
        clients = self._led(event.market, event.account, event.stream)
        if not clients:
            return False
        if self.alter is not None:
            event = self.alter(event)
        stream = account_stream(event.account, event.stream)
        if self.tap is not None and self.tap.touches(event.market, stream):
            event = msgspec.structs.replace(event, stream=stream)
            count = sum(client.tell(data) for client, data in self.tap.feed(event, clients))
        else:
            count = sum(client.tell(event.data) for client in clients)
        self.sent_count += count
        return count > 0

    @staticmethod
    def _push_to_all(audience: _Audience, data: bytes) -> int:
        raw = wrapped = b""
        count = 0
        for client in audience.clients:
            if client.combined:
                wrapped = wrapped or text_frame(audience.opening + data + b"}")
                count += client.push(wrapped)
            else:
                raw = raw or text_frame(data)
                count += client.push(raw)
        return count
