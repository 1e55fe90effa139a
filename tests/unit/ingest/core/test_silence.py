from __future__ import annotations

import pytest

from ingest.core.silence import Cause, likely_cause
from ingest.core.streams import stream_of
from schemas.markets import Market


@pytest.mark.parametrize(
    ("market", "status", "connection_speaks", "symbol_speaks", "cause"),
    [
        (Market.SPOT, "", True, False, Cause.NOT_LISTED),
        (Market.SPOT, "BREAK", True, False, Cause.NOT_TRADING),
        (Market.COINM, "SETTLING", False, False, Cause.NOT_TRADING),
        (Market.USDM, "TRADING", False, False, Cause.ADDRESS),
        (Market.USDM, None, False, False, Cause.ADDRESS),
        (Market.SPOT, "TRADING", False, False, Cause.VENUE),
        (Market.SPOT, "TRADING", True, False, Cause.QUIET),
        (Market.SPOT, None, True, True, Cause.VENUE),
    ],
)
def test_the_likely_cause(
    market: Market, status: str | None, connection_speaks: bool, symbol_speaks: bool, cause: Cause
) -> None:
    stream = stream_of(market, "bookTicker", "BTCUSDT")

    found = likely_cause(stream, status, connection_speaks=connection_speaks, symbol_speaks=symbol_speaks)

    assert found is cause


def test_a_stream_of_all_symbols_is_never_quiet() -> None:
    stream = stream_of(Market.USDM, "!ticker@arr", None)

    assert likely_cause(stream, None, connection_speaks=True, symbol_speaks=False) is Cause.VENUE
