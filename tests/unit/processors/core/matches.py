"""Trades in numbers, for tests of what is made of them."""

from __future__ import annotations

from hypothesis import strategies as st

from processors.core.trades import Match
from schemas.derived import TakerSide


__all__ = ["match_at", "matches"]


def match_at(
    time: int, trade_id: int = 1, *, price: int = 100, quantity: int = 10, buy: bool = True, offset: int | None = None
) -> Match:
    """Return a trade whose offset, unless given, is its id."""
    return Match(
        trade_id,
        trade_id,
        trade_id,
        time,
        price,
        quantity,
        quantity,
        price * quantity,
        TakerSide.BUY if buy else TakerSide.SELL,
        trade_id if offset is None else offset,
    )


def matches(count: int, span_ms: int) -> st.SearchStrategy[list[Match]]:
    """Return up to ``count`` trades of consecutive ids within a span, times rising with the ids."""
    terms = st.tuples(st.integers(0, span_ms - 1), st.integers(1, 50), st.integers(1, 9), st.booleans())
    return st.lists(terms, min_size=1, max_size=count).map(
        lambda rows: [
            match_at(time, number, price=price, quantity=quantity, buy=buy)
            for number, (time, price, quantity, buy) in enumerate(sorted(rows, key=lambda row: row[0]), start=1)
        ]
    )
