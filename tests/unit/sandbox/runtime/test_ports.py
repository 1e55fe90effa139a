"""Ports are free or somebody's, and messages say whose."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sandbox.errors import ListenError, PortTakenError
from sandbox.ports import claimable, free_port, listener, reachable_host, require_free
from sandbox.probes import http_answers, port_answers


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_free_port_can_be_listened_on() -> None:
    port = free_port("127.0.0.1")

    assert 20_000 <= port < 32_000
    with socket.create_server(("127.0.0.1", port)):
        assert not claimable("127.0.0.1", port)
    assert claimable("127.0.0.1", port)


def test_free_ports_are_drawn_and_so_hardly_given_out_twice() -> None:
    assert len({free_port("127.0.0.1") for _ in range(20)}) > 10


def test_a_connection_that_lingers_is_no_obstacle() -> None:
    """A server that was restarted finds its clients' old connections in TIME_WAIT."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()
        client.close()

    assert claimable("127.0.0.1", port)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_message_about_a_taken_port_names_its_owner_and_a_way_out(taken: int) -> None:
    with pytest.raises(PortTakenError) as error:
        require_free("Kafka broker", "127.0.0.1", taken)

    first, second = str(error.value).splitlines()
    assert first.startswith(f"Kafka broker: port {taken} on 127.0.0.1 is taken by process {os.getpid()} (")
    assert second == "stop that process, or choose another port (0 takes a free one)"


def test_an_owner_who_cannot_be_told_is_left_out(taken: int) -> None:
    assert str(PortTakenError("x", "127.0.0.1", taken, None)).startswith(f"x: port {taken} on 127.0.0.1 is taken\n")
    assert listener(free_port("127.0.0.1")) is None


@pytest.mark.parametrize(("host", "port"), [("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_what_nobody_can_listen_on_is_told_apart(host: str, port: int) -> None:
    with pytest.raises(ListenError, match=f"Kafka broker: cannot listen on port {port} of {host}: .+"):
        require_free("Kafka broker", host, port)


@pytest.mark.parametrize(
    ("host", "reached"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nobody listens here
        ("127.0.0.1", "127.0.0.1"),
        ("broker", "broker"),
    ],
)
def test_clients_reach_a_server_on_all_addresses_over_the_loopback(host: str, reached: str) -> None:
    assert reachable_host(host) == reached


def test_the_port_probe_is_content_when_somebody_accepts(taken: int) -> None:
    assert port_answers("127.0.0.1", taken)()
    with pytest.raises(ConnectionRefusedError):
        port_answers("127.0.0.1", free_port("127.0.0.1"))()


@pytest.mark.parametrize(("path", "ready"), [("/ready", True), ("/ready?deep=1", True), ("/other", False)])
def test_the_http_probe_is_content_with_success_only(path: str, ready: bool) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path.startswith("/ready") else 503)
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        answered = http_answers(f"http://127.0.0.1:{server.server_port}{path}")()
        thread.join()

    assert answered == ready


def test_the_http_probe_is_not_content_with_another_protocol() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        answered = http_answers(f"http://127.0.0.1:{server.getsockname()[1]}/")()
        thread.join()

    assert not answered
