"""cryptofeed as its users run it: its Binance feed and its Kafka backend, pointed at our feeder.

Runs in an environment of its own (``bench/requirements.lock``) and imports nothing of this project. Nothing but
addresses is set. The backend awaits the acknowledgement of each record before it sends the next.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import uvloop
from cryptofeed import FeedHandler, connection
from cryptofeed.backends.kafka import TradeKafka
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance
from websockets.asyncio.client import connect


def _plain(address: str, **options: Any) -> connect:
    """Connect without encryption: our feeder has none, and cryptofeed accepts only addresses that say otherwise."""
    return connect(address.replace("wss://", "ws://"), **options)


def main(address: str, servers: str, core: str) -> None:
    """Run until killed.

    Args:
        address: of the feeder, ``host:port``.
        servers: Kafka.
        core: the core to stay on.
    """
    os.sched_setaffinity(0, {int(core)})
    Binance.websocket_endpoints = [WebsocketEndpoint(f"wss://{address}")]
    Binance.rest_endpoints = [RestEndpoint(f"http://{address}", routes=Routes("/api/v3/exchangeInfo"))]
    connection.connect = _plain
    handler = FeedHandler()
    backend = TradeKafka(bootstrap_servers=servers)
    handler.add_feed(Binance(symbols=Binance.symbols(), channels=[TRADES], callbacks={TRADES: backend}))
    asyncio.set_event_loop(uvloop.new_event_loop())  # it asks for one that newer uvloops do not make unasked
    handler.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
