from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from processors.core.account_reports import Reports, account_reports
from processors.core.balances import BalanceChange, Balances
from processors.core.checkpoint_rounds import CheckpointError
from processors.core.records import RawRecord
from schemas.accounts import AccountSource, Balance
from schemas.decimals import to_scaled
from schemas.markets import Market
from tests.support.order_lives import answer_record, event_record


def fold(balances: Balances, *records: RawRecord) -> list[BalanceChange]:
    changes: list[BalanceChange] = []
    for record in records:
        reports = account_reports(record)
        assert isinstance(reports, Reports), reports
        for report in reports.balances:
            changes += balances.apply(report)
    return changes


def arrived(
    market: Market, event: dict[str, Any], sequence: int, connection: str = "a", at: int | None = None
) -> RawRecord:
    record = event_record(market, event, sequence)
    headers = {
        "connection_id": connection,
        "connection_sequence": str(sequence),
        "receive_time_ns": str(sequence if at is None else at),
    }
    return RawRecord(
        record.market,
        record.type,
        record.partition,
        record.offset,
        record.timestamp_ms,
        record.key,
        record.value,
        tuple((name, value.encode()) for name, value in headers.items()),
    )


def held(time: int, **assets: tuple[str, str]) -> dict[str, Any]:
    told = [{"a": asset, "f": free, "l": locked} for asset, (free, locked) in assets.items()]
    return {"e": "outboundAccountPosition", "E": time, "u": time, "B": told}


def wallet(time: int, balance: str, reason: str = "ORDER", change: str = "0", **extra: Any) -> dict[str, Any]:
    assets = [{"a": "USDT", "wb": balance, "cw": balance, "bc": change}]
    return {"e": "ACCOUNT_UPDATE", "E": time + 1, "T": time, "a": {"m": reason, "B": assets, "P": [], **extra}}


def spot_account(time: int, at: int, **assets: tuple[str, str]) -> RawRecord:
    told = [{"asset": asset, "free": free, "locked": locked} for asset, (free, locked) in assets.items()]
    return answer_record(Market.SPOT, "account", {"updateTime": time, "balances": told}, 0, receive_time_ns=str(at))


def wallets(at: int, request_time: int, *assets: tuple[str, str, int]) -> RawRecord:
    told = [
        {"asset": asset, "balance": balance, "crossWalletBalance": balance, "updateTime": time}
        for asset, balance, time in assets
    ]
    return answer_record(Market.USDM, "balance", told, 0, receive_time_ns=str(at), request_time=str(request_time))


def record_of(balances: Balances, asset: str) -> Balance:
    record = balances.record(asset, 7, 8)
    assert record is not None
    return record


def test_the_whole_balance_is_taken_over_as_it_was_told() -> None:
    balances = Balances("main")
    (change,) = fold(balances, arrived(Market.SPOT, held(1000, USDT=("90.5", "9.5")), 1))

    assert (change.asset, change.before) == ("USDT", None)
    assert record_of(balances, "USDT") == Balance(
        account="main",
        asset="USDT",
        free=to_scaled("90.5"),
        locked=to_scaled("9.5"),
        wallet_balance=None,
        cross_wallet_balance=None,
        last_change=None,
        last_transfer=None,
        last_transfer_time=None,
        last_external_lock=None,
        last_external_lock_time=None,
        reason=None,
        multi_assets_mode=None,
        update_time=1000,
        event_time=1000,
        source=AccountSource.STREAM,
        recovered=False,
        input_offset=7,
        snapshot_offset=8,
    )


def test_a_late_report_changes_nothing() -> None:
    balances = Balances("main")
    newer, older = held(2000, USDT=("1", "0")), held(1000, USDT=("5", "0"))

    assert len(fold(balances, arrived(Market.SPOT, newer, 1), arrived(Market.SPOT, older, 2))) == 1
    assert record_of(balances, "USDT").free == to_scaled("1")


def test_a_transfer_is_noted_and_never_added() -> None:
    balances = Balances("main")
    transfer = {"e": "balanceUpdate", "E": 1001, "a": "USDT", "d": "-10", "T": 1001}
    lock = {"e": "externalLockUpdate", "E": 1002, "a": "USDT", "d": "3", "T": 1002}
    records = [
        arrived(Market.SPOT, held(1000, USDT=("50", "0")), 1),
        arrived(Market.SPOT, transfer, 2),
        arrived(Market.SPOT, lock, 3),
        arrived(Market.SPOT, transfer, 4),
        arrived(Market.SPOT, {**transfer, "T": 900, "d": "77"}, 5),
    ]

    assert len(fold(balances, *records)) == 3
    record = record_of(balances, "USDT")
    assert (record.free, record.last_transfer, record.last_transfer_time) == (to_scaled("50"), to_scaled("-10"), 1001)
    assert (record.last_external_lock, record.last_external_lock_time) == (to_scaled("3"), 1002)


def test_futures_say_why_and_keep_the_last_change_that_was_no_trade() -> None:
    balances = Balances("main")
    fold(
        balances,
        arrived(Market.USDM, wallet(1000, "100", "DEPOSIT", "100"), 1),
        arrived(Market.USDM, wallet(1001, "99.5"), 2),
    )

    record = record_of(balances, "USDT")
    assert (record.wallet_balance, record.last_change, record.reason) == (to_scaled("99.5"), to_scaled("100"), "ORDER")


