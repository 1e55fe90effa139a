from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.flow_alerts import AlertRules
from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.trade_partition import TradePartition
from schemas.control import Gap, GapStatus, Heartbeat
from schemas.derived import Alert, AlertStatus, Candle, TradeKind, TradeSource
from schemas.markets import Market
from schemas.topics import DerivedType, RawType
from tests.unit.processors.core.records import (
    agg_trade_record,
    candles_of,
    flows_of,
    gap_of,
    heartbeat_of,
    interleaved,
    last_candles,
    last_flows,
    letters_of,
    record_of,
    trade_record,
    trades_of,
    values_of,
)


MINUTE = 60_000
HOUR = 60 * MINUTE


def run(partition: TradePartition, inputs: Iterable[object]) -> list[Output | DeadLetter]:
    outputs: list[Output | DeadLetter] = []
    for item in inputs:
        if isinstance(item, RawRecord):
            outputs.extend(partition.feed(item))
        elif isinstance(item, Heartbeat):
            outputs.extend(partition.heartbeat(item))
        elif isinstance(item, Gap):
            outputs.extend(partition.gap(item))
    return outputs


def unflagged(candles: dict[tuple[str, int], Candle]) -> dict[tuple[str, int], Candle]:
    return {key: replace(candle, revision=False) for key, candle in candles.items()}


def numbers(candles: dict[tuple[str, int], Candle]) -> dict[tuple[str, int], Candle]:
    return {key: replace(candle, revision=False, input_offset=0) for key, candle in candles.items()}


class Log:
    """A raw log, the ledger that repair would write for it, and heartbeats that are true of it."""

    def __init__(self, records: list[tuple[int, int]], promises: list[tuple[int, int]]) -> None:
        """Take ids and times in the order of the log, and offsets with how much less than the truth is promised."""
        self.raw = [
            trade_record(number, time, offset, price=str(100 + number % 7), quantity=str(1 + number % 3))
            for offset, (number, time) in enumerate(records)
        ]
        self.gaps = list(self._ledger(records))
        seen: set[int] = set()
        new: list[tuple[int, int]] = []
        for offset, (number, time) in enumerate(records):
            if number not in seen:
                new.append((offset, time))
            seen.add(number)
        self.end = max(time for _, time in records) + HOUR
        beats = [
            (offset, min((time - 1 for at, time in new if at >= offset), default=self.end) - less)
            for offset, less in sorted({offset: less for offset, less in promises if offset < len(records)}.items())
        ]
        self.heartbeats: list[Heartbeat] = []
        reached = 0
        for offset, until in [*beats, (len(records), self.end)]:
            reached = max(reached, until)
            self.heartbeats.append(heartbeat_of(reached, offset))

    @staticmethod
    def _ledger(records: list[tuple[int, int]]) -> Iterable[Gap]:
        last_id, last_time = records[0]
        for number, time in records:
            if number > last_id + 1:
                yield gap_of(last_id + 1, number - 1, (last_time, time))
            last_id = max(last_id, number)
            last_time = max(last_time, time)


@st.composite
def logs(draw: st.DrawFn, *, ordered: bool) -> Log:
    steps = draw(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3 * MINUTE)), min_size=1, max_size=15))
    records: list[tuple[int, int]] = []
    number, time = 10, 1_700_000_000_000
    for step, pause in steps:
        records.append((number, time))
        number, time = number + step, time + pause
    if not ordered:
        records = draw(st.permutations(records))
    for again in draw(st.lists(st.integers(0, len(records) - 1), max_size=4)):
        records.insert(draw(st.integers(again + 1, len(records))), records[again])
    promises = draw(st.lists(st.tuples(st.integers(0, len(records)), st.integers(0, 2 * MINUTE)), max_size=6))
    return Log(records, promises)


@given(st.data())
def test_how_the_topics_are_interleaved_does_not_change_trades_and_candles(data: st.DataObject) -> None:
    """Raw records, heartbeats and ledger come from three topics; only the order within each is certain."""
    log = data.draw(logs(ordered=True))
    topics = (log.raw, log.heartbeats, log.gaps)
    one = run(TradePartition(), data.draw(interleaved(*topics)))
    other = run(TradePartition(), data.draw(interleaved(*topics)))

    assert trades_of(one) == trades_of(other)
    assert unflagged(last_candles(one)) == unflagged(last_candles(other))
    assert last_flows(one) == last_flows(other)


