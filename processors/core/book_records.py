"""Records about one book, as they are written."""

from __future__ import annotations

from processors.core.book import OrderBook, Top
from processors.core.book_results import Verified
from schemas.derived import BookSnapshot, BookState, BookVerification, TopOfBook


__all__ = ["Said", "snapshot_record", "top_record", "verification_record"]

Said = tuple[int, int | None, int]
"""Update id, event time and offset of what is said of a book: said again, it is the same record."""


def top_record(symbol: str, state: BookState, top: Top, said: Said) -> TopOfBook:
    """Return the top of a book."""
    update_id, event_time, input_offset = said
    bid_price, bid_quantity, ask_price, ask_quantity = top
    return TopOfBook(
        symbol=symbol,
        update_id=max(update_id, 0),
        state=state,
        event_time=event_time,
        bid_price=bid_price,
        bid_quantity=bid_quantity,
        ask_price=ask_price,
        ask_quantity=ask_quantity,
        spread=None if ask_price is None or bid_price is None else ask_price - bid_price,
        input_offset=input_offset,
    )


def snapshot_record(
    symbol: str, time: int, book: OrderBook | None, *, depth: int, update_id: int, input_offset: int
) -> BookSnapshot:
    """Return the best levels of a book; None: one that is not right is shown empty."""
    levels = (book or OrderBook()).top(depth)
    return BookSnapshot(
        symbol=symbol,
        snapshot_time=time,
        update_id=max(update_id, 0),
        state=BookState.SYNCING if book is None else BookState.LIVE,
        bid_prices=levels.bid_prices,
        bid_quantities=levels.bid_quantities,
        ask_prices=levels.ask_prices,
        ask_quantities=levels.ask_quantities,
        input_offset=input_offset,
    )


def verification_record(symbol: str, time: int, result: Verified, input_offset: int) -> BookVerification:
    """Return how a book compared with a snapshot."""
    return BookVerification(
        symbol=symbol,
        verified_time=time,
        update_id=result.update_id,
        levels_compared=result.compared,
        levels_equal=result.equal,
        levels_left_out=result.left_out,
        result=result.result,
        input_offset=input_offset,
    )
