"""The books of one market in one partition, and what heartbeats told of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from processors.core.heartbeats import GateState, HeartbeatGate, Rosters, RostersState, Voices, VoicesState
from processors.core.reported_book import ReportedBook
from schemas.markets import Market


__all__ = ["BookMarket", "dump_shared", "load_shared"]


class _MarketState(msgspec.Struct, frozen=True):
    gate: GateState
    rosters: RostersState
    voices: VoicesState


class _SharedState(msgspec.Struct, frozen=True):
    """A checkpoint of what belongs to no book."""

    version: int
    markets: dict[Market, _MarketState]


_VERSION: Final = 1
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_SharedState).decode


class BookMarket:
    """What is known of one market's raw partition."""

    __slots__ = ("books", "gate", "rosters", "voices", "vouched_until")

    def __init__(self) -> None:
        self.books: dict[bytes, ReportedBook] = {}
        self.gate = HeartbeatGate()
        self.rosters = Rosters()
        self.voices = Voices(self.rosters)
        self.vouched_until = 0
        """The newest event time up to which heartbeats told of everything."""


def dump_shared(markets: Mapping[Market, BookMarket]) -> bytes:
    """Return what belongs to no book: what heartbeats told so far, and which of them wait."""
    return _encode(
        _SharedState(
            _VERSION,
            {
                market: _MarketState(known.gate.dump(), known.rosters.dump(), known.voices.dump())
                for market, known in markets.items()
            },
        )
    )


def load_shared(markets: Mapping[Market, BookMarket], state: bytes) -> None:
    """Take over what belongs to no book.

    Raises:
        ValueError: it cannot be read; nothing changed.
    """
    shared = _decode(state)
    if shared.version != _VERSION:
        msg = f"version {shared.version}, expected {_VERSION}"
        raise ValueError(msg)
    for market, known in shared.markets.items():
        mine = markets[market]
        mine.gate.load(known.gate)
        mine.rosters.load(known.rosters)
        mine.voices.load(known.voices)
