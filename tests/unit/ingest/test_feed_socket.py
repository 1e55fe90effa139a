"""The socket's own way with bytes: whatever comes in whatever pieces, the queue gets every message, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri
from websockets.utils import accept_key

from ingest.feed_socket import FeedSocket, open_feed
from ingest.frame_queue import FrameQueue


MAX_BYTES = 70_000


class Wire(asyncio.Transport):
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.paused = False
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def is_closing(self) -> bool:
        return self.closing


class Rig:
    """A socket in the middle of its handshake."""

    def __init__(self, queue_bytes: int = 10_000_000) -> None:
        self.queue = FrameQueue(queue_bytes)
        self.wire = Wire()
        self.now_ns = 0
        protocol = ClientProtocol(parse_uri("ws://venue.example/stream"), max_size=MAX_BYTES)
        self.socket = FeedSocket(self.queue, self._wall_ns, MAX_BYTES, protocol)
        self.socket.connection_made(self.wire)
        request = protocol.connect()
        protocol.send_request(request)
        self.answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(request.headers['Sec-WebSocket-Key'])}\r\n\r\n"
        ).encode()

    def _wall_ns(self) -> int:
        self.now_ns += 1
        return self.now_ns

    def receive(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.data_received(piece)

    async def messages(self) -> list[bytes]:
        self.queue.close()
        return [frame for _, frame in await self.queue.take(1_000)]


def frame(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    return Frame(opcode, payload, fin).serialize(mask=False)


def ping(_: bytes) -> bytes:
    return frame(b"", Opcode.PING)


def fragmented(payload: bytes) -> bytes:
    """Return a message in three frames with a ping between them, as a server may send it."""
    third = len(payload) // 3
    parts = payload[:third], payload[third : 2 * third], payload[2 * third :]
    return b"".join(
        [
            frame(parts[0], fin=False),
            frame(parts[1], Opcode.CONT, fin=False),
            frame(b"", Opcode.PING),
            frame(parts[2], Opcode.CONT),
        ]
    )


def pieces_of(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(cuts), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


_messages = st.one_of(st.binary(max_size=200), st.sampled_from([126, 65_535, 65_536]).map(lambda size: b"x" * size))


@given(st.lists(st.tuples(st.sampled_from(["whole", "fragmented", "ping"]), _messages), max_size=6), st.data())
def test_every_message_comes_out_once_and_in_order_wherever_the_bytes_are_cut(
    items: list[tuple[str, bytes]], data: st.DataObject
) -> None:
    async def scenario() -> None:
        rig = Rig()
        makers: dict[str, Callable[[bytes], bytes]] = {"whole": frame, "fragmented": fragmented, "ping": ping}
        stream = rig.answer + b"".join(makers[kind](payload) for kind, payload in items)
        cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))

        rig.receive(*pieces_of(stream, cuts))

        assert rig.socket.protocol.state is State.OPEN
        assert await rig.messages() == [payload for kind, payload in items if kind != "ping"]
        assert rig.wire.written.count(b"\x8a\x80") == sum(kind != "whole" for kind, _ in items)

    asyncio.run(scenario())


async def test_messages_read_together_have_one_time_and_later_ones_another() -> None:
    rig = Rig()
    rig.receive(rig.answer, frame(b"1") + frame(b"2") + frame(b"3")[:2], frame(b"3")[2:])
    rig.queue.close()

    assert await rig.queue.take(10) == [(2, b"1"), (2, b"2"), (3, b"3")]


async def test_a_full_queue_stops_the_reading_and_an_emptied_one_lets_it_go_on() -> None:
    rig = Rig(queue_bytes=10)
    rig.receive(rig.answer, frame(b"x" * 20))
    assert rig.wire.paused

    await rig.queue.take(1)
    assert not rig.wire.paused


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (frame(b"x" * (MAX_BYTES + 1)), 1009),
        (frame(b"x" * (MAX_BYTES * 3))[:20], 1009),
        (b"\xc1\x01x", 1002),
        (Frame(Opcode.TEXT, b"masked").serialize(mask=True), 1002),
        (frame(b"part", Opcode.CONT), 1002),
        (frame(b"1", fin=False) + frame(b"2"), 1002),
    ],
)
async def test_what_breaks_the_protocol_ends_the_connection_after_what_came_before_it(bad: bytes, code: int) -> None:
    rig = Rig()
    rig.receive(rig.answer + frame(b"good") + bad, frame(b"late"))

    assert rig.socket.protocol.state is not State.OPEN
    sent = rig.socket.protocol.close_sent
    assert sent is not None
    assert sent.code == code
    assert (await rig.messages())[:1] == [b"good"]


async def test_the_close_of_the_venue_is_answered_and_nothing_after_it_is_taken() -> None:
    rig = Rig()
    rig.receive(rig.answer, frame(b"last") + frame(b"\x03\xe8bye", Opcode.CLOSE) + frame(b"never"))

    assert rig.socket.protocol.close_rcvd is not None
    assert await rig.messages() == [b"last"]


async def test_no_other_address_is_connected_to_than_the_one_that_is_given() -> None:
    asked: list[str] = []

    async def redirect(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_get("/{path:.*}", redirect)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}/here"
    try:
        with pytest.raises(InvalidStatus):
            await open_feed(url, FrameQueue(1_000), lambda: 0, open_limit_s=10, max_frame_bytes=MAX_BYTES)
    finally:
        await runner.cleanup()

    assert asked == ["/here"]
