"""The control interface of the sandbox's exchange."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Final

import msgspec

from schemas.markets import Market


__all__ = ["ExchangeControl", "ExchangeStatus"]

_TIMEOUT_S: Final = 10.0


class ExchangeStatus(msgspec.Struct, frozen=True):
    """How far the exchange is."""

    state: str
    """``waiting``, ``running`` or ``ended``."""
    clock_ms: int = 0
    frames_sent: int = 0
    events_total: int | None = None
    """None where the source does not know."""
    connections: int = 0
    subscriptions: int = 0

    @property
    def ended(self) -> bool:
        """Whether every event was sent."""
        return self.state == "ended"


class _Connection(msgspec.Struct):
    market: Market
    accounts: list[str] = []


class ExchangeControl:
    """Asks and tells an exchange at a base URL; an exchange that does not answer is an `OSError`."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def status(self) -> ExchangeStatus:
        """Return how far it is."""
        return _decode(self._request("GET", "/sandbox/status"))

    def start(self) -> None:
        """Let it send its first event."""
        self._request("POST", "/sandbox/start")

    def stop(self) -> None:
        """Let it send nothing more."""
        self._request("POST", "/sandbox/stop")

    def listening(self) -> frozenset[tuple[Market, str]]:
        """Return the accounts, each with its market, whose events some connection gets."""
        connections = _decode_connections(self._request("GET", "/sandbox/connections"))
        return frozenset((connection.market, label) for connection in connections for label in connection.accounts)

    def get(self, path: str) -> bytes:
        """Return the answer to one of the venue's own REST requests."""
        return self._request("GET", path)

    def _request(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(f"{self._url}{path}", method=method)  # noqa: S310 - our own server
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own server
            body: bytes = answer.read()
            return body


_decode = msgspec.json.Decoder(ExchangeStatus).decode
_decode_connections = msgspec.json.Decoder(list[_Connection]).decode
