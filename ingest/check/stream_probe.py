"""Can a market's streams be subscribed to, and does anything come?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from ingest.check.diagnosis import of_error
from ingest.check.findings import Finding, Mark, Report
from ingest.connection import Clocks
from ingest.core.outcomes import Reply
from ingest.core.replies import UNREADABLE, decode_any, without_stream
from ingest.core.streams import Route, Stream
from ingest.feed_socket import LOOPBACK
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["StreamProbe"]

OPEN_LIMIT_S: Final = 6.0
ACKNOWLEDGE_LIMIT_S: Final = 5.0
EVENT_LIMIT_S: Final = 10.0
_QUIET: Final = frozenset({RawType.FORCE_ORDER})
"""Nothing for minutes is ordinary."""


class StreamProbe:
    """Subscribes to some streams of one route and waits for the first event of each.

    Args:
        market: which.
        route: the socket.
        url: its combined stream address.
        streams: what to try.
        clocks: time.
        report: takes the findings.
    """

    def __init__(
        self, market: Market, route: Route, url: str, streams: Sequence[Stream], *, clocks: Clocks, report: Report
    ) -> None:
        self._market = market
        self._subject = "socket" if route is Route.ALL else f"socket /{route}"
        self._url = url
        self._streams = {stream.name: stream for stream in streams}
        self._clocks = clocks
        self._report = report
        self._arrived_ms: dict[str, float] = {}

    async def run(self) -> None:
        """Try it once."""
        local = urlsplit(self._url).hostname in LOOPBACK
        started_ms = self._clocks.now_ms()
        try:
            async with connect(
                self._url,
                open_timeout=OPEN_LIMIT_S,
                close_timeout=0.5,
                ping_interval=None,
                max_size=8 * 1024 * 1024,
                proxy=None if local else True,
            ) as socket:
                opened_ms = self._clocks.now_ms()
                if await self._subscribe(socket, f"{self._url}, open in {opened_ms - started_ms:.0f} ms"):
                    await self._first_events(socket)
        except ConnectionClosed as error:
            self._tell(self._subject, Mark.FAIL, f"closed by the other side: {error}", "try again in a minute")
        except (OSError, TimeoutError, WebSocketException, ValueError) as error:
            found = of_error(error, self._url, OPEN_LIMIT_S)
            self._tell(self._subject, Mark.FAIL, found.detail, found.advice)
            for stream in self._streams.values():
                self._tell(stream.type.text, Mark.SKIP, "not tried")

    async def _subscribe(self, socket: ClientConnection, opened: str) -> bool:
        """Subscribe; returns whether the venue says yes."""
        request = {"method": "SUBSCRIBE", "params": list(self._streams), "id": 1}
        await socket.send(json.dumps(request, ensure_ascii=False))
        reply: Reply | None = None
        try:
            async with asyncio.timeout(ACKNOWLEDGE_LIMIT_S):
                while reply is None:
                    reply = self._take(await socket.recv())
        except TimeoutError:
            advice = "is it a stream address of Binance? it ends in /stream"
            self._tell(self._subject, Mark.FAIL, f"{opened}; no answer to SUBSCRIBE", advice)
            return False
        if reply.error is not None:
            self._tell(self._subject, Mark.FAIL, f"{opened}; refused: {reply.error}", "look at the stream types")
            return False
        self._tell(self._subject, Mark.OK, f"{opened}, subscribed")
        self._acknowledged_ms = self._clocks.now_ms()
        return True

    async def _first_events(self, socket: ClientConnection) -> None:
        expected = {name for name, stream in self._streams.items() if stream.raw_type not in _QUIET}
        try:
            async with asyncio.timeout(EVENT_LIMIT_S):
                while not expected <= self._arrived_ms.keys():
                    self._take(await socket.recv())
        except TimeoutError:
            pass
        for name, stream in self._streams.items():
            self._judge(name, stream, nothing_came=not self._arrived_ms)

    def _judge(self, name: str, stream: Stream, *, nothing_came: bool) -> None:
        subject = f"{stream.type.text}"
        if (arrived_ms := self._arrived_ms.get(name)) is not None:
            after_s = max(0.0, arrived_ms - self._acknowledged_ms) / 1000
            self._tell(subject, Mark.OK, f"{name}: first event after {after_s:.1f} s")
        elif stream.raw_type in _QUIET:
            self._tell(subject, Mark.OK, f"{name}: acknowledged, quiet")
        else:
            silent = f"{name}: acknowledged, but silent for {EVENT_LIMIT_S:.0f} s"
            self._tell(subject, Mark.FAIL if nothing_came else Mark.WARN, silent, self._cause(stream))

    def _cause(self, stream: Stream) -> str:
        if self._market is Market.USDM and f"/{stream.type.route}" not in urlsplit(self._url).path:
            return f"since 2026-04-23 this type comes only from an address with /{stream.type.route}/stream"
        return "is the symbol traded? the venue acknowledges what does not exist, too"

    def _take(self, frame: Any) -> Reply | None:
        """Note a stream's frame; return a reply."""
        data = frame.encode() if isinstance(frame, str) else frame
        try:
            message = decode_any(data)
        except UNREADABLE:
            return None
        if isinstance(message, dict) and "stream" in message:
            self._arrived_ms.setdefault(str(message["stream"]), self._clocks.now_ms())
            return None
        reply = without_stream(data)
        return reply if isinstance(reply, Reply) else None

    def _tell(self, subject: str, mark: Mark, detail: str, advice: str | None = None) -> None:
        self._report(Finding(self._market, subject, mark, detail, advice, self._subject))
