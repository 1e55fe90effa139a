"""What an account has of each asset, as a fold of all that is told about it.

Every report carries the whole new balance, so the newest one counts (:mod:`processors.core.recency`). Deposits and
locks are told a second time by themselves; they are noted, and never added: the balance has them in it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from processors.core.holding_reports import (
    BalanceReport,
    BalancesNamed,
    BalanceTold,
    ExternalLockReport,
    ModeReport,
    TransferReport,
)
from processors.core.recency import NEVER, Recency, observed
from processors.core.written_states import WrittenState
from schemas.accounts import AccountSource, Balance


__all__ = ["AssetState", "BalanceChange", "Balances"]


class AssetState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All that is known of one asset; the names are those of :class:`schemas.accounts.Balance`."""

    free: int | None = None
    locked: int | None = None
    wallet_balance: int | None = None
    cross_wallet_balance: int | None = None
    last_change: int | None = None
    last_transfer: int | None = None
    last_transfer_time: int | None = None
    last_external_lock: int | None = None
    last_external_lock_time: int | None = None
    reason: str | None = None
    multi_assets_mode: bool | None = None
    update_time: int = 0
    event_time: int | None = None
    source: AccountSource = AccountSource.STREAM
    recovered: bool = False
    recency: Recency = NEVER

    @property
    def amounts(self) -> tuple[int | None, ...]:
        """What an answer must not know better than the stream."""
        return self.free, self.locked, self.wallet_balance, self.cross_wallet_balance


class BalanceChange(msgspec.Struct, frozen=True):
    """An asset is not as it was."""

    asset: str
    before: AssetState | None
    """None: nothing was known of it."""
    after: AssetState
    recovered: bool = False
    """An answer told it: the stream had missed it."""


class _Written(msgspec.Struct, frozen=True, array_like=True):
    assets: dict[str, AssetState]
    mode: bool | None
    mode_time: int


_written: Final = WrittenState(_Written, version=1)
_VALUES: Final = ("free", "locked", "wallet_balance", "cross_wallet_balance", "last_change", "reason")


