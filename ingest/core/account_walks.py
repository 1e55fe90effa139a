"""The whole of a list that the venue gives page by page: all orders, fills or conditional orders of a symbol.

Where an id is known the pages follow each other by id: each begins behind the last of the one before, so no item is
stepped over however many there are to a page. Where none is known, windows of time are asked, one after the other; a
window that fills a page is asked again in two halves. That needs no promise about the order of items in an answer.

Sources: binance-spot-api-docs, ``allOrders`` and ``myTrades``: a window of 24 h at most (2026-07-21); derivatives
documentation, "All Orders", "Account Trade List": less than 7 days (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from ingest.core.account_endpoints import Asked
from schemas.markets import Market


__all__ = ["PAGE", "IdWalk", "Params", "Walk", "WindowWalk", "window_ms"]

PAGE: Final = 1000
"""The most that the venue gives at once, in every one of these lists."""

Params = tuple[tuple[str, str | int], ...]
"""Of a question, in their order."""

_DAY_MS: Final = 86_400_000
_SECOND_MS: Final = 1_000
_ID_PARAMS: Final[Mapping[Asked, str]] = {
    Asked.ORDERS: "orderId",
    Asked.FILLS: "fromId",
    Asked.ALGOS: "algoId",
}


def window_ms(market: Market) -> int:
    """Return the longest window of time that may be asked."""
    return 7 * _DAY_MS - _SECOND_MS if market.is_futures else _DAY_MS


class Walk(Protocol):
    """A way through a list."""

    def params(self) -> Params | None:
        """Return what to ask next; None: it is done."""

    def answered(self, ids: Iterable[int]) -> None:
        """Take the ids of the answer."""

    def too_large(self) -> bool:
        """Ask for less at once; false: that cannot be."""


class _Pages(Struct):
    """How much is asked for at once."""

    limit: int

    def halve(self) -> bool:
        if self.limit == 1:
            return False
        self.limit = (self.limit + 1) // 2
        return True


class IdWalk:
    """Page by page by id.

    Args:
        asked: which list.
        symbol: whose.
        from_id: where to begin.
        page: how many items to ask for at once.
        before: what lies from this id on is gone through by another walk; None: nothing is.
    """

    def __init__(self, asked: Asked, symbol: str, from_id: int, page: int = PAGE, *, before: int | None = None) -> None:
        self._param = _ID_PARAMS[asked]
        self._symbol = symbol
        self._from_id = from_id
        self._before = before
        self._pages = _Pages(page)
        self._done = before is not None and from_id >= before

    def params(self) -> Params | None:
        """Return what to ask next; None: it is done."""
        if self._done:
            return None
        return (("symbol", self._symbol), (self._param, self._from_id), ("limit", self._pages.limit))

    def answered(self, ids: Iterable[int]) -> None:
        """Take the ids of the answer; one that brings nothing beyond what was asked is the end."""
        known = list(ids)
        new = [one for one in known if one >= self._from_id]
        self._done = len(known) < self._pages.limit or not new
        if new:
            self._from_id = max(new) + 1
            self._done = self._done or (self._before is not None and self._from_id >= self._before)

    def too_large(self) -> bool:
        """Ask for less at once; false: that cannot be."""
        return self._pages.halve()


class WindowWalk:
    """Window by window of time.

    Args:
        asked: which list.
        symbol: whose.
        since: the first millisecond that is asked for, by the venue's clock.
        until: the last.
        window: the longest window that may be asked.
        by_id: what lies from this id on is gone through by another walk; None: nothing is.
        page: how many items to ask for at once.
    """

    def __init__(
        self,
        asked: Asked,
        symbol: str,
        since: int,
        until: int,
        *,
        window: int,
        by_id: int | None = None,
        page: int = PAGE,
    ) -> None:
        self._asked = asked
        self._symbol = symbol
        self._by_id = by_id
        self._pages = _Pages(page)
        starts = range(max(0, since), until + 1, window)
        self._windows = [(start, min(start + window - 1, until)) for start in reversed(starts)]
        """What is left to ask, the next at the end."""
        self._rest: IdWalk | None = None

    def params(self) -> Params | None:
        """Return what to ask next; None: it is done."""
        if self._rest is not None:
            return self._rest.params()
        if not self._windows:
            return None
        start, end = self._windows[-1]
        return (("symbol", self._symbol), ("startTime", start), ("endTime", end), ("limit", self._pages.limit))

    def answered(self, ids: Iterable[int]) -> None:
        """Take the ids of the answer; as many as fit may not be all, so the window is halved."""
        if self._rest is not None:
            self._rest.answered(ids)
            return
        known = list(ids)
        start, end = self._windows.pop()
        if len(known) < self._pages.limit:
            return
        if end > start:
            middle = (start + end) // 2
            self._windows += [(middle + 1, end), (start, middle)]
        else:
            # So many in one millisecond, as a large order makes fills: the rest, and all after it, by id.
            self._rest = IdWalk(self._asked, self._symbol, max(known) + 1, self._pages.limit, before=self._by_id)

    def too_large(self) -> bool:
        """Ask for less at once; false: that cannot be."""
        return self._pages.halve() if self._rest is None else self._rest.too_large()
