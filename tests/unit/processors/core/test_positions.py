from __future__ import annotations

from typing import Any

import pytest

from processors.core.account_reports import Reports, account_reports
from processors.core.checkpoint_rounds import CheckpointError
from processors.core.holding_reports import PositionKey
from processors.core.positions import PositionChange, Positions
from processors.core.records import RawRecord
from schemas.accounts import AccountSource, Position, PositionSide
from schemas.decimals import to_scaled
from schemas.markets import Market
from tests.support.order_lives import answer_record, event_record


BTC = PositionKey("BTCUSDT", PositionSide.BOTH)
QUOTE = 10**16


def fold(positions: Positions, *records: RawRecord) -> list[PositionChange]:
    changes: list[PositionChange] = []
    for record in records:
        reports = account_reports(record)
        assert isinstance(reports, Reports), reports
        for report in reports.positions:
            changes += positions.apply(report)
    return changes


def moved(time: int, amount: str, offset: int = 0, *, market: Market = Market.USDM, **fields: Any) -> RawRecord:
    position = {
        "s": "BTCUSDT",
        "pa": amount,
        "ep": "61837.5" if float(amount) else "0",
        "bep": "61840",
        "cr": "212",
        "up": "-12.5",
        "mt": "cross",
        "iw": "0",
        "ps": "BOTH",
        **fields,
    }
    change = {"m": "ORDER", "B": [], "P": [position]}
    return event_record(market, {"e": "ACCOUNT_UPDATE", "E": time + 1, "T": time, "a": change}, offset)


def risks(time: int, *positions: dict[str, Any], request: str = "", at: int = 1000) -> RawRecord:
    return answer_record(
        Market.USDM,
        "positionRisk",
        list(positions),
        0,
        request_time=str(time),
        request=request,
        receive_time_ns=str(at),
    )


def risk(time: int, amount: str, **fields: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "positionSide": "BOTH",
        "positionAmt": amount,
        "entryPrice": "61837.5",
        "breakEvenPrice": "61840",
        "unRealizedProfit": "3",
        "isolatedWallet": "0",
        "updateTime": time,
        **fields,
    }


def record_of(positions: Positions, key: PositionKey = BTC) -> Position:
    record = positions.record(key, 7, 8)
    assert record is not None
    return record


def test_the_whole_position_is_taken_over_as_it_was_told() -> None:
    positions = Positions("main")
    (change,) = fold(positions, moved(1000, "-0.125"))

    assert (change.key, change.before) == (BTC, None)
    assert record_of(positions) == Position(
        account="main",
        symbol="BTCUSDT",
        position_side=PositionSide.BOTH,
        amount=to_scaled("-0.125"),
        entry_price=618375 * QUOTE // 10,
        break_even_price=61840 * QUOTE,
        unrealized_profit=-125 * QUOTE // 10,
        realized_profit=212 * QUOTE,
        margin_type="cross",
        isolated_wallet=0,
        leverage=None,
        margin_call_time=None,
        mark_price=None,
        maintenance_margin=None,
        reason="ORDER",
        update_time=1000,
        event_time=1001,
        source=AccountSource.STREAM,
        recovered=False,
        input_offset=7,
        snapshot_offset=8,
    )


def test_a_closed_position_stays_with_nothing_in_it() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5"), moved(1001, "0", 1))

    assert (record_of(positions).amount, record_of(positions).entry_price) == (0, 0)
    assert fold(positions, moved(1000, "0.5", 2)) == []
    positions.forget(BTC)
    assert len(positions) == 0


def test_unused_positions_and_unchanged_ones_are_no_news() -> None:
    """COIN-M tells of every symbol whenever one changes, each time with another unrealised profit."""
    positions = Positions("main")
    unused = moved(1000, "0", market=Market.COINM)

    assert fold(positions, unused) == []
    assert len(fold(positions, moved(1001, "3", 1, market=Market.COINM))) == 1
    assert fold(positions, moved(1002, "3", 2, market=Market.COINM, up="7")) == []
    assert fold(positions, moved(1001, "5", 3, market=Market.COINM)) == []


def test_the_two_sides_of_hedge_mode_are_two_positions() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", ps="LONG"), moved(1000, "-0.5", 1, ps="SHORT"))

    assert sorted(positions.keys()) == [
        PositionKey("BTCUSDT", PositionSide.LONG),
        PositionKey("BTCUSDT", PositionSide.SHORT),
    ]


@pytest.mark.parametrize(("told", "spelled"), [("cross", "cross"), ("CROSSED", "cross"), ("ISOLATED", "isolated")])
def test_the_margin_type_is_spelled_one_way(told: str, spelled: str) -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", mt=told))

    assert record_of(positions).margin_type == spelled


