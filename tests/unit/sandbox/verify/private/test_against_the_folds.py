"""The processors' folds and the naive model, which share no code, agree on whatever arrives."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from processors.core.account_reports import Reports, account_reports
from processors.core.balances import Balances
from processors.core.order_records import order_record
from processors.core.order_reports import OrderKey
from processors.core.orders import Impossible, OrderState, advance
from processors.core.positions import Positions
from processors.core.records import RawRecord as FoldedRecord
from sandbox.recordings.private import PrivateEvent, PrivateRecording, read_private
from sandbox.verify.private.outcome import PrivateOutcome, RawRecord, StateRecord, Value
from sandbox.verify.private.verification import raw_type_of, verify_private
from schemas.keys import balance_key, order_key, position_key
from schemas.topics import DerivedType, RawType
from tests.support.recordings import recordings_dir
from tests.unit.sandbox.accounts import T0, Event, execution, futures_life, list_status, recorded, spot_life


class _Folds:
    """One account, folded as the processors fold it."""

    def __init__(self, account: str) -> None:
        self._orders: dict[OrderKey, OrderState] = {}
        self._balances = Balances(account)
        self._positions = Positions(account)

    def take(self, reports: Reports, offset: int) -> Iterator[tuple[DerivedType, bytes, Value]]:
        """Fold what a record tells; yield the states that it changes."""
        yield from self._take_orders(reports, offset)
        yield from self._take_holdings(reports, offset)

    def _take_orders(self, reports: Reports, offset: int) -> Iterator[tuple[DerivedType, bytes, Value]]:
        changed: dict[OrderKey, OrderState] = {}
        for told in reports.orders:
            outcome = advance(self._orders.get(told.key), told)
            assert not isinstance(outcome, Impossible), outcome
            if outcome.state is not None:
                self._orders[told.key] = outcome.state
                changed |= {told.key: outcome.state} if outcome.changed else {}
        for state in changed.values():
            order = order_record(state, offset, -1)
            if order is not None:
                yield DerivedType.ORDER, order_key(order), order

    def _take_holdings(self, reports: Reports, offset: int) -> Iterator[tuple[DerivedType, bytes, Value]]:
        for told_of_balance in reports.balances:
            for change in self._balances.apply(told_of_balance):
                balance = self._balances.record(change.asset, offset, -1)
                if balance is not None:
                    yield DerivedType.BALANCE, balance_key(balance), balance
        for told_of_position in reports.positions:
            for moved in self._positions.apply(told_of_position):
                position = self._positions.record(moved.key, offset, -1)
                if position is not None:
                    yield DerivedType.POSITION, position_key(position), position


def folded(recording: PrivateRecording) -> PrivateOutcome:
    """What the topics would hold."""
    outcome = PrivateOutcome()
    offsets: dict[tuple[object, ...], int] = defaultdict(int)
    accounts: dict[tuple[object, ...], _Folds] = {}
    for event in recording.events:
        raw_type = raw_type_of(event.type)
        place = event.market, event.account, raw_type
        offset, offsets[place] = offsets[place], offsets[place] + 1
        outcome.raw[place].append(RawRecord(offset, event.type, event.data))
        reports = account_reports(_record(event, raw_type, offset))
        if isinstance(reports, Reports):
            folds = accounts.setdefault((event.market, event.account), _Folds(event.account))
            for derived, key, value in folds.take(reports, offset):
                outcome.states[event.market, event.account, derived].append(StateRecord(key, value, offset))
    return outcome


def _record(event: PrivateEvent, raw_type: RawType, offset: int) -> FoldedRecord:
    return FoldedRecord(
        market=event.market,
        type=raw_type,
        partition=0,
        offset=offset,
        timestamp_ms=event.event_time_ms,
        key=event.account.encode(),
        value=event.data,
        headers=(("connection_id", b"c"), ("connection_sequence", str(offset).encode())),
    )


def _listed() -> list[Event]:
    """Two legs of an order list."""
    listed = {"g": 4}
    return [
        execution("NEW", "NEW", 100, T0, **listed),
        execution("NEW", "NEW", 101, T0, i=6, c="other", **listed),
        list_status("EXECUTING", T0, 7, 6),
        execution("CANCELED", "CANCELED", 102, T0 + 5, C="mine", **listed | {"c": "cancel"}),
        list_status("ALL_DONE", T0 + 6, 7, 6),
    ]


LIVES: Sequence[list[Event]] = (spot_life(), futures_life(), _listed())


@pytest.mark.parametrize("life", LIVES)
def test_they_agree_on_a_life_as_it_comes(tmp_path: Path, life: list[Event]) -> None:
    recording = recorded(tmp_path / "a", life)

    assert verify_private(recording, folded(recording), seconds=1).ok


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(LIVES), st.sampled_from([1, 2]))
def test_they_agree_in_whatever_order_and_however_often_it_comes(
    tmp_path: Path, chance: random.Random, life: list[Event], times: int
) -> None:
    arrived = life * times
    chance.shuffle(arrived)
    recording = recorded(tmp_path / "a", arrived)
    report = verify_private(recording, folded(recording), seconds=1)

    assert report.ok, report.document()


@pytest.mark.recordings
def test_they_agree_on_the_shared_recordings() -> None:
    recordings = recordings_dir()
    if recordings is None:
        pytest.skip("no recordings here")
    recording = read_private([recordings / "userdata"])

    assert verify_private(recording, folded(recording), seconds=1).ok
