"""A stream's name tells its topic; what has none is told apart."""

from __future__ import annotations

import msgspec
import pytest

from sandbox.verify.streams import Carried, Element, carried, elements
from schemas.markets import Market
from schemas.topics import RawType


@pytest.mark.parametrize(
    ("market", "stream", "expected"),
    [
        (Market.SPOT, "btcusdt@trade", Carried(RawType.TRADE, "BTCUSDT")),
        (Market.SPOT, "btcusdt@aggTrade", Carried(RawType.AGG_TRADE, "BTCUSDT")),
        (Market.SPOT, "btcusdt@depth", Carried(RawType.DEPTH, "BTCUSDT")),
        (Market.SPOT, "btcusdt@depth@100ms", Carried(RawType.DEPTH, "BTCUSDT")),
        (Market.USDM, "ethusdt@depth@0ms", Carried(RawType.DEPTH, "ETHUSDT")),
        (Market.SPOT, "btcusdt@depth20@100ms", Carried(RawType.PARTIAL_DEPTH, "BTCUSDT")),
        (Market.COINM, "btcusd_perp@kline_1M", Carried(RawType.KLINE, "BTCUSD_PERP")),
        (Market.COINM, "btcusd_perp@markPrice@1s", Carried(RawType.MARK_PRICE, "BTCUSD_PERP")),
        (Market.USDM, "!forceOrder@arr", Carried(RawType.FORCE_ORDER, "")),
        (Market.SPOT, "!miniTicker@arr", Carried(RawType.MINI_TICKER, "")),
    ],
)
def test_carried_streams(market: Market, stream: str, expected: Carried) -> None:
    assert carried(market, stream) == expected


@pytest.mark.parametrize(
    ("market", "stream"),
    [
        (Market.SPOT, "btcusdt@markPrice"),
        (Market.SPOT, "btcusdt@depth@500ms"),
        (Market.SPOT, "btcusdt@avgPrice"),
        (Market.SPOT, "btcusdt@ticker_1h"),
        (Market.SPOT, "btcusdt@kline_1m@+08:00"),
        (Market.SPOT, "!ticker@arr"),
        (Market.USDM, "btcusdt@rpiDepth@500ms"),
        (Market.USDM, "btcusdt_perpetual@continuousKline_1m"),
        (Market.USDM, "!contractInfo"),
        (Market.COINM, "btcusd@indexPrice"),
    ],
)
def test_streams_without_a_topic(market: Market, stream: str) -> None:
    assert carried(market, stream) is None


def test_an_array_is_taken_apart_verbatim_and_goes_to_the_market_of_each_element() -> None:
    data = b'[{"s":"BTCUSDT", "st":1},{"s":"BTCUSD_PERP","st":2}]'

    parts = elements(Market.USDM, Carried(RawType.TICKER, ""), data)

    assert [Element(p.market, p.symbol, bytes(p.data)) for p in parts] == [
        Element(Market.USDM, "BTCUSDT", b'{"s":"BTCUSDT", "st":1}'),
        Element(Market.COINM, "BTCUSD_PERP", b'{"s":"BTCUSD_PERP","st":2}'),
    ]


def test_a_liquidation_names_its_symbol_inside_the_order() -> None:
    data = b'{"e":"forceOrder","o":{"s":"BTCUSDT","o":"LIMIT","st":1}}'

    parts = elements(Market.USDM, Carried(RawType.FORCE_ORDER, ""), data)

    assert parts == [Element(Market.USDM, "BTCUSDT", data, version=(0, 0))]


@pytest.mark.parametrize("data", [b"[", b"{}", b'[{"p":"1"}]', b"7"])
def test_payloads_without_a_symbol_are_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        elements(Market.USDM, Carried(RawType.TICKER, ""), data)
