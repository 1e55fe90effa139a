"""Who gets which frame."""

from __future__ import annotations

import json

from sandbox.exchange.fanout import Fanout
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
