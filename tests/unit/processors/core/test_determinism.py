"""Whatever the order in which topics are read, and wherever a worker ends: the same rows, by the rules of the hash."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings, strategies as st

from processors.core.book_partition import BookPartition
from processors.core.canonical import OUTSIDE, RULES, LastValues
from processors.core.flow_alerts import AlertRules
from processors.core.liquidity import LiquidityPlan
from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.tickers import TickerPartition
from processors.core.trade_partition import TradePartition
from schemas.control import Gap, GapStatus, Heartbeat
from schemas.topics import RawType
from tests.support.strategies import DepthHistory, depth_histories
from tests.unit.processors.core.records import heartbeat_of, interleaved, record_of
from tests.unit.processors.core.trade_logs import SYMBOLS, TradeLog, _Ids


_KINDS = ("trade", "trade", "trade", "hole", "hole", "fill", "fill", "ledger", "ledger", "again", "bad", "heartbeat")
_STEPS = st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 1), st.integers(0, 12)), min_size=1, max_size=40)
_WHOLE_KINDS = ("trade", "trade", "trade", "again", "heartbeat")
_WHOLE_STEPS = st.lists(st.tuples(st.sampled_from(_WHOLE_KINDS), st.integers(0, 1), st.integers(0, 12)), max_size=40)
_ONE_SIDED = (("trade", 0, 0), ("trade", 0, 3), ("trade", 0, 3))
"""A window of one trade alone, between others."""
TOUCHY = AlertRules(spike_warm_up=1, spike_min_trades=1, spike_open_percent=150, spike_close_percent=100,
                    one_sided_min_trades=1)  # fmt: skip
_PLAN = LiquidityPlan(quote_sizes=(1, 7, 40))


class TrueLog(TradeLog):
    """A log whose ledger is true: what it calls filled was written before, what it calls absent never is."""

    def _fill(self, ids: _Ids, by: int) -> None:
        ids.holes = [hole for hole in ids.holes if hole.status is not GapStatus.ABSENT]
        super()._fill(ids, by)

    def _ledger(self, ids: _Ids, by: int) -> None:
        holes = [hole for hole in ids.holes if hole.status in {GapStatus.OPEN, GapStatus.DEFERRED}]
        if not holes:
            return
        hole = holes[by % len(holes)]
        wanted, written = set(range(hole.first_id, hole.last_id + 1)), {one for _, one, _ in ids.sent}
        if by % 2 and hole.status is GapStatus.OPEN:
            hole.status = GapStatus.DEFERRED
        elif wanted <= written:
            hole.status = GapStatus.FILLED
        else:
            hole.status = GapStatus.UNFILLABLE if by % 3 or wanted & written else GapStatus.ABSENT
        self._tell(ids, hole, hole.first_id, hole.last_id, hole.status)


def fed(state: BookPartition | TickerPartition | TradePartition, log: Iterable[object]) -> list[Output | DeadLetter]:
    outputs: list[Output | DeadLetter] = []
    for record in log:
        if isinstance(record, RawRecord):
            outputs += state.feed(record)
        elif isinstance(record, Heartbeat) and not isinstance(state, TickerPartition):
            outputs += state.heartbeat(record)
        elif isinstance(record, Gap) and isinstance(state, TradePartition):
            outputs += state.gap(record)
    return outputs


def rows(outputs: Iterable[Output | DeadLetter]) -> dict[str, list[bytes]]:
    """Return what counts of outputs, by topic."""
    values: dict[str, LastValues] = {}
    for output in outputs:
        if isinstance(output, Output) and output.value is not None and str(output.type) not in OUTSIDE:
            name = str(output.type)
            values.setdefault(name, LastValues(RULES[name], whole=True)).feed(output.value)
    return {name: found for name, kept in values.items() if (found := kept.rows())}


def last_heartbeats(log: TradeLog) -> None:
    """Vouch for everything: windows that only a heartbeat can end are ended."""
    for _ in range(2):
        log.step("heartbeat", 0, 0)


@settings(max_examples=300)
@given(_STEPS, st.sampled_from(["trade", "bad"]), st.data())
def test_trades_and_candles_do_not_depend_on_how_topics_are_interleaved(
    steps: list[tuple[str, int, int]], first: str, data: st.DataObject
) -> None:
    log = TrueLog()
    for which, _ in enumerate(SYMBOLS):
        log.step(first, which, 0)  # where a symbol begins is the same in every run, be it a trade that cannot be read
    for kind, which, by in steps:
        log.step(kind, which, by)
    last_heartbeats(log)

    one, other = (rows(fed(TradePartition(), data.draw(interleaved(*log.topics)))) for _ in range(2))

    assert one == other


@pytest.mark.parametrize("fill", [0, 1])
@pytest.mark.parametrize("ids", [0, 1, 2])
@pytest.mark.parametrize("decision", [1, 2, 4])
def test_candles_begin_where_the_range_does_though_its_first_trade_cannot_be_read(
    fill: int, ids: int, decision: int
) -> None:
    """Which of the trades after it goes out first depends on how the ledger is read beside the log."""
    log = TrueLog()
    log.step("bad", 0, 0)
    log.step("hole", 0, 9 + ids)
    log.step("ledger", 0, decision)
    for n in range(3):
        log.step("fill", 0, fill + 2 * n)
    log.step("trade", 0, 9)
    last_heartbeats(log)
    raw, gaps = [*log.raw[RawType.TRADE], *log.heartbeats], log.gaps

    one, other = rows(fed(TradePartition(), [*gaps, *raw])), rows(fed(TradePartition(), [*raw, *gaps]))

    assert one == other
    assert "candle-1m" in one


@given(_WHOLE_STEPS, st.data())
def test_alerts_about_flow_do_not_depend_on_how_topics_are_interleaved_where_no_trade_is_missing(
    steps: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    """A trade that comes late, behind a hole, judges no window again: there they may differ (docs/semantics.md)."""
    log = TrueLog()
    for kind, which, by in (*_ONE_SIDED, *steps):
        log.step(kind, which, by)
    last_heartbeats(log)

    one, other = (rows(fed(TradePartition(TOUCHY), data.draw(interleaved(*log.topics)))) for _ in range(2))

    assert one == other
    assert {"alert", "trade-flow"} <= one.keys()


@given(
    depth_histories(least=6),
    st.lists(st.integers(1, 39), max_size=12),
    st.sets(st.integers(1, 12), max_size=3),
    st.lists(st.integers(1, 30), max_size=8),
    st.data(),
)
def test_books_do_not_depend_on_how_heartbeats_are_interleaved_nor_on_whether_snapshots_may_be_asked_for(
    history: DepthHistory, cuts: list[int], missing: set[int], promises: list[int], data: st.DataObject
) -> None:
    diffs = [diff for number, diff in enumerate(history.diffs(cuts)) if number not in missing]
    messages = [history.snapshot(0), *diffs[:5], history.snapshot(len(history.changes) // 2), *diffs[5:]]
    records = [record_of(RawType.DEPTH, message, offset, 1) for offset, message in enumerate(messages)]
    heartbeats = [
        heartbeat_of(max(diff.event_time for diff in diffs[: max(1, offset - 2)]), offset, stream="depth")
        for offset in sorted(set(promises))
        if diffs and offset <= len(records)
    ]
    asking, silent = BookPartition(liquidity=_PLAN), BookPartition(liquidity=_PLAN)
    silent.requests_enabled = False

    one = rows(fed(asking, data.draw(interleaved(records, heartbeats))))
    other = rows(fed(silent, data.draw(interleaved(records, heartbeats))))

    assert one == other


def announced(partition: BookPartition, log: Sequence[object], at: Sequence[int]) -> list[Output | DeadLetter]:
    """Feed a log; at some places say again what stands, as after a restart."""
    outputs: list[Output | DeadLetter] = []
    for number, record in enumerate(log):
        outputs += fed(partition, [record])
        if number in at:
            outputs += partition.announce()
    return outputs


@given(depth_histories(least=6), st.lists(st.integers(1, 39), max_size=12), st.lists(st.integers(0, 40), max_size=6))
def test_what_is_said_again_after_a_restart_is_no_row(history: DepthHistory, cuts: list[int], at: list[int]) -> None:
    messages = [history.snapshot(0), *history.diffs(cuts)]
    records = [record_of(RawType.DEPTH, message, offset, 1) for offset, message in enumerate(messages)]

    assert rows(announced(BookPartition(), records, at)) == rows(fed(BookPartition(), records))