@given(st.data())
def test_out_of_order_trades_end_in_the_same_trades_and_numbers(data: st.DataObject) -> None:
    """Whether a trade filled its hole before the ledger spoke or after, the sums are the same."""
    log = data.draw(logs(ordered=False))
    topics = (log.raw, log.heartbeats, log.gaps)
    one = run(TradePartition(), data.draw(interleaved(*topics)))
    other = run(TradePartition(), data.draw(interleaved(*topics)))

    def identities(outputs: list[Output | DeadLetter]) -> list[tuple[int, int]]:
        return sorted((trade.epoch, trade.trade_id) for trade in trades_of(outputs) if trade.kind is TradeKind.TRADE)

    assert identities(one) == identities(other) == sorted({(0, number) for number, _ in ids_of(log)})
    assert numbers(last_candles(one)) == numbers(last_candles(other))
    assert last_flows(one) == last_flows(other)


def ids_of(log: Log) -> list[tuple[int, int]]:
    return [
        (trade.trade_id, trade.trade_time)
        for trade in trades_of(run(TradePartition(), [*log.gaps, *log.raw]))
        if trade.kind is TradeKind.TRADE
    ]


@given(logs(ordered=True))
def test_trades_come_out_in_id_order_and_holes_tell_what_is_missing(log: Log) -> None:
    outputs = trades_of(run(TradePartition(), [*log.raw, *log.gaps]))

    expected = 10
    for trade in outputs:
        assert trade.trade_id == expected
        expected = trade.trade_id + 1 if trade.last_missing_id is None else trade.last_missing_id + 1
        assert not trade.late


def test_a_trade_becomes_its_record_and_a_provisional_candle() -> None:
    trade, candle = TradePartition().feed(trade_record(7, 1_000, 0))

    assert isinstance(trade, Output)
    assert isinstance(candle, Output)
    assert (trade.market, trade.type, trade.key, trade.timestamp_ms) == (
        Market.SPOT,
        DerivedType.TRADE,
        b"BTCUSDT",
        1_000,
    )
    assert (candle.type, candle.key, candle.timestamp_ms) == (DerivedType.CANDLE_1M, b"BTCUSDT|0", 1_000)


def test_a_heartbeat_waits_for_the_records_that_it_vouches_for() -> None:
    partition = TradePartition()
    run(partition, [trade_record(1, 10, 0)])

    assert partition.heartbeat(heartbeat_of(MINUTE, 2)) == []
    (candle,) = candles_of(run(partition, [trade_record(2, 20, 1)]))
    assert (candle.open_time, candle.trade_count) == (0, 2)


def test_a_heartbeat_of_another_market_stream_or_of_depth_ends_nothing_here() -> None:
    partition = TradePartition()
    run(partition, [trade_record(1, 10, 0)])

    for other in (
        heartbeat_of(MINUTE, 1, market=Market.USDM),
        heartbeat_of(MINUTE, 1, stream="agg-trade"),
        heartbeat_of(MINUTE, 1, stream="depth"),
        heartbeat_of(MINUTE, 1, stream="something-new"),
    ):
        assert partition.heartbeat(other) == []


def test_candles_do_not_end_over_trades_that_are_held() -> None:
    partition = TradePartition()
    run(partition, [trade_record(1, 10, 0), trade_record(3, 20, 1)])

    assert partition.heartbeat(heartbeat_of(MINUTE, 2)) == []
    outputs = partition.gap(gap_of(2, 2, (10, 20)))

    (candle,) = candles_of(outputs)
    assert (candle.trade_count, candle.complete, candle.revision) == (2, False, False)
    assert [trade.kind for trade in trades_of(outputs)] == [TradeKind.HOLE, TradeKind.TRADE]


