"""Which streams go over which connection, and the messages that subscribe to them, or no longer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from ingest.core.limits import LIMITS
from ingest.core.streams import Route, Stream
from schemas.markets import Market


__all__ = ["ConnectionPlan", "Method", "Subscribe", "plan_connections", "subscribe_messages"]

MAX_MESSAGE_CHARACTERS: Final = 8000
"""A longer control message ends the connection (unicorn-binance-websocket-api; Binance gives no number)."""


class ConnectionPlan(Struct, frozen=True):
    """One connection to open and what it shall carry."""

    market: Market
    route: Route
    number: int
    """Counts the connections of a market and route, from 0."""
    streams: tuple[Stream, ...]
    account: str | None = None
    """Whose stream of user data it carries; None: it is public."""

    @property
    def label(self) -> str:
        """Name it in logs and metrics: ``usdm-public-0``, ``usdm-private-main``."""
        route = "" if self.route is Route.ALL else f"-{self.route}"
        return f"{self.market}{route}-{self.number if self.account is None else self.account}"

    @property
    def names(self) -> list[str]:
        """What it carries, by name."""
        return [stream.name for stream in self.streams] if self.account is None else [f"userData:{self.account}"]


class Method(StrEnum):
    """What a control message asks for."""

    SUBSCRIBE = "SUBSCRIBE"
    UNSUBSCRIBE = "UNSUBSCRIBE"


class Subscribe(Struct, frozen=True):
    """One SUBSCRIBE or UNSUBSCRIBE message."""

    id: int
    names: tuple[str, ...]
    text: str
    method: Method = Method.SUBSCRIBE


def plan_connections(
    streams: Iterable[Stream], streams_per_connection: Mapping[Market, int] | None = None
) -> list[ConnectionPlan]:
    """Distribute streams over as few connections as the venue allows.

    Streams of one symbol stay together where a connection's limit lets them. The plan depends on the set of streams
    only, not on their order; a stream that is named twice is taken once.

    Args:
        streams: what to subscribe to, of any markets.
        streams_per_connection: overrides the limit of a market.
    """
    limits = {market: limit.streams_per_connection for market, limit in LIMITS.items()} | dict(
        streams_per_connection or {}
    )
    groups: dict[tuple[Market, Route], set[Stream]] = {}
    for stream in streams:
        groups.setdefault((stream.market, stream.type.route), set()).add(stream)
    return [
        ConnectionPlan(market, route, number, part)
        for (market, route), group in sorted(groups.items())
        for number, part in enumerate(_parts(sorted(group, key=_by_symbol), limits[market]))
    ]


def subscribe_messages(
    names: Iterable[str],
    first_id: int = 1,
    max_characters: int = MAX_MESSAGE_CHARACTERS,
    method: Method = Method.SUBSCRIBE,
) -> list[Subscribe]:
    """Return the messages about these streams, each short enough, with ids counted from ``first_id``."""
    messages: list[Subscribe] = []
    batch: list[str] = []
    length = 0
    for name in names:
        added = len(_json(name)) + 1  # and a comma
        if batch and length + added - 1 > max_characters:
            messages.append(_subscribe(method, batch, first_id + len(messages)))
            batch = []
        if not batch:
            length = len(_text(method, [], first_id + len(messages)))
        batch.append(name)
        length += added
    if batch:
        messages.append(_subscribe(method, batch, first_id + len(messages)))
    return messages


def _subscribe(method: Method, names: Sequence[str], message_id: int) -> Subscribe:
    return Subscribe(message_id, tuple(names), _text(method, names, message_id), method)


def _text(method: Method, names: Sequence[str], message_id: int) -> str:
    # Futures take unsigned integers only as ids.
    request = {"method": method, "params": list(names), "id": message_id}
    return _json(request)


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _parts(streams: Sequence[Stream], size: int) -> Iterator[tuple[Stream, ...]]:
    for start in range(0, len(streams), size):
        yield tuple(streams[start : start + size])


def _by_symbol(stream: Stream) -> tuple[str, str]:
    return (stream.symbol or "", stream.name)
