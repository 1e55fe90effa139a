from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from ingest.accounts.account_rest import ApiRestrictions
from ingest.core.budget import Importance
from ingest.core.secrecy import Secret
from ingest.errors import KeyRefusedError, RestRefusedError, RestUnreachableError
from schemas.markets import Market
from tests.support.signed_venue import API_KEY, DROP, SECRET, SignedVenue, TestKey, signed_venue
from tests.support.tiny_account import TinyAccount


START = 1_772_400_000_000


async def orders(venue: SignedVenue, symbol: str = "BTCUSDT") -> bytes:
    answer = await venue.rest.get_signed("/api/v3/openOrders", {"symbol": symbol}, weight=6, importance=Importance.HOLE)
    return answer.body


def spot() -> TinyAccount:
    return TinyAccount(Market.SPOT, START)


async def test_a_signed_question_is_answered() -> None:
    account = spot()
    account.place("BTCUSDT")
    async with signed_venue(account) as venue:
        answer = await venue.rest.get_signed(
            "/api/v3/openOrders", {"symbol": "BTCUSDT"}, weight=6, importance=Importance.HOLE
        )

    assert (answer.path, answer.request) == ("/api/v3/openOrders", "symbol=BTCUSDT")
    assert answer.request_time == START - 1
    assert answer.body.startswith(b'[{"symbol": "BTCUSDT", "orderId": 101,')
    assert answer.receive_time_ns == START * 1_000_000


async def test_what_is_no_ascii_is_signed_as_it_travels() -> None:
    account = spot()
    account.place("测试USDT")
    async with signed_venue(account) as venue:
        assert b"101" in await orders(venue, "测试USDT")


async def test_another_version_of_a_path_is_asked_where_it_is() -> None:
    account = TinyAccount(Market.USDM, START)
    async with signed_venue(account) as venue:
        await venue.rest.get_signed("/fapi/v3/account", {}, weight=5, importance=Importance.HOLE)

    assert [path for _, path, _ in venue.asked] == ["/fapi/v3/account"]


async def test_a_clock_that_moved_is_measured_anew_and_the_question_asked_once_more() -> None:
    async with signed_venue(spot()) as venue:
        await orders(venue)
        venue.clock_ahead_ms = 60_000

        await orders(venue)

        assert len(venue.asked) == 3
        assert venue.time_requests == 6
        assert venue.clock.time() == START + 60_000


async def test_a_clock_that_runs_behind_is_corrected_too() -> None:
    async with signed_venue(spot()) as venue:
        await orders(venue)
        venue.clock_ahead_ms = -60_000

        await orders(venue)

        assert venue.clock.time() == START - 60_000


async def test_a_venue_that_refuses_every_time_is_asked_twice_and_no_more() -> None:
    async with signed_venue(spot()) as venue:
        stale = [web.json_response({"code": -1021, "msg": "Timestamp outside."}, status=400) for _ in range(2)]
        venue.faults.extend(stale)
        with pytest.raises(RestRefusedError) as caught:
            await orders(venue)

    assert caught.value.code == -1021
    assert len(venue.asked) == 2


@pytest.mark.parametrize(
    ("status", "body"), [(503, "Service Unavailable."), (502, ""), (408, '{"code":-1007,"msg":""}')]
)
async def test_what_may_pass_is_asked_again(status: int, body: str) -> None:
    async with signed_venue(spot()) as venue:
        venue.faults.extend(web.Response(status=status, text=body) for _ in range(3))

        assert await orders(venue) == b"[]"

    assert venue.pauses == [1.0, 2.0, 4.0]


async def test_after_some_tries_the_error_is_told() -> None:
    async with signed_venue(spot()) as venue:
        venue.faults.extend(web.Response(status=503) for _ in range(9))
        with pytest.raises(RestRefusedError, match="status 503"):
            await orders(venue)

    assert len(venue.asked) == 4


async def test_after_a_429_nobody_asks_before_the_time_is_up() -> None:
    async with signed_venue(spot()) as venue:
        venue.faults.append(web.Response(status=429, headers={"Retry-After": "60"}))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(orders(venue), 0.3)

        assert len(venue.asked) == 1


@pytest.mark.parametrize(
    ("key", "code", "advice"),
    [
        (TestKey(api_key="unknown"), -2015, "revoked"),
        (TestKey(secret="other"), -1022, "replace both together"),  # noqa: S106 — of the tests
    ],
)
async def test_a_key_that_is_not_taken_is_told_with_what_to_do(key: TestKey, code: int, advice: str) -> None:
    async with signed_venue(spot(), key) as venue:
        with pytest.raises(KeyRefusedError, match=advice) as caught:
            await orders(venue)

    assert caught.value.code == code
    assert len(venue.asked) == 1


async def test_no_error_repeats_a_key_a_signature_or_a_strangers_page() -> None:
    def pages(secret: str) -> list[web.Response]:
        return [
            web.Response(status=403, text=f"<html>{secret}"),
            web.json_response({"code": -1100, "msg": f"Illegal characters in {API_KEY}"}, status=400),
            web.Response(status=302, headers={"Location": f"http://127.0.0.1:1/{secret}"}),
        ]

    async with signed_venue(spot()) as venue:
        told = list[str]()
        for page in pages("signature=abc"):
            venue.faults.append(page)
            with pytest.raises(RestRefusedError) as caught:
                await orders(venue)
            told += [str(caught.value), repr(caught.value)]

    assert not [text for text in told if API_KEY in text or SECRET in text or "signature" in text]


async def test_no_answer_is_told_without_the_question() -> None:
    async with signed_venue(spot()) as venue:
        venue.faults.extend([DROP] * 9)
        with pytest.raises(RestUnreachableError) as caught:
            await orders(venue)

    assert "signature" not in f"{caught.value}{caught.value.__cause__}"


async def test_a_listen_key_is_had_prolonged_and_found_gone() -> None:
    async with signed_venue(TinyAccount(Market.USDM, START)) as venue:
        assert await venue.rest.listen_key() == Secret("canary-listen-key")
        await venue.rest.prolong_listen_key()
        venue.listen_key = None
        with pytest.raises(RestRefusedError) as caught:
            await venue.rest.prolong_listen_key()

    assert caught.value.code == -1125
    assert [(method, path, params) for method, path, params in venue.asked] == [
        ("POST", "/fapi/v1/listenKey", {}),
        ("PUT", "/fapi/v1/listenKey", {}),
        ("PUT", "/fapi/v1/listenKey", {}),
    ]


async def test_what_a_key_may_do_is_asked_of_spot() -> None:
    async with signed_venue(TinyAccount(Market.USDM, START)) as venue:
        venue.restrictions = {"enableWithdrawals": True, "enableReading": True, "ipRestrict": True, "more": 1}

        assert await venue.rest.api_restrictions() == ApiRestrictions(
            enable_withdrawals=True, enable_reading=True, ip_restrict=True
        )

    assert [path for _, path, _ in venue.asked] == ["/sapi/v1/account/apiRestrictions"]


async def test_a_venue_that_does_not_tell_what_a_key_may_do_is_none_that_says_no() -> None:
    async with signed_venue(spot()) as venue:
        venue.restrictions = None

        assert await venue.rest.api_restrictions() is None


async def test_another_key_can_be_proven_before_it_is_used() -> None:
    async with signed_venue(spot()) as venue:
        with pytest.raises(KeyRefusedError):
            await venue.rest.with_key(TestKey(api_key="unknown")).api_restrictions()

        assert await orders(venue) == b"[]"
