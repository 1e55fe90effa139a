from __future__ import annotations

import pytest

from ingest.core.streams import Framing, Route, UnknownStreamTypeError, parse, stream_of, stream_types
from schemas.markets import Market
from schemas.topics import RawType


@pytest.mark.parametrize("market", list(Market))
def test_a_stream_parses_back_from_its_name(market: Market) -> None:
    for text in stream_types(market):
        stream = stream_of(market, text, "BTCUSD_PERP")
        assert parse(market, stream.name) == stream


@pytest.mark.parametrize(
    ("market", "text", "symbol", "name"),
    [
        (Market.SPOT, "depth@100ms", "BTCUSDT", "btcusdt@depth@100ms"),
        (Market.SPOT, "kline_1M", "BTCUSDT", "btcusdt@kline_1M"),
        (Market.USDM, "markPrice@1s", "ETHUSDT", "ethusdt@markPrice@1s"),
        (Market.COINM, "depth20@500ms", "BTCUSD_PERP", "btcusd_perp@depth20@500ms"),
        (Market.USDM, "!markPrice@arr@1s", None, "!markPrice@arr@1s"),
    ],
)
def test_symbols_are_lower_case_in_names_and_nothing_else_is(
    market: Market, text: str, symbol: str | None, name: str
) -> None:
    assert stream_of(market, text, symbol).name == name


@pytest.mark.parametrize(
    ("market", "text"),
    [
        (Market.SPOT, "!ticker@arr"),  # retired on 2026-03-26
        (Market.SPOT, "!bookTicker"),
        (Market.SPOT, "markPrice"),
        (Market.SPOT, "forceOrder"),
        (Market.SPOT, "depth@500ms"),
        (Market.USDM, "kline_1s"),
        (Market.USDM, "depth@1000ms"),
        (Market.COINM, "kline_1M@+08:00"),
        (Market.COINM, "Trade"),
        (Market.COINM, ""),
    ],
)
def test_what_a_market_does_not_offer_is_an_error_that_says_what_it_offers(market: Market, text: str) -> None:
    with pytest.raises(UnknownStreamTypeError, match=rf"does not exist on {market}; allowed: trade, aggTrade"):
        stream_of(market, text, "BTCUSDT")


def test_a_stream_of_one_symbol_needs_the_symbol() -> None:
    with pytest.raises(ValueError, match="needs a symbol"):
        stream_of(Market.SPOT, "trade", None)


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("trade", Route.PUBLIC),
        ("depth@100ms", Route.PUBLIC),
        ("depth5", Route.PUBLIC),
        ("bookTicker", Route.PUBLIC),
        ("!bookTicker", Route.PUBLIC),
        ("aggTrade", Route.MARKET),
        ("kline_1m", Route.MARKET),
        ("markPrice", Route.MARKET),
        ("miniTicker", Route.MARKET),
        ("!ticker@arr", Route.MARKET),
        ("!forceOrder@arr", Route.MARKET),
    ],
)
def test_usdm_streams_are_on_the_socket_that_serves_them(text: str, route: Route) -> None:
    assert stream_of(Market.USDM, text, "BTCUSDT").type.route is route


@pytest.mark.parametrize("market", [Market.SPOT, Market.COINM])
def test_other_markets_have_one_socket_for_everything(market: Market) -> None:
    assert {stream_type.route for stream_type in stream_types(market).values()} == {Route.ALL}


def test_every_public_raw_type_has_a_stream_where_it_has_a_topic() -> None:
    futures_only = {RawType.MARK_PRICE, RawType.FORCE_ORDER}
    public = {one for one in RawType if not one.private}

    assert {one.raw_type for one in stream_types(Market.SPOT).values()} == public - futures_only
    assert {one.raw_type for one in stream_types(Market.USDM).values()} == public
    assert {one.raw_type for one in stream_types(Market.COINM).values()} == public


@pytest.mark.parametrize(
    "name", ["", "@", "@trade", "btcusdt@", "btcusdt", "!serverShutdown", "btcusdt@!miniTicker@arr"]
)
def test_a_name_that_is_none_of_ours_is_nothing(name: str) -> None:
    assert parse(Market.SPOT, name) is None


def test_all_market_streams_that_send_single_objects_are_no_arrays() -> None:
    assert stream_of(Market.USDM, "!bookTicker", None).type.framing is Framing.ANY
    assert stream_of(Market.USDM, "!forceOrder@arr", None).type.framing is Framing.ANY
    assert stream_of(Market.USDM, "!ticker@arr", None).type.framing is Framing.ARRAY
