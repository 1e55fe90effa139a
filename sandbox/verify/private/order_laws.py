"""What holds of every order: the arithmetic of its fills, its numbers, the order of its life.

The reports of an order are put into the order in which they happened, whatever that of their arrival; one that came
twice counts once. Then cumulative filled is the sum of the fills, cumulative quote the sum of their quotes, an order is
FILLED exactly when all of it is, execution and trade ids rise, nothing follows an end. Of an order whose beginning was
not recorded, what was filled before is taken as the first report tells it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

import msgspec

from sandbox.verify.private.averages import RunningAverage
from sandbox.verify.private.reports import ALGO, TERMINAL, Fill, OrderReport, is_triggered, number
from schemas.markets import Market


__all__ = ["Finding", "Told", "judge_order"]

_TINY: Final = Decimal("1e-8")
_NEVER: Final = 2**63
_STATUSES: Final[Mapping[str, frozenset[str]]] = {
    "NEW": frozenset({"NEW", "PENDING_NEW"}),
    "TRADE": frozenset({"PARTIALLY_FILLED", "FILLED"}),
    "CALCULATED": frozenset({"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED"}),
    "CANCELED": frozenset({"CANCELED", "PENDING_CANCEL"}),
    "REJECTED": frozenset({"REJECTED"}),
    "EXPIRED": frozenset({"EXPIRED", "EXPIRED_IN_MATCH"}),
    "REPLACED": frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"}),
    "AMENDMENT": frozenset({"NEW", "PARTIALLY_FILLED"}),
    "TRADE_PREVENTION": frozenset({"NEW", "PARTIALLY_FILLED", "FILLED", "EXPIRED_IN_MATCH"}),
}
"""Statuses that can follow from what happened."""
_AFTER: Final[Mapping[str, frozenset[str]]] = {
    "PENDING_NEW": frozenset({"PENDING_NEW", "NEW", "PARTIALLY_FILLED", *TERMINAL}),
    "NEW": frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_CANCEL", *TERMINAL}),
    "PARTIALLY_FILLED": frozenset({"PARTIALLY_FILLED", "PENDING_CANCEL", *TERMINAL} - {"REJECTED"}),
    "PENDING_CANCEL": frozenset({"PENDING_CANCEL", "CANCELED", "PARTIALLY_FILLED", "FILLED"}),
}
_ALGO_AFTER: Final[Mapping[str, frozenset[str]]] = {
    "NEW": frozenset({"NEW", "TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"}),
    "TRIGGERING": frozenset({"TRIGGERING", "TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"}),
    "TRIGGERED": frozenset({"TRIGGERED", "FINISHED", "CANCELED", "REJECTED", "EXPIRED"}),
}
_AMENDED: Final = frozenset({"REPLACED", "AMENDMENT"})


class Told(msgspec.Struct, frozen=True):
    """A report, and where it is recorded."""

    report: OrderReport
    place: str


class Finding(msgspec.Struct, frozen=True):
    """Something that does not hold."""

    what: str
    said: str
    demanded: str
    place: str


def judge_order(market: Market, told: Sequence[Told], lite: Sequence[Fill] = ()) -> Iterator[Finding]:
    """Yield what does not hold of one order.

    Args:
        market: its market.
        told: its reports, each once, in the order in which they came.
        lite: its fills of which TRADE_LITE told.
    """
    # Equal reports of one moment stay in the order in which they came.
    ordered = sorted(told, key=lambda one: one.report.rank)
    yield from _numbers(market, ordered)
    yield from _life(ordered)
    yield from _fixed(market, ordered)
    if ordered[0].report.order[1] != ALGO:
        yield from _sums(market, ordered, lite)
        yield from _completions(market, ordered)


def _numbers(market: Market, ordered: Sequence[Told]) -> Iterator[Finding]:
    """Each execution has an id of its own and each fill a trade id of its own, and both rise."""
    for before, after in pairwise(ordered):
        one, other = before.report, after.report
        if market is Market.SPOT and one.rank == other.rank:
            yield Finding(f"execution id {one.rank[0]} is told twice, differently", "two reports", "one", after.place)
        if market is Market.SPOT and one.time_ms > other.time_ms:
            what = "transaction times rise with execution ids"
            yield Finding(what, f"{other.time_ms} after {one.time_ms}", f"at least {one.time_ms}", after.place)
    numbered = [(one, one.report.fill.trade_id) for one in ordered if one.report.fill is not None]
    fills = [(one, trade_id) for one, trade_id in numbered if trade_id is not None]
    for (_, first), (after, second) in pairwise(fills):
        if second <= first:
            yield Finding("trade ids rise", str(second), f"more than {first}", after.place)


def _life(ordered: Sequence[Told]) -> Iterator[Finding]:
    for one in ordered:
        yield from _status(one)
    for before, after in pairwise(ordered):
        first, second = before.report.status, after.report.status
        table = _ALGO_AFTER if after.report.order[1] == ALGO else _AFTER
        possible = table.get(first, frozenset())
        if first == "EXPIRED" and _is_triggered_by(before.report, after.report):
            continue
        if first in TERMINAL:
            yield Finding(f"nothing follows {first}", second, "nothing", after.place)
        elif second not in possible and first in table:
            yield Finding(f"the life goes on from {first}", second, " or ".join(sorted(possible)), after.place)
        elif second == "NEW" and before.report.cumulative:
            yield Finding("a filled order is not NEW again", second, first, after.place)


def _status(one: Told) -> Iterator[Finding]:
    report = one.report
    if report.order[1] == ALGO:
        if report.status not in _ALGO_AFTER and report.status not in TERMINAL:
            yield Finding("the status is one of an algo order", report.status, "another", one.place)
        return
    possible = _STATUSES.get(report.execution)
    if possible is None:
        known = " or ".join(sorted(_STATUSES))
        yield Finding("the execution type is a known one", report.execution, known, one.place)
    elif report.status not in possible:
        demanded = " or ".join(sorted(possible))
        yield Finding(f"the status follows from {report.execution}", report.status, demanded, one.place)


def _is_triggered_by(before: OrderReport, after: OrderReport) -> bool:
    """Whether a stop order of futures that is no algo order went on, under its id, as what its trigger made of it."""
    return after.order[1] != ALGO and is_triggered(after.fields) and not is_triggered(before.fields)


def _fixed(market: Market, ordered: Sequence[Told]) -> Iterator[Finding]:
    """What was ordered does not change by itself."""
    for before, after in pairwise(ordered):
        one, other = before.report, after.report
        for what, value in _ORDERED[market is Market.SPOT, other.order[1] == ALGO].items():
            if other.execution in _AMENDED and what in {"price", "quantity"}:
                continue
            if what in {"price", "time in force"} and _is_triggered_by(one, other):
                continue
            was, now = value(one), value(other)
            if was is not None and now is not None and was != now:
                yield Finding(f"the {what} does not change", str(now), str(was), after.place)


class _Running(msgspec.Struct):
    """What is filled up to a report."""

    filled: Decimal
    quote: Decimal
    average: RunningAverage
    whole: bool
    """Whether every fill was recorded, so that averages can be told."""
    alone: list[Fill]
    """Fills still to come of which TRADE_LITE alone told, the earliest first."""

    def take(self, fill: Fill) -> None:
        """Add a fill."""
        self.filled += fill.quantity
        self.quote += fill.quote or Decimal(0)
        self.average.add(fill.price, fill.quantity)

    def fill_gap(self, report: OrderReport) -> None:
        """Add the fills of which no report told, if those up to a report are what is missing in its sum."""
        last = (report.fill.trade_id if report.fill else None) or _NEVER
        due = [fill for fill in self.alone if fill.time_ms <= report.time_ms and (fill.trade_id or 0) < last]
        if self.filled + sum(fill.quantity for fill in due) == report.cumulative:
            for fill in due:
                self.take(fill)
            self.alone = self.alone[len(due) :]


def _sums(market: Market, ordered: Sequence[Told], lite: Sequence[Fill]) -> Iterator[Finding]:
    first = ordered[0].report
    before = first.cumulative - (first.fill.quantity if first.fill else 0)
    quote = (first.cumulative_quote or Decimal(0)) - ((first.fill.quote or Decimal(0)) if first.fill else 0)
    if before < 0:
        yield Finding("cumulative filled is the sum of the fills", f"{first.cumulative:f}", "more", ordered[0].place)
    told = {one.report.fill.trade_id for one in ordered if one.report.fill is not None}
    alone = sorted(
        # What was filled before the first report is in its sum.
        (fill for fill in lite if fill.trade_id not in told and (not before or fill.time_ms > first.time_ms)),
        key=lambda fill: (fill.time_ms, fill.trade_id or 0),
    )
    running = _Running(before, quote, RunningAverage(inverse=market is Market.COINM), not before, alone)
    for one in ordered:
        report = one.report
        if report.fill is not None:
            running.take(report.fill)
            yield from _fill(one)
        if report.cumulative != running.filled:
            running.fill_gap(report)
        if report.cumulative != running.filled:
            said, demanded = f"{report.cumulative:f}", f"{running.filled:f}"
            yield Finding("cumulative filled is the sum of the fills", said, demanded, one.place)
            running.filled, running.whole = report.cumulative, False
        if report.cumulative_quote is not None and report.cumulative_quote != running.quote:
            what = "cumulative quote is the sum of the fills' quotes"
            yield Finding(what, f"{report.cumulative_quote:f}", f"{running.quote:f}", one.place)
            running.quote = report.cumulative_quote
        yield from _average(market, one, running)


def _average(market: Market, one: Told, running: _Running) -> Iterator[Finding]:
    average, told = running.average, one.report.fields.get("ap")
    if market.is_futures and running.whole and average.known and told and not average.holds(Decimal(told)):
        yield Finding("the average price is that of the fills", str(told), f"{average.exact:f}", one.place)


def _fill(one: Told) -> Iterator[Finding]:
    fill = one.report.fill
    if fill is None:
        return
    if fill.trade_id is None and one.report.execution == "TRADE":
        yield Finding("a fill has a trade id", "none", "one", one.place)
    if fill.commission and not fill.commission_asset:
        yield Finding("a commission has an asset", "none", "one", one.place)
    if fill.quantity <= 0:
        yield Finding("a fill has a quantity", f"{fill.quantity:f}", "more than 0", one.place)
    if fill.price <= 0:
        yield Finding("a fill has a price", f"{fill.price:f}", "more than 0", one.place)
    if fill.quote is not None and abs(fill.quote - fill.price * fill.quantity) >= _TINY:
        exact = f"{fill.price * fill.quantity:f}"
        yield Finding("the quote of a fill is its price times its quantity", f"{fill.quote:f}", exact, one.place)


def _completions(market: Market, ordered: Sequence[Told]) -> Iterator[Finding]:
    """An order is FILLED exactly when cumulative is what was ordered, but for what self-trade prevention took of it."""
    prevented = Decimal(0)
    for one in ordered:
        report = one.report
        if market is Market.SPOT:
            prevented = max(prevented, number(report.fields, "A"))
        if report.quantity and not _is_open_ended(report):
            yield from _completion(one, prevented)


def _completion(one: Told, prevented: Decimal) -> Iterator[Finding]:
    report = one.report
    what = "FILLED exactly when cumulative is what was ordered"
    said, demanded = f"{report.status} at {report.cumulative:f}", f"{report.quantity - prevented:f}"
    whole = report.cumulative in {report.quantity, report.quantity - prevented}
    if report.cumulative > report.quantity:
        yield Finding("no more is filled than ordered", f"{report.cumulative:f}", f"{report.quantity:f}", one.place)
    elif report.status == "FILLED" and not whole:
        yield Finding(what, said, f"at {demanded}", one.place)
    elif report.status != "FILLED" and report.cumulative == report.quantity:
        yield Finding(what, said, "FILLED", one.place)


def _is_open_ended(report: OrderReport) -> bool:
    """Whether something else than the quantity decides when an order is filled."""
    fields = report.fields
    return bool(number(fields, "Q") or fields.get("cp") is True or report.execution == "CALCULATED")


def _client_id(report: OrderReport) -> object:
    """Return the order's own client id: a cancellation has one of its own, an amendment may give another."""
    fields = report.fields
    if report.execution in {"NEW", "TRADE"}:
        return fields["c"]
    return fields.get("C") or fields["c"] if report.execution == "CANCELED" else None


