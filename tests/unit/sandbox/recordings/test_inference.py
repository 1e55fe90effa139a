"""Whose an anonymous snapshot is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from sandbox.recordings.inference import infer_symbol
from tests.unit.sandbox.payloads import agg_trade, book_ticker, depth_answer, diff, trade


def encoded(payload: Any) -> bytes:
    return json.dumps(payload).encode()


SNAPSHOT = encoded(depth_answer(50, bids=[("100.00", "1")], asks=[("100.01", "1")]))


@pytest.mark.parametrize("ids_are_per_symbol", [True, False])
@pytest.mark.parametrize(
    ("stream", "near", "far"),
    [
        ("trade", trade(1, price="100.50"), trade(1, price="7.00")),
        ("aggTrade", agg_trade(1, price="100.50"), agg_trade(1, price="7.00")),
        ("bookTicker", book_ticker(1, bid="99.50", ask="99.60"), book_ticker(1, bid="7.00", ask="7.01")),
        ("depth", diff(1, 2, bids=[("55.0", "0"), ("99.5", "1")]), diff(1, 2, asks=[("7.0", "1")])),
    ],
)
def test_every_kind_of_payload_tells_a_price(
    stream: str, near: dict[str, Any], far: dict[str, Any], ids_are_per_symbol: bool
) -> None:
    evidence = [(f"nearusdt@{stream}", encoded(near)), (f"farusdt@{stream}", encoded(far))]

    assert infer_symbol(SNAPSHOT, ids_are_per_symbol=ids_are_per_symbol, evidence=evidence) == "NEARUSDT"


def test_a_symbol_without_diffs_is_not_meant_where_others_have_them() -> None:
    evidence = [("ausdt@depth", encoded(diff(1, 2))), ("busdt@trade", encoded(trade(1, price="100.00")))]

    assert infer_symbol(SNAPSHOT, ids_are_per_symbol=False, evidence=evidence) == "AUSDT"


def test_a_single_symbol_need_only_not_be_absurd() -> None:
    thin = [("ausdt@depth", encoded(diff(1, 2, bids=[("80.00", "1")])))]
    absurd = [("ausdt@depth", encoded(diff(1, 2, bids=[("8.00", "1")])))]

    assert infer_symbol(SNAPSHOT, ids_are_per_symbol=False, evidence=thin) == "AUSDT"
    assert infer_symbol(SNAPSHOT, ids_are_per_symbol=False, evidence=absurd) is None


@pytest.mark.parametrize(
    "body",
    [
        encoded(depth_answer(50, bids=[], asks=[])),
        encoded(depth_answer(50, bids=[], asks=[("100.01", "1")])),
        encoded(depth_answer(50, bids=[("NaN", "1")], asks=[])),
    ],
)
def test_a_snapshot_with_an_empty_side_belongs_to_the_only_symbol(body: bytes) -> None:
    evidence = [("ausdt@depth", encoded(diff(1, 2, bids=[("99.00", "1")])))]

    assert infer_symbol(body, ids_are_per_symbol=True, evidence=evidence) == "AUSDT"


def test_nothing_known_is_nobodys() -> None:
    assert infer_symbol(SNAPSHOT, ids_are_per_symbol=True, evidence=[]) is None
    assert infer_symbol(b"not json", ids_are_per_symbol=True, evidence=[]) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ausdt@trade", "busdt@depth", "!ticker@arr", ""]),
            st.binary(max_size=30)
            | st.sampled_from([b'{"p":"NaN"}', b'{"p":"x"}', b'{"b":[["-1","0"]],"a":"Infinity"}']),
        )
    )
)
def test_no_evidence_is_an_exception(evidence: list[tuple[str, bytes]]) -> None:
    infer_symbol(SNAPSHOT, ids_are_per_symbol=False, evidence=evidence)
    infer_symbol(SNAPSHOT, ids_are_per_symbol=True, evidence=evidence)
