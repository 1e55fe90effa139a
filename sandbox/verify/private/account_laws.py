"""What holds of an account: its orders, their fills among one another, balances and positions that follow from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

import msgspec

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.contradictions import Contradiction
from sandbox.verify.private.ledgers import Change, Statement, judge_ledger
from sandbox.verify.private.order_laws import Finding, Told, judge_order
from sandbox.verify.private.reports import (
    ALGO,
    Fields,
    Fill,
    OrderId,
    OrderReport,
    UnreadableEventError,
    decode_event,
    fill_of,
    number,
    report_of,
    require_shape,
)
from schemas.markets import Market


__all__ = ["AccountEvents", "judge_account", "name_of"]

_ROUNDING: Final = Decimal("1e-8")
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "USD1", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")


class AccountEvents:
    """All events of an account on a market, each once.

    Args:
        market: the market.
        events: of the account alone, in the order in which they came.
    """

    def __init__(self, market: Market, events: Sequence[PrivateEvent]) -> None:
        self.market = market
        self.duplicates = 0
        """Events that came again."""
        self.unreadable: list[Finding] = []
        self.reports: dict[OrderId, list[Told]] = {}
        self.lite: list[tuple[OrderId, Fill, str]] = []
        """Fills that TRADE_LITE told of."""
        self.others: list[tuple[str, Fields, str]] = []
        """Type, fields and place of all else."""
        seen: set[bytes] = set()
        for event in events:
            fields = decode_event(event)
            content = _content(fields)
            if content in seen:
                self.duplicates += 1
                continue
            seen.add(content)
            try:
                self._take(event, fields)
            except UnreadableEventError as error:
                self.unreadable.append(Finding("the event can be read", str(error), "an event", event.place))

    def _take(self, event: PrivateEvent, fields: Fields) -> None:
        report, lite = report_of(event, fields), fill_of(event, fields)
        if report is not None:
            self.reports.setdefault(report.order, []).append(Told(report, event.place))
        elif lite is not None:
            self.lite.append((*lite, event.place))
        else:
            require_shape(event, fields)
            self.others.append((event.type, fields, event.place))

    def fills(self) -> Iterator[tuple[OrderReport, Fill, str]]:
        """Yield the fills that reports tell of."""
        for told in self.reports.values():
            for one in told:
                if one.report.fill is not None:
                    yield one.report, one.report.fill, one.place


def judge_account(account: str, events: AccountEvents) -> Iterator[Contradiction]:
    """Yield what an account's events say against one another."""
    market = events.market

    def contradiction(subject: str, finding: Finding) -> Contradiction:
        return Contradiction(market, account, subject, finding.what, finding.said, finding.demanded, finding.place)

    for finding in events.unreadable:
        yield contradiction("event", finding)
    for order, told in events.reports.items():
        for finding in judge_order(market, told):
            yield contradiction(name_of(order), finding)
    for subject, finding in (*_ids(events), *_lite(events), *_algo_orders(events), *_ledgers(events)):
        yield contradiction(subject, finding)


def name_of(order: OrderId) -> str:
    """Return how messages call an order."""
    symbol, kind, number = order
    return f"algo order {symbol} {number}" if kind == ALGO else f"order {symbol} {number}"


_encode = msgspec.json.Encoder(order="deterministic").encode


def _content(fields: dict[str, Any]) -> bytes:
    """Return what an event says, without the time at which it was sent: that differs between connections."""
    return _encode({name: value for name, value in fields.items() if name != "E"})


