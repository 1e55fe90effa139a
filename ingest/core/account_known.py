"""How far an account's orders and fills are known in one market: from there the venue is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.control import AccountProgress, ReconcileCause
from schemas.markets import Market


__all__ = ["NOTHING", "AccountKnown", "SymbolKnown"]

NOTHING: Final = -1
"""No id."""


class SymbolKnown(Struct, frozen=True, kw_only=True):
    """How far one symbol is known."""

    order_id: int = NOTHING
    """The largest."""
    open_order_id: int = NOTHING
    """The smallest of those that were open."""
    trade_id: int = NOTHING
    algo_id: int = NOTHING
    open_algo_id: int = NOTHING
    time: int
    """What was ordered and traded before is known; the venue's time."""


class AccountKnown(Struct, frozen=True):
    """What is known of an account in one market. Of a symbol that is not among these nothing was ever seen."""

    time: int
    """When the last whole comparison began, by the venue's clock: a symbol that is new since had no orders then."""
    symbols: Mapping[str, SymbolKnown]

    @classmethod
    def at_first(cls, time: int, symbols: Iterable[str] = ()) -> AccountKnown:
        """Return what is known of an account that was never compared: nothing since a time."""
        return cls(time, {symbol: SymbolKnown(time=time) for symbol in symbols})

    @classmethod
    def read(cls, progress: AccountProgress) -> AccountKnown:
        """Return what a note of progress says."""
        names = ("order_id", "open_order_id", "trade_id", "algo_id", "open_algo_id", "time")
        lists = (
            progress.order_ids,
            progress.open_order_ids,
            progress.trade_ids,
            progress.algo_ids,
            progress.open_algo_ids,
            progress.times,
        )
        rows = zip(progress.symbols, *lists, strict=True)
        known = {symbol: SymbolKnown(**dict(zip(names, row, strict=True))) for symbol, *row in rows}
        return cls(progress.time, known)

    def note(self, market: Market, account: str, cause: ReconcileCause) -> AccountProgress:
        """Return this as a note of progress."""
        symbols = sorted(self.symbols)
        rows = [self.symbols[symbol] for symbol in symbols]
        return AccountProgress(
            market=market,
            account=account,
            time=self.time,
            cause=cause,
            symbols=symbols,
            order_ids=[row.order_id for row in rows],
            open_order_ids=[row.open_order_id for row in rows],
            trade_ids=[row.trade_id for row in rows],
            algo_ids=[row.algo_id for row in rows],
            open_algo_ids=[row.open_algo_id for row in rows],
            times=[row.time for row in rows],
        )

    def with_symbols(self, symbols: Iterable[str]) -> AccountKnown:
        """Return the same with more symbols, of which nothing is known since the last whole comparison."""
        new = {symbol: SymbolKnown(time=self.time) for symbol in symbols if symbol not in self.symbols}
        return replace(self, symbols={**self.symbols, **new}) if new else self

    def merged(self, other: AccountKnown) -> AccountKnown:
        """Return what both know together: the answers of either are in the same log."""
        rows = dict(self.symbols)
        for symbol, row in other.symbols.items():
            mine = rows.get(symbol)
            if mine is None or (row.time, row.order_id, row.trade_id) > (mine.time, mine.order_id, mine.trade_id):
                rows[symbol] = row
        return AccountKnown(max(self.time, other.time), rows)
