"""Naming a symbol of a market."""

from __future__ import annotations

import msgspec

from schemas.markets import Market


__all__ = ["SymbolId"]


class SymbolId(msgspec.Struct, frozen=True, order=True):
    """A symbol and its market: the same name may trade on several."""

    market: Market
    symbol: str

    def __str__(self) -> str:
        return f"{self.market}:{self.symbol}"
