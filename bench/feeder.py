"""The venue of the measurements: as little of Binance as the measured need, and frames as fast as they are read.

It answers ``/time`` and ``/exchangeInfo``, acknowledges SUBSCRIBE, and sends once every symbol is subscribed to. The
frames are made before it listens; while it is measured with, it does nothing but write.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
import typer
import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from bench.frames import SYMBOLS, Course, websocket_frame


__all__ = ["main"]

_WRITE_BYTES: Final = 64 * 1024
_TICK_S: Final = 0.001


class Feeder:
    """Sends one course of events to the first who subscribes to everything.

    Args:
        course: what to send.
        rate: events per second; None: as fast as they are read.
    """

    def __init__(self, course: Course, rate: float | None) -> None:
        self._rate = rate
        frames = [websocket_frame(payload) for payload in course.frames(time.time_ns() // 1_000_000)]
        self._bytes = memoryview(b"".join(frames))
        self._ends = list(itertools.accumulate(map(len, frames)))

    async def serve(self, port: int) -> None:
        """Answer until cancelled."""
        async with serve(
            self._handle,
            "127.0.0.1",
            port,
            process_request=_answer,
            compression=None,
            ping_interval=None,
            write_limit=1024 * 1024,
        ):
            print("ready", flush=True)  # noqa: T201 - whoever started this reads it
            await asyncio.Event().wait()

    async def _handle(self, connection: ServerConnection) -> None:
        subscribed = set(_streams_of(connection))
        sending: asyncio.Task[None] | None = None
        if subscribed:
            sending = asyncio.create_task(self._send(connection))
        async for message in connection:
            request: dict[str, Any] = json.loads(message)
            await connection.send(f'{{"result":null,"id":{request["id"]}}}')
            subscribed.update(request.get("params", ()))
            if sending is None and len(subscribed) == len(SYMBOLS):
                sending = asyncio.create_task(self._send(connection))

    async def _send(self, connection: ServerConnection) -> None:
        if self._rate is None:
            for start in range(0, len(self._bytes), _WRITE_BYTES):
                connection.transport.write(self._bytes[start : start + _WRITE_BYTES])
                await connection.drain()
            return
        began, sent, position = time.monotonic(), 0, 0
        while sent < len(self._ends):
            await asyncio.sleep(_TICK_S)
            due = min(len(self._ends), int((time.monotonic() - began) * self._rate))
            if due > sent:
                connection.transport.write(self._bytes[position : self._ends[due - 1]])
                await connection.drain()
                sent, position = due, self._ends[due - 1]


def _streams_of(connection: ServerConnection) -> list[str]:
    """Return the streams that the address asks for."""
    path = "" if connection.request is None else connection.request.path
    names = path.partition("streams=")[2]
    return names.split("/") if names else []


def _answer(_: ServerConnection, request: Request) -> Response | None:
    """Answer what is no WebSocket."""
    if "Upgrade" in request.headers:
        return None
    resource = request.path.partition("?")[0].rpartition("/")[2]
    answers: dict[str, Any] = {
        "time": {"serverTime": time.time_ns() // 1_000_000},
        "exchangeInfo": {"rateLimits": [], "symbols": [_instrument(symbol) for symbol in SYMBOLS]},
    }
    status = HTTPStatus.OK if resource in answers else HTTPStatus.NOT_FOUND
    body = msgspec.json.encode(answers.get(resource, {"code": -1, "msg": f"no {resource} here"}))
    headers = Headers(
        [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
    )
    return Response(status.value, status.phrase, headers, body)


def _instrument(symbol: str) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "filters": [{"filterType": "PRICE_FILTER", "tickSize": "0.01000000"}],
    }


def main(
    port: Annotated[int, typer.Option()],
    count: Annotated[int, typer.Option(help="Events.")],
    offset: Annotated[int, typer.Option(help="Events that were sent before.")] = 0,
    rate: Annotated[
        float | None, typer.Option(help="Events per second; as fast as they are read if not given.")
    ] = None,
) -> None:
    """Serve one course of events until killed."""
    uvloop.run(Feeder(Course(count, offset), rate).serve(port))


if __name__ == "__main__":
    typer.run(main)
