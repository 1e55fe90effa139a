"""Payloads of the venue become evidence, whatever their variant."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from sandbox.verify.evidence import NO_ID, UNREADABLE, Evidence, TradeIds
from sandbox.verify.spans import Span
from sandbox.verify.symbols import SymbolId
from schemas.decimals import ONE
from schemas.derived import TradeSource
from schemas.markets import Market
from schemas.topics import RawType


SPOT = SymbolId(Market.SPOT, "BTCUSDT")
COINM = SymbolId(Market.COINM, "BTCUSD_PERP")


@pytest.fixture
def evidence(tmp_path: Path) -> Evidence:
    return Evidence(tmp_path / "evidence")


def test_a_trade_is_a_row_with_the_takers_side(evidence: Evidence) -> None:
    payload = b'{"e":"trade","E":9,"s":"BTCUSDT","t":5,"p":"1.5","q":"2","T":8,"m":%s,"M":true}'
    evidence.add_frame(Market.SPOT, "btcusdt@trade", payload % b"true")
    evidence.add_frame(Market.SPOT, "btcusdt@trade", payload.replace(b'"t":5', b'"t":6') % b"false")

    found = evidence.symbols[SPOT]

    price, quantity = 3 * ONE // 2, 2 * ONE
    assert list(found.trades[TradeSource.TRADE]) == [
        (0, 5, 8, price, quantity, 0, 5, 5),
        (0, 6, 8, price, quantity, 1, 6, 6),
    ]
    assert len(found.raw[RawType.TRADE]) == 2
    assert list(evidence.spans[Market.SPOT]) == [Span(9, 9)]


def test_an_aggregate_trade_keeps_the_ids_it_covers(evidence: Evidence) -> None:
    payload = b'{"e":"aggTrade","E":9,"s":"BTCUSD_PERP","a":5,"p":"1","q":"2","f":70,"l":72,"T":8,"m":true}'
    evidence.add_frame(Market.COINM, "btcusd_perp@aggTrade", payload)

    rows = evidence.symbols[COINM].trades[TradeSource.AGG_TRADE]

    assert list(rows) == [(0, 5, 8, ONE, 2 * ONE, 0, 70, 72)]


def test_diffs_keep_the_previous_id_only_where_the_market_has_one(evidence: Evidence) -> None:
    spot = b'{"e":"depthUpdate","E":9,"s":"BTCUSDT","U":1,"u":4,"b":[],"a":[]}'
    coinm = b'{"e":"depthUpdate","E":9,"T":8,"s":"BTCUSD_PERP","ps":"BTCUSD","U":7,"u":9,"pu":3,"b":[],"a":[]}'
    evidence.add_frame(Market.SPOT, "btcusdt@depth@100ms", spot)
    evidence.add_frame(Market.COINM, "btcusd_perp@depth@0ms", coinm)

    assert list(evidence.symbols[SPOT].diffs) == [(4, 1, NO_ID)]
    assert list(evidence.symbols[COINM].diffs) == [(9, 7, 3)]


def test_tickers_of_one_update_id_keep_their_order_and_empty_sides_are_zero(evidence: Evidence) -> None:
    for bid in ("9", "8"):
        payload = f'{{"u":4,"s":"BTCUSDT","b":"{bid}","B":"1","a":"0.00000000","A":"0.00000000"}}'
        evidence.add_frame(Market.SPOT, "btcusdt@bookTicker", payload.encode())

    assert list(evidence.symbols[SPOT].tickers) == [(4, 0, 9 * ONE, ONE, 0, 0), (4, 1, 8 * ONE, ONE, 0, 0)]


def test_only_final_klines_are_truth(evidence: Evidence) -> None:
    bar = (
        '"t":60000,"T":119999,"s":"BTCUSDT","i":"1m","f":1,"L":2,"o":"1","c":"2","h":"3","l":"1","v":"4","n":2,'
        '"x":%s,"q":"5","V":"1","Q":"1","B":"0"'
    )
    for final, close in (("true", "7"), ("false", "9")):
        payload = f'{{"e":"kline","E":9,"s":"BTCUSDT","k":{{{bar % final}}}}}'.replace('"c":"2"', f'"c":"{close}"')
        evidence.add_frame(Market.SPOT, "btcusdt@kline_1m", payload.encode())

    found = evidence.symbols[SPOT].klines
    assert list(found) == [("1m", 60_000)]
    assert found["1m", 60_000].close == Decimal(7)


def test_what_cannot_be_read_is_counted_and_does_not_stop_the_rest(evidence: Evidence) -> None:
    evidence.add_frame(Market.SPOT, "btcusdt@trade", b'{"e":"trade"}')
    evidence.add_snapshot(SPOT, b"{}")
    for price in ("abc", "1"):
        payload = f'{{"e":"depthUpdate","E":9,"s":"BTCUSDT","U":1,"u":4,"b":[["{price}","1"]],"a":[]}}'
        evidence.add_frame(Market.SPOT, "btcusdt@depth", payload.encode())

    found = evidence.symbols[SPOT]
    assert (len(found.diffs), len(found.raw[RawType.DEPTH]), found.snapshots) == (1, 2, [])
    assert evidence.unreadable.total() == 3


@pytest.mark.parametrize(
    ("price", "quantity", "taker"), [("abc", "2", UNREADABLE), ("0", "2", UNREADABLE), ("0", "0", 0)]
)
def test_a_trade_without_numbers_keeps_its_id(evidence: Evidence, price: str, quantity: str, taker: int) -> None:
    payload = f'{{"e":"trade","E":9,"s":"BTCUSDT","t":5,"p":"{price}","q":"{quantity}","T":8,"m":true}}'
    evidence.add_frame(Market.SPOT, "btcusdt@trade", payload.encode())

    [row] = evidence.symbols[SPOT].trades[TradeSource.TRADE]
    assert row[:6] == (0, 5, 8, 0, 0, taker)
    assert evidence.unreadable.total() == (taker == UNREADABLE)


@pytest.mark.parametrize(
    "payload",
    [
        b'{"E":9,"s":"BTCUSDT","t":5,"T":8,"p":"1","q":"1","m":true}',
        b'{"e":"trade","s":"BTCUSDT","t":5,"T":8,"p":"1","q":"1","m":true}',
        b'{"e":"trade","E":9,"s":"BTCUSDT","T":8,"p":"1","q":"1","m":true}',
        b'{"e":"trade","E":9,"s":"BTCUSDT","t":"5","T":8,"p":"1","q":"1","m":true}',
        b'{"e":"tradf","E":9,"s":"BTCUSDT","t":5,"T":8,"p":"1","q":"1","m":true}',
        b'{"e":"trade","E":9,"s":"BTCUSDT","t":5,"T":8,"p":"1","q":"1","m":true,"x":"' + b"x" * 900_000 + b'"}',
    ],
    ids=["no event type", "no event time", "no id", "mistyped id", "other event type", "too long"],
)
def test_what_can_never_be_published_is_not_expected_to_be(evidence: Evidence, payload: bytes) -> None:
    evidence.add_frame(Market.SPOT, "btcusdt@trade", payload)

    assert evidence.symbols[SPOT].raw == {}
    assert evidence.symbols[SPOT].trades == {}
    assert evidence.unreadable.total() == 1


def test_what_is_missing_beyond_the_head_does_not_keep_a_payload_from_its_topic(evidence: Evidence) -> None:
    evidence.add_frame(Market.SPOT, "btcusdt@trade", b'{"e":"trade","E":9,"s":"BTCUSDT","t":5,"T":8}')
    evidence.add_frame(Market.SPOT, "btcusdt@ticker", b'{"e":"24hrTicker","E":9,"s":"BTCUSDT"}')

    assert {raw_type: len(found) for raw_type, found in evidence.symbols[SPOT].raw.items()} == {
        RawType.TRADE: 1,
        RawType.TICKER: 1,
    }
    [row] = evidence.symbols[SPOT].trades[TradeSource.TRADE]
    assert row[:6] == (0, 5, 8, 0, 0, UNREADABLE)
    assert evidence.unreadable.total() == 1


def test_an_array_is_published_once_per_symbol_though_both_futures_hosts_send_it(evidence: Evidence) -> None:
    array = b'[{"e":"24hrTicker","E":9,"s":"BTCUSDT","st":1},{"e":"24hrTicker","E":9,"s":"BTCUSD_PERP","st":2}]'
    evidence.add_frame(Market.USDM, "!ticker@arr", array)
    evidence.add_frame(Market.COINM, "!ticker@arr", array)
    evidence.add_frame(Market.COINM, "!ticker@arr", array.replace(b'"E":9', b'"E":10'))

    counts = {str(symbol_id): len(found.raw[RawType.TICKER]) for symbol_id, found in evidence.symbols.items()}
    assert counts == {"usdm:BTCUSDT": 2, "coinm:BTCUSD_PERP": 2}


def test_streams_that_are_left_out_are_counted_by_type(evidence: Evidence) -> None:
    evidence.add_frame(Market.SPOT, "btcusdt@avgPrice", b"{}")
    evidence.add_frame(Market.SPOT, "ethusdt@avgPrice", b"{}")
    evidence.leave_out(Market.SPOT, "!ticker@arr", "not offered")

    assert evidence.frames == 0
    assert evidence.left_out == Counter({"spot avgPrice: no topic carries it": 2, "spot !ticker@arr: not offered": 1})


def test_ids_that_go_back_while_time_advances_are_a_new_epoch() -> None:
    ids = TradeIds()

    assert [ids.epoch_of(*trade) for trade in [(100, 1_000), (101, 1_001), (1, 2_000), (2, 2_001)]] == [0, 0, 1, 1]


@pytest.mark.parametrize("straggler", [(100, 1_000), (99, 999), (101, 1_001)])
def test_repetitions_and_stragglers_stay_in_their_epoch(straggler: tuple[int, int]) -> None:
    ids = TradeIds()
    for trade in [(100, 1_000), (101, 1_001)]:
        ids.epoch_of(*trade)

    assert ids.epoch_of(*straggler) == 0
