from __future__ import annotations

import asyncio

import pytest

from ingest.core.clock_offset import MEASURE_AGAIN_MS
from ingest.errors import RestError
from schemas.markets import Market
from tests.support.rest import rest_client
from tests.support.signed_venue import signed_venue
from tests.support.tiny_account import TinyAccount


START = 1_772_400_000_000


async def test_all_who_want_a_measurement_share_one() -> None:
    async with signed_venue(TinyAccount(Market.SPOT, START)) as venue:
        await asyncio.gather(*(venue.clock.ready() for _ in range(5)))

        assert venue.time_requests == 3
        assert venue.clock.time() == START


async def test_it_is_measured_again_after_a_while_and_not_before() -> None:
    async with signed_venue(TinyAccount(Market.SPOT, START)) as venue:
        await venue.clock.ready()
        await venue.clock.ready()
        assert venue.time_requests == 3

        venue.clocks.pass_ms(MEASURE_AGAIN_MS)
        venue.clock_ahead_ms = int(MEASURE_AGAIN_MS) + 700
        await venue.clock.ready()

        assert venue.time_requests == 6
        assert venue.clock.time() == START + MEASURE_AGAIN_MS + 700


async def test_who_gives_up_waiting_takes_the_measurement_from_nobody_else() -> None:
    async with signed_venue(TinyAccount(Market.SPOT, START)) as venue:
        impatient = asyncio.ensure_future(venue.clock.measure())
        patient = asyncio.ensure_future(venue.clock.measure())
        await asyncio.sleep(0)
        impatient.cancel()
        await patient

        assert venue.clock.measured


async def test_a_venue_that_does_not_answer_leaves_what_was_known() -> None:
    async with signed_venue(TinyAccount(Market.SPOT, START)) as venue:
        await venue.clock.measure()
        venue.clock._rest = rest_client("http://127.0.0.1:1/api/v3", venue.client.transport._session, venue.clocks)
        with pytest.raises(RestError):
            await venue.clock.measure()

        assert venue.clock.time() == START
