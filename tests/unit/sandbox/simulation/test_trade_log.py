"""What is remembered of trades."""

from __future__ import annotations

from hypothesis import given, strategies as st

from sandbox.simulation.trade_log import Aggregate, AggregateLog, Trade, TradeLog


def trades(count: int) -> list[Trade]:
    return [Trade(50 + i, 100 + i, 1 + i, 1_000 + 10 * (i // 2), bool(i % 3)) for i in range(count)]


def aggregates(count: int) -> list[Aggregate]:
    return [Aggregate(50 + i, 100, 1, 2 * i, 2 * i + 1, 1_000 + 10 * (i // 2), bool(i % 3)) for i in range(count)]


@given(st.integers(0, 70), st.integers(0, 150), st.integers(1, 20))
def test_trades_come_back_by_id_as_far_as_remembered(count: int, from_id: int, limit: int) -> None:
    log = TradeLog(50, keep=20)
    every = trades(count)
    for each in every:
        log.append(each)
    remembered = every[-20:]
    found = log.since(from_id, limit)

    assert log.next_id == 50 + count
    assert log.last(min(limit, 20)) == remembered[-limit:]
    assert found == [each for each in every if each.trade_id >= from_id][:limit] or from_id < remembered[0].trade_id


@given(st.integers(0, 70))
def test_at_least_as_many_are_remembered_as_promised(count: int) -> None:
    log = TradeLog(50, keep=20)
    for each in trades(count):
        log.append(each)

    assert len(log.since(0, 1_000)) >= min(count, 20)


@given(st.none() | st.integers(990, 1_200), st.none() | st.integers(990, 1_200), st.integers(1, 30))
def test_aggregate_trades_come_back_by_time_both_ends_included(
    start_ms: int | None, end_ms: int | None, limit: int
) -> None:
    log = AggregateLog(50, keep=1_000)
    every = aggregates(40)
    for each in every:
        log.append(each)
    inside = [
        each
        for each in every
        if (start_ms is None or each.time_ms >= start_ms) and (end_ms is None or each.time_ms <= end_ms)
    ]

    assert log.in_time(start_ms, end_ms, limit) == (inside[-limit:] if start_ms is None else inside[:limit])
    assert log.since(60, 5) == every[10:15]
    assert log.last(3) == every[-3:]
