"""The life of a listen key."""

from __future__ import annotations

from itertools import count

from sandbox.exchange.private.listen_keys import LIFE_S, ListenKey, ListenKeys
from schemas.markets import Market


USDM, COINM = Market.USDM, Market.COINM


def keys() -> ListenKeys:
    numbers = count(1)
    return ListenKeys(lambda: f"key{next(numbers)}")


def test_a_living_key_comes_back_with_a_new_life() -> None:
    known = keys()
    first = known.start(USDM, "main", 0)

    assert known.start(USDM, "main", 1_800) == first
    assert known.next_s == 1_800 + LIFE_S


def test_each_account_and_market_has_its_own() -> None:
    known = keys()

    names = {known.start(*each, 0).name for each in [(USDM, "main"), (COINM, "main"), (USDM, "hedge")]}
    assert names == {"key1", "key2", "key3"}


def test_a_key_is_good_for_an_hour() -> None:
    known = keys()
    key = known.start(USDM, "main", 0)

    assert known.named(USDM, "key1", LIFE_S - 0.1) == key
    assert known.named(COINM, "key1", 0) is None
    assert known.named(USDM, "key1", LIFE_S) is None
    assert known.keep(USDM, "main", LIFE_S) is None


def test_keeping_gives_another_hour() -> None:
    known = keys()
    key = known.start(USDM, "main", 0)

    assert known.keep(USDM, "main", LIFE_S - 1) == key
    assert known.expired(LIFE_S) == []
    assert known.expired(2 * LIFE_S - 1) == [key]
    assert known.expired(2 * LIFE_S) == []


def test_there_is_nothing_to_keep_before_a_start() -> None:
    assert keys().keep(USDM, "main", 0) is None


def test_a_new_key_outlives_the_expiry_of_the_old_one() -> None:
    known = keys()
    old = known.start(USDM, "main", 0)
    new = known.start(USDM, "main", LIFE_S)

    assert new == ListenKey(USDM, "main", "key2")
    assert known.expired(LIFE_S) == [old]
    assert known.keep(USDM, "main", LIFE_S + 1) == new


def test_a_closed_key_is_gone() -> None:
    known = keys()
    key = known.start(USDM, "main", 0)

    assert known.close(USDM, "main") == key
    assert known.close(USDM, "main") is None
    assert known.next_s == float("inf")
    assert known.named(USDM, "key1", 0) is None
