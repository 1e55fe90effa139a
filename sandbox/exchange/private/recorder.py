"""Writes down what accounts were told, as recordings that ``binance-sandbox replay --private`` takes."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from sandbox.exchange.recorder import EvidenceExistsError
from sandbox.exchange.source import StreamEvent
from schemas.markets import Market


__all__ = ["AccountRecorder"]


class AccountRecorder:
    """One file for each account and market, ``<label>-<market>.jsonl``, with an event a line, verbatim.

    An event that nobody listened to is not in it, and one that a fault took from everybody neither.

    Args:
        directory: Made if it is not there.

    Raises:
        EvidenceExistsError: It holds such files already.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        for path in directory.glob("*.jsonl"):
            raise EvidenceExistsError(path)
        self._directory = directory
        self._files: dict[tuple[str, Market], IO[bytes]] = {}

    def sent(self, event: StreamEvent) -> None:
        """Write an event that somebody got, if it was for an account."""
        if not event.account:
            return
        key = event.account, event.market
        file = self._files.get(key)
        if file is None:
            path = self._directory / f"{event.account}-{event.market}.jsonl"
            file = self._files[key] = path.open("xb")
        file.write(event.data + b"\n")

    def close(self) -> None:
        """Write what is left and close the files."""
        for file in self._files.values():
            file.close()
