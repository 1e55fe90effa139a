from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, strategies as st

from dashboard.api.example_accounts import example_balance, example_order, example_position
from dashboard.core.accounts import Accounts
from schemas.accounts import Order, OrderKind
from schemas.markets import Market
from schemas.topics import partition_of


USDM = Market.USDM


def order(order_id: int, status: str = "NEW", **fields: Any) -> Order:
    return msgspec.structs.replace(example_order(), order_id=order_id, status=status, **fields)


def ids(accounts: Accounts, **given: Any) -> list[int]:
    return [one["order_id"] for one in accounts.orders(**given)]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4))))
def test_an_order_never_goes_back_to_an_older_version(versions: list[tuple[int, int]]) -> None:
    one = Accounts(10)
    for number, (offset, snapshot) in enumerate(versions):
        one.take(USDM, order(1, input_offset=offset, snapshot_offset=snapshot, update_time=number))

    last = max(range(len(versions)), key=lambda n: (versions[n], n), default=None)

    assert [told["update_time"] for told in one.orders()] == ([] if last is None else [last])


def test_open_orders_come_first_then_those_that_ended_last() -> None:
    one = Accounts(10)
    one.take(USDM, order(1, "FILLED", update_time=50))
    one.take(USDM, order(2, "PARTIALLY_FILLED", update_time=10))
    one.take(USDM, order(3, "EXPIRED_IN_MATCH", update_time=60))
    one.take(USDM, order(4, "SOMETHING_NEW", update_time=20))

    assert ids(one) == [4, 2, 3, 1]
    assert ids(one, ended=1) == [4, 2, 3]
    assert ids(one, market=Market.SPOT) == ids(one, account="other") == []


def test_orders_that_are_over_are_kept_up_to_a_number_and_open_ones_always() -> None:
    one = Accounts(ended_kept=2)
    for number in range(9):
        one.take(USDM, order(number))
    for number in range(5):
        one.take(USDM, order(number, "FILLED", input_offset=900, update_time=number))

    assert sorted(ids(one)) == [3, 4, 5, 6, 7, 8]


def test_an_order_and_a_conditional_order_of_one_number_are_two() -> None:
    one = Accounts(10)
    one.take(USDM, order(1))
    one.take(USDM, order(1, kind=OrderKind.ALGO))
    one.take(Market.COINM, order(1))

    assert len(one.orders()) == 3


def test_the_document_holds_orders_balances_and_positions_and_its_mark_rises_with_each_change() -> None:
    one = Accounts(10)
    marks = [one.mark]
    for value in (example_order(), example_balance(), example_position()):
        assert one.take(USDM, value)
        marks.append(one.mark)
    assert not one.take(USDM, msgspec.structs.replace(example_balance(), input_offset=1))

    document = one.document()

    assert marks == sorted(set(marks))
    assert one.mark == marks[-1]
    assert {name: len(values) for name, values in document.items()} == {"orders": 1, "balances": 1, "positions": 1}
    assert document["balances"][0]["wallet_balance"] == "125000.00000000"
    assert document["positions"][0]["market"] is USDM


def test_what_a_replaced_partition_said_is_forgotten() -> None:
    one, partition = Accounts(10), partition_of("main")
    one.take(USDM, order(1))
    one.take(USDM, order(2, "FILLED"))
    one.take(Market.COINM, order(3))
    one.take(USDM, example_balance())

    one.forget(USDM, "order", (partition + 1) % 12)
    assert len(ids(one)) == 3
    one.forget(USDM, "order", partition)

    assert ids(one) == [3]
    assert len(one.balances()) == 1
    assert one.take(USDM, order(1, input_offset=0))
