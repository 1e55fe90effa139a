"""The orders of one account on one market: what records tell of them, and when they may be forgotten."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from heapq import heappop, heappush
from typing import Final

import msgspec

from processors.core.account_parts import Part, PartName, PartType, Result, Telling
from processors.core.checkpoint_rounds import CheckpointError
from processors.core.order_records import dump_order, load_order, order_record
from processors.core.order_reports import OrderKey, OrderReport, OrderTold
from processors.core.order_transitions import TERMINAL
from processors.core.orders import Advanced, Impossible, OrderState, OutOfOrder, advance
from processors.core.records import DeadLetter, Difference, Output
from schemas.accounts import AccountSource, Order, OrderKind
from schemas.keys import order_key
from schemas.markets import Market
from schemas.topics import DerivedType


__all__ = ["AccountOrders", "SymbolOrders"]


class _Orders(msgspec.Struct, frozen=True, array_like=True):
    states: list[msgspec.Raw]
    buried: dict[OrderKind, int]


_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(_Orders).decode
_Ended = tuple[int, str, OrderKind, int]
_FILLS: Final = frozenset(
    {
        "filled_quote_quantity", "average_price", "fills_known_quantity", "fill_count", "commission_assets",
        "commissions", "realized_profit", "last_trade_id", "last_fill_price", "last_fill_quantity",
        "event_time", "source", "recovered", "input_offset", "snapshot_offset",
    }
)  # fmt: skip
"""Fields that a fill changes of which nothing else was missed."""


class SymbolOrders:
    """The orders of an account in one symbol."""

    __slots__ = ("_dumped", "buried", "states")

    def __init__(self) -> None:
        self.states: dict[OrderKey, OrderState] = {}
        self.buried: dict[OrderKind, int] = {}
        """Largest id of an order that was kept for long enough."""
        self._dumped: dict[OrderKey, tuple[OrderState, msgspec.Raw]] = {}
        """Most orders have ended, and are the same the next time."""

    def dump(self) -> bytes:
        """Return all of them as JSON."""
        before, dumped = self._dumped, {}
        for key, state in self.states.items():
            known = before.get(key)
            dumped[key] = known if known and known[0] is state else (state, msgspec.Raw(dump_order(state)))
        self._dumped = dumped
        return _encode(_Orders([raw for _, raw in dumped.values()], self.buried))

    def load(self, data: bytes) -> None:
        """Take over what was dumped.

        Raises:
            CheckpointError: it cannot be read.
        """
        try:
            kept = _decode(data)
            states = [(load_order(bytes(raw)), raw.copy()) for raw in kept.states]
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise CheckpointError(str(error)) from error
        self.states, self.buried = {state.key: state for state, _ in states}, kept.buried
        self._dumped = {state.key: (state, raw) for state, raw in states}


OrderPart = Part[SymbolOrders]


class _Changed(msgspec.Struct):
    """An order that a record changed."""

    before: OrderState | None
    recovered: bool = False


class AccountOrders:
    """All orders of an account on a market, part by part.

    Args:
        market: which.
        account: its label.
        retention_ms: for how long of event time an order is kept after it ended.
    """

    def __init__(self, market: Market, account: str, retention_ms: int) -> None:
        self._market = market
        self._account = account
        self._retention_ms = retention_ms
        self._parts: dict[str, OrderPart] = {}
        self._ended: list[_Ended] = []
        """Orders that ended, the one that ended first first; some are gone already, or ended later after all."""

    @property
    def parts(self) -> Collection[OrderPart]:
        """One for each symbol."""
        return self._parts.values()

    def load(self, name: PartName, dumped: bytes) -> int:
        """Take over a dumped part, and return the account's clock.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        part: OrderPart = Part(name, SymbolOrders())
        clock_ms = part.load(dumped)
        self._parts[name.symbol] = part
        for state in part.content.states.values():
            self._note_end(state)
        return clock_ms

    def drop(self, name: PartName) -> None:
        """Forget a part."""
        self._parts.pop(name.symbol, None)

    def tell(self, reports: Iterable[OrderTold], telling: Telling, clock_ms: int) -> list[Result]:
        """Apply what a record tells of orders; return one record for each that it changed.

        Args:
            reports: what it tells.
            telling: the record.
            clock_ms: the account's time.
        """
        results: list[Result] = []
        changed: dict[OrderKey, _Changed] = {}
        for report in reports:
            part = self._part(report.key.symbol)
            before = part.content.states.get(report.key)
            if telling.is_known_to(part) or (before is None and self._is_forgotten(part, report, telling, clock_ms)):
                continue
            outcome = advance(before, report)
            if isinstance(outcome, Impossible):
                results.append(DeadLetter(outcome.reason, f"{_described(report)}: {outcome.detail}", telling.record))
            if outcome.changed and outcome.state is not None:
                entry = changed.setdefault(report.key, _Changed(before))
                entry.recovered |= isinstance(outcome, Advanced | OutOfOrder) and outcome.recovered
                part.content.states[report.key] = outcome.state
        for key, entry in changed.items():
            self._say(key, entry, telling, results)
        return results

    def bury(self, clock_ms: int, timestamp_ms: int) -> list[Result]:
        """End the orders that were kept for long enough; return a tombstone for each.

        Args:
            clock_ms: the account's time.
            timestamp_ms: of the records.
        """
        buried: list[Result] = []
        while self._ended and self._ended[0][0] <= clock_ms - self._retention_ms:
            time, symbol, kind, order_id = heappop(self._ended)
            part, key = self._part(symbol), OrderKey(symbol, kind, order_id)
            state = part.content.states.get(key)
            if state is None or not state.terminal or state.rank is None or state.rank.time != time:
                continue
            del part.content.states[key]
            part.content.buried[kind] = max(order_id, part.content.buried.get(kind, -1))
            part.changed = True
            if (order := order_record(state, -1, -1)) is not None:
                buried.append(Output(self._market, DerivedType.ORDER, order_key(order), None, timestamp_ms))
        return buried

    def _part(self, symbol: str) -> OrderPart:
        part = self._parts.get(symbol)
        if part is None:
            name = PartName(self._market, self._account, PartType.ORDERS, symbol)
            part = self._parts[symbol] = Part(name, SymbolOrders())
        return part

    def _is_forgotten(self, part: OrderPart, report: OrderTold, telling: Telling, clock_ms: int) -> bool:
        """Return whether nothing is known of an order because its time is over.

        Records can be read long after later ones of another topic: an answer that was made so long ago may call open
        what ended and was buried since, and an event may be the repetition of one of those that led there. What is
        open still is told by a later answer.
        """
        oldest = clock_ms - self._retention_ms
        if report.source is AccountSource.STREAM:
            return report.time <= oldest and report.key.order_id <= part.content.buried.get(report.key.kind, -1)
        if 0 < telling.time_ms <= oldest:
            return True
        is_open = isinstance(report, OrderReport) and report.status not in TERMINAL[report.key.kind]
        return report.time <= oldest and not is_open

    def _say(self, key: OrderKey, changed: _Changed, telling: Telling, results: list[Result]) -> None:
        part = self._part(key.symbol)
        state, before = part.content.states[key], changed.before
        offsets = telling.mark(part)
        if before is None or before.rank != state.rank:
            self._note_end(state)
        order = order_record(state, *offsets)
        known = None if before is None else order_record(before, *offsets)
        if order is None or order == known:
            return
        record = telling.record
        results.append(Output(self._market, DerivedType.ORDER, order_key(order), order, record.timestamp_ms))
        if changed.recovered:
            what = _what(known, order, streamed=before is not None and before.streamed)
            results.append(
                Difference(
                    market=self._market, account=self._account, what=what, before=known, after=order,
                    cause=telling.cause, record=record,
                )
            )  # fmt: skip

    def _note_end(self, state: OrderState) -> None:
        if state.terminal and state.rank is not None:
            heappush(self._ended, (state.rank.time, state.key.symbol, state.key.kind, state.key.order_id))


def _described(report: OrderTold) -> str:
    kind = "algo order" if report.key.kind is OrderKind.ALGO else "order"
    return f"{report.key.symbol} {kind} {report.key.order_id}"


def _what(before: Order | None, after: Order, *, streamed: bool) -> str:
    """Return what an answer told; of an order that no event had told of, none of it was missed by a stream that ran."""
    if before is None:
        return "unknown-order"
    different = {name for name in Order.__struct_fields__ if getattr(before, name) != getattr(after, name)}
    what = "fill" if different <= _FILLS else "order"
    return what if streamed else f"unknown-{what}"
