"""Writes down what the server sent, as a recording: the evidence of a simulated market."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec

from sandbox.errors import SandboxError
from sandbox.exchange.source import StreamEvent
from sandbox.recordings.payloads import REST_DEPTH_SUFFIX
from schemas.markets import Market


__all__ = ["EvidenceExistsError", "SentRecorder"]

_FASTEST = 1

_encode = msgspec.json.Encoder().encode


class EvidenceExistsError(SandboxError):
    """The directory holds evidence of an earlier run."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f'"{self.path}" exists: move it away, or record into another directory'


class SentRecorder:
    """One file a market, ``<market>.gz``, with lines of ``<ns> <combined frame>``.

    Depth answers stand between the frames as ``<symbol>@rest:depth``. Times are those at which events were due.

    Args:
        directory: Made if it is not there.

    Raises:
        EvidenceExistsError: It holds such a file already.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._paths = {market: directory / f"{market}.gz" for market in Market}
        for path in self._paths.values():
            if path.exists():
                raise EvidenceExistsError(path)
        self._files: dict[Market, gzip.GzipFile] = {}
        self._waiting: list[tuple[Market, str, bytes]] = []

    def sent(self, event: StreamEvent) -> None:
        """Write an event that somebody got; not what accounts are told, which is nobody's market data."""
        if event.account:
            return
        for market, stream, data in self._waiting:
            self._write(market, event.due_ns, stream, data)
        self._waiting.clear()
        self._write(event.market, event.due_ns, event.stream, event.data)

    def answered_depth(self, market: Market, symbol: str, body: bytes) -> None:
        """Write a depth answer, before the next event: the time of what follows is the only one known to fit."""
        self._waiting.append((market, symbol.lower() + REST_DEPTH_SUFFIX, body))

    def close(self, position_ns: int) -> None:
        """Write what is left and close the files; the end of what was sent is at `position_ns`."""
        for market, stream, data in self._waiting:
            self._write(market, position_ns, stream, data)
        self._waiting.clear()
        for file in self._files.values():
            file.close()

    def _write(self, market: Market, due_ns: int, stream: str, data: bytes) -> None:
        file = self._files.get(market)
        if file is None:
            opened = gzip.open(self._paths[market], "xb", compresslevel=_FASTEST)  # noqa: SIM115 - closed by `close`
            file = self._files[market] = opened
        file.write(b'%d {"stream":%b,"data":%b}\n' % (due_ns, _encode(stream), data))
