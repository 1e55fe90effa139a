"""What readers must find is worked out from raw records alone."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from tests.compat.logs import Entry
from tests.compat.truth import candles_of, minutes_of, trades_of


MINUTE_MS = 60_000


def entry(trade_id: int, time: int, price: str, quantity: str, *, sent: int = 0) -> Entry:
    trade: dict[str, Any] = {"E": sent, "s": "BTCUSDT", "t": trade_id, "p": price, "q": quantity, "T": time}
    return Entry(0, trade_id, time, "BTCUSDT", json.dumps(trade).encode(), ())


def numbers(*texts: str, trades: int) -> dict[str, Decimal]:
    names = ("open", "high", "low", "close", "base_volume", "quote_volume")
    told = dict(zip(names, map(Decimal, texts), strict=True))
    return told | {"trades": Decimal(trades)}


def test_a_repeat_counts_once_and_ids_give_the_order() -> None:
    entries = [entry(2, 0, "3", "1"), entry(1, 0, "2", "1"), entry(2, 0, "3", "1", sent=9)]

    assert [trade["t"] for trade in trades_of(entries)] == [1, 2]


def test_a_minute_adds_up_exactly() -> None:
    entries = [
        entry(1, 0, "84000.00000001", "0.00000001"),
        entry(2, 59_999, "83999.5", "2"),
        entry(3, 60_000, "84001", "1"),
    ]

    assert minutes_of(trades_of(entries)) == {
        ("BTCUSDT", 0): numbers(
            "84000.00000001", "84000.00000001", "83999.5", "83999.5", "2.00000001", "167999.0008400000000001", trades=2
        ),
        ("BTCUSDT", MINUTE_MS): numbers("84001", "84001", "84001", "84001", "1", "84001", trades=1),
    }


def test_a_minute_without_trades_stands_at_the_close_before() -> None:
    minutes = minutes_of(trades_of([entry(1, 0, "2", "1"), entry(2, 0, "3", "1"), entry(3, 120_000, "4", "1")]))

    candles = candles_of(minutes, 240_000)

    assert candles == {
        ("BTCUSDT", 0): numbers("2", "3", "2", "3", "2", "5", trades=2),
        ("BTCUSDT", MINUTE_MS): numbers("3", "3", "3", "3", "0", "0", trades=0),
        ("BTCUSDT", 2 * MINUTE_MS): numbers("4", "4", "4", "4", "1", "4", trades=1),
        ("BTCUSDT", 3 * MINUTE_MS): numbers("4", "4", "4", "4", "0", "0", trades=0),
    }