def _price(report: OrderReport) -> object:
    """Return the price that was ordered; None where it follows the market."""
    if report.fields.get("gP") or report.fields.get("pm", "NONE") != "NONE":
        return None
    return number(report.fields, "p") if report.fields.get("p") else None


def _quantity(report: OrderReport) -> object:
    return None if not report.quantity or _is_open_ended(report) else report.quantity


_Value = Callable[[OrderReport], object]
_COMMON: Final[Mapping[str, _Value]] = {
    "side": lambda report: report.fields.get("S"),
    "time in force": lambda report: report.fields.get("f"),
    "price": _price,
    "quantity": _quantity,
}
_ORDERED: Final[Mapping[tuple[bool, bool], Mapping[str, _Value]]] = {
    (True, False): {
        **_COMMON,
        "type": lambda report: report.fields.get("o"),
        "client order id": _client_id,
        "time of creation": lambda report: report.fields.get("O"),
        "order list": lambda report: report.fields.get("g"),
    },
    (False, False): {
        **_COMMON,
        "type": lambda report: report.fields.get("ot"),
        "client order id": lambda report: report.fields.get("c"),
        "position side": lambda report: report.fields.get("ps"),
    },
    (False, True): {
        **_COMMON,
        "client order id": lambda report: report.fields.get("caid"),
        "position side": lambda report: report.fields.get("ps"),
    },
    (True, True): {},
}
"""By whether it is of spot and whether an algo order: what was ordered."""
