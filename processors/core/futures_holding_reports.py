"""What USD-M and COIN-M tell of balances and positions, in the words of :mod:`processors.core.holding_reports`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from processors.core.holding_reports import (
    BalanceReport,
    BalancesNamed,
    BalanceTold,
    LeverageReport,
    ModeReport,
    PositionKey,
    PositionReport,
    PositionsNamed,
    PositionTold,
    WarningReport,
)
from processors.core.spot_holding_reports import came_by
from processors.core.told_values import (
    Origin,
    UnreadableError,
    base_sum,
    check_integers,
    instant,
    optional,
    position_side,
    positive,
    quote_sum,
)
from schemas.account_rest import FuturesAccount, FuturesAsset, FuturesBalanceAnswer, PositionAnswer
from schemas.accounts import PositionSide
from schemas.user_data import AccountConfigUpdate, AccountUpdate, FuturesBalance, FuturesPosition, MarginCall


__all__ = [
    "told_by_account_config",
    "told_by_account_update",
    "told_by_balances",
    "told_by_futures_account",
    "told_by_margin_call",
    "told_by_positions",
]

_MARGIN_TYPES: Final = {"cross": "cross", "crossed": "cross", "isolated": "isolated"}

Told = tuple[BalanceTold | PositionTold, ...]


def told_by_account_update(event: AccountUpdate, origin: Origin) -> Told:
    """Return what an ``ACCOUNT_UPDATE`` tells."""
    check_integers(event)
    reason = optional(event.change.reason)
    return (
        *(_balance(balance, event, reason, origin) for balance in event.change.balances),
        *(_position(position, event, reason, origin) for position in event.change.positions),
    )


def _balance(balance: FuturesBalance, event: AccountUpdate, reason: str | None, origin: Origin) -> BalanceReport:
    change = base_sum(balance.balance_change) if balance.balance_change else 0
    return BalanceReport(
        time=instant(event.transaction_time),
        event_time=instant(event.event_time),
        asset=balance.asset,
        wallet_balance=base_sum(balance.wallet_balance),
        cross_wallet_balance=base_sum(balance.cross_wallet_balance),
        last_change=change or None,
        reason=reason,
        **came_by(origin),
    )


def _position(position: FuturesPosition, event: AccountUpdate, reason: str | None, origin: Origin) -> PositionReport:
    return PositionReport(
        time=instant(event.transaction_time),
        event_time=instant(event.event_time),
        key=PositionKey(position.symbol, _side(position.position_side)),
        amount=base_sum(position.amount),
        entry_price=quote_sum(position.entry_price),
        break_even_price=quote_sum(position.break_even_price),
        unrealized_profit=quote_sum(position.unrealized_profit),
        realized_profit=quote_sum(position.realized_profit),
        margin_type=_margin_type(position.margin_type),
        isolated_wallet=quote_sum(position.isolated_wallet),
        reason=reason,
        **came_by(origin),
    )


def _side(text: str) -> PositionSide:
    return position_side(text) or PositionSide.BOTH


def _margin_type(text: str | None) -> str | None:
    """Return ``cross`` or ``isolated``: events, answers and warnings spell them in three ways."""
    if not text:
        return None
    try:
        return _MARGIN_TYPES[text.lower()]
    except KeyError as error:
        raise UnreadableError("unknown-value", f'margin type "{text[:40]}"') from error


def told_by_margin_call(event: MarginCall, origin: Origin) -> Told:
    """Return what a ``MARGIN_CALL`` tells."""
    check_integers(event)
    time = instant(event.event_time)
    return tuple(
        WarningReport(
            time=time,
            event_time=time,
            key=PositionKey(position.symbol, _side(position.position_side)),
            amount=base_sum(position.amount),
            unrealized_profit=quote_sum(position.unrealized_profit),
            margin_type=_margin_type(position.margin_type),
            isolated_wallet=quote_sum(position.isolated_wallet),
            mark_price=quote_sum(position.mark_price),
            maintenance_margin=quote_sum(position.maintenance_margin),
            **came_by(origin),
        )
        for position in event.positions
    )


def told_by_account_config(event: AccountConfigUpdate, origin: Origin) -> Told:
    """Return what an ``ACCOUNT_CONFIG_UPDATE`` tells: a leverage, or the mode of the account."""
    check_integers(event)
    event_time = instant(event.event_time)
    time = event_time if event.transaction_time is None else instant(event.transaction_time)
    told: list[BalanceTold | PositionTold] = []
    if event.leverage is not None:
        check_integers(event.leverage)
        told.append(
            LeverageReport(
                time=time,
                event_time=event_time,
                symbol=event.leverage.symbol,
                leverage=event.leverage.leverage,
                **came_by(origin),
            )
        )
    if event.assets_mode is not None:
        mode = event.assets_mode.multi_assets_mode
        told.append(ModeReport(time=time, event_time=event_time, multi_assets_mode=mode, **came_by(origin)))
    return tuple(told)


def told_by_balances(answer: Iterable[FuturesBalanceAnswer], origin: Origin) -> Told:
    """Return what ``balance`` tells: of every asset that the account has, and by that of those that it has not."""
    told: list[BalanceReport] = []
    for asset in answer:
        check_integers(asset)
        told.append(
            BalanceReport(
                time=instant(asset.update_time),
                asset=asset.asset,
                wallet_balance=base_sum(asset.balance),
                cross_wallet_balance=base_sum(asset.cross_wallet_balance),
                **came_by(origin),
            )
        )
    return (*told, _named(told, origin))


def _named(told: Iterable[BalanceReport], origin: Origin) -> BalancesNamed:
    return BalancesNamed(time=0, assets=frozenset(report.asset for report in told), **came_by(origin))


def told_by_positions(answer: Iterable[PositionAnswer], origin: Origin, *, whole: bool = True) -> Told:
    """Return what ``positionRisk`` tells; ``whole``: it was asked for all symbols, so there are no other positions."""
    told: list[PositionReport] = []
    for position in answer:
        check_integers(position)
        told.append(_answered_position(position, origin))
    if not whole:
        return tuple(told)
    return (*told, PositionsNamed(time=0, positions=frozenset(report.key for report in told), **came_by(origin)))


def _answered_position(position: PositionAnswer, origin: Origin) -> PositionReport:
    profit = position.unrealized_profit_of_risk or position.unrealized_profit_of_account
    margin_type = position.margin_type
    if margin_type is None and position.isolated is not None:
        margin_type = "isolated" if position.isolated else "cross"
    return PositionReport(
        time=instant(position.update_time),
        key=PositionKey(position.symbol, _side(position.position_side)),
        amount=base_sum(position.amount),
        entry_price=quote_sum(position.entry_price),
        break_even_price=quote_sum(position.break_even_price),
        unrealized_profit=quote_sum(profit),
        margin_type=_margin_type(margin_type),
        isolated_wallet=quote_sum(position.isolated_wallet),
        leverage=_leverage(position.leverage),
        **came_by(origin),
    )


def _leverage(text: int | str | None) -> int | None:
    if text is None or not text:
        return None
    try:
        return positive(int(text))
    except ValueError as error:
        raise UnreadableError("bad-number", f'leverage "{str(text)[:40]}"') from error


def told_by_futures_account(answer: FuturesAccount, origin: Origin) -> Told:
    """Return what ``account`` tells: of all assets and positions, and by that of those that are none."""
    told = [_answered_asset(asset, origin) for asset in answer.assets]
    mode: Told = ()
    if answer.multi_assets_mode is not None:
        mode = (ModeReport(time=origin.request_time, multi_assets_mode=answer.multi_assets_mode, **came_by(origin)),)
    return (*told, _named(told, origin), *mode, *told_by_positions(answer.positions, origin))


def _answered_asset(asset: FuturesAsset, origin: Origin) -> BalanceReport:
    check_integers(asset)
    cross = asset.cross_wallet_balance
    return BalanceReport(
        time=instant(asset.update_time),
        asset=asset.asset,
        wallet_balance=base_sum(asset.wallet_balance),
        cross_wallet_balance=None if cross is None else base_sum(cross),
        **came_by(origin),
    )
