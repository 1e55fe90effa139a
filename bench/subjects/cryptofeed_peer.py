"""cryptofeed as its users run it: its Binance feed and its Kafka backend, pointed at our feeder.

Runs in an environment of its own (``bench/requirements.lock``) and imports nothing of this project. Nothing but
addresses is set. The backend awaits the acknowledgement of each record before it sends the next.
"""

from __future__ import annotations

import os
import sys

from cryptofeed import FeedHandler
from cryptofeed.backends.kafka import TradeKafka
from cryptofeed.connection import RestEndpoint, Routes, WebsocketEndpoint
from cryptofeed.defines import TRADES
from cryptofeed.exchanges import Binance


def main(address: str, servers: str, core: str) -> None:
    """Run until killed.

    Args:
        address: of the feeder, ``host:port``.
        servers: Kafka.
        core: the core to stay on.
    """
    os.sched_setaffinity(0, {int(core)})
    Binance.websocket_endpoints = [WebsocketEndpoint(f"ws://{address}")]
    Binance.rest_endpoints = [RestEndpoint(f"http://{address}", routes=Routes("/api/v3/exchangeInfo"))]
    handler = FeedHandler()
    backend = TradeKafka(bootstrap_servers=servers)
    handler.add_feed(Binance(symbols=Binance.symbols(), channels=[TRADES], callbacks={TRADES: backend}))
    handler.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
