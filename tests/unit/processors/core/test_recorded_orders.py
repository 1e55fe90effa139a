"""Real order sequences of March 2026: every state on the way, by the arithmetic that the recordings' README states."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations
from pathlib import Path
from typing import Any

import msgspec
import pytest

from processors.core.orders import Advanced, Impossible
from schemas.decimals import from_scaled
from schemas.markets import Market
from tests.support.order_lives import event_record
from tests.unit.processors.core.order_folding import Folding, told


STATES = {
    "WebSocketFutureLimitSubmittedCancelled.json": [("NEW", "0"), ("CANCELED", "0")],
    "WebSocketFutureLimitSubmittedFilled.json": [("NEW", "0"), ("FILLED", "800")],
    "WebSocketFutureMarketSubmittedFilled.json": [("NEW", "0"), ("FILLED", "800")],
    "WebSocketFutureStopMarketSubmittedCanceled.json": [("NEW", "0"), ("CANCELED", "0")],
    "WebSocketGlobalSpotLimitSubmittedFilled.json": [("NEW", "0"), ("FILLED", "800")],
    "WebSocketGlobalSpotMarketSubmitPartiallyFilledFilled.json": [
        ("NEW", "0"),
        ("PARTIALLY_FILLED", "765"),
        ("FILLED", "800"),
    ],
    "WebSocketGlobalSpotStopLimitSubmittedTriggerFilled.json": [("NEW", "0"), ("NEW", "0"), ("FILLED", "200")],
}
ENDS = {
    "WebSocketFutureLimitSubmittedFilled.json": ("5.288", "0.00661", {"USDT": "0.002644"}),
    "WebSocketFutureMarketSubmittedFilled.json": ("5.2536", "0.006567", {"USDT": "0.0026268"}),
    "WebSocketGlobalSpotLimitSubmittedFilled.json": ("5.248", "0.00656", {"BNB": "0.00000632"}),
    "WebSocketGlobalSpotMarketSubmitPartiallyFilledFilled.json": ("5.23965", "0.0065495625", {"BNB": "0.0000063"}),
    "WebSocketGlobalSpotStopLimitSubmittedTriggerFilled.json": ("5.2", "0.026", {"BNB": "0.00000627"}),
}


def events_of(path: Path) -> Iterator[tuple[Market, dict[str, Any]]]:
    """The file holds JSON objects one after another; spot's are in an envelope."""
    for text in path.read_text().replace("\n}\n{", "\n}\0{").split("\0"):
        frame = msgspec.json.decode(text)
        yield (Market.SPOT, frame["event"]) if "event" in frame else (Market.USDM, frame)


def test_every_recorded_sequence_has_a_truth(recordings: Path) -> None:
    assert {path.name for path in (recordings / "userdata").glob("*.json")} == set(STATES)


@pytest.mark.parametrize("name", STATES)
def test_every_recorded_state_is_as_the_arithmetic_demands(recordings: Path, name: str) -> None:
    folding = Folding()
    seen, fills, quotes = [], Decimal(0), Decimal(0)
    for offset, (market, event) in enumerate(events_of(recordings / "userdata" / name)):
        folding.feed(event_record(market, event, offset))
        order, details = folding.order(), event if market is Market.SPOT else event["o"]
        fills += Decimal(details.get("l", "0"))
        quotes += Decimal(details.get("l", "0")) * Decimal(details.get("L", "0"))
        seen.append((order.status, f"{from_scaled(order.filled_quantity).normalize():f}"))

        assert from_scaled(order.filled_quantity) == from_scaled(order.fills_known_quantity) == fills
        assert order.kind == "algo" or from_scaled(order.filled_quote_quantity or 0, 16) == quotes
        assert (order.status == "FILLED") == (order.filled_quantity == order.quantity)
    assert seen == STATES[name]
    assert all(isinstance(outcome, Advanced) for outcome in folding.outcomes)


@pytest.mark.parametrize("name", ENDS)
def test_every_recorded_end_is_exact(recordings: Path, name: str) -> None:
    order = (
        Folding()
        .feed_all(event_record(market, event, 0) for market, event in events_of(recordings / "userdata" / name))
        .order()
    )
    quote, average, commissions = ENDS[name]

    assert from_scaled(order.filled_quote_quantity or 0, 16) == Decimal(quote)
    assert from_scaled(order.average_price or 0, 16) == Decimal(average)
    charged = zip(order.commission_assets, order.commissions, strict=True)
    assert {asset: from_scaled(sum_) for asset, sum_ in charged} == {
        asset: Decimal(sum_) for asset, sum_ in commissions.items()
    }


@pytest.mark.parametrize("name", STATES)
def test_every_order_of_arrival_of_a_recorded_sequence_ends_alike(recordings: Path, name: str) -> None:
    records = [event_record(market, event, 0) for market, event in events_of(recordings / "userdata" / name)]
    in_order = Folding().feed_all(records).order()

    for arrival in permutations([*records, records[0]]):
        folding = Folding().feed_all(arrival)
        assert told(folding.order()) == told(in_order)
        assert not any(isinstance(outcome, Impossible) for outcome in folding.outcomes)
