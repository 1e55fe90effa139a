"""Pushing, with a clock of the test's: what waits is a list of the times that a page sleeps."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from dashboard import metrics
from dashboard.api.pushing import Pusher
from dashboard.core.views import EVENTS, MarketView, View
from dashboard.errors import TooManyPagesError
from schemas.markets import Market
from tests.unit.dashboard.test_api import World
from tests.unit.dashboard.values import SYMBOL, top


class Pages:
    """Pages whose sleep is a step of the world's clock."""

    def __init__(self, limit: int = 3) -> None:
        self.world = World()
        self.world.begin()
        self.world.fill()
        self.slept: list[float] = []
        self.pusher = Pusher(self.world.reader, limit, self._sleep)

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.world.now_s += seconds

    def view(self, symbol: str = SYMBOL) -> View:
        return MarketView(self.world.reader.store, None, Market.SPOT, symbol, interval="1m", depth=5)

    async def open(self) -> AsyncIterator[bytes]:
        stream = self.pusher.open(self.view(), "market")
        assert await anext(stream) == b"retry: 1000\n\n"
        return stream


def events(chunk: bytes) -> dict[str, Any]:
    told = {}
    for event in chunk.decode().removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        told[name.removeprefix("event: ")] = json.loads(data.removeprefix("data: "))
    return told


async def closed(stream: AsyncIterator[bytes]) -> None:
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator


async def test_a_page_is_told_at_most_ten_times_a_second_whatever_happens() -> None:
    pages = Pages()
    stream = await pages.open()
    at = []
    for number in range(50):
        chunk = await anext(stream)
        at.append(pages.world.now_s)
        pages.world.reader.store.take(Market.SPOT, "top-of-book", top(30_000 + number), 0)
        assert "book" in events(chunk)

    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert all(gap == pytest.approx(0.1) for gap in gaps)
    await closed(stream)


async def test_a_page_that_takes_long_is_told_the_newest_state_next_and_what_it_missed_is_counted() -> None:
    pages = Pages()
    stream = await pages.open()
    await anext(stream)
    missed = metrics.BEATS_MISSED._value.get()

    for number in range(500):
        pages.world.reader.store.take(
            Market.SPOT, "top-of-book", top(30_000 + number, update_id=70_000_000 + number), 0
        )
        pages.world.now_s += 0.01
    told = events(await anext(stream))

    assert told["book"]["top"]["update_id"] == 70_000_499
    assert metrics.BEATS_MISSED._value.get() - missed == pytest.approx(49, abs=1)
    await closed(stream)


async def test_what_pages_of_one_symbol_are_told_in_a_beat_is_written_once() -> None:
    pages = Pages()
    streams = [await pages.open() for _ in range(3)]
    first = [await anext(stream) for stream in streams]

    assert first[0] == first[1] == first[2]
    beat = pages.pusher._present()
    assert len(beat._written) == len(events(first[0]))
    for stream in streams:
        await closed(stream)


async def test_more_pages_than_the_limit_are_refused_until_one_is_closed() -> None:
    pages = Pages(limit=2)
    one, two = await pages.open(), await pages.open()
    refused = metrics.PAGES_REFUSED._value.get()

    with pytest.raises(TooManyPagesError, match="DASHBOARD_PAGES_LIMIT"):
        pages.pusher.open(pages.view(), "market")
    assert metrics.PAGES_REFUSED._value.get() == refused + 1

    await closed(one)
    three = await pages.open()
    await closed(two)
    await closed(three)


async def test_of_two_that_were_let_in_to_the_last_place_one_is_turned_away() -> None:
    pages = Pages(limit=1)
    one, two = (pages.pusher.open(pages.view(), "market") for _ in range(2))

    assert await anext(one) == b"retry: 1000\n\n"
    assert [chunk async for chunk in two] == []
    await closed(one)


async def test_a_page_that_goes_away_gives_its_place_back_and_is_not_counted_any_more() -> None:
    pages = Pages(limit=1)
    for _ in range(3):
        stream = await pages.open()
        assert metrics.PAGES.labels("market")._value.get() == 1
        await closed(stream)

    assert metrics.PAGES.labels("market")._value.get() == 0


async def test_every_event_is_counted_from_zero_on() -> None:
    pages = Pages()
    stream = await pages.open()
    told = events(await anext(stream))
    await closed(stream)

    counted = {sample.labels["event"] for family in metrics.MESSAGES.collect() for sample in family.samples}
    assert told.keys() < counted == set(EVENTS)


async def test_closing_ends_every_stream_at_its_next_beat() -> None:
    pages = Pages()
    streams = [await pages.open(), await pages.open()]
    for stream in streams:
        await anext(stream)

    pages.pusher.close()

    assert [[chunk async for chunk in stream] for stream in streams] == [[], []]


async def test_a_page_sleeps_to_the_next_beat_and_not_longer() -> None:
    pages = Pages()
    pages.world.now_s = 100.03
    stream = await pages.open()
    await anext(stream)

    pages.world.reader.store.take(Market.SPOT, "top-of-book", top(30_000), 0)
    await anext(stream)

    assert pages.slept == [pytest.approx(0.07)]
    await closed(stream)
