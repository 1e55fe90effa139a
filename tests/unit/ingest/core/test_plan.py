from __future__ import annotations

import json
from collections import Counter

from hypothesis import given, strategies as st

from ingest.core.plan import MAX_MESSAGE_CHARACTERS, Method, plan_connections, subscribe_messages
from ingest.core.streams import Route, Stream, stream_of
from schemas.markets import Market


SYMBOLS = st.sampled_from([f"S{number}USDT" for number in range(40)])
TEXTS = st.sampled_from(["trade", "aggTrade", "depth@100ms", "bookTicker", "kline_1m", "!miniTicker@arr"])
STREAMS = st.builds(stream_of, st.sampled_from(list(Market)), TEXTS, SYMBOLS)


@given(st.lists(STREAMS), st.integers(1, 12))
def test_every_stream_is_on_exactly_one_connection_of_its_market_and_route(streams: list[Stream], limit: int) -> None:
    plans = plan_connections(streams, dict.fromkeys(Market, limit))

    planned = [stream for plan in plans for stream in plan.streams]
    assert Counter(planned) == Counter(set(streams))
    for plan in plans:
        assert {(stream.market, stream.type.route) for stream in plan.streams} == {(plan.market, plan.route)}


@given(st.lists(STREAMS), st.integers(1, 12))
def test_no_connection_is_over_the_limit_and_none_is_needless(streams: list[Stream], limit: int) -> None:
    plans = plan_connections(streams, dict.fromkeys(Market, limit))

    assert all(len(plan.streams) <= limit for plan in plans)
    for group in {(plan.market, plan.route) for plan in plans}:
        sizes = [len(plan.streams) for plan in plans if (plan.market, plan.route) == group]
        assert len(sizes) == -(-sum(sizes) // limit)


@given(st.lists(STREAMS), st.randoms())
def test_the_plan_depends_on_the_set_of_streams_only(streams: list[Stream], random: object) -> None:
    shuffled = sorted(streams, key=lambda _: random.random())  # type: ignore[attr-defined]  # Hypothesis's Random

    assert plan_connections(shuffled) == plan_connections(streams)


def test_labels_name_each_connection_once() -> None:
    streams = [stream_of(market, text, "A") for market in Market for text in ("trade", "aggTrade", "depth")]

    labels = [plan.label for plan in plan_connections(streams, dict.fromkeys(Market, 1))]

    assert len(set(labels)) == len(labels)
    assert "usdm-public-1" in labels
    assert "spot-2" in labels


def test_usdm_needs_two_sockets_for_book_and_aggregate_trades() -> None:
    streams = [stream_of(Market.USDM, text, "BTCUSDT") for text in ("depth", "trade", "aggTrade")]

    assert [(plan.route, len(plan.streams)) for plan in plan_connections(streams)] == [
        (Route.MARKET, 1),
        (Route.PUBLIC, 2),
    ]


def test_spot_takes_1024_streams_on_a_connection_and_futures_200() -> None:
    def connection_count(market: Market, count: int) -> int:
        return len(plan_connections(stream_of(market, "trade", f"S{number}") for number in range(count)))

    assert connection_count(Market.SPOT, 1024) == 1
    assert connection_count(Market.SPOT, 1025) == 2
    assert connection_count(Market.COINM, 200) == 1
    assert connection_count(Market.COINM, 201) == 2


@given(st.lists(st.text("abcé@_", min_size=1, max_size=60), max_size=400), st.integers(200, 2000))
def test_subscribe_messages_hold_every_name_in_order_and_are_short_enough(names: list[str], limit: int) -> None:
    messages = subscribe_messages(names, max_characters=limit)

    assert [name for message in messages for name in message.names] == names
    for message in messages:
        assert len(message.text) <= limit
        assert json.loads(message.text) == {"method": "SUBSCRIBE", "params": list(message.names), "id": message.id}


def test_subscribe_ids_count_up_from_the_first() -> None:
    messages = subscribe_messages([f"s{number}usdt@depth@100ms" for number in range(1024)], first_id=5)

    assert [message.id for message in messages] == list(range(5, 5 + len(messages)))
    assert len(messages) > 1
    assert all(len(message.text) <= MAX_MESSAGE_CHARACTERS for message in messages)


def test_nothing_to_subscribe_to_needs_no_message() -> None:
    assert subscribe_messages([]) == []


def test_leaving_streams_is_asked_for_in_the_same_way() -> None:
    (message,) = subscribe_messages(["btcusdt@trade"], 7, method=Method.UNSUBSCRIBE)

    assert json.loads(message.text) == {"method": "UNSUBSCRIBE", "params": ["btcusdt@trade"], "id": 7}