def test_the_first_candle_is_complete_if_a_heartbeat_vouched_before_it_began() -> None:
    for vouched_until, complete in ((MINUTE, True), (MINUTE + 1, False)):
        partition = TradePartition()
        outputs = run(
            partition,
            [heartbeat_of(vouched_until, 0), trade_record(1, MINUTE + 5, 0), heartbeat_of(2 * MINUTE, 1)],
        )
        assert [candle.complete for candle in candles_of(outputs)] == [complete]


def test_a_heartbeat_of_an_earlier_run_of_ingest_does_not_vouch_for_the_first_candle() -> None:
    """Between two runs nobody looked; only ids could tell, and a first trade has none before it."""
    partition = TradePartition()
    outputs = run(
        partition,
        [
            heartbeat_of(0, 0, ingest_id="yesterday"),
            heartbeat_of(MINUTE + 1, 0, ingest_id="today"),
            trade_record(1, MINUTE + 5, 0),
            heartbeat_of(2 * MINUTE, 1, ingest_id="today"),
        ],
    )

    assert [candle.complete for candle in candles_of(outputs)] == [False]


@pytest.mark.parametrize("added_first", [True, False])
def test_the_first_candle_of_a_symbol_that_is_added_while_ingest_runs_is_not_complete(added_first: bool) -> None:
    """Its first record may lie before the first heartbeat that is about it, and that may be read late."""
    partition = TradePartition()
    added = heartbeat_of(MINUTE + 20, 2, begin_offset=1, symbols=["BTCUSDT", "ETHUSDT"])
    trade = trade_record(1, MINUTE + 15, 1)

    outputs = run(
        partition,
        [
            heartbeat_of(0, 0, begin_offset=0, symbols=["ETHUSDT"]),
            *([added, trade] if added_first else [trade, added]),
            heartbeat_of(2 * MINUTE, 2, begin_offset=1),
            heartbeat_of(3 * MINUTE, 2, begin_offset=1),
        ],
    )

    assert [candle.complete for candle in candles_of(outputs)] == [False, True]


def test_windows_of_a_symbol_that_is_no_longer_taken_are_not_closed() -> None:
    partition = TradePartition()
    run(partition, [heartbeat_of(0, 0, begin_offset=0, symbols=["BTCUSDT", "ETHUSDT"]), trade_record(1, 5, 0)])

    last = run(partition, [heartbeat_of(MINUTE, 1, begin_offset=0)])
    after = run(
        partition,
        [
            heartbeat_of(2 * MINUTE, 1, begin_offset=1, symbols=["ETHUSDT"]),
            heartbeat_of(HOUR, 1, begin_offset=1),
        ],
    )

    assert [candle.trade_count for candle in candles_of(last)] == [1]
    assert after == []


@pytest.mark.parametrize("price", ["abc", "-1", "0.000000001"])
def test_a_trade_that_cannot_be_read_is_set_aside_and_stops_nothing(price: str) -> None:
    partition = TradePartition()
    bad = trade_record(2, 20, 1, price=price)

    outputs = run(partition, [trade_record(1, 10, 0), bad, trade_record(3, 30, 2), heartbeat_of(MINUTE, 3)])

    (letter,) = letters_of(outputs)
    assert (letter.reason, letter.record) == ("bad-number", bad)
    assert [(trade.kind, trade.trade_id) for trade in trades_of(outputs)] == [
        (TradeKind.TRADE, 1),
        (TradeKind.HOLE, 2),
        (TradeKind.TRADE, 3),
    ]
    (candle,) = candles_of(outputs)
    assert (candle.trade_count, candle.complete) == (2, False)


