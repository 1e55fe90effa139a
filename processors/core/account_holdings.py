"""The balances and positions of one account on one market: what records tell of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

import msgspec

from processors.core.account_parts import Part, PartName, PartType, Result, Telling
from processors.core.balances import BalanceChange, Balances
from processors.core.holding_reports import BalanceTold, PositionKey, PositionTold
from processors.core.positions import PositionChange, Positions
from processors.core.records import Difference, Output
from schemas.accounts import Balance, Position
from schemas.keys import balance_key, position_key
from schemas.markets import Market
from schemas.topics import DerivedType


__all__ = ["AccountHoldings"]


class AccountHoldings:
    """All balances and positions of an account on a market, each a part.

    Args:
        market: which.
        account: its label.
    """

    def __init__(self, market: Market, account: str) -> None:
        self._market = market
        self._account = account
        self._balances = self._new_balances()
        self._positions = self._new_positions()

    @property
    def parts(self) -> Collection[Part[Any]]:
        """Those of which something is known."""
        return [
            part for part in (self._balances, self._positions) if part.changed or part.next_update or part.next_snapshot
        ]

    def load(self, name: PartName, dumped: bytes) -> int:
        """Take over a dumped part, and return the account's clock.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        if name.type is PartType.BALANCES:
            balances = self._new_balances()
            clock_ms = balances.load(dumped)
            self._balances = balances
        else:
            positions = self._new_positions()
            clock_ms = positions.load(dumped)
            self._positions = positions
        return clock_ms

    def drop(self, name: PartName) -> None:
        """Forget a part."""
        if name.type is PartType.BALANCES:
            self._balances = self._new_balances()
        else:
            self._positions = self._new_positions()

    def tell_balances(self, reports: Collection[BalanceTold], telling: Telling) -> list[Result]:
        """Apply what a record tells of balances; return one record for each that it changed."""
        part = self._balances
        if not reports or telling.is_known_to(part):
            return []
        changed: dict[str, tuple[BalanceChange, bool]] = {}
        for report in reports:
            for change in part.content.apply(report):
                first, recovered = changed.get(change.asset, (change, False))
                changed[change.asset] = first, recovered or change.recovered
        results: list[Result] = []
        offsets = telling.mark(part)
        for asset, (first, recovered) in changed.items():
            if (balance := part.content.record(asset, *offsets)) is not None:
                key, known = balance_key(balance), _before(balance, first.before)
                results += self._said(DerivedType.BALANCE, key, known, balance, telling, recovered=recovered)
        return results

    def tell_positions(self, reports: Collection[PositionTold], telling: Telling) -> list[Result]:
        """Apply what a record tells of positions; return one record for each that it changed."""
        part = self._positions
        if not reports or telling.is_known_to(part):
            return []
        changed: dict[PositionKey, tuple[PositionChange, bool]] = {}
        for report in reports:
            for change in part.content.apply(report):
                first, recovered = changed.get(change.key, (change, False))
                changed[change.key] = first, recovered or change.recovered
        results: list[Result] = []
        offsets = telling.mark(part)
        for of, (first, recovered) in changed.items():
            if (position := part.content.record(of, *offsets)) is not None:
                key, known = position_key(position), _before(position, first.before)
                results += self._said(DerivedType.POSITION, key, known, position, telling, recovered=recovered)
        return results

    def _new_balances(self) -> Part[Balances]:
        return Part(PartName(self._market, self._account, PartType.BALANCES), Balances(self._account))

    def _new_positions(self) -> Part[Positions]:
        return Part(PartName(self._market, self._account, PartType.POSITIONS), Positions(self._account))

    def _said(
        self,
        of: DerivedType,
        key: bytes,
        before: Balance | Position | None,
        after: Balance | Position,
        telling: Telling,
        *,
        recovered: bool,
    ) -> list[Result]:
        if before == after:
            return []
        results: list[Result] = [Output(self._market, of, key, after, telling.record.timestamp_ms)]
        if recovered:
            results.append(
                Difference(
                    market=self._market, account=self._account, what=of if before is not None else f"unknown-{of}",
                    before=before, after=after, cause=telling.cause, record=telling.record,
                )
            )  # fmt: skip
        return results


ValueT = TypeVar("ValueT", Balance, Position)
"""What readers see."""


def _before(after: ValueT, state: msgspec.Struct | None) -> ValueT | None:
    """Return what readers saw before: the states have fields of the same names."""
    if state is None:
        return None
    fields = {name: getattr(state, name) for name in state.__struct_fields__ if name in type(after).__struct_fields__}
    return msgspec.structs.replace(after, **fields)
