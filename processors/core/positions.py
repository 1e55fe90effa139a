"""The positions of an account on a futures market, as a fold of all that is told about them.

Every report carries the whole new position, so the newest one counts (:mod:`processors.core.recency`). A position that
is closed stays, with amount 0.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from processors.core.holding_reports import (
    LeverageReport,
    PositionKey,
    PositionReport,
    PositionsNamed,
    PositionTold,
    WarningReport,
)
from processors.core.recency import NEVER, Recency, observed
from processors.core.written_states import WrittenState
from schemas.accounts import AccountSource, Position


__all__ = ["PositionChange", "PositionState", "Positions"]


class PositionState(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """All that is known of one position; the names are those of :class:`schemas.accounts.Position`."""

    amount: int = 0
    entry_price: int | None = None
    break_even_price: int | None = None
    unrealized_profit: int | None = None
    realized_profit: int | None = None
    margin_type: str | None = None
    isolated_wallet: int | None = None
    leverage: int | None = None
    margin_call_time: int | None = None
    mark_price: int | None = None
    maintenance_margin: int | None = None
    reason: str | None = None
    update_time: int = 0
    event_time: int | None = None
    source: AccountSource = AccountSource.STREAM
    recovered: bool = False
    recency: Recency = NEVER


class PositionChange(msgspec.Struct, frozen=True):
    """A position is not as it was."""

    key: PositionKey
    before: PositionState | None
    """None: nothing was known of it."""
    after: PositionState
    recovered: bool = False
    """An answer told it: the stream had missed it."""


class _Leverage(msgspec.Struct, frozen=True, array_like=True):
    time: int
    leverage: int


class _Written(msgspec.Struct, frozen=True, array_like=True):
    positions: list[tuple[PositionKey, PositionState]]
    leverages: dict[str, _Leverage]


_written: Final = WrittenState(_Written, version=1)
_VALUES: Final = (
    "entry_price",
    "break_even_price",
    "unrealized_profit",
    "realized_profit",
    "margin_type",
    "isolated_wallet",
    "leverage",
    "reason",
)
_SEEN: Final = (
    "amount",
    "entry_price",
    "break_even_price",
    "realized_profit",
    "margin_type",
    "isolated_wallet",
    "leverage",
)
"""What makes a change. Unrealised profit does not: it moves with the mark price, and COIN-M tells of every symbol."""
_SETTINGS: Final = frozenset({"leverage", "margin_type"})
_FLAT: Final = {"entry_price": 0, "break_even_price": 0, "unrealized_profit": 0}


class Positions:
    """The positions of one account on one futures market.

    Args:
        account: its label.
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._positions: dict[PositionKey, PositionState] = {}
        self._leverages: dict[str, _Leverage] = {}

    def __len__(self) -> int:
        return len(self._positions)

    def keys(self) -> Collection[PositionKey]:
        """Return the positions of which something is known."""
        return self._positions.keys()

    def state(self, key: PositionKey) -> PositionState | None:
        """Return all that is known of a position."""
        return self._positions.get(key)

    def apply(self, report: PositionTold) -> tuple[PositionChange, ...]:
        """Fold one report in.

        Returns:
            The positions that are not as they were; nothing where the report is late, a repeat, or tells nothing new.
        """
        match report:
            case PositionReport():
                return self._position(report)
            case WarningReport():
                return self._warn(report)
            case LeverageReport():
                return self._set_leverage(report)
            case PositionsNamed():
                return self._close_unnamed(report)

    def record(self, key: PositionKey, input_offset: int, snapshot_offset: int) -> Position | None:
        """Return a position as readers see it; None where nothing is known of it.

        Args:
            key: which.
            input_offset: of the last record of raw ``account-update`` that was applied in the partition; -1: none.
            snapshot_offset: the same of ``account-snapshot``.
        """
        state = self._positions.get(key)
        if state is None:
            return None
        return Position(
            account=self._account,
            symbol=key.symbol,
            position_side=key.side,
            amount=state.amount,
            entry_price=state.entry_price,
            break_even_price=state.break_even_price,
            unrealized_profit=state.unrealized_profit,
            realized_profit=state.realized_profit,
            margin_type=state.margin_type,
            isolated_wallet=state.isolated_wallet,
            leverage=state.leverage,
            margin_call_time=state.margin_call_time,
            mark_price=state.mark_price,
            maintenance_margin=state.maintenance_margin,
            reason=state.reason,
            update_time=state.update_time,
            event_time=state.event_time,
            source=state.source,
            recovered=state.recovered,
            input_offset=input_offset,
            snapshot_offset=snapshot_offset,
        )

    def dump(self) -> bytes:
        """Return all positions as bytes."""
        return _written.dump(_Written(list(self._positions.items()), self._leverages))

    def load(self, data: bytes) -> None:
        """Take over the positions that were dumped.

        Raises:
            CheckpointError: they cannot be read.
        """
        written = _written.load(data)
        self._positions, self._leverages = dict(written.positions), written.leverages

    def forget(self, key: PositionKey) -> None:
        """Drop a position that was closed long ago."""
        self._positions.pop(key, None)

    def _position(self, report: PositionReport) -> tuple[PositionChange, ...]:
        before = self._positions.get(report.key)
        if before is None and not report.amount:
            return ()  # an unused one: COIN-M tells of every symbol there is
        known = before or PositionState(leverage=self._leverage_of(report.key))
        recency, newer = observed(known.recency, report)
        told = _told(known, report) if newer else _with_settings(known, report)
        after = replace(told, recency=recency)
        if before is not None and not _differs(before, after):
            self._positions[report.key] = replace(known, recency=recency)
            return ()
        missed = report.source is AccountSource.REST and (before is None or _is_another(before, after))
        return self._changed(report.key, before, _stamped(after, report, recovered=missed), recovered=missed)

    def _warn(self, report: WarningReport) -> tuple[PositionChange, ...]:
        before = self._positions.get(report.key)
        known = before or PositionState(
            amount=report.amount,
            unrealized_profit=report.unrealized_profit,
            margin_type=report.margin_type,
            isolated_wallet=report.isolated_wallet,
            leverage=self._leverage_of(report.key),
        )
        if known.margin_call_time is not None and report.time <= known.margin_call_time:
            return ()
        after = replace(
            known,
            margin_call_time=report.time,
            mark_price=report.mark_price,
            maintenance_margin=report.maintenance_margin,
            unrealized_profit=report.unrealized_profit
            if report.unrealized_profit is not None
            else known.unrealized_profit,
        )
        return self._changed(report.key, before, _stamped(after, report))

    def _set_leverage(self, report: LeverageReport) -> tuple[PositionChange, ...]:
        last = self._leverages.get(report.symbol)
        if last is not None and report.time < last.time:
            return ()
        self._leverages[report.symbol] = _Leverage(report.time, report.leverage)
        changes: list[PositionChange] = []
        for key, before in list(self._positions.items()):
            if key.symbol == report.symbol and before.leverage != report.leverage:
                after = _stamped(replace(before, leverage=report.leverage), report)
                changes.extend(self._changed(key, before, after))
        return tuple(changes)

    def _leverage_of(self, key: PositionKey) -> int | None:
        leverage = self._leverages.get(key.symbol)
        return leverage.leverage if leverage else None

    def _close_unnamed(self, report: PositionsNamed) -> tuple[PositionChange, ...]:
        changes: list[PositionChange] = []
        for key, state in list(self._positions.items()):
            if key not in report.positions and state.amount:
                changes.extend(
                    self._position(
                        PositionReport(
                            source=report.source,
                            time=report.time,
                            receive_time_ns=report.receive_time_ns,
                            request_time=report.request_time,
                            key=key,
                            amount=0,
                        )
                    )
                )
        return tuple(changes)

    def _changed(
        self, key: PositionKey, before: PositionState | None, after: PositionState, *, recovered: bool = False
    ) -> tuple[PositionChange, ...]:
        self._positions[key] = after
        return (PositionChange(key, before, after, recovered),)


