"""Spot balances: nothing appears, nothing is lost, and what is locked is what locks hold."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.accounts.ledger import Balance, InsufficientError, Ledger, Lock


movements = st.lists(
    st.tuples(
        st.sampled_from(["lock", "release", "release all", "spend", "credit", "debit"]),
        st.integers(min_value=0, max_value=60),
        st.integers(min_value=0, max_value=5),
    ),
    max_size=60,
)


@given(movements)
def test_free_and_locked_are_what_came_less_what_went(steps: list[tuple[str, int, int]]) -> None:
    ledger, locks = Ledger({"BTC": 100}), [Lock("BTC", 0)]
    expected = 100
    for kind, amount, which in steps:
        lock = locks[which % len(locks)]
        try:
            match kind:
                case "lock":
                    locks.append(ledger.lock("BTC", amount))
                case "release":
                    ledger.release(lock, min(amount, lock.amount))
                case "release all":
                    ledger.release(lock)
                case "spend":
                    expected -= (paid := min(amount, lock.amount))
                    ledger.spend(lock, paid)
                case "credit":
                    ledger.credit("BTC", amount)
                    expected += amount
                case _:
                    ledger.debit("BTC", amount)
                    expected -= amount
        except InsufficientError as error:
            enough = error.asked <= error.free
            assert not enough
        balance = ledger.balance("BTC")
        assert balance.free + balance.locked == expected
        assert balance.locked == sum(each.amount for each in locks)
        assert balance.free >= 0


def test_more_than_a_lock_holds_is_not_taken_from_it() -> None:
    ledger = Ledger({"BTC": 10})
    lock = ledger.lock("BTC", 4)

    with pytest.raises(ValueError, match="lock of 4 units of BTC: 5 are to be taken"):
        ledger.spend(lock, 5)

    assert ledger.balance("BTC") == Balance(free=6, locked=4)


def test_a_movement_that_is_refused_changes_nothing() -> None:
    ledger = Ledger({"BTC": 10})

    with pytest.raises(InsufficientError, match="BTC: 11 units are asked for, 10 are free"):
        ledger.lock("BTC", 11)

    assert ledger.balance("BTC") == Balance(free=10)
