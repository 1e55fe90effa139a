from __future__ import annotations

from typing import Any

import pytest

from dashboard.core.connections import Connections, raw_type_of
from schemas.control import Connection, ConnectionEvent
from schemas.markets import Market
from schemas.topics import RawType


NOW_MS = 1_723_161_661_250
HOUR_MS = 3_600_000
LIVE = "wss://stream.binance.com:9443/stream"


def connection(sequence: int = 1, event: str = "connected", **fields: Any) -> Connection:
    given = {
        "connection_id": "aa.spot-0.1",
        "market": Market.SPOT,
        "time": NOW_MS - 1_000,
        "url": LIVE,
        "streams": ["btcusdt@trade", "btcusdt@depth@100ms", "ethusdt@trade"],
        "reason": None,
        **fields,
    }
    return Connection(sequence=sequence, event=ConnectionEvent(event), **given)


def states(connections: Connections, at_s: float = 0, *, now_ms: int = NOW_MS, private: bool = True) -> dict[str, str]:
    told = connections.documents(now_ms, at_s, private=private)
    return {one["connection_id"]: one["state"] for one in told}


@pytest.mark.parametrize(
    ("stream", "raw_type"),
    [
        ("btcusdt@trade", RawType.TRADE),
        ("btcusdt@aggTrade", RawType.AGG_TRADE),
        ("btcusdt@depth", RawType.DEPTH),
        ("btcusdt@depth@100ms", RawType.DEPTH),
        ("btcusdt@depth20@100ms", RawType.PARTIAL_DEPTH),
        ("btcusdt@kline_1m", RawType.KLINE),
        ("!miniTicker@arr", RawType.MINI_TICKER),
        ("!markPrice@arr@1s", RawType.MARK_PRICE),
        ("!forceOrder@arr", RawType.FORCE_ORDER),
        ("!bookTicker", RawType.BOOK_TICKER),
        ("main", None),
        ("", None),
    ],
)
def test_a_stream_s_name_tells_its_topic(stream: str, raw_type: RawType | None) -> None:
    assert raw_type_of(stream) is raw_type


def test_what_is_connected_carries_its_streams_until_it_ends() -> None:
    one = Connections()
    one.take(connection())
    assert one.carriers(NOW_MS, 0) == {
        (Market.SPOT, RawType.TRADE): {"btcusdt@trade", "ethusdt@trade"},
        (Market.SPOT, RawType.DEPTH): {"btcusdt@depth@100ms"},
    }

    assert one.take(connection(2, "disconnected", reason="the venue closed it"))
    assert not one.take(connection(1)), "what is told again is no news"

    assert one.carriers(NOW_MS, 0) == {}
    assert one.once_carried() == {(Market.SPOT, RawType.TRADE), (Market.SPOT, RawType.DEPTH)}
    (told,) = one.documents(NOW_MS, 0, private=False)
    assert (told["state"], told["reason"], told["streams"]) == ("ended", "the venue closed it", 3)


def test_a_connection_whose_ingest_is_not_heard_of_may_be_gone_with_it() -> None:
    one = Connections()
    one.take(connection())
    one.take(connection(connection_id="bb.spot-0.1"))
    one.hear("aa", 0)
    one.hear("bb", 0)
    assert set(states(one, 60).values()) == {"up"}

    one.hear("bb", 61)

    assert states(one, 61) == {"aa.spot-0.1": "unheard", "bb.spot-0.1": "up"}


def test_an_ingest_that_was_never_heard_of_is_waited_for_as_long() -> None:
    one = Connections()
    one.take(connection())

    assert set(states(one, 500).values()) == {"up"}
    assert set(states(one, 560).values()) == {"up"}
    assert set(states(one, 561).values()) == {"unheard"}


def test_streams_that_nobody_vouches_for_need_no_heartbeat_but_no_connection_outlives_the_venue_s_limit() -> None:
    one = Connections()
    one.take(connection(streams=["!miniTicker@arr"]))
    states(one, 0)

    assert set(states(one, 10_000).values()) == {"up"}
    assert set(states(one, 10_000, now_ms=NOW_MS + 25 * HOUR_MS).values()) == {"unheard"}


def test_the_source_is_that_of_what_is_connected_now_or_was_last() -> None:
    one = Connections()
    assert one.origin(NOW_MS, 0).source == "unknown"

    one.take(connection(time=NOW_MS - 9_000))
    one.take(connection(2, "disconnected", time=NOW_MS - 5_000))
    assert one.origin(NOW_MS, 0).source == "Binance"

    one.take(connection(connection_id="cc.spot-0.1", url="ws://exchange:9443/spot/stream"))
    assert one.origin(NOW_MS, 0).source == "simulated exchange"


def test_keys_in_addresses_and_connections_of_accounts_are_not_shown() -> None:
    one = Connections()
    one.take(connection(url="wss://user:secret@fstream.binance.com/private/ws/LISTENKEY", streams=["main"]))

    assert one.documents(NOW_MS, 0, private=False) == []
    (told,) = one.documents(NOW_MS, 0, private=True)
    assert told["url"] == "wss://fstream.binance.com"


def test_of_many_connections_those_that_ended_longest_ago_are_forgotten() -> None:
    one = Connections()
    one.take(connection(connection_id="aa.first", time=0))
    for number in range(3_000):
        one.take(connection(2, "disconnected", connection_id=f"aa.{number}", time=NOW_MS - 3_000 + number))

    told = one.documents(NOW_MS, 0, private=False)
    assert [two["connection_id"] for two in told[:2]] == ["aa.2999", "aa.2998"]
    assert len(told) == 20
    assert len(one._last) == 2_000
    assert "aa.first" in one._last
