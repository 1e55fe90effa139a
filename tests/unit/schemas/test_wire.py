from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas import rest, wire
from schemas.derived import TakerSide


BY_EVENT: dict[str | None, type[msgspec.Struct]] = {
    "trade": wire.Trade,
    "aggTrade": wire.AggTrade,
    "depthUpdate": wire.DepthDiff,
    "bookTicker": wire.BookTicker,
    "24hrMiniTicker": wire.MiniTicker,
    "24hrTicker": wire.Ticker,
    "kline": wire.Kline,
    "markPriceUpdate": wire.MarkPrice,
    "forceOrder": wire.ForceOrder,
}


def public_payloads(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted((folder / "messages").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            message = json.loads(line)
            payload = message["data"] if "stream" in message else message
            yield from payload if isinstance(payload, list) else [payload]


def type_of(payload: dict[str, Any]) -> type[msgspec.Struct] | None:
    if "lastUpdateId" in payload:
        return rest.DepthSnapshot
    if "e" not in payload and {"u", "s", "b", "B", "a", "A"} <= set(payload):
        return wire.BookTicker
    return BY_EVENT.get(payload.get("e"))


@pytest.mark.recordings
def test_recorded_payloads_decode_and_lose_no_field(recordings: Path) -> None:
    """Every field of the venue that a type names comes back under the venue's name with the same value."""
    seen: Counter[str] = Counter()
    for payload in public_payloads(recordings):
        of = type_of(payload)
        if of is None:
            continue
        value = msgspec.json.decode(json.dumps(payload), type=of)
        again = msgspec.json.decode(msgspec.json.encode(value))
        for key, sent in payload.items():
            if key in again and not isinstance(sent, dict):
                assert again[key] == sent, (of.__name__, key)
        seen[of.__name__] += 1

    assert set(seen) >= {of.__name__ for of in BY_EVENT.values()} | {"DepthSnapshot"}


# Captured frames of 2026-09, as the derivatives and spot documentation's readers published them.
SPOT_TRADE = b"""{"e":"trade","E":1789722601401,"s":"BNBUSDT","t":1587720407,"p":"755.17000000","q":"0.00800000",
"T":1789722601401,"m":false,"M":true}"""
USDM_TRADE = b"""{"e":"trade","E":1789893896920,"T":1789893896920,"s":"BTCUSDT","t":8097313955,"p":"80227.00",
"q":"0.010","X":"MARKET","m":true,"st":1}"""


def test_spot_and_futures_trades_are_one_type() -> None:
    spot = msgspec.json.decode(SPOT_TRADE, type=wire.Trade)
    usdm = msgspec.json.decode(USDM_TRADE, type=wire.Trade)

    assert (spot.trade_id, spot.order_type, spot.futures_type) == (1587720407, None, None)
    assert (usdm.trade_id, usdm.order_type, usdm.futures_type) == (8097313955, "MARKET", 1)


def test_the_buyer_as_maker_means_that_the_taker_sold() -> None:
    assert (wire.taker_side(buyer_is_maker=True), wire.taker_side(buyer_is_maker=False)) == (
        TakerSide.SELL,
        TakerSide.BUY,
    )


EVERY: list[type[msgspec.Struct]] = [*BY_EVENT.values(), wire.LiquidationOrder, wire.KlineBar, rest.DepthSnapshot]


@pytest.mark.parametrize("of", EVERY, ids=lambda of: of.__name__)
def test_a_missing_field_is_named(of: type[msgspec.Struct]) -> None:
    required = next(field for field in msgspec.structs.fields(of) if field.required)

    with pytest.raises(msgspec.ValidationError, match=f"`{required.encode_name}`"):
        msgspec.json.decode(b"{}", type=of)


def test_letters_that_differ_by_case_are_different_fields() -> None:
    for of in EVERY:
        names = [field.encode_name for field in msgspec.structs.fields(of)]
        assert len(names) == len(set(names))


def test_a_kline_row_is_an_array_of_twelve() -> None:
    row = msgspec.json.decode(
        b'[1723161240000,"1","2","0.5","1.5","10",1723161299999,"15",7,"4","6","0"]', type=rest.RestKline
    )

    assert (row.open_time, row.close, row.trade_count, row.taker_buy_second_volume) == (1723161240000, "1.5", 7, "6")
