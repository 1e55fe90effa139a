"""Whose a depth snapshot is that does not say it: REST answers of spot and USD-M carry no symbol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from sandbox.recordings.streams import DIFF_DEPTH, symbol_of


__all__ = ["EVIDENCE_KINDS", "infer_symbol"]

EVIDENCE_KINDS = ("trade", "aggTrade", "bookTicker", "depth")
"""Streams, without symbol and speed, whose payloads tell a symbol's price or update ids."""

_NEAR = Decimal("0.02")
_NOT_ABSURD = Decimal("0.5")
_CLEARLY_NEARER = 10
_NOISE = Decimal("0.0005")

PriceLevel = tuple[str, str]


class _Snapshot(msgspec.Struct):
    last_update_id: int = msgspec.field(name="lastUpdateId")
    bids: list[PriceLevel] = []
    asks: list[PriceLevel] = []


class _Evidence(msgspec.Struct):
    """The fields of trades, book tickers and diffs that identify a symbol; `b` and `a` mean two things."""

    p: str = ""
    a: str | int | list[PriceLevel] = ""
    b: str | int | list[PriceLevel] = ""
    first_id: int = msgspec.field(name="U", default=0)
    u: int = 0


class _Candidate:
    """What is known of one symbol around the time of the snapshot."""

    def __init__(self) -> None:
        self.prices: list[Decimal] = []
        self.ids: list[int] = []

    def add(self, evidence: _Evidence) -> None:
        self.ids += [update_id for update_id in (evidence.first_id, evidence.u) if update_id]
        prices = [evidence.p] if evidence.p else _book_prices(evidence.b) + _book_prices(evidence.a)
        self.prices += filter(Decimal.is_finite, map(Decimal, filter(None, prices)))

    def price_distance(self, mid: Decimal | None) -> Decimal | None:
        """Return how far the nearest price lies from `mid`, as a part of it; None if either is unknown."""
        if not mid:
            return None
        return min((abs(price - mid) / mid for price in self.prices), default=None)

    def id_distance(self, update_id: int) -> Decimal | None:
        """Return how far the snapshot's id lies outside the ids seen before and after it."""
        if not self.ids:
            return None
        return Decimal(max(min(self.ids) - update_id, update_id - max(self.ids), 0))


_decode_snapshot = msgspec.json.Decoder(_Snapshot).decode
_decode_evidence = msgspec.json.Decoder(_Evidence).decode


def infer_symbol(body: bytes, *, ids_are_per_symbol: bool, evidence: Iterable[tuple[str, bytes]]) -> str | None:
    """Return the symbol that a snapshot fits; None if it fits none or more than one.

    On spot each symbol has its own update ids, and they decide; on futures all symbols share them, and only prices
    tell symbols apart. Where there is a single symbol, it must only not be absurd.

    Args:
        body: The REST answer.
        ids_are_per_symbol: Whether the market is spot.
        evidence: (stream, payload) of all symbols received just before and after it.
    """
    try:
        snapshot = _decode_snapshot(body)
        mid = _mid(snapshot)
    except (ValueError, InvalidOperation):
        return None
    candidates = _candidates(evidence)
    limit = _NOT_ABSURD if ids_are_per_symbol or len(candidates) == 1 else _NEAR
    distances = {symbol: candidate.price_distance(mid) for symbol, candidate in candidates.items()}
    possible = {symbol for symbol, distance in distances.items() if distance is None or distance <= limit}
    if len(possible) == 1:
        return possible.pop()
    prices = {symbol: distances[symbol] for symbol in possible}
    if not ids_are_per_symbol:
        return _clearly_nearest(prices, _NOISE)
    ids = {symbol: candidates[symbol].id_distance(snapshot.last_update_id) for symbol in possible}
    return _clearly_nearest(ids, Decimal(1)) or _clearly_nearest(prices, _NOISE)


def _mid(snapshot: _Snapshot) -> Decimal | None:
    """Return the middle of the best prices; the one best price where a side is empty."""
    best = [Decimal(side[0][0]) for side in (snapshot.bids, snapshot.asks) if side]
    mid = sum(best) / Decimal(len(best)) if best else None
    return mid if mid is not None and mid.is_finite() else None


def _candidates(evidence: Iterable[tuple[str, bytes]]) -> dict[str, _Candidate]:
    """Group the evidence by symbol; where some symbols have diffs, the others cannot be meant."""
    candidates: dict[str, _Candidate] = {}
    with_diffs = set()
    for stream, data in evidence:
        symbol = symbol_of(stream)
        if DIFF_DEPTH.fullmatch(stream):
            with_diffs.add(symbol)
        try:
            candidates.setdefault(symbol, _Candidate()).add(_decode_evidence(data))
        except (ValueError, InvalidOperation):
            continue
    return {symbol: found for symbol, found in candidates.items() if not with_diffs or symbol in with_diffs}


def _clearly_nearest(distances: Mapping[str, Decimal | None], noise: Decimal) -> str | None:
    ranked = sorted((distance, symbol) for symbol, distance in distances.items() if distance is not None)
    if not ranked or (len(ranked) > 1 and ranked[1][0] <= _CLEARLY_NEARER * (ranked[0][0] + noise)):
        return None
    return ranked[0][1]


def _book_prices(side: str | int | list[PriceLevel]) -> list[str]:
    """Return the prices in a ``b`` or ``a``: a book ticker's price, a diff's levels, a trade's id (none)."""
    if isinstance(side, str):
        return [side]
    return [] if isinstance(side, int) else [price for price, _ in side]
