"""What holds of balances and positions: they follow from fills, commissions and what is told to be neither."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from sandbox.verify.private.account_events import AccountEvents
from sandbox.verify.private.ledgers import Change, Statement, judge_ledger
from sandbox.verify.private.order_laws import Finding
from sandbox.verify.private.reports import Fill, number
from schemas.markets import Market


__all__ = ["judge_funds"]

_ROUNDING: Final = Decimal("1e-8")
"""How much the venue may round a profit or commission by."""
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "TUSD", "USD1", "BUSD", "BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY")
"""What symbols of spot usually end in."""


def judge_funds(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """Yield what does not hold of balances and positions, each with its name.

    Where no fill is recorded, nothing can be added up.
    """
    if events.market is Market.SPOT:
        yield from _spot_balances(events)
    else:
        yield from _wallets(events)
        yield from _positions(events)


def _spot_balances(events: AccountEvents) -> Iterator[tuple[str, Finding]]:
    """An asset's total changes by fills, commissions and transfers alone."""
    statements: dict[str, list[Statement]] = {}
    changes: dict[str, list[Change]] = {}
    unknown: dict[str, list[int]] = {}
    for type_, fields, place in events.others:
        if type_ == "outboundAccountPosition":
            for balance in fields["B"]:
                total = number(balance, "f") + number(balance, "l")
                statements.setdefault(balance["a"], []).append(Statement(fields["u"], total, place))
        elif type_ == "balanceUpdate":
            changes.setdefault(fields["a"], []).append(Change(fields["T"], number(fields, "d")))
        elif type_ == "externalLockUpdate":
            # The venue does not say whether what is locked elsewhere is in what it calls locked here.
            unknown.setdefault(fields["a"], []).append(fields["T"])
    fills = list(events.fills())
    for report, fill, _ in fills:
        for asset, amount in _effects(report.order[0], fill, frozenset(statements)).items():
            changes.setdefault(asset, []).append(Change(fill.time_ms, amount, fill.trade_id or 0))
    for asset, of_asset in statements.items():
        what = "free and locked change by fills, commissions and transfers alone"
        findings = list(_debts(of_asset))
        if fills:
            of_changes, of_unknown = changes.get(asset, []), unknown.get(asset, ())
            findings += judge_ledger(what, of_asset, of_changes, unknown_ms=of_unknown)
        yield from _named(f"balance {asset}", findings)


def _debts(statements: Iterable[Statement]) -> Iterator[Finding]:
    for balance in statements:
        if balance.amount < 0:
            yield Finding("it is no debt", f"{balance.amount:f}", "0 or more", balance.place)


def _effects(symbol: str, fill: Fill, assets: frozenset[str]) -> dict[str, Decimal]:
    """Return what a fill on spot does to the assets of the account, by asset: all of it at once."""
    base, quote = _assets_of(symbol, assets)
    sign = 1 if fill.side == "BUY" else -1
    effects = {base: sign * fill.quantity}
    if fill.quote is not None:
        effects[quote] = -sign * fill.quote
    return _charged(effects, fill)


def _charged(effects: dict[str, Decimal], fill: Fill) -> dict[str, Decimal]:
    """Return the effects of a fill with its commission."""
    if fill.commission and (asset := fill.commission_asset):
        effects[asset] = effects.get(asset, Decimal(0)) - fill.commission
    return effects


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
    unknown = [fill.time_ms for _, fill, _ in events.lone_fills()]  # TRADE_LITE tells no profit and no commission
    for type_, fields, place in events.others:
        if type_ != "ACCOUNT_UPDATE":
            continue
        for balance in fields["a"].get("B", ()):
            statements.setdefault(balance["a"], []).append(Statement(fields["T"], number(balance, "wb"), place))
            if fields["a"].get("m") == "MARGIN_TRANSFER":
                # Within the wallet or out of it: what `bc` is of a transfer to an isolated position, is nowhere told.
                unknown.append(fields["T"])
            elif other := number(balance, "bc"):
                changes.setdefault(balance["a"], []).append(Change(fields["T"], other))
    fills = list(events.fills())
    for report, fill, _ in fills:
        margin = report.fields.get("ma") or _quote_of(report.order[0], statements)
        profit = {margin: fill.realized_profit} if fill.realized_profit and margin else {}
        for asset, amount in _charged(profit, fill).items():
            changes.setdefault(asset, []).append(Change(fill.time_ms, amount, fill.trade_id or 0))
    for asset, of_asset in statements.items():
        if fills:
            what = "the wallet changes by realised profit, commission and what is told to be neither"
            ledger = judge_ledger(what, of_asset, changes.get(asset, []), _ROUNDING, unknown)
            yield from _named(f"balance {asset}", ledger)


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
        changes.setdefault(key, []).append(Change(fill.time_ms, sign * fill.quantity, fill.trade_id or 0))
    alone: dict[str, list[int]] = {}
    for order, fill, _ in events.lone_fills():
        alone.setdefault(order[0], []).append(fill.time_ms)  # TRADE_LITE does not tell the side of the position
    for (symbol, side), of_position in statements.items():
        if changes:
            what = "a position changes by fills alone"
            of_changes, of_unknown = changes.get((symbol, side), []), alone.get(symbol, ())
            ledger = judge_ledger(what, of_position, of_changes, unknown_ms=of_unknown)
            yield from _named(f"position {symbol} {side}", ledger)


def _named(subject: str, findings: Iterable[Finding]) -> Iterator[tuple[str, Finding]]:
    return ((subject, finding) for finding in findings)