def test_a_whole_copy_of_a_trade_that_could_not_be_read_makes_up_for_it() -> None:
    partition = TradePartition()
    run(partition, [heartbeat_of(0, 0), trade_record(1, 10, 0), trade_record(2, 20, 1, price="abc")])

    outputs = run(partition, [trade_record(2, 20, 2), heartbeat_of(MINUTE, 3)])

    (trade,) = trades_of(outputs)
    assert (trade.trade_id, trade.late) == (2, True)
    (candle,) = candles_of(outputs)
    assert (candle.trade_count, candle.complete) == (2, True)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "malformed-json"),
        (b"", "malformed-json"),
        (None, "malformed-json"),
        (b'{"e":"trade"}', "missing-field"),
        (b'{"e":"other","E":1,"s":"BTCUSDT","t":1,"p":"1","q":"1","T":1,"m":true}', "unknown-event"),
        (b'{"e":"trade","E":1,"s":"BTCUSDT","t":"x","p":"1","q":"1","T":1,"m":true}', "mistyped-field"),
        (b'{"e":"trade","E":1,"s":"ETHUSDT","t":1,"p":"1","q":"1","T":1,"m":true}', "does-not-fit"),
    ],
)
def test_poison_is_set_aside_with_its_reason_and_the_rest_goes_on(value: bytes | None, reason: str) -> None:
    partition = TradePartition()
    run(partition, [trade_record(1, 10, 0)])

    (letter,) = run(partition, [record_of(RawType.TRADE, value, 1, 20)])

    assert isinstance(letter, DeadLetter)
    assert letter.reason == reason
    assert trades_of(run(partition, [trade_record(2, 30, 2)])) != []


@pytest.mark.parametrize("key", [b"\xff", None])
def test_a_record_without_a_symbol_for_key_is_set_aside(key: bytes | None) -> None:
    outputs = TradePartition().feed(replace(trade_record(1, 10, 0), key=key))

    assert [letter.reason for letter in letters_of(outputs)] == ["does-not-fit"]


def test_a_trade_time_hours_ahead_is_set_aside_and_ends_no_candle() -> None:
    """Whether its event time says the same (then ingest stamped the record with the receive time) or not."""
    for stamp, event_time in ((20, 20), (21, 2 * HOUR)):
        partition = TradePartition()
        value = b'{"e":"trade","E":%d,"s":"BTCUSDT","t":2,"p":"1","q":"1","T":%d,"m":true}' % (event_time, 2 * HOUR)
        outputs = run(
            partition, [trade_record(1, 10, 0), record_of(RawType.TRADE, value, 1, stamp), trade_record(3, 30, 2)]
        )

        assert [letter.reason for letter in letters_of(outputs)] == ["implausible-time"]
        assert candles_of(outputs) == []
        assert [trade.trade_id for trade in trades_of(outputs)] == [1, 2, 3]


def test_an_event_time_hours_ahead_alone_disturbs_nothing() -> None:
    value = b'{"e":"trade","E":%d,"s":"BTCUSDT","t":2,"p":"1","q":"1","T":20,"m":true}' % (2 * HOUR)
    outputs = run(TradePartition(), [trade_record(1, 10, 0), record_of(RawType.TRADE, value, 1, 25)])

    assert letters_of(outputs) == []
    assert [trade.trade_time for trade in trades_of(outputs)] == [10, 20]


def test_a_frame_without_a_trade_takes_up_its_id() -> None:
    outputs = run(
        TradePartition(),
        [
            trade_record(1, 10, 0, market=Market.USDM),
            trade_record(2, 20, 1, price="0", quantity="0", market=Market.USDM),
            trade_record(3, 30, 2, market=Market.USDM),
        ],
    )

    assert [trade.trade_id for trade in trades_of(outputs)] == [1, 3]
    assert letters_of(outputs) == []


def test_aggregate_trades_are_ignored_unless_they_carry_the_trades() -> None:
    assert TradePartition().feed(agg_trade_record(5, 10, 0, carries=False)) == []

    outputs = TradePartition().feed(agg_trade_record(5, 10, 0, first_id=100, last_id=102))
    (trade,) = trades_of(outputs)
    assert (trade.source, trade.trade_id, trade.first_trade_id, trade.last_trade_id) == (
        TradeSource.AGG_TRADE,
        5,
        100,
        102,
    )


def test_candles_of_aggregate_trades_end_by_their_own_heartbeats_and_count_the_trades_in_them() -> None:
    partition = TradePartition()
    run(partition, [agg_trade_record(5, 10, 0, first_id=100, last_id=102)])

    assert partition.heartbeat(heartbeat_of(MINUTE, 1)) == []
    (candle,) = candles_of(partition.heartbeat(heartbeat_of(MINUTE, 1, stream="agg-trade")))
    assert (candle.trade_count, candle.first_trade_id, candle.last_trade_id) == (3, 100, 102)


