"""What can be told about an account's balances and positions, in exact numbers.

Balances are scaled by 10**8, prices and profits of positions by 10**16, times milliseconds since the epoch. None means
that this report does not tell.
"""

from __future__ import annotations

import msgspec

from schemas.accounts import AccountSource, PositionSide


__all__ = [
    "BalanceReport",
    "BalanceTold",
    "BalancesNamed",
    "ExternalLockReport",
    "HoldingReport",
    "LeverageReport",
    "ModeReport",
    "PositionKey",
    "PositionReport",
    "PositionTold",
    "PositionsNamed",
    "TransferReport",
    "WarningReport",
]


class HoldingReport(msgspec.Struct, frozen=True, kw_only=True):
    """What all reports say."""

    source: AccountSource
    time: int
    """When it changed at the venue; 0 where an answer does not tell."""
    event_time: int | None = None
    """When the venue told of it; None in answers."""
    connection: str = ""
    """What brought it: of one connection, the order of arrival is the order of events."""
    sequence: int = 0
    """Counts what the connection brought."""
    receive_time_ns: int = 0
    """When ingest had it."""
    request_time: int = 0
    """Answers: the venue's time when it was asked; the answer is of that time or later."""


class BalanceReport(HoldingReport, frozen=True, kw_only=True):
    """One asset, as it is now."""

    asset: str
    free: int | None = None
    locked: int | None = None
    wallet_balance: int | None = None
    cross_wallet_balance: int | None = None
    last_change: int | None = None
    reason: str | None = None


class TransferReport(HoldingReport, frozen=True, kw_only=True):
    """A deposit, withdrawal or transfer on spot. The balance that follows from it is told besides."""

    asset: str
    change: int


class ExternalLockReport(HoldingReport, frozen=True, kw_only=True):
    """A change of what is locked from outside on spot. The balance that follows from it is told besides."""

    asset: str
    change: int


class ModeReport(HoldingReport, frozen=True, kw_only=True):
    """Whether the account is in multi-assets mode."""

    multi_assets_mode: bool


class BalancesNamed(HoldingReport, frozen=True, kw_only=True):
    """The end of an answer that names all that the account has: of what is not in it, there is nothing."""

    assets: frozenset[str]


BalanceTold = BalanceReport | TransferReport | ExternalLockReport | ModeReport | BalancesNamed


class PositionKey(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One position of an account."""

    symbol: str
    side: PositionSide


class PositionReport(HoldingReport, frozen=True, kw_only=True):
    """One position, as it is now."""

    key: PositionKey
    amount: int
    entry_price: int | None = None
    break_even_price: int | None = None
    unrealized_profit: int | None = None
    realized_profit: int | None = None
    margin_type: str | None = None
    isolated_wallet: int | None = None
    leverage: int | None = None
    reason: str | None = None


class WarningReport(HoldingReport, frozen=True, kw_only=True):
    """A position is near liquidation: ``MARGIN_CALL``."""

    key: PositionKey
    amount: int
    unrealized_profit: int | None = None
    margin_type: str | None = None
    isolated_wallet: int | None = None
    mark_price: int | None = None
    maintenance_margin: int | None = None


class LeverageReport(HoldingReport, frozen=True, kw_only=True):
    """The leverage of a symbol, whatever the side."""

    symbol: str
    leverage: int


class PositionsNamed(HoldingReport, frozen=True, kw_only=True):
    """The end of an answer that names all positions: what is not in it, is none."""

    positions: frozenset[PositionKey]


PositionTold = PositionReport | WarningReport | LeverageReport | PositionsNamed
