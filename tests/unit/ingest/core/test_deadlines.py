from __future__ import annotations

import pytest

from ingest.core.deadlines import READY_WITHIN_MS, first_event_ms
from ingest.core.streams import stream_of, stream_types
from schemas.markets import Market
from schemas.topics import RawType


QUIET = {RawType.TRADE, RawType.AGG_TRADE, RawType.FORCE_ORDER}


@pytest.mark.parametrize("market", Market)
def test_every_stream_type_but_the_quiet_ones_has_a_deadline(market: Market) -> None:
    for text in stream_types(market):
        stream = stream_of(market, text, "BTCUSDT")
        assert (first_event_ms(stream) is None) == (stream.raw_type in QUIET)


@pytest.mark.parametrize(
    ("market", "text", "deadline_ms"),
    [
        (Market.USDM, "markPrice", 30_000),
        (Market.USDM, "!ticker@arr", 60_000),
        (Market.USDM, "!forceOrder@arr", None),
        (Market.SPOT, "depth@100ms", 300_000),
        (Market.SPOT, "kline_1s", 62_000),
        (Market.SPOT, "kline_1m", 180_000),
        (Market.SPOT, "kline_1h", 7_260_000),
        (Market.SPOT, "kline_1M", 2 * 31 * 86_400_000 + 60_000),
    ],
)
def test_deadlines(market: Market, text: str, deadline_ms: int | None) -> None:
    assert first_event_ms(stream_of(market, text, "BTCUSDT")) == deadline_ms


def test_a_bar_of_hours_does_not_hold_back_readiness() -> None:
    deadline_ms = first_event_ms(stream_of(Market.SPOT, "kline_1h", "BTCUSDT"))

    assert deadline_ms is not None
    assert deadline_ms > READY_WITHIN_MS