def test_the_mode_of_the_account_is_that_of_every_asset_before_and_after() -> None:
    balances = Balances("main")
    mode = {"e": "ACCOUNT_CONFIG_UPDATE", "E": 1001, "T": 1001, "ai": {"j": True}}
    changes = fold(
        balances,
        arrived(Market.USDM, wallet(1000, "100"), 1),
        arrived(Market.USDM, mode, 2),
        arrived(Market.USDM, mode, 3),
        wallets(9, 2000, ("USDT", "100", 1000), ("BNB", "1", 1000)),
    )

    assert [change.asset for change in changes] == ["USDT", "USDT", "BNB"]
    assert record_of(balances, "USDT").multi_assets_mode is True
    assert record_of(balances, "BNB").multi_assets_mode is True


def test_an_answer_that_agrees_is_no_change_and_one_that_does_not_is_recovered() -> None:
    balances = Balances("main")
    fold(balances, arrived(Market.SPOT, held(1000, USDT=("50", "0"), BNB=("1", "0")), 1))
    assert fold(balances, spot_account(1000, 5, USDT=("50", "0"), BNB=("1", "0"), LTC=("0", "0"))) == []

    (change,) = fold(balances, spot_account(3000, 9, USDT=("40", "5"), BNB=("1", "0")))
    record = record_of(balances, "USDT")
    assert change.recovered
    assert (record.free, record.locked, record.recovered, record.source) == (
        to_scaled("40"),
        to_scaled("5"),
        True,
        AccountSource.REST,
    )
    assert (record.update_time, record.event_time) == (3000, None)
    assert list(balances.assets()) == ["USDT", "BNB"]


def test_what_an_answer_does_not_name_is_nothing() -> None:
    balances = Balances("main")
    fold(balances, arrived(Market.SPOT, held(1000, USDT=("50", "1"), BNB=("1", "0")), 1))

    (change,) = fold(balances, spot_account(3000, 9, BNB=("1", "0")))
    assert (change.asset, change.recovered) == ("USDT", True)
    assert (record_of(balances, "USDT").free, record_of(balances, "USDT").locked) == (0, 0)
    assert fold(balances, arrived(Market.SPOT, held(2000, USDT=("50", "1")), 2)) == []


def test_what_changed_after_the_question_is_not_undone_by_an_answer_without_times() -> None:
    balances = Balances("main")
    fold(balances, arrived(Market.USDM, wallet(5000, "10"), 1))

    assert fold(balances, wallets(3, 4000)) == []
    assert record_of(balances, "USDT").wallet_balance == to_scaled("10")
    (change,) = fold(balances, wallets(4, 6000))
    assert change.recovered


def test_of_one_moment_an_answer_counts_only_if_it_came_later() -> None:
    balances = Balances("main")
    fold(balances, arrived(Market.USDM, wallet(1000, "10"), 1, at=50))

    assert fold(balances, wallets(40, 900, ("USDT", "11", 1000))) == []
    assert len(fold(balances, wallets(60, 900, ("USDT", "12", 1000)))) == 1
    assert fold(balances, arrived(Market.USDM, wallet(1000, "11.5"), 2, at=55)) == []
    assert len(fold(balances, arrived(Market.USDM, wallet(1000, "13"), 3, at=70))) == 1


def test_what_ingest_had_to_send_again_is_no_second_change() -> None:
    balances = Balances("main")
    first, second = held(1000, USDT=("1", "0")), held(1000, USDT=("2", "0"))
    records = [arrived(Market.SPOT, first, 1), arrived(Market.SPOT, second, 2)]

    assert len(fold(balances, *records, *records)) == 2
    assert record_of(balances, "USDT").free == to_scaled("2")


AMOUNTS = st.sampled_from(["1", "2", "3"])


@given(st.lists(st.tuples(st.integers(0, 2), AMOUNTS), min_size=1, max_size=12), st.data())
def test_two_connections_that_tell_the_same_end_in_the_same_balance(
    story: list[tuple[int, str]], data: st.DataObject
) -> None:
    """Several changes share a moment, a balance may come back to what it was, the second connection may die early."""
    time, events = 1000, []
    for step, amount in story:
        time += step
        events.append(held(time, USDT=(amount, "0")))
    first = [arrived(Market.SPOT, event, number, "a") for number, event in enumerate(events)]
    second = [arrived(Market.SPOT, event, number + 100, "b") for number, event in enumerate(events)]
    second = second[: data.draw(st.integers(0, len(second)))]
    balances = Balances("main")
    logs = [first, second]
    while any(logs):
        log = data.draw(st.sampled_from([log for log in logs if log]))
        fold(balances, log.pop(0))
        if data.draw(st.booleans()):
            fold(balances, *data.draw(st.lists(st.sampled_from([arrived(Market.SPOT, events[0], 0, "a")]), max_size=1)))
        written = balances.dump()
        balances = Balances("main")
        balances.load(written)

    assert record_of(balances, "USDT").free == to_scaled(story[-1][1])


@given(st.lists(st.tuples(st.integers(0, 2), AMOUNTS), min_size=1, max_size=10), st.data())
def test_a_final_answer_makes_up_for_what_was_missed(story: list[tuple[int, str]], data: st.DataObject) -> None:
    time, records = 1000, []
    for number, (step, amount) in enumerate(story):
        time += step
        if data.draw(st.booleans()):
            records.append(arrived(Market.SPOT, held(time, USDT=(amount, "0")), number))
    balances = Balances("main")
    fold(balances, *records, spot_account(time, 1000, USDT=(story[-1][1], "0")))

    assert record_of(balances, "USDT").free == to_scaled(story[-1][1])


def test_damaged_balances_are_not_read() -> None:
    with pytest.raises(CheckpointError):
        Balances("main").load(b'[1,{"USDT":7}]')
