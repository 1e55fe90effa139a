"""A comparison of an account with the venue: what to ask, until everything is answered that may have been missed.

First which orders are open, in all symbols. Then, symbol by symbol, all orders and all fills since they were last
known: from the smallest id of an order that was open then and is not now, or the id after the largest. Where no id is
known, from the time until which the symbol was looked at. Last the account itself: balances and positions.

Laws: every order and fill that the venue has since the last whole comparison is asked for, whatever the size of its
pages; nothing is asked twice; it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct

from ingest.core.account_answers import read_items
from ingest.core.account_endpoints import Asked, endpoint_for
from ingest.core.account_known import NOTHING, AccountKnown, SymbolKnown
from ingest.core.account_walks import PAGE, IdWalk, Params, Walk, WindowWalk, window_ms
from schemas.markets import Market


__all__ = ["OVERLAP_MS", "Question", "Reconciliation", "Remembered"]

OVERLAP_MS: Final = 5_000
"""The venue's answers may lag behind its clock by so much: windows of time begin that much earlier."""
_OPEN: Final = (Asked.OPEN_ORDERS, Asked.OPEN_ALGOS)
_WHOLE: Final = (Asked.ACCOUNT, Asked.BALANCES, Asked.POSITIONS)
_LISTS: Final[Mapping[Asked, Asked]] = {Asked.OPEN_ORDERS: Asked.ORDERS, Asked.OPEN_ALGOS: Asked.ALGOS}
"""The list of all orders, beside that of the open ones."""


class Question(Struct, frozen=True):
    """What to ask the venue."""

    asked: Asked
    symbol: str | None
    """None: it is about all of them."""
    params: Params
    weight: int


class Remembered(Struct, frozen=True):
    """What a process knows of its last whole comparison beyond the note of it, which names but the smallest open id."""

    known: AccountKnown
    open_ids: Mapping[tuple[Asked, str], frozenset[int]]
    """Which orders were open, of each list and symbol."""


class _Step(Struct):
    """A part of the comparison: one question, or a walk through a list."""

    asked: Asked
    symbol: str | None
    walk: Walk | None = None
    done: bool = False
    """Of one question: whether it is answered, or is not to be asked."""


