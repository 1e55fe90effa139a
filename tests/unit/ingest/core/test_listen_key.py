from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from ingest.core.listen_key import EVENTS, ListenKeyLife, user_stream_url
from ingest.core.secrecy import Secret
from schemas.markets import Market


def test_usdm_is_asked_for_every_event_by_name() -> None:
    url = user_stream_url(Market.USDM, "wss://fstream.binance.com/private/ws", Secret("a/key")).reveal()

    parts = urlsplit(url)
    assert parts.path == "/private/ws"
    assert parse_qs(parts.query) == {"listenKey": ["a/key"], "events": ["/".join(EVENTS)]}
    assert {"ALGO_UPDATE", "ALGO_ORDER_UPDATE", "listenKeyExpired"} <= set(EVENTS)


def test_coinm_has_the_key_in_its_path() -> None:
    url = user_stream_url(Market.COINM, "wss://dstream.binance.com/ws", Secret("key"))

    assert url.reveal() == "wss://dstream.binance.com/ws/key"
    assert "key" not in repr(url)


def test_a_key_is_prolonged_in_good_time_and_not_before() -> None:
    life = ListenKeyLife(1_500_000)
    assert not life.is_due(10**9)

    life.lives(1_000)

    assert not life.is_due(1_500_999)
    assert life.is_due(1_501_000)
    life.lives(1_501_000)
    assert not life.is_due(3_000_999)


def test_what_failed_is_tried_again_soon() -> None:
    life = ListenKeyLife(1_500_000)
    life.lives(0)

    life.failed(1_500_000)

    assert not life.is_due(1_559_999)
    assert life.is_due(1_560_000)


def test_a_key_that_is_gone_is_not_prolonged() -> None:
    life = ListenKeyLife(1_000)
    life.lives(0)
    life.ended()

    assert not life.is_due(10**9)