def _ids(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """Ids of executions and trades of a symbol rise with time, over all orders."""
    executions: dict[str, list[tuple[int, int, str, OrderId]]] = {}
    trades: dict[str, list[tuple[int, int, str, OrderId]]] = {}
    for order, told in events.reports.items():
        for one in told:
            report, symbol = one.report, order[0]
            if events.market is Market.SPOT:
                executions.setdefault(symbol, []).append((report.rank[0], report.time_ms, one.place, order))
            if report.fill is not None:
                row = (report.fill.trade_id, report.fill.time_ms, one.place, order)
                trades.setdefault(symbol, []).append(row)
    for what, rows in (("execution", executions), ("trade", trades)):
        for symbol, of_symbol in rows.items():
            for (id_, time_ms, _, order), (other, later_ms, place, other_order) in pairwise(sorted(of_symbol)):
                if order == other_order:
                    continue  # judged with the order
                if later_ms < time_ms:
                    said = f"{other} at {later_ms}"
                    yield symbol, Finding(f"{what} ids rise with time", said, f"before {id_} at {time_ms}", place)
                if id_ == other and what == "execution":
                    yield symbol, Finding(f"{what} ids are of one order", f"{id_} of two", "of one", place)


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
                yield name_of(order), Finding(what, str(last.report.cumulative), str(filled), last.place)


def _ledgers(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    if events.market is Market.SPOT:
        yield from _spot_balances(events)
    else:
        yield from _wallets(events)
        yield from _positions(events)


def _spot_balances(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """An asset's total changes by fills, commissions and transfers alone."""
    statements: dict[str, list[Statement]] = {}
    changes: dict[str, list[Change]] = {}
    for type_, fields, place in events.others:
        if type_ == "outboundAccountPosition":
            for balance in fields["B"]:
                total = number(balance, "f") + number(balance, "l")
                statements.setdefault(balance["a"], []).append(Statement(fields["u"], total, place))
        elif type_ == "balanceUpdate":
            changes.setdefault(fields["a"], []).append(Change(fields["T"], number(fields, "d")))
    for report, fill, _ in events.fills():
        for asset, amount in _effects(report.order[0], fill, frozenset(statements)):
            changes.setdefault(asset, []).append(Change(fill.time_ms, amount))
    for asset, of_asset in statements.items():
        if changes:
            what = "free and locked change by fills, commissions and transfers alone"
            yield from _named(f"balance {asset}", judge_ledger(what, of_asset, changes.get(asset, [])))
        for balance in of_asset:
            if balance.amount < 0:
                yield f"balance {asset}", Finding("it is no debt", f"{balance.amount:f}", "0 or more", balance.place)


def _effects(symbol: str, fill: Fill, assets: frozenset[str]) -> Iterator[tuple[str, Decimal]]:
    """Yield what a fill on spot does to the assets of the account."""
    base, quote = _assets_of(symbol, assets)
    sign = 1 if fill.side == "BUY" else -1
    yield base, sign * fill.quantity
    if fill.quote is not None:
        yield quote, -sign * fill.quote
    if fill.commission and fill.commission_asset:
        yield fill.commission_asset, -fill.commission


def _assets_of(symbol: str, assets: frozenset[str]) -> tuple[str, str]:
    """Return base and quote asset of a symbol of spot: of those that the account has, else by the usual quotes."""
    for base in assets:
        if symbol.startswith(base) and symbol.removeprefix(base) in assets:
            return base, symbol.removeprefix(base)
    quotes = [quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote]
    quote = max(quotes, key=len, default="")
    return symbol.removesuffix(quote), quote


def _wallets(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """A futures wallet changes by realised profit, commission and what ACCOUNT_UPDATE says is neither."""
    statements: dict[str, list[Statement]] = {}
    changes: dict[str, list[Change]] = {}
    for type_, fields, place in events.others:
        if type_ != "ACCOUNT_UPDATE":
            continue
        for balance in fields["a"].get("B", ()):
            statements.setdefault(balance["a"], []).append(Statement(fields["T"], number(balance, "wb"), place))
            if other := number(balance, "bc"):
                changes.setdefault(balance["a"], []).append(Change(fields["T"], other))
    filled = False
    for report, fill, _ in events.fills():
        filled = True
        if fill.commission and fill.commission_asset:
            changes.setdefault(fill.commission_asset, []).append(Change(fill.time_ms, -fill.commission))
        margin = report.fields.get("ma") or _quote_of(report.order[0], statements)
        if fill.realized_profit and margin:
            changes.setdefault(margin, []).append(Change(fill.time_ms, fill.realized_profit))
    for asset, of_asset in statements.items():
        if filled:
            what = "the wallet changes by realised profit, commission and what is told to be neither"
            yield from _named(f"balance {asset}", judge_ledger(what, of_asset, changes.get(asset, []), _ROUNDING))


def _quote_of(symbol: str, assets: Mapping[str, object]) -> str | None:
    """Return the asset that a symbol of USD-M is settled in."""
    pair = symbol.partition("_")[0]
    return max((asset for asset in assets if pair.endswith(asset)), key=len, default=None)


def _positions(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """A position changes by fills alone."""
    statements: dict[tuple[str, str], list[Statement]] = {}
    changes: dict[tuple[str, str], list[Change]] = {}
    for type_, fields, place in events.others:
        if type_ == "ACCOUNT_UPDATE":
            for position in fields["a"].get("P", ()):
                key = position["s"], position.get("ps", "BOTH")
                statements.setdefault(key, []).append(Statement(fields["T"], number(position, "pa"), place))
    for report, fill, _ in events.fills():
        key = report.order[0], report.fields.get("ps", "BOTH")
        sign = 1 if fill.side == "BUY" else -1
        changes.setdefault(key, []).append(Change(fill.time_ms, sign * fill.quantity))
    for (symbol, side), of_position in statements.items():
        if changes:
            what = "a position changes by fills alone"
            ledger = judge_ledger(what, of_position, changes.get((symbol, side), []))
            yield from _named(f"position {symbol} {side}", ledger)


def _named(subject: str, findings: Iterator[Finding]) -> Iterator[tuple[str, Finding]]:
    return ((subject, finding) for finding in findings)