def test_a_margin_call_is_noted_at_the_position() -> None:
    positions = Positions("main")
    called = {
        "s": "BTCUSDT",
        "ps": "BOTH",
        "pa": "0.5",
        "mt": "CROSSED",
        "iw": "0",
        "mp": "60000",
        "up": "-900",
        "mm": "5",
    }
    call = event_record(Market.USDM, {"e": "MARGIN_CALL", "E": 2000, "cw": "1", "p": [called]}, 1)
    fold(positions, moved(1000, "0.5"))

    assert len(fold(positions, call, call)) == 1
    record = record_of(positions)
    assert (record.margin_call_time, record.mark_price, record.maintenance_margin) == (2000, 60000 * QUOTE, 5 * QUOTE)
    assert record.amount == to_scaled("0.5")


def test_a_leverage_is_that_of_the_symbol_before_and_after() -> None:
    positions = Positions("main")

    def leverage(time: int, factor: int) -> RawRecord:
        config = {"e": "ACCOUNT_CONFIG_UPDATE", "E": time, "T": time, "ac": {"s": "BTCUSDT", "l": factor}}
        return event_record(Market.USDM, config, 0)

    fold(positions, leverage(1000, 20), moved(1001, "0.5"))
    assert record_of(positions).leverage == 20
    (change,) = fold(positions, leverage(1002, 25), leverage(900, 3))
    assert (change.after.leverage, record_of(positions).leverage) == (25, 25)


def test_an_answer_that_agrees_adds_what_was_not_told_and_is_not_recovered() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", 1))

    (change,) = fold(positions, risks(1100, risk(1000, "0.5", entryPrice="61837.4", leverage="20")))
    assert not change.recovered
    assert (record_of(positions).leverage, record_of(positions).entry_price) == (20, 618375 * QUOTE // 10)
    assert fold(positions, risks(1200, risk(1000, "0.5", leverage="20"))) == []


def test_what_an_answer_alone_knows_is_recovered() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", 1))

    (change,) = fold(positions, risks(2100, risk(2000, "0.75", entryPrice="61900")))
    assert change.recovered
    record = record_of(positions)
    assert (record.amount, record.entry_price, record.recovered) == (to_scaled("0.75"), 61900 * QUOTE, True)
    assert (record.source, record.event_time) == (AccountSource.REST, None)
    assert record.realized_profit is None  # no answer tells, and what was known is of before


def test_a_position_that_was_closed_and_opened_again_unheard_is_recovered() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", 1))

    (change,) = fold(positions, risks(2100, risk(2000, "0.5", entryPrice="61900")))
    assert change.recovered


def test_an_answer_that_is_older_changes_nothing() -> None:
    positions = Positions("main")
    fold(positions, moved(3000, "0.5", 1))

    assert fold(positions, risks(2100, risk(2000, "0.75"))) == []


def test_of_an_older_answer_a_setting_is_taken_that_nobody_told() -> None:
    """COIN-M stamps all positions anew in its events, and only those that changed in its answers."""
    positions = Positions("main")
    fold(positions, moved(3000, "0.5", 1))

    (change,) = fold(positions, risks(3100, risk(2000, "0.75", leverage="20", marginType="isolated")))
    assert not change.recovered
    record = record_of(positions)
    assert (record.amount, record.leverage, record.margin_type) == (to_scaled("0.5"), 20, "cross")


def test_an_answer_that_tells_no_entry_price_leaves_none_for_another_amount() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", 1))
    fold(positions, risks(2100, risk(2000, "0.75", entryPrice=None, breakEvenPrice=None)))

    assert (record_of(positions).amount, record_of(positions).entry_price) == (to_scaled("0.75"), None)

    (change,) = fold(positions, risks(2100, risk(2000, "0.75")))
    assert not change.recovered
    assert record_of(positions).entry_price == 618375 * QUOTE // 10


def test_a_position_that_a_whole_answer_does_not_name_is_closed() -> None:
    positions = Positions("main")
    fold(positions, moved(1000, "0.5", 1))

    assert fold(positions, risks(2000, request="symbol=ETHUSDT&recvWindow=5000")) == []
    assert fold(positions, risks(900)) == []
    (change,) = fold(positions, risks(2000, request="recvWindow=5000"))
    assert change.recovered
    assert (record_of(positions).amount, record_of(positions).entry_price) == (0, 0)


def test_positions_are_written_down_and_read_again() -> None:
    positions, restored = Positions("main"), Positions("main")
    fold(positions, moved(1000, "0.5", 1), moved(1000, "-1", 2, ps="SHORT"))
    restored.load(positions.dump())

    assert restored.record(BTC, 1, 1) == positions.record(BTC, 1, 1)
    assert restored.dump() == positions.dump()
    with pytest.raises(CheckpointError):
        restored.load(b"[1,[7]]")