class Reconciliation:
    """One comparison of one account in one market. All times are the venue's.

    Args:
        market: which.
        known: what was known before.
        time: when it begins: what happens later is for the next.
        remembered: of the last whole comparison of this process; None: there was none.
        page: how many items to ask for at once.
    """

    def __init__(
        self,
        market: Market,
        known: AccountKnown,
        time: int,
        *,
        remembered: Remembered | None = None,
        page: int = PAGE,
    ) -> None:
        self._market = market
        self._known = known
        self._time = time
        self._page = page
        self._remembered = remembered
        self._symbols = set(known.symbols)
        self._latest: dict[tuple[Asked, str], dict[int, bool]] = {}
        """Of each list and symbol, the ids that were answered, and whether the last answer said that it is open."""
        self._largest: dict[tuple[Asked, str], int] = {}
        """The largest id of each list that was gone through: what lists of open orders say is no end of those."""
        self._skipped: set[str] = set()
        self._left_out: set[Asked] = set()
        self._pieces: list[_Step] = []
        self._current: _Step | None = None
        self._steps = self._plan()
        self.answer_count = 0

    # What to ask

    def question(self) -> Question | None:
        """Return what to ask next; None: everything is answered.

        The same is returned until :meth:`answered`, :meth:`too_large` or :meth:`refused` is called.
        """
        while True:
            if self._current is None:
                self._current = self._pieces.pop() if self._pieces else next(self._steps, None)
            if self._current is None:
                return None
            if (question := self._of(self._current)) is not None:
                return question
            self._current = None

    def answered(self, body: bytes) -> None:
        """Take the answer to the last question.

        Raises:
            msgspec.DecodeError, UnicodeDecodeError, RecursionError: it is no answer to it.
        """
        step = self._present()
        items = read_items(step.asked, body)
        self.answer_count += 1
        of = _LISTS.get(step.asked, step.asked)
        for item in items:
            self._symbols.add(item.symbol)
            self._latest.setdefault((of, item.symbol), {})[item.item_id] = item.is_open
        if step.walk is None:
            step.done = True
        else:
            step.walk.answered(item.item_id for item in items)
            if step.symbol is not None:
                key = (of, step.symbol)
                self._largest[key] = max([self._largest.get(key, NOTHING), *(item.item_id for item in items)])

    def too_large(self, body: bytes) -> bool:
        """Ask for less at once: the answer does not fit into a record; false: there is nothing less to ask.

        Args:
            body: the answer; of open orders, it tells whose to ask for one after the other.
        """
        step = self._present()
        if step.walk is not None:
            return step.walk.too_large()
        if step.asked in _OPEN and step.symbol is None:
            symbols = {item.symbol for item in read_items(step.asked, body)}
            self._pieces = [_Step(step.asked, symbol) for symbol in sorted(symbols, reverse=True)]
            step.done = True
        return step.done

    def refused(self) -> bool:
        """Go on without the last question's list, which the venue does not give; false: without it nothing is whole.

        Of a symbol that is left out nothing more is known than before.
        """
        step = self._present()
        if step.asked is Asked.OPEN_ALGOS and step.symbol is None:
            self._left_out |= {Asked.OPEN_ALGOS, Asked.ALGOS}  # a market without conditional orders
        elif step.symbol is not None:
            self._skipped.add(step.symbol)
        else:
            return False
        self._current = None
        return True

    # What came of it

    @property
    def skipped(self) -> frozenset[str]:
        """The symbols whose lists the venue does not give."""
        return frozenset(self._skipped)

    @property
    def left_out(self) -> frozenset[Asked]:
        """The lists that the venue gives of no symbol."""
        return frozenset(self._left_out)

    def known(self) -> AccountKnown:
        """Return what is known now; only when everything is answered."""
        before = self._known.with_symbols(self._symbols)
        rows = {
            symbol: row if symbol in self._skipped else self._row(symbol, row) for symbol, row in before.symbols.items()
        }
        return AccountKnown(self._time, rows)

    def remembered(self) -> Remembered:
        """Return what the next comparison of this process may use; only when everything is answered."""
        open_ids = {
            (asked, symbol): frozenset(_open(self._latest.get((asked, symbol), {})))
            for asked in set(_LISTS.values()) - self._left_out
            for symbol in self._symbols - self._skipped
        }
        return Remembered(self.known(), open_ids)

    # Inside

    def _plan(self) -> Iterator[_Step]:
        for asked in _OPEN:
            yield _Step(asked, None)
        # A symbol may come to light while others are looked at.
        done: set[str] = set()
        while waiting := sorted(self._symbols - done):
            done.add(waiting[0])
            for asked, walk in self._walks(waiting[0]):
                yield _Step(asked, waiting[0], walk)
        for asked in _WHOLE:
            yield _Step(asked, None)

    def _walks(self, symbol: str) -> Iterator[tuple[Asked, Walk]]:
        row = self._before(symbol)
        for asked, largest, smallest_open in (
            (Asked.ORDERS, row.order_id, row.open_order_id),
            (Asked.ALGOS, row.algo_id, row.open_algo_id),
            (Asked.FILLS, row.trade_id, NOTHING),
        ):
            were_open = self._were_open(asked, symbol, smallest_open)
            from_id = min([*were_open, *([] if largest == NOTHING else [largest + 1])], default=None)
            if largest == NOTHING or self._is_far(row):
                yield (
                    asked,
                    WindowWalk(
                        asked,
                        symbol,
                        row.time - OVERLAP_MS,
                        self._time,
                        window=window_ms(self._market),
                        by_id=from_id,
                        page=self._page,
                    ),
                )
            if from_id is not None:
                yield asked, IdWalk(asked, symbol, from_id, self._page)

    def _is_far(self, row: SymbolKnown) -> bool:
        """Return whether a question by id may be answered with the last days alone, as futures' pages suggest."""
        return self._market.is_futures and self._time - row.time > window_ms(self._market)

    def _before(self, symbol: str) -> SymbolKnown:
        """Return how far a symbol was known; what this process found itself it knows more of than a note tells."""
        mine = None if self._remembered is None else self._remembered.known.symbols.get(symbol)
        return mine or self._known.symbols.get(symbol) or SymbolKnown(time=self._known.time)

    def _were_open(self, asked: Asked, symbol: str, smallest: int) -> list[int]:
        """Return orders that were open and may have ended; the smallest of them where no others are known."""
        were_open = None if self._remembered is None else self._remembered.open_ids.get((asked, symbol))
        if were_open is None:
            return [] if smallest == NOTHING else [smallest]
        # What was open and still is needs no look at all that was ordered after it.
        now = self._latest.get((asked, symbol), {})
        return [one for one in were_open if not now.get(one, False)]

    def _of(self, step: _Step) -> Question | None:
        endpoint = endpoint_for(self._market, step.asked)
        if endpoint is None or step.done or step.asked in self._left_out or step.symbol in self._skipped:
            return None
        if step.walk is not None:
            params = step.walk.params()
        else:
            params = () if step.symbol is None else (("symbol", step.symbol),)
        if params is None:
            return None
        weight = endpoint.weight_of_all if step.symbol is None else endpoint.weight
        return Question(step.asked, step.symbol, params, weight)

    def _present(self) -> _Step:
        if self._current is None:
            msg = "nothing was asked"
            raise ValueError(msg)
        return self._current

    def _row(self, symbol: str, before: SymbolKnown) -> SymbolKnown:
        orders, algos, fills = ((asked, symbol) for asked in (Asked.ORDERS, Asked.ALGOS, Asked.FILLS))
        return SymbolKnown(
            order_id=max(before.order_id, self._largest.get(orders, NOTHING)),
            open_order_id=_smallest_open(self._latest.get(orders, {})),
            trade_id=max(before.trade_id, self._largest.get(fills, NOTHING)),
            algo_id=max(before.algo_id, self._largest.get(algos, NOTHING)),
            open_algo_id=(
                before.open_algo_id if Asked.ALGOS in self._left_out else _smallest_open(self._latest.get(algos, {}))
            ),
            time=self._time,
        )


def _open(ids: Mapping[int, bool]) -> list[int]:
    return [one for one, is_open in ids.items() if is_open]


def _smallest_open(ids: Mapping[int, bool]) -> int:
    return min(_open(ids), default=NOTHING)
