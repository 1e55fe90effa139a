"""Nothing that stands in a raw topic makes a partition raise, and whatever it writes fits its topic."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, strategies as st

from processors.core.book_partition import BookPartition
from processors.core.records import Output, RawRecord
from processors.core.tickers import TickerPartition
from processors.core.trade_partition import TradePartition
from schemas.codec import Codec, DoesNotFitError
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType, TopicTable
from tests.support.offline_registry import OfflineRegistry
from tests.support.strategies import agg_trades, depth_diffs, depth_histories, mini_tickers, payload, tickers, trades


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
PARTITIONS: dict[RawType, type[BookPartition | TradePartition | TickerPartition]] = {
    RawType.DEPTH: BookPartition,
    RawType.TRADE: TradePartition,
    RawType.AGG_TRADE: TradePartition,
    RawType.TICKER: TickerPartition,
    RawType.MINI_TICKER: TickerPartition,
}
GOOD: dict[RawType, st.SearchStrategy[Any]] = {
    RawType.DEPTH: depth_diffs() | depth_histories().map(lambda history: history.snapshot(len(history.changes))),
    RawType.TRADE: trades(),
    RawType.AGG_TRADE: agg_trades(),
    RawType.TICKER: tickers(),
    RawType.MINI_TICKER: mini_tickers(),
}
ODD = st.one_of(
    st.none(),
    st.integers(-(10**22), 10**22),
    st.sampled_from(["", "abc", "-1", "0", "1e9", "999999999999999999999", "0.0000000000001", [], {}, [["1"]]]),
)


@st.composite
def raw_records(draw: st.DrawFn, raw_type: RawType) -> RawRecord:
    message = draw(GOOD[raw_type])
    fields = msgspec.json.decode(payload(message))
    if draw(st.booleans()):
        fields[draw(st.sampled_from(sorted(fields)))] = draw(ODD)
    value: bytes | None = msgspec.json.encode(fields)
    if not draw(st.integers(0, 9)):
        value = draw(st.none() | st.binary(max_size=20))
    headers = draw(st.sampled_from([[], [("carries_trades", b"1"), ("contract_size", b"10")]]))
    time = draw(st.sampled_from([getattr(message, "event_time", None) or 0, 1_700_000_000_000]))
    key = draw(st.sampled_from([b"BTCUSDT", b"BTCUSDT", b"BTCUSDT", b"\xff", b"", None]))
    return RawRecord(draw(st.sampled_from(Market)), raw_type, 0, 0, time, key, value, headers)


@given(st.sampled_from([*PARTITIONS]), st.data())
def test_no_record_stops_a_partition(raw_type: RawType, data: st.DataObject) -> None:
    partition = PARTITIONS[raw_type]()
    for offset, record in enumerate(data.draw(st.lists(raw_records(raw_type), max_size=8))):
        for output in partition.feed(msgspec.structs.replace(record, offset=offset)):
            if isinstance(output, Output):
                encode(output)


def encode(output: Output) -> None:
    """Encode as the writer does: what does not fit is set aside there."""
    topic = (
        TABLE.control(output.type)
        if isinstance(output.type, ControlType)
        else TABLE.derived(output.market, DerivedType(output.type))
    )
    assert output.value is not None
    try:
        CODEC.encode(topic, output.value)
    except DoesNotFitError:
        return
