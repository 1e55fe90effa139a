"""Who gets which frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

import pytest
from hypothesis import given, strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from sandbox.exchange.fanout import Fanout, Numbered, text_frame
from sandbox.exchange.source import StreamEvent
from schemas.markets import Market
from tests.unit.sandbox.exchange.sources import RememberingClient, event


def test_a_frame_goes_to_those_who_subscribed_to_its_stream_on_its_market() -> None:
    fanout, mine, others = Fanout(), RememberingClient(), RememberingClient()
    fanout.subscribe(mine, Market.SPOT, "btcusdt@trade")
    fanout.subscribe(others, Market.SPOT, "ethusdt@trade")
    fanout.subscribe(others, Market.USDM, "btcusdt@trade")

    assert fanout.deliver(event(1))
    assert not fanout.deliver(event(2, stream="xrpusdt@trade"))
    assert (mine.frames, others.frames) == ([b'{"t":1}'], [])
    assert fanout.sent_count == 1


def test_the_frame_is_wrapped_for_those_who_want_it_so() -> None:
    fanout, raw, combined = Fanout(), RememberingClient(), RememberingClient(combined=True)
    for client in (raw, combined):
        fanout.subscribe(client, Market.SPOT, "btcusdt@trade")
    fanout.deliver(event(1))
    raw.combined = True
    fanout.deliver(event(2))

    assert raw.frames == [b'{"t":1}', b'{"stream":"btcusdt@trade","data":{"t":2}}']
    assert combined.frames[0] == b'{"stream":"btcusdt@trade","data":{"t":1}}'


def test_a_stream_name_is_spelled_as_json_demands() -> None:
    fanout, client = Fanout(), RememberingClient(combined=True)
    fanout.subscribe(client, Market.SPOT, 'say"币"@trade')
    fanout.deliver(event(1, stream='say"币"@trade'))

    assert json.loads(client.frames[0])["stream"] == 'say"币"@trade'


def test_who_unsubscribed_gets_nothing_more() -> None:
    fanout, client = Fanout(), RememberingClient()
    fanout.subscribe(client, Market.SPOT, "btcusdt@trade")
    fanout.subscribe(client, Market.SPOT, "btcusdt@trade")
    once = fanout.subscription_count
    fanout.unsubscribe(client, Market.SPOT, "btcusdt@trade")
    fanout.unsubscribe(client, Market.SPOT, "btcusdt@trade")
    fanout.deliver(event(1))

    assert (once, fanout.subscription_count, client.frames) == (1, 0, [])
    assert fanout.subscribed_streams(Market.SPOT) == frozenset()


def test_a_client_that_is_gone_does_not_count_as_having_got_it() -> None:
    fanout, gone = Fanout(), RememberingClient()
    gone.gone = True
    fanout.subscribe(gone, Market.SPOT, "btcusdt@trade")

    assert not fanout.deliver(event(1))
    assert fanout.sent_count == 0


async def test_frames_are_written_once_a_turn_and_the_slow_are_waited_for() -> None:
    fanout, fast, slow = Fanout(), RememberingClient(), RememberingClient()
    slow.slow = True
    for client in (fast, slow):
        fanout.subscribe(client, Market.SPOT, "btcusdt@trade")
    fanout.deliver(event(1))
    for client in (fast, slow):
        fanout.keeps(client)
    await fanout.settle()
    await fanout.settle()

    assert (fast.drained, slow.drained) == (0, 1)


_Numbered = TypeVar("_Numbered", bound=Numbered)


class DroppingTap:
    """Lets through every second event to the first client only."""

    def __init__(self) -> None:
        self.events = 0

    def touches(self, market: Market, stream: str) -> bool:
        return (market, stream) == (Market.SPOT, "btcusdt@trade")

    def feed(self, event: StreamEvent, clients: Sequence[_Numbered]) -> Sequence[tuple[_Numbered, bytes]]:
        self.events += 1
        return [(clients[0], event.data)] if self.events % 2 else []


def test_a_tap_decides_who_gets_what_of_the_streams_that_it_touches() -> None:
    fanout, first, second = Fanout(), RememberingClient(), RememberingClient()
    fanout.tap = DroppingTap()
    for client in (first, second):
        for stream in ("btcusdt@trade", "ethusdt@trade"):
            fanout.subscribe(client, Market.SPOT, stream)
    delivered = [fanout.deliver(event(number)) for number in range(3)]
    fanout.deliver(event(9, stream="ethusdt@trade"))

    assert delivered == [True, False, True]
    assert (first.frames, second.frames) == ([b'{"t":0}', b'{"t":2}', b'{"t":9}'], [b'{"t":9}'])
    assert fanout.sent_count == 4


def test_one_client_can_get_what_others_do_not_while_it_is_subscribed() -> None:
    fanout, client, other = Fanout(), RememberingClient(combined=True), RememberingClient()
    for each in (client, other):
        fanout.subscribe(each, Market.SPOT, "btcusdt@trade")

    assert fanout.deliver_to(client, Market.SPOT, "btcusdt@trade", b"{}")
    assert not fanout.deliver_to(client, Market.USDM, "btcusdt@trade", b"{}")
    fanout.unsubscribe(client, Market.SPOT, "btcusdt@trade")
    assert not fanout.deliver_to(client, Market.SPOT, "btcusdt@trade", b"{}")
    assert (client.frames, other.frames) == ([b'{"stream":"btcusdt@trade","data":{}}'], [])


@given(st.binary(max_size=200) | st.integers(0, 70_000).map(bytes))
def test_a_frame_is_what_the_protocol_says(payload: bytes) -> None:
    """Read by the library that ingest uses."""
    stream = StreamReader()
    stream.feed_data(text_frame(payload))
    parsing = Frame.parse(stream.read_exact, mask=False)
    with pytest.raises(StopIteration) as parsed:
        next(parsing)

    assert parsed.value.value == Frame(Opcode.TEXT, payload)
