"""Whatever the order in which topics are read, and wherever a worker ends: the same rows, by the rules of the hash."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings, strategies as st

from processors.core.book_partition import BookPartition
from processors.core.canonical import OUTSIDE, RULES, LastValues
from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.tickers import TickerPartition
from processors.core.trade_partition import TradePartition
from schemas.control import Gap, Heartbeat
from tests.unit.processors.core.records import interleaved
from tests.unit.processors.core.trade_logs import TradeLog


_KINDS = ("trade", "trade", "trade", "hole", "hole", "fill", "fill", "ledger", "ledger", "again", "bad", "heartbeat")
_STEPS = st.lists(st.tuples(st.sampled_from(_KINDS), st.integers(0, 1), st.integers(0, 12)), min_size=1, max_size=40)


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
        if isinstance(output, Output) and str(output.type) not in OUTSIDE:
            name = str(output.type)
            values.setdefault(name, LastValues(RULES[name], whole=True)).feed(output.value)
    return {name: found for name, kept in values.items() if (found := kept.rows())}


def last_heartbeats(log: TradeLog) -> None:
    """Vouch for everything: windows that only a heartbeat can end are ended."""
    for _ in range(2):
        log.step("heartbeat", 0, 0)


@settings(max_examples=300)
@given(_STEPS, st.data())
def test_trades_and_candles_do_not_depend_on_how_topics_are_interleaved(
    steps: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    log = TradeLog()
    for kind, which, by in steps:
        log.step(kind, which, by)
    last_heartbeats(log)

    one, other = (rows(fed(TradePartition(), data.draw(interleaved(*log.topics)))) for _ in range(2))

    assert one == other
