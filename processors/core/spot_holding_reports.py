"""What spot tells of balances, in the words of :mod:`processors.core.holding_reports`."""

from __future__ import annotations

from typing import Any

from processors.core.holding_reports import (
    BalanceReport,
    BalancesNamed,
    BalanceTold,
    ExternalLockReport,
    TransferReport,
)
from processors.core.told_values import Origin, base_sum, check_integers, instant
from schemas.account_rest import SpotAccount, SpotAsset
from schemas.user_data import BalanceUpdate, ExternalLockUpdate, OutboundAccountPosition, SpotBalance


__all__ = [
    "came_by",
    "told_by_account_position",
    "told_by_balance_update",
    "told_by_external_lock",
    "told_by_spot_account",
]


def came_by(origin: Origin) -> dict[str, Any]:
    """Return what reports say of how they came."""
    return {
        "source": origin.source,
        "connection": origin.connection,
        "sequence": origin.sequence,
        "receive_time_ns": origin.receive_time_ns,
        "request_time": origin.request_time,
    }


def told_by_account_position(event: OutboundAccountPosition, origin: Origin) -> tuple[BalanceTold, ...]:
    """Return what an ``outboundAccountPosition`` tells."""
    check_integers(event)
    time, event_time = instant(event.update_time), instant(event.event_time)
    return tuple(_balance(balance, origin, time, event_time) for balance in event.balances)


def _balance(balance: SpotBalance | SpotAsset, origin: Origin, time: int, event_time: int | None) -> BalanceReport:
    return BalanceReport(
        time=time,
        event_time=event_time,
        asset=balance.asset,
        free=base_sum(balance.free),
        locked=base_sum(balance.locked),
        **came_by(origin),
    )


def told_by_balance_update(event: BalanceUpdate, origin: Origin) -> tuple[BalanceTold, ...]:
    """Return what a ``balanceUpdate`` tells."""
    check_integers(event)
    return (
        TransferReport(
            time=instant(event.clear_time),
            event_time=instant(event.event_time),
            asset=event.asset,
            change=base_sum(event.change),
            **came_by(origin),
        ),
    )


def told_by_external_lock(event: ExternalLockUpdate, origin: Origin) -> tuple[BalanceTold, ...]:
    """Return what an ``externalLockUpdate`` tells."""
    check_integers(event)
    return (
        ExternalLockReport(
            time=instant(event.transaction_time),
            event_time=instant(event.event_time),
            asset=event.asset,
            change=base_sum(event.change),
            **came_by(origin),
        ),
    )


def told_by_spot_account(answer: SpotAccount, origin: Origin) -> tuple[BalanceTold, ...]:
    """Return what ``account`` tells: of every asset that the account has, and by that of those that it has not."""
    check_integers(answer)
    time = instant(answer.update_time)
    told: list[BalanceTold] = [_balance(asset, origin, time, None) for asset in answer.balances]
    named = frozenset(asset.asset for asset in answer.balances)
    return (*told, BalancesNamed(time=time, assets=named, **came_by(origin)))
