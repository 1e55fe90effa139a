"""What holds of an account: of each order, of their ids and fills among one another, of balances and positions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import msgspec

from sandbox.verify.private.account_events import AccountEvents
from sandbox.verify.private.contradictions import Contradiction
from sandbox.verify.private.fund_laws import judge_funds
from sandbox.verify.private.order_laws import Finding, judge_order
from sandbox.verify.private.reports import ALGO, Fill, OrderId
from schemas.markets import Market


__all__ = ["judge_account", "name_of"]


def judge_account(account: str, events: AccountEvents) -> Iterator[Contradiction]:
    """Yield what an account's events say against one another."""
    market = events.market

    def contradiction(subject: str, finding: Finding) -> Contradiction:
        return Contradiction(market, account, subject, finding.what, finding.said, finding.demanded, finding.place)

    for finding in events.unreadable:
        yield contradiction("event", finding)
    lite: dict[OrderId, list[Fill]] = {}
    for order, fill, _ in events.lite:
        lite.setdefault(order, []).append(fill)
    for order, told in events.reports.items():
        for finding in judge_order(market, told, lite.get(order, ())):
            yield contradiction(name_of(order), finding)
    for subject, finding in (*_ids(events), *_lite(events), *_algo_orders(events), *judge_funds(events)):
        yield contradiction(subject, finding)


def name_of(order: OrderId) -> str:
    """Return how messages call an order."""
    symbol, kind, number = order
    return f"algo order {symbol} {number}" if kind == ALGO else f"order {symbol} {number}"


class _Numbered(msgspec.Struct, frozen=True, order=True):
    """Something that has a number, which rises with time."""

    id: int
    time_ms: int
    place: str
    order: OrderId
    side: str = ""


def _ids(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """Ids of executions and trades of a symbol rise with time, over all orders; those of executions are of one."""
    executions: dict[str, list[_Numbered]] = {}
    trades: dict[str, list[_Numbered]] = {}
    for order, told in events.reports.items():
        for one in told:
            report, fill = one.report, one.report.fill
            if events.market is Market.SPOT:
                numbered = _Numbered(report.rank[0], report.time_ms, one.place, order)
                executions.setdefault(order[0], []).append(numbered)
            if fill is not None and fill.trade_id is not None:
                row = _Numbered(fill.trade_id, fill.time_ms, one.place, order, fill.side)
                trades.setdefault(order[0], []).append(row)
    for symbol, rows in trades.items():
        yield from _named(symbol, _rising("trade", rows))
        yield from _named(symbol, _matched(rows))
    for symbol, rows in executions.items():
        yield from _named(symbol, _rising("execution", rows))
        for first, second in pairwise(sorted(rows)):
            if first.id == second.id and first.order != second.order:
                what = "an execution id is of one order"
                yield symbol, Finding(what, f"{first.id} of two", "of one", second.place)


def _rising(what: str, rows: Sequence[_Numbered]) -> Iterator[Finding]:
    """Yield each that has a larger number than one that came later; those of one order are judged with it."""
    for first, second in pairwise(sorted(rows)):
        if first.order != second.order and second.time_ms < first.time_ms:
            said, demanded = f"{second.id} at {second.time_ms}", f"before {first.id} at {first.time_ms}"
            yield Finding(f"{what} ids rise with time", said, demanded, second.place)


def _matched(rows: Sequence[_Numbered]) -> Iterator[Finding]:
    """Yield each trade of two orders that does not have one of them on either side."""
    for first, second in pairwise(sorted(rows)):
        if first.id == second.id and first.order != second.order and first.side == second.side:
            said = f"{second.side} of {name_of(second.order)} and of {name_of(first.order)}"
            yield Finding(f"trade {first.id} has one buyer and one seller", said, "one each", second.place)


def _lite(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """A fill that was told of twice is the same one."""
    told = {(report.order, fill.trade_id): fill for report, fill, _ in events.fills()}
    for order, fill, place in events.lite:
        full = told.get((order, fill.trade_id))
        if full is None:
            continue
        for what, one, other in (
            ("price", fill.price, full.price),
            ("quantity", fill.quantity, full.quantity),
            ("side", fill.side, full.side),
        ):
            if one != other:
                yield (
                    name_of(order),
                    Finding(f"TRADE_LITE tells the {what} of trade {fill.trade_id}", str(one), str(other), place),
                )


def _algo_orders(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """What an algo order says was executed is what its order in the engine says."""
    for order, told in events.reports.items():
        last = max(told, key=lambda one: one.report.rank)
        engine = last.report.fields.get("ai") if order[1] == ALGO else None
        if not engine or last.report.status != "FINISHED" or "aq" not in last.report.fields:
            continue
        of_engine = events.reports.get((order[0], "regular", int(engine)), [])
        if of_engine:
            filled = max(one.report.cumulative for one in of_engine)
            if filled != last.report.cumulative:
                what = f"executed is what order {engine} has filled"
                yield name_of(order), Finding(what, f"{last.report.cumulative:f}", f"{filled:f}", last.place)


def _named(subject: str, findings: Iterator[Finding]) -> Iterator[tuple[str, Finding]]:
    return ((subject, finding) for finding in findings)
