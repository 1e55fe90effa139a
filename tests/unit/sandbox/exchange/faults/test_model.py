"""Which objects mean a fault, and what is said of those that do not."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sandbox.exchange.faults.model import (
    CutDepth,
    Delay,
    Drop,
    Fault,
    FaultError,
    HalfOpen,
    Reset,
    Rest,
    RestKind,
    Shutdown,
    Snapshot,
    SnapshotKind,
    Wipe,
)
from sandbox.exchange.faults.parsing import parse_fault
from schemas.markets import Market


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"fault": "drop", "stream": "*@trade"}, Drop(stream="*@trade", connection="one", count=1)),
        (
            {"fault": "delay", "market": "spot", "stream": "a@b", "count": 3, "delay_ms": 20},
            Delay(market=Market.SPOT, stream="a@b", count=3, delay_ms=20),
        ),
        ({"fault": "half-open", "connection": "all"}, HalfOpen(connection="all")),
        ({"fault": "reset", "connection": 7}, Reset(connection=7)),
        ({"fault": "shutdown"}, Shutdown(market=Market.SPOT, after_s=5)),
        ({"fault": "rest", "kind": 429}, Rest(kind=RestKind.LIMITED)),
        (
            {"fault": "rest", "kind": "5xx", "path": "*/depth", "seconds": 2},
            Rest(kind=RestKind.ERROR, path="*/depth", seconds=2),
        ),
        ({"fault": "snapshot", "kind": "stale"}, Snapshot(kind=SnapshotKind.STALE)),
        ({"fault": "wipe", "market": "coinm"}, Wipe(market=Market.COINM)),
        ({"fault": "cut-depth"}, CutDepth()),
    ],
)
def test_an_object_means_a_fault(value: dict[str, Any], fault: Fault) -> None:
    assert parse_fault(value) == fault


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, 'a fault is an object with a field "fault" that names it'),
        ({"stream": "a@b"}, 'a fault is an object with a field "fault" that names it'),
        ({"fault": "explode"}, 'there is no fault "explode"; there are close, cut-depth, delay'),
        ({"fault": "drop"}, 'fault "drop": field "stream" is missing'),
        ({"fault": "drop", "stream": "a", "colour": 1}, 'fault "drop": it has no field "colour"'),
        ({"fault": "drop", "stream": "a", "count": 0}, 'fault "drop": field "count": Expected `int` >= 1'),
        ({"fault": "delay", "stream": "a", "delay_ms": 0}, 'fault "delay": field "delay_ms": Expected `float` > 0.0'),
        (
            {"fault": "drop", "stream": "a", "market": "moon"},
            'fault "drop": field "market": "moon" is none of spot, usdm, coinm',
        ),
        ({"fault": "close", "connection": "some"}, 'fault "close": field "connection": Expected'),
        ({"fault": "list", "symbol": "NEWUSDT"}, 'fault "list": field "market" is missing'),
        ({"fault": "wipe"}, 'fault "wipe": field "market" is missing'),
        ({"fault": "shutdown", "market": "usdm"}, "serverShutdown exists on spot only"),
        ({"fault": "rest", "kind": "6xx"}, 'fault "rest": field "kind": "6xx" is none of 5xx, 429, 418, ga'),
    ],
)
def test_an_object_that_means_none_is_refused_with_a_sentence_that_names_what_is_wrong(
    value: object, text: str
) -> None:
    with pytest.raises(FaultError) as caught:
        parse_fault(value)

    assert text in str(caught.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.dictionaries(st.sampled_from(["fault", "stream", "count", "market", "kind"]), inner),
    )
)
def test_no_object_is_another_exception(value: object) -> None:
    with suppress(FaultError):
        parse_fault(value)


def test_a_fault_of_one_market_leaves_the_others_alone() -> None:
    fault = Drop(market=Market.SPOT, stream="btc*@trade")

    assert fault.matches(Market.SPOT, "btcusdt@trade")
    assert not fault.matches(Market.SPOT, "ethusdt@trade")
    assert not fault.matches(Market.USDM, "btcusdt@trade")


@pytest.mark.parametrize(
    ("stream", "cut"),
    [("a@depth", True), ("a@depth@100ms", True), ("a@depth20@100ms", False), ("a@depth5", False), ("a@trade", False)],
)
def test_only_diffs_are_cut_at_other_ids(stream: str, cut: bool) -> None:
    assert CutDepth().matches(Market.SPOT, stream) is cut