class Balances:
    """The balances of one account on one market.

    Args:
        account: its label.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._assets: dict[str, AssetState] = {}
        self._mode: bool | None = None
        self._mode_time = -1

    def __len__(self) -> int:
        return len(self._assets)

    def assets(self) -> Collection[str]:
        """Return the assets of which something is known."""
        return self._assets.keys()

    def state(self, asset: str) -> AssetState | None:
        """Return all that is known of an asset."""
        return self._assets.get(asset)

    def apply(self, report: BalanceTold) -> tuple[BalanceChange, ...]:
        """Fold one report in.

        Returns:
            The assets that are not as they were; nothing where the report is late, a repeat, or tells nothing new.
        """
        match report:
            case BalanceReport():
                return self._balance(report)
            case TransferReport():
                return self._transfer(report)
            case ExternalLockReport():
                return self._external_lock(report)
            case ModeReport():
                return self._set_mode(report)
            case BalancesNamed():
                return self._drop_unnamed(report)

    def record(self, asset: str, input_offset: int, snapshot_offset: int) -> Balance | None:
        """Return an asset's balance as readers see it; None where nothing is known of it.

        Args:
            asset: whose.
            input_offset: of the last record of raw ``account-update`` that was applied in the partition; -1: none.
            snapshot_offset: the same of ``account-snapshot``.
        """
        state = self._assets.get(asset)
        if state is None:
            return None
        return Balance(
            account=self._account,
            asset=asset,
            free=state.free,
            locked=state.locked,
            wallet_balance=state.wallet_balance,
            cross_wallet_balance=state.cross_wallet_balance,
            last_change=state.last_change,
            last_transfer=state.last_transfer,
            last_transfer_time=state.last_transfer_time,
            last_external_lock=state.last_external_lock,
            last_external_lock_time=state.last_external_lock_time,
            reason=state.reason,
            multi_assets_mode=state.multi_assets_mode,
            update_time=state.update_time,
            event_time=state.event_time,
            source=state.source,
            recovered=state.recovered,
            input_offset=input_offset,
            snapshot_offset=snapshot_offset,
        )

    def dump(self) -> bytes:
        """Return all balances as bytes."""
        return _written.dump(_Written(self._assets, self._mode, self._mode_time))

    def load(self, data: bytes) -> None:
        """Take over the balances that were dumped.

        Raises:
            CheckpointError: they cannot be read.
        """
        written = _written.load(data)
        self._assets, self._mode, self._mode_time = written.assets, written.mode, written.mode_time

    def _balance(self, report: BalanceReport) -> tuple[BalanceChange, ...]:
        before = self._assets.get(report.asset)
        known = before or AssetState(multi_assets_mode=self._mode)
        recency, newer = observed(known.recency, report)
        if not newer:
            if before is not None:
                self._assets[report.asset] = replace(known, recency=recency)
            return ()
        told: dict[str, Any] = {name: getattr(report, name) for name in _VALUES if getattr(report, name) is not None}
        after = replace(known, **told, recency=recency)
        answered = report.source is AccountSource.REST
        if before is None and answered and not any(after.amounts):
            return ()  # answers name hundreds of assets that the account never had
        if after.amounts == known.amounts and (not report.last_change or _is_repeat(known, report)):
            self._assets[report.asset] = replace(known, recency=recency)
            return ()
        after = _stamped(after, report, recovered=answered)
        return self._changed(report.asset, before, after, recovered=answered)

    def _transfer(self, report: TransferReport) -> tuple[BalanceChange, ...]:
        before = self._assets.get(report.asset)
        known = before or AssetState(multi_assets_mode=self._mode)
        if _is_old(report.time, report.change, known.last_transfer_time, known.last_transfer):
            return ()
        after = replace(known, last_transfer=report.change, last_transfer_time=report.time)
        return self._changed(report.asset, before, _stamped(after, report))

    def _external_lock(self, report: ExternalLockReport) -> tuple[BalanceChange, ...]:
        before = self._assets.get(report.asset)
        known = before or AssetState(multi_assets_mode=self._mode)
        if _is_old(report.time, report.change, known.last_external_lock_time, known.last_external_lock):
            return ()
        after = replace(known, last_external_lock=report.change, last_external_lock_time=report.time)
        return self._changed(report.asset, before, _stamped(after, report))

    def _set_mode(self, report: ModeReport) -> tuple[BalanceChange, ...]:
        if report.time < self._mode_time or report.multi_assets_mode == self._mode:
            self._mode_time = max(self._mode_time, report.time)
            return ()
        self._mode, self._mode_time = report.multi_assets_mode, report.time
        changes: list[BalanceChange] = []
        for asset, before in list(self._assets.items()):
            after = _stamped(replace(before, multi_assets_mode=self._mode), report)
            changes.extend(self._changed(asset, before, after))
        return tuple(changes)

    def _drop_unnamed(self, report: BalancesNamed) -> tuple[BalanceChange, ...]:
        changes: list[BalanceChange] = []
        for asset, state in list(self._assets.items()):
            if asset in report.assets or not any(state.amounts):
                continue
            free, locked, wallet, cross = (None if known is None else 0 for known in state.amounts)
            nothing = BalanceReport(
                source=report.source,
                time=report.time,
                receive_time_ns=report.receive_time_ns,
                request_time=report.request_time,
                asset=asset,
                free=free,
                locked=locked,
                wallet_balance=wallet,
                cross_wallet_balance=cross,
            )
            changes.extend(self._balance(nothing))
        return tuple(changes)

    def _changed(
        self, asset: str, before: AssetState | None, after: AssetState, *, recovered: bool = False
    ) -> tuple[BalanceChange, ...]:
        self._assets[asset] = after
        return (BalanceChange(asset, before, after, recovered),)


def _is_repeat(known: AssetState, report: BalanceReport) -> bool:
    """Say whether a change came again: it would have changed the amounts of that time."""
    return (report.time, report.last_change) == (known.recency.time, known.last_change)


def _is_old(time: int, change: int, known_time: int | None, known_change: int | None) -> bool:
    """Say whether a change is a repeat, or older than the last one that is known."""
    return known_time is not None and (time < known_time or (time, change) == (known_time, known_change))


def _stamped(state: AssetState, report: BalanceTold, *, recovered: bool = False) -> AssetState:
    return replace(
        state,
        update_time=max(state.update_time, report.time or report.request_time),
        event_time=report.event_time,
        source=report.source,
        recovered=state.recovered or recovered,
    )
