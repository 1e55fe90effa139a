"""Pings and the deadlines of their answers."""

from __future__ import annotations

import pytest

from sandbox.exchange.keepalive import Keepalive
from sandbox.exchange.rules import RULES
from schemas.markets import Market


@pytest.mark.parametrize(("market", "interval_s", "deadline_s"), [(Market.SPOT, 20, 60), (Market.USDM, 180, 600)])
def test_the_schedule_is_the_markets(market: Market, interval_s: float, deadline_s: float) -> None:
    keepalive = Keepalive(RULES[market], 0)

    assert keepalive.next_s == interval_s
    assert not keepalive.ping(interval_s - 1, b"early")
    assert keepalive.ping(interval_s, b"1")
    assert not keepalive.expired(interval_s + deadline_s - 1)
    assert keepalive.expired(interval_s + deadline_s)


def test_the_schedule_can_be_hastened() -> None:
    keepalive = Keepalive(RULES[Market.SPOT].hastened(100), 0)

    assert keepalive.next_s == 0.2
    assert keepalive.ping(0.2, b"1")
    assert keepalive.expired(0.8)


def test_a_pong_that_copies_a_ping_answers_it_and_those_before() -> None:
    keepalive = Keepalive(RULES[Market.SPOT], 0)
    for payload, now_s in ((b"1", 20), (b"2", 40), (b"3", 60)):
        keepalive.ping(now_s, payload)
    keepalive.pong(b"2")

    assert not keepalive.expired(119)
    assert keepalive.expired(120)


@pytest.mark.parametrize("payload", [b"", b"other"])
def test_a_pong_that_copies_no_ping_answers_nothing(payload: bytes) -> None:
    keepalive = Keepalive(RULES[Market.SPOT], 0)
    keepalive.ping(20, b"1")
    keepalive.pong(payload)

    assert keepalive.expired(80)


def test_a_client_that_answers_lives_for_ever() -> None:
    keepalive = Keepalive(RULES[Market.SPOT], 0)
    for second in range(20, 10_000, 20):
        assert not keepalive.expired(second)
        assert keepalive.ping(second, b"%d" % second)
        keepalive.pong(b"%d" % second)
