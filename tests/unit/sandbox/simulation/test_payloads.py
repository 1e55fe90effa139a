"""Payloads have the documented keys in the venue's order, its number formats, and decode as the wire's types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from schemas import wire
from schemas.markets import Market
from tests.unit.sandbox.simulation.conftest import Run


SPOT, USDM, COINM = Market.SPOT, Market.USDM, Market.COINM
PREFIX = {SPOT: "btcusdt", USDM: "btcusdt", COINM: "btcusd_perp"}

KEYS: dict[tuple[Market, str], str] = {
    (SPOT, "trade"): "e E s t p q T m M",
    (USDM, "trade"): "e E T s t p q X m st",
    (COINM, "trade"): "e E T s t p q X m",
    (SPOT, "aggTrade"): "e E s a p q f l T m M",
    (USDM, "aggTrade"): "e E a s p q nq f l T m st",
    (COINM, "aggTrade"): "e E a s p q f l T m st",
    (SPOT, "bookTicker"): "u s b B a A",
    (USDM, "bookTicker"): "e u s ps b B a A T E st",
    (COINM, "bookTicker"): "u e s ps b B a A T E st",
    (SPOT, "depth"): "e E s U u b a",
    (USDM, "depth"): "e E T s ps U u pu b a st",
    (COINM, "depth@500ms"): "e E T s ps U u pu b a st",
    (SPOT, "depth5@100ms"): "lastUpdateId bids asks",
    (USDM, "depth10"): "e E T s ps U u pu b a st",
    (COINM, "depth20@500ms"): "e E T s ps U u pu b a st",
    (SPOT, "kline_1m"): "e E s k",
    (USDM, "kline_5m"): "e E s k",
    (COINM, "kline_1h"): "e E s k",
    (SPOT, "miniTicker"): "e E s c o h l v q",
    (USDM, "miniTicker"): "e E s ps c o h l v q st",
    (COINM, "miniTicker"): "e E s ps c o h l v q st",
    (SPOT, "ticker"): "e E s p P w x c Q b B a A o h l v q O C F L n",
    (USDM, "ticker"): "e E s ps p P w c Q o h l v q O C F L n st",
    (COINM, "ticker"): "e E s ps p P w c Q o h l v q O C F L n st",
    (SPOT, "ticker_1h"): "e E s p P o h l c w v q O C F L n",
    (USDM, "markPrice"): "e E s p ap P i r T st",
    (COINM, "markPrice@1s"): "e E s p ap P i r T st",
    (USDM, "forceOrder"): "e E o ps st",
}
"""As documented; the order of keys as in recordings, and where there are none, as the documentation prints them."""

TYPES: dict[str, Any] = {
    "trade": wire.Trade,
    "aggTrade": wire.AggTrade,
    "bookTicker": wire.BookTicker,
    "depthUpdate": wire.DepthDiff,
    "kline": wire.Kline,
    "24hrMiniTicker": wire.MiniTicker,
    "24hrTicker": wire.Ticker,
    "markPriceUpdate": wire.MarkPrice,
    "forceOrder": wire.ForceOrder,
}
ARRAYS = ["!miniTicker@arr", "!ticker@arr", "!markPrice@arr", "!markPrice@arr@1s", "!ticker_1h@arr"]


def numbers(value: Any) -> Iterator[str]:
    """Yield every text that is meant as a number, wherever it is."""
    match value:
        case dict():
            for key, inner in value.items():
                if key not in {"e", "s", "ps", "i", "S", "f", "X", "r", "B"} or key == "B":
                    yield from numbers(inner)
        case list():
            for inner in value:
                yield from numbers(inner)
        case str() if value[:1].isdigit() or value[:1] == "-":
            yield value
        case _:
            pass


@pytest.mark.parametrize(("market", "kind"), KEYS)
def test_keys_are_the_documented_ones_in_the_venues_order(run: Run, market: Market, kind: str) -> None:
    frames = run.of(market, f"{PREFIX[market]}@{kind}")

    assert frames
    assert {" ".join(frame) for frame in frames} == {KEYS[(market, kind)]}


def test_the_objects_inside_have_their_keys_too(run: Run) -> None:
    """COIN-M names the pair inside a forced order, USD-M beside it."""
    kline = run.of(SPOT, "btcusdt@kline_1m")[0]["k"]
    orders = {frame["st"]: " ".join(frame["o"]) for frame in run.of(USDM, "!forceOrder@arr")}

    assert " ".join(kline) == "t T s i f L o c h l v n x q V Q B"
    assert orders == {1: "s S o f q p ap X l z T", 2: "s ps S o f q p ap X l z T"}


@pytest.mark.parametrize(("market", "kind"), KEYS)
def test_numbers_have_their_markets_places(run: Run, market: Market, kind: str) -> None:
    """Spot: eight decimals, percentages three. BTCUSDT on USD-M: prices two, quantities three. COIN-M: contracts."""
    pattern = {
        SPOT: r"-?\d+\.\d{8}|-?\d+\.\d{3}|0",
        USDM: r"-?\d+\.\d{2}|-?\d+\.\d{3}|\d+\.\d{5}|-?\d+\.\d{8}|0",
        COINM: r"-?\d+\.\d|-?\d+\.\d{3}|\d+|-?\d+\.\d{8}",
    }[market]
    for frame in run.of(market, f"{PREFIX[market]}@{kind}"):
        assert [text for text in numbers(frame) if not re.fullmatch(pattern, text)] == []


def test_every_payload_decodes_as_the_wires_type(run: Run) -> None:
    decoders = {name: msgspec.json.Decoder(type_, strict=True) for name, type_ in TYPES.items()}
    partial = msgspec.json.Decoder(wire.PartialDepth, strict=True)
    book_ticker = decoders["bookTicker"]
    for event in run.events:
        payload: Any = msgspec.json.decode(event.data)
        if isinstance(payload, list):
            assert event.stream in ARRAYS or event.stream.startswith("!ticker_")
            for element in payload:
                if element["e"] in decoders:
                    decoders[element["e"]].decode(msgspec.json.encode(element))
        elif "lastUpdateId" in payload:
            partial.decode(event.data)
        elif "e" not in payload:
            book_ticker.decode(event.data)
        elif payload["e"] in decoders:
            decoders[payload["e"]].decode(event.data)
        else:
            assert re.fullmatch(r"(1h|4h|1d)Ticker", payload["e"])


def test_diffs_list_levels_as_recorded(run: Run) -> None:
    """Spot from the touch outward; futures both sides by rising price."""
    for market in Market:
        for diff in run.of(market, f"{PREFIX[market]}@depth")[:200]:
            bids, asks = ([float(price) for price, _ in diff[side]] for side in "ba")

            assert bids == sorted(bids, reverse=market is SPOT)
            assert asks == sorted(asks)


def test_frames_keep_to_their_streams_pace(run: Run) -> None:
    """No two frames of a stream are closer than its speed, the final frame of a kline apart."""
    paces_ms = {
        (SPOT, "depth@100ms"): 100,
        (SPOT, "depth"): 1000,
        (SPOT, "ticker"): 1000,
        (USDM, "depth"): 250,
        (USDM, "depth@500ms"): 500,
        (USDM, "ticker"): 2000,
        (COINM, "miniTicker"): 500,
        (USDM, "markPrice"): 3000,
    }
    for (market, kind), pace_ms in paces_ms.items():
        dues = [
            event.due_ns
            for event in run.events
            if event.market is market and event.stream == f"{PREFIX[market]}@{kind}"
        ]

        assert len(dues) > 10
        assert all((later - earlier) % (pace_ms * 10**6) == 0 for earlier, later in pairwise(dues))
