"""Whether a venue answers is known soon, whatever its address does."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

from sandbox.demo.reachability import PINGS, Unreachable, first_unreachable
from sandbox.ports import free_port
from schemas.markets import Market


_HOST: Final = "127.0.0.1"


@contextmanager
def answering(status: int) -> Iterator[str]:
    """A server that answers everything with one status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer((_HOST, 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield f"http://{_HOST}:{server.server_port}/ping"
        server.shutdown()
        serving.join()


def test_servers_that_answer_are_reachable() -> None:
    with answering(200) as one, answering(200) as other:
        assert first_unreachable([one, other], 10) is None


def test_one_that_refuses_is_named_with_its_status() -> None:
    with answering(200) as good, answering(451) as refusing:
        found = first_unreachable([good, refusing], 10)

    assert found == Unreachable(refusing, "HTTP 451, this place is refused")


def test_a_server_error_is_no_answer() -> None:
    with answering(503) as url:
        assert first_unreachable([url], 10) == Unreachable(url, "HTTP 503")


def test_a_port_on_which_nobody_listens_is_named() -> None:
    url = f"http://{_HOST}:{free_port(_HOST)}/ping"

    assert first_unreachable([url], 10) == Unreachable(url, "Connection refused")


def test_a_name_that_nobody_knows_is_named() -> None:
    url = "http://no-such-host.invalid/ping"
    found = first_unreachable([url], 30)

    assert found is not None
    assert found.url == url


def test_silence_is_waited_for_no_longer_than_the_limit() -> None:
    with socket.create_server((_HOST, 0)) as silent, answering(200) as good:
        url = f"http://{_HOST}:{silent.getsockname()[1]}/ping"
        found = first_unreachable([url, good], 2)

    assert found is not None
    assert found.url == url
    assert found.reason in {"no answer within 2 s", "timed out"}


def test_every_market_has_an_address_to_ask() -> None:
    assert PINGS.keys() == set(Market)
    assert all(url.startswith("https://") and url.endswith("/ping") for url in PINGS.values())
