"""Which book a stale answer shows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.exchange.faults.model import Snapshot, SnapshotKind
from sandbox.exchange.faults.snapshots import RememberedBooks
from sandbox.exchange.source import RestReply, error_reply, json_reply
from schemas.markets import Market


SPOT_BTC, SPOT_ETH, USDM_BTC = (Market.SPOT, "BTCUSDT"), (Market.SPOT, "ETHUSDT"), (Market.USDM, "BTCUSDT")


class Venue:
    """Books whose update ids are the venue's clock."""

    def __init__(self) -> None:
        self.clock_ms = 0
        self.asked: list[tuple[Market, str]] = []

    def take(self, market: Market, symbol: str) -> RestReply:
        self.asked.append((market, symbol))
        levels = [["1", "1"]] * 100
        return json_reply({"lastUpdateId": self.clock_ms, "bids": levels, "asks": levels})


def stale(**fields: Any) -> Snapshot:
    return Snapshot(kind=SnapshotKind.STALE, **fields)


def answered(books: RememberedBooks, venue: Venue, limit: int = 5) -> int | None:
    reply = books.answer(*SPOT_BTC, limit, venue.take(*SPOT_BTC), venue.clock_ms)
    return None if reply is None else int(json.loads(reply.body)["lastUpdateId"])


def test_the_books_of_all_symbols_that_are_meant_are_taken_at_once() -> None:
    venue = Venue()
    RememberedBooks(stale(market=Market.SPOT), [SPOT_ETH, SPOT_BTC, USDM_BTC], venue.take, 0)

    assert venue.asked == [SPOT_BTC, SPOT_ETH]


def test_symbols_have_their_turns() -> None:
    venue = Venue()
    books = RememberedBooks(stale(age_s=4), [SPOT_BTC, SPOT_ETH], venue.take, 0)
    for clock_ms in (999, 1_000, 1_000, 1_000, 2_000):
        books.remember_one(clock_ms)

    assert venue.asked == [SPOT_BTC, SPOT_ETH, SPOT_BTC, SPOT_ETH, SPOT_BTC]


def test_the_answer_is_as_old_as_ordered_or_as_old_as_there_is() -> None:
    venue = Venue()
    books = RememberedBooks(stale(age_s=4), [SPOT_BTC], venue.take, 0)
    got = []
    for clock_ms in range(0, 8_001, 1_000):
        venue.clock_ms = clock_ms
        got.append(answered(books, venue))
        books.remember_one(clock_ms)

    assert got == [None, 0, 0, 0, 0, 1_000, 2_000, 3_000, 4_000]


def test_the_answer_has_as_many_levels_as_were_asked_for() -> None:
    venue = Venue()
    books = RememberedBooks(stale(), [SPOT_BTC], venue.take, 0)
    venue.clock_ms = 1
    reply = books.answer(*SPOT_BTC, 20, venue.take(*SPOT_BTC), 1)

    assert reply is not None
    assert [len(json.loads(reply.body)[side]) for side in ("bids", "asks")] == [20, 20]


@pytest.mark.parametrize("key", [SPOT_ETH, USDM_BTC])
def test_a_symbol_that_is_not_meant_is_answered_as_it_is(key: tuple[Market, str]) -> None:
    venue = Venue()
    books = RememberedBooks(stale(market=Market.SPOT, symbol="BTC*"), [SPOT_BTC, key], venue.take, 0)

    assert books.answer(*key, 5, json_reply({"lastUpdateId": 9}), 9) is None


def test_a_refusal_stays_a_refusal() -> None:
    venue = Venue()
    books = RememberedBooks(stale(), [SPOT_BTC], venue.take, 0)

    assert books.answer(*SPOT_BTC, 5, error_reply(400, -1121, "Invalid symbol."), 9) is None