def test_the_source_whose_trades_are_newer_makes_the_candles() -> None:
    """The subscriptions were changed from aggregate trades to trades."""
    partition = TradePartition()
    outputs = run(
        partition,
        [
            agg_trade_record(5, 10, 0),
            trade_record(100, MINUTE, 0),
            agg_trade_record(6, MINUTE - 1, 1),
            heartbeat_of(3 * MINUTE, 2, stream="agg-trade"),
            heartbeat_of(2 * MINUTE, 1),
        ],
    )

    assert [(candle.open_time, candle.source) for candle in candles_of(outputs)] == [(MINUTE, TradeSource.TRADE)]
    assert [(trade.source, trade.trade_id) for trade in trades_of(outputs)] == [
        (TradeSource.AGG_TRADE, 5),
        (TradeSource.TRADE, 100),
        (TradeSource.AGG_TRADE, 6),
    ]


def test_ids_that_passed_while_they_carried_no_trades_are_no_hole() -> None:
    outputs = run(
        TradePartition(),
        [agg_trade_record(5, 10, 0), agg_trade_record(6, 20, 1, carries=False), agg_trade_record(7, 30, 2)],
    )

    assert [trade.trade_id for trade in trades_of(outputs)] == [5, 7]


def test_contracts_have_base_and_quote_quantities_once_their_size_is_known() -> None:
    partition = TradePartition()
    unknown = trade_record(1, 10, 0, market=Market.COINM)
    known = trade_record(2, 20, 1, market=Market.COINM, headers=[("contract_size", b"10")])

    first, second = trades_of(run(partition, [unknown, known]))

    assert (first.base_quantity, first.quote_quantity) == (None, None)
    assert (second.quantity, second.base_quantity, second.quote_quantity) == (10**8, 10**7, 10 * 10**16)


def test_markets_do_not_share_ids() -> None:
    outputs = run(TradePartition(), [trade_record(1, 10, 0), trade_record(900, 20, 0, market=Market.USDM)])

    assert [(output.market) for output in outputs if isinstance(output, Output)][::2] == [Market.SPOT, Market.USDM]
    assert [trade.trade_id for trade in trades_of(outputs)] == [1, 900]


@pytest.mark.parametrize(("status", "complete"), [(GapStatus.ABSENT, True), (GapStatus.UNFILLABLE, False)])
def test_a_hole_leaves_the_candle_complete_if_the_venue_has_no_trades_for_it(status: GapStatus, complete: bool) -> None:
    partition = TradePartition()
    outputs = run(
        partition,
        [
            heartbeat_of(0, 0),
            trade_record(1, 10, 0),
            trade_record(3, 20, 1),
            gap_of(2, 2, (10, 20), status),
            heartbeat_of(MINUTE, 2),
        ],
    )

    assert [trade.kind for trade in trades_of(outputs)] == [TradeKind.TRADE, TradeKind.HOLE, TradeKind.TRADE]
    assert [candle.complete for candle in candles_of(outputs)] == [complete]


def test_flow_and_alerts_are_stamped_with_the_end_of_their_window_and_keyed_by_symbol() -> None:
    partition = TradePartition(AlertRules(one_sided_min_trades=1))
    outputs = run(partition, [trade_record(2, 10, 0), trade_record(3, 10_500, 1), trade_record(4, 20_000, 2)])

    told = [output for output in outputs if isinstance(output, Output) and output.key == b"BTCUSDT"]
    assert [(output.type, output.timestamp_ms) for output in told if output.type is not DerivedType.TRADE] == [
        (DerivedType.TRADE_FLOW, 1_000),
        (DerivedType.TRADE_FLOW, 10_000),
        (DerivedType.TRADE_FLOW, 11_000),
        (DerivedType.TRADE_FLOW, 20_000),
        (DerivedType.ALERT, 20_000),
    ]


