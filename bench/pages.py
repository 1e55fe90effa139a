"""What pushing to pages costs: processor time of the read service's web side, with everything changing at each beat.

``python -m bench.pages [PAGES ...]``: pages of one symbol, by default 1, 10, 50 and 50 of as many symbols.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import sys
from multiprocessing.connection import Connection
from time import monotonic, process_time, time_ns
from typing import Final

import msgspec
import uvicorn
import uvloop

from dashboard.api.app import create_app
from dashboard.api.examples import example_values
from dashboard.config import Settings
from dashboard.reader import Reader
from dashboard.service import reader_of
from schemas.derived import BookSnapshot
from schemas.markets import Market


__all__ = ["main"]

_SECONDS: Final = 10
_LEVELS: Final = 20
_TRADES: Final = 5
"""Of each symbol, in each tenth of a second."""


def main() -> None:
    """Measure, and print a line for each number of pages."""
    counts = [int(count) for count in sys.argv[1:]] or [1, 10, 50]
    sys.stdout.write("pages  symbols  messages/s   MB/s  % of a core  us a message\n")
    for pages, symbols in [*((count, 1) for count in counts), (counts[-1], counts[-1])]:
        idle_s, _, _ = _measured(0, symbols)
        busy_s, messages, size = _measured(pages, symbols)
        share = 100 * (busy_s - idle_s) / _SECONDS
        line = f"{pages:5} {symbols:8} {messages / _SECONDS:11,.0f} {size / _SECONDS / 1e6:6.2f} {share:12.1f}"
        sys.stdout.write(f"{line} {1e6 * (busy_s - idle_s) / max(1, messages):13.0f}\n")


def _measured(pages: int, symbols: int) -> tuple[float, int, int]:
    """Return the server's processor time, and how many messages and bytes the pages got."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, symbols))
    server.start()
    port = ours.recv()
    messages, size = asyncio.run(_read(port, pages, symbols))
    ours.send(None)
    used_s = ours.recv()
    server.join()
    return used_s, messages, size


async def _read(port: int, pages: int, symbols: int) -> tuple[int, int]:
    counted = [0, 0]

    async def page(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        path = f"/api/v1/stream?market=spot&symbol=S{number % symbols}"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        try:
            while chunk := await reader.read(1 << 16):
                counted[0] += chunk.count(b"event: ")
                counted[1] += len(chunk)
        finally:
            writer.close()

    tasks = [asyncio.create_task(page(number)) for number in range(pages)]
    await asyncio.sleep(_SECONDS)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return counted[0], counted[1]


def _serve(pipe: Connection, symbols: int) -> None:
    uvloop.run(_serve_until_told(pipe, symbols))


async def _serve_until_told(pipe: Connection, symbols: int) -> None:
    reader = reader_of(Settings())
    reader.contact.confirm(monotonic())
    for topic in reader.topics:
        reader.synchrony.begin(topic.name, 0, position=0, end=0)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(reader, pages_limit=1_000), log_config=None, access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    writing = asyncio.create_task(_change(reader, symbols))
    pipe.send(listening.getsockname()[1])
    began_s = process_time()
    await asyncio.to_thread(pipe.recv)
    pipe.send(process_time() - began_s)
    writing.cancel()
    server.should_exit = True
    await serving


async def _change(reader: Reader, symbols: int) -> None:
    """Change everything of every symbol ten times a second."""
    values = example_values()
    number = 0
    while True:
        now_ms = time_ns() // 1_000_000
        for symbol in (f"S{one}" for one in range(symbols)):
            for schema, value in values.items():
                for _ in range(_TRADES if schema == "trade" else 1):
                    number += 1
                    reader.store.take(Market.SPOT, schema, _changed(schema, value, symbol, number), now_ms)
        await asyncio.sleep(0.1)


def _changed(schema: str, value: msgspec.Struct, symbol: str, number: int) -> msgspec.Struct:
    fields: dict[str, object] = {"symbol": symbol, "input_offset": 10**9 + number}
    if isinstance(value, BookSnapshot):
        for name in ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities"):
            fields[name] = [level * 10**6 + number for level in range(_LEVELS)]
    elif schema == "trade":
        fields["trade_id"] = number
    elif schema == "ticker":
        fields["event_time"] = 10**12 + number
    elif schema == "alert":
        return value
    return msgspec.structs.replace(value, **fields)


if __name__ == "__main__":
    main()
