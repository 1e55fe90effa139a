"""A futures market's answers about an account, in the venue's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from sandbox.simulation.accounts.amounts import fixed, plain
from sandbox.simulation.accounts.commission import FUTURES_RATES
from sandbox.simulation.accounts.futures_account import (
    FuturesAccount,
    margin_asset,
    notional_at,
    unrealized_units,
)
from sandbox.simulation.accounts.futures_events import MAINTENANCE_MILLIONTHS
from sandbox.simulation.accounts.positions import Position, break_even_units
from schemas.markets import Market


__all__ = [
    "Worth",
    "account_answer",
    "balance_answer",
    "risk_answer",
]

_Answer = dict[str, Any]
_MILLION = 1_000_000


class Worth(Struct, frozen=True):
    """What a position is worth at the moment of an answer, in units."""

    mark: int
    unrealized: int
    notional: int
    initial: int
    maintenance: int

    @staticmethod
    def of(account: FuturesAccount, position: Position, mark: int) -> Worth:
        """Reckon it."""
        notional = notional_at(position, mark) if position.amount else 0
        return Worth(
            mark,
            unrealized_units(position, mark),
            notional,
            notional // account.leverage(position.instrument.symbol),
            notional * MAINTENANCE_MILLIONTHS // _MILLION,
        )


def risk_answer(account: FuturesAccount, position: Position, worth: Worth) -> _Answer:
    """Return an item of ``positionRisk``."""
    each = position.instrument
    answer: _Answer = {
        "symbol": each.symbol,
        "positionSide": position.side,
        "positionAmt": each.quantity.text(position.amount),
        "entryPrice": plain(position.entry),
        "breakEvenPrice": plain(break_even_units(position, FUTURES_RATES.taker)),
        "markPrice": fixed(worth.mark),
        "unRealizedProfit": fixed(worth.unrealized),
        "liquidationPrice": "0",
        "isolatedMargin": "0",
        "isolatedWallet": "0",
        "updateTime": position.update_ms,
    }
    if each.market is Market.COINM:
        return answer | {
            "leverage": str(account.leverage(each.symbol)),
            "maxQty": "1000000",
            "marginType": "cross",
            "isAutoAddMargin": "false",
            "notionalValue": fixed(_signed(worth.notional, position)),
        }
    return answer | {
        "notional": fixed(_signed(worth.notional, position)),
        "marginAsset": margin_asset(each),
        "initialMargin": fixed(worth.initial),
        "maintMargin": fixed(worth.maintenance),
        "positionInitialMargin": fixed(worth.initial),
        "openOrderInitialMargin": "0",
        "adl": 0,
        "bidNotional": "0",
        "askNotional": "0",
    }


def balance_answer(account: FuturesAccount, asset: str, unrealized: int, available: int, *, coinm: bool) -> _Answer:
    """Return an item of ``balance``."""
    wallet = account.wallet(asset)
    most = fixed(max(0, min(available, wallet.balance)))
    answer: _Answer = {
        "accountAlias": account.alias,
        "asset": asset,
        "balance": fixed(wallet.balance),
        "crossWalletBalance": fixed(wallet.balance),
        "crossUnPnl": fixed(unrealized),
        "availableBalance": fixed(max(0, available)),
        "withdrawAvailable" if coinm else "maxWithdrawAmount": most,
        "marginAvailable": True,
        "updateTime": wallet.update_ms,
    }
    if coinm:
        del answer["marginAvailable"]
    return answer


def account_answer(
    account: FuturesAccount,
    worths: list[tuple[Position, Worth]],
    available: Callable[[str], int],
    *,
    coinm: bool,
) -> _Answer:
    """Return ``account``: assets, and the positions given."""
    assets = [_asset(account, asset, worths, available(asset)) for asset in sorted(account.wallets)]
    positions = [_account_position(account, position, worth, coinm=coinm) for position, worth in worths]
    if coinm:
        return {
            "assets": assets,
            "positions": positions,
            "canDeposit": True,
            "canTrade": True,
            "canWithdraw": True,
            "feeTier": 0,
            "updateTime": max((each.update_ms for each in account.wallets.values()), default=0),
        }
    wallet = sum(each.balance for each in account.wallets.values())
    unrealized = sum(worth.unrealized for _, worth in worths)
    initial = sum(worth.initial for _, worth in worths)
    orders = sum(account.order_margin(asset) for asset in account.wallets)
    free = fixed(max(0, sum(available(asset) for asset in account.wallets)))
    return {
        "totalInitialMargin": fixed(initial + orders),
        "totalMaintMargin": fixed(sum(worth.maintenance for _, worth in worths)),
        "totalWalletBalance": fixed(wallet),
        "totalUnrealizedProfit": fixed(unrealized),
        "totalMarginBalance": fixed(wallet + unrealized),
        "totalPositionInitialMargin": fixed(initial),
        "totalOpenOrderInitialMargin": fixed(orders),
        "totalCrossWalletBalance": fixed(wallet),
        "totalCrossUnPnl": fixed(unrealized),
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "assets": assets,
        "positions": positions,
    }


def _asset(account: FuturesAccount, asset: str, worths: list[tuple[Position, Worth]], available: int) -> _Answer:
    wallet, orders = account.wallet(asset), account.order_margin(asset)
    mine = [worth for position, worth in worths if margin_asset(position.instrument) == asset]
    unrealized, initial = sum(worth.unrealized for worth in mine), sum(worth.initial for worth in mine)
    return {
        "asset": asset,
        "walletBalance": fixed(wallet.balance),
        "unrealizedProfit": fixed(unrealized),
        "marginBalance": fixed(wallet.balance + unrealized),
        "maintMargin": fixed(sum(worth.maintenance for worth in mine)),
        "initialMargin": fixed(initial + orders),
        "positionInitialMargin": fixed(initial),
        "openOrderInitialMargin": fixed(orders),
        "crossWalletBalance": fixed(wallet.balance),
        "crossUnPnl": fixed(unrealized),
        "availableBalance": fixed(max(0, available)),
        "maxWithdrawAmount": fixed(max(0, min(available, wallet.balance))),
        "updateTime": wallet.update_ms,
    }


def _account_position(account: FuturesAccount, position: Position, worth: Worth, *, coinm: bool) -> _Answer:
    each = position.instrument
    answer: _Answer = {
        "symbol": each.symbol,
        "positionSide": position.side,
        "positionAmt": each.quantity.text(position.amount),
        "unrealizedProfit": fixed(worth.unrealized),
        "initialMargin": fixed(worth.initial),
        "maintMargin": fixed(worth.maintenance),
        "updateTime": position.update_ms,
    }
    if coinm:
        return answer | {
            "leverage": str(account.leverage(each.symbol)),
            "isolated": False,
            "entryPrice": plain(position.entry),
            "breakEvenPrice": plain(break_even_units(position, FUTURES_RATES.taker)),
            "positionInitialMargin": fixed(worth.initial),
            "openOrderInitialMargin": "0",
            "maxQty": "1000000",
        }
    return answer | {
        "isolatedMargin": "0",
        "notional": fixed(_signed(worth.notional, position)),
        "isolatedWallet": "0",
    }


def _signed(units: int, position: Position) -> int:
    return units if position.amount >= 0 else -units