def test_the_flow_of_a_source_that_lost_the_symbol_ends() -> None:
    partition = TradePartition()
    run(partition, [trade_record(1, 10, 0), agg_trade_record(5, MINUTE, 0), agg_trade_record(6, 2 * MINUTE, 1)])

    flows = flows_of(partition.heartbeat(heartbeat_of(HOUR, 1)))

    assert flows == []


def test_final_candles_are_stamped_with_their_end() -> None:
    partition = TradePartition()
    run(partition, [trade_record(1, 10, 0)])

    output, *_ = partition.heartbeat(heartbeat_of(MINUTE, 1))

    assert isinstance(output, Output)
    assert (output.type, output.key, output.timestamp_ms) == (DerivedType.CANDLE_1M, b"BTCUSDT|0", MINUTE)
    assert values_of([output])


def test_of_two_promises_that_wait_the_first_counts_as_soon_as_it_may() -> None:
    """The second waits behind a hole of its own; it does not matter what is read first, it or the ledger."""
    trades = [trade_record(1, 10, 0), trade_record(3, 20, 1), trade_record(5, MINUTE + 10, 2)]
    first, second = heartbeat_of(MINUTE, 2), heartbeat_of(2 * MINUTE, 3)
    decided = gap_of(2, 2, (10, 20), GapStatus.DEFERRED)

    late = run(TradePartition(), [*trades[:2], first, trades[2], second, decided])
    early = run(TradePartition(), [decided, *trades[:2], first, trades[2], second])

    assert [key for key in last_candles(late) if key[0] == "1m"] == [("1m", 0)]
    assert unflagged(last_candles(late)) == unflagged(last_candles(early))


def test_what_was_called_unfillable_and_comes_after_all_is_in_the_same_candles_and_flow() -> None:
    """Whether the ledger is read before the trades or after them."""
    trades = [trade_record(10, 20_000, 0), trade_record(12, 33_500, 1), trade_record(11, 20_000, 2)]
    given_up = gap_of(11, 11, (20_000, 33_500), GapStatus.UNFILLABLE)
    covered, end = heartbeat_of(0, 0), heartbeat_of(HOUR, 3)

    in_order = run(TradePartition(), [covered, *trades, given_up, end])
    late = run(TradePartition(), [covered, given_up, *trades[:2], end, trades[2]])

    assert [one.late for one in trades_of(late) if one.kind is TradeKind.TRADE] == [False, False, True]
    assert all(flow.complete for flow in flows_of(in_order))
    assert unflagged(last_candles(late)) == unflagged(last_candles(in_order))
    assert last_flows(late) == last_flows(in_order)


def test_a_copy_that_can_be_read_counts_whether_the_other_is_still_held_or_was_passed() -> None:
    unreadable = record_of(RawType.TRADE, b'{"e":"trade","s":"BTCUSDT","t":4}', 2, 40)
    raw = [trade_record(1, 10, 0), trade_record(3, 30, 1), unreadable, trade_record(4, 40, 3), heartbeat_of(HOUR, 4)]
    decided = gap_of(2, 2, (10, 30), GapStatus.DEFERRED)

    held, passed = run(TradePartition(), [*raw, decided]), run(TradePartition(), [decided, *raw])

    for outputs in (held, passed):
        assert [one.trade_id for one in trades_of(outputs) if one.kind is TradeKind.TRADE] == [1, 3, 4]
    assert unflagged(last_candles(held)) == unflagged(last_candles(passed))
    assert last_flows(held) == last_flows(passed)


def test_an_alert_of_the_source_that_is_left_is_closed() -> None:
    partition = TradePartition(AlertRules(one_sided_min_trades=1))
    before = [trade_record(2, 10, 0), trade_record(3, 10_500, 1), trade_record(4, 20_000, 2)]
    opened, closed = (
        [value for value in values_of(run(partition, records)) if isinstance(value, Alert)]
        for records in (before, [agg_trade_record(7, 20_500, 0)])
    )

    assert [alert.status for alert in opened] == [AlertStatus.OPEN]
    assert closed == [replace(opened[0], status=AlertStatus.CLOSED, value=None, threshold=75 * 10**14)]