def _told(known: PositionState, report: PositionReport) -> PositionState:
    """Return a position with what a newer report tells; what it does not tell stays, unless it hung on the rest."""
    told: dict[str, Any] = {name: getattr(report, name) for name in _VALUES if getattr(report, name) is not None}
    same = report.amount == known.amount and report.time <= known.recency.time
    if same and report.source is AccountSource.REST:
        # The same state once more, in fewer decimal places; its settings may be new.
        told = {name: value for name, value in told.items() if name in _SETTINGS or getattr(known, name) is None}
    if report.amount != known.amount or told.get("entry_price", known.entry_price) != known.entry_price:
        hanging: dict[str, Any] = _FLAT if not report.amount else dict.fromkeys(_FLAT)
        told = {**hanging, "realized_profit": None, **told}
    return replace(known, amount=report.amount, **told)


def _with_settings(known: PositionState, report: PositionReport) -> PositionState:
    """Return a position with those settings that an older report tells, and that nobody told before."""
    told = {name: getattr(report, name) for name in _SETTINGS if getattr(known, name) is None}
    return replace(known, **told)


def _is_another(before: PositionState, after: PositionState) -> bool:
    """Say whether an answer knows of a trade of which the stream did not tell."""
    if after.amount != before.amount:
        return True
    return before.entry_price is not None and after.entry_price != before.entry_price


def _differs(before: PositionState, after: PositionState) -> bool:
    if before.unrealized_profit is None and after.unrealized_profit is not None:
        return True
    return any(getattr(before, name) != getattr(after, name) for name in _SEEN)


def _stamped(state: PositionState, report: PositionTold, *, recovered: bool = False) -> PositionState:
    return replace(
        state,
        update_time=max(state.update_time, report.time or report.request_time),
        event_time=report.event_time,
        source=report.source,
        recovered=state.recovered or recovered,
    )
