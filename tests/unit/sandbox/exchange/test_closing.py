"""A simulated market is closed over HTTP: what has happened is told, then the exchange has ended."""

from __future__ import annotations

import json

from sandbox.exchange.server import StartMode
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from tests.unit.sandbox.exchange.serving import get, post, serving, socket_to
from tests.unit.sandbox.exchange.sources import ListSource, numbered


CONFIG = SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",)}, duration_s=None, depth_levels=40)


async def test_a_market_without_end_is_closed_in_order() -> None:
    source = SimulatedSource(CONFIG)
    async with (
        serving(source, start=StartMode.MANUAL) as server,
        socket_to(server, "/ws/btcusdt@depth@100ms") as client,
    ):
        server.start()
        for _ in range(5):
            await client.recv()
        closing = await post(server, "/sandbox/close")
        await server.wait_ended()
        last = {}
        await client.send('{"method":"LIST_SUBSCRIPTIONS","id":7}')
        while "id" not in (frame := json.loads(await client.recv())):
            last = frame
        _, book, _ = await get(server, "/sandbox/book?market=spot&symbol=BTCUSDT")
        again = await post(server, "/sandbox/close")

    assert closing["state"] == "running"
    assert last["u"] == book["lastUpdateId"]
    assert again == {"error": "the simulated market closes before the next full second"}


async def test_what_is_no_market_cannot_be_closed() -> None:
    async with serving(ListSource(numbered(1))) as server:
        refused = await post(server, "/sandbox/close")

    assert refused == {"error": "this source ends by itself; only a simulated market can be closed"}
