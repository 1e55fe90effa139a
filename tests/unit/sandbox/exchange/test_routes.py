"""Which path is which endpoint, and which stream comes by which."""

from __future__ import annotations

import pytest

from sandbox.exchange.routes import StreamClass, StreamEndpoint, stream_endpoint
from schemas.markets import Market


@pytest.mark.parametrize(
    ("path", "streams", "expected"),
    [
        ("/ws", "", StreamEndpoint(Market.SPOT, StreamClass.ANY, False, ())),
        ("/ws/btcusdt@trade", "", StreamEndpoint(Market.SPOT, StreamClass.ANY, False, ("btcusdt@trade",))),
        ("/stream", "", StreamEndpoint(Market.SPOT, StreamClass.ANY, True, ())),
        ("/stream", "a@b/c@d", StreamEndpoint(Market.SPOT, StreamClass.ANY, True, ("a@b", "c@d"))),
        ("/spot/stream", "a@b", StreamEndpoint(Market.SPOT, StreamClass.ANY, True, ("a@b",))),
        ("/spot/ws/", "", StreamEndpoint(Market.SPOT, StreamClass.ANY, False, ())),
        ("/coinm/ws/a@b/c@d", "", StreamEndpoint(Market.COINM, StreamClass.ANY, False, ("a@b", "c@d"))),
        ("/usdm/public/stream", "a@b", StreamEndpoint(Market.USDM, StreamClass.PUBLIC, True, ("a@b",))),
        ("/usdm/market/ws", "", StreamEndpoint(Market.USDM, StreamClass.MARKET, False, ())),
        ("/usdm/private/ws", "", StreamEndpoint(Market.USDM, StreamClass.PRIVATE, False, ())),
        ("/usdm/ws", "", StreamEndpoint(Market.USDM, StreamClass.PUBLIC, False, ())),
        ("/usdm/stream", "", StreamEndpoint(Market.USDM, StreamClass.PUBLIC, True, ())),
    ],
)
def test_paths_name_market_class_and_framing(path: str, streams: str, expected: StreamEndpoint) -> None:
    assert stream_endpoint(path, streams) == expected


@pytest.mark.parametrize(
    "path", ["/", "/wss", "/spot", "/spot/public/ws", "/coinm/market/stream", "/nasdaq/ws", "/stream/a@b", "/api/v3/x"]
)
def test_other_paths_are_no_stream_endpoints(path: str) -> None:
    assert stream_endpoint(path) is None


PUBLIC = [
    "btcusdt@bookTicker",
    "!bookTicker",
    "btcusdt@depth",
    "btcusdt@depth@100ms",
    "btcusdt@depth@0ms",
    "btcusdt@depth20@500ms",
    "btcusdt@rpiDepth@500ms",
    "btcusdt@trade",
]
MARKET = [
    "btcusdt@aggTrade",
    "btcusdt@markPrice@1s",
    "!markPrice@arr@1s",
    "btcusdt@kline_1m",
    "btcusdt@miniTicker",
    "!miniTicker@arr",
    "!ticker@arr",
    "btcusdt@forceOrder",
    "!forceOrder@arr",
    "!contractInfo",
    "tradingSession",
]


@pytest.mark.parametrize(
    ("path", "carried", "silent"),
    [
        ("/usdm/public/ws", PUBLIC, MARKET),
        ("/usdm/market/ws", MARKET, PUBLIC),
        ("/usdm/ws", PUBLIC, MARKET),
        ("/usdm/private/ws", [], PUBLIC + MARKET),
        ("/spot/ws", PUBLIC + MARKET, []),
        ("/coinm/ws", PUBLIC + MARKET, []),
    ],
)
def test_a_usdm_connection_carries_one_class_of_streams(path: str, carried: list[str], silent: list[str]) -> None:
    endpoint = stream_endpoint(path)

    assert endpoint is not None
    assert [stream for stream in carried + silent if endpoint.carries(stream)] == carried
