"""Questions that tell whether a server is ready, for `ManagedProcess.wait_ready`."""

from __future__ import annotations

import http.client
import socket
from urllib.parse import urlsplit

from sandbox.processes import Probe


__all__ = ["http_answers", "port_answers"]

_TIMEOUT_S = 2.0


def port_answers(host: str, port: int) -> Probe:
    """Make a probe that is content when somebody accepts a connection."""

    def probe() -> bool:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S):
            return True

    return probe


def http_answers(url: str) -> Probe:
    """Make a probe that is content when a plain HTTP URL answers with a 2xx status."""
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="").geturl() or "/"

    def probe() -> bool:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", target)
            return 200 <= connection.getresponse().status < 300
        except http.client.HTTPException:
            return False
        finally:
            connection.close()

    return probe
