"""The configuration file, watched: symbols and streams can be changed while ingest runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from prometheus_client import Gauge
from structlog.stdlib import BoundLogger

from ingest.config import Settings
from ingest.core.changes import Changes, changes
from ingest.errors import ConfigError


__all__ = ["ConfigWatch"]

_LOOK_S: Final = 1.0
_LOOKS_MISSING: Final = 5
"""An editor, or a rename, lets a file be missing for a moment."""

Signature = tuple[int, int, int, int]
"""Device, inode, size and time of change: an editor that replaces the file changes the inode, and so does Kubernetes,
which swaps the link that leads to a ConfigMap's files."""


class ConfigWatch:
    """Notices that the file changed, reads it, and says what can be done about it.

    A file is read when it has looked the same twice: one that is still being written is left alone. An invalid one is
    told once, and the settings stay as they are.

    Args:
        path: the file; None: there is none.
        settings: as they are in force.
        read: reads and checks the file as it was done at start.
        changed: takes new settings, which differ only in what can be changed at run time.
        invalid: 1 while the file is wrong.
        log: where it tells what it found.
    """

    def __init__(
        self,
        path: Path | None,
        settings: Settings,
        *,
        read: Callable[[Path], Settings],
        changed: Callable[[Settings], None],
        invalid: Gauge,
        log: BoundLogger,
    ) -> None:
        self._path = path
        self._settings = settings
        self._read = read
        self._changed = changed
        self._invalid = invalid
        self._log = log.bind(path=str(path))
        # The first look reads the file too: it may have changed since the start.
        self._loaded: Signature | None = None
        self._seen: Signature | None = None
        self._missing_count = 0
        self._mistake = ""
        self._restart: tuple[str, ...] = ()
        self._asked = False
        self._wake = asyncio.Event()

    def read_again(self) -> None:
        """Read the file now, whether it seems to have changed or not."""
        self._asked = True
        self._wake.set()

    async def run(self) -> None:
        """Watch the file until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._wake.wait()
            self._wake.clear()
            await self.look()

    async def look(self) -> None:
        """Look at the file once, and act if it changed and is at rest, or if reading it was asked for."""
        asked, self._asked = self._asked, False
        if self._path is None:
            if asked:
                self._log.warning("no configuration file to read again: settings came from the environment")
            return
        signature = await asyncio.to_thread(_signature, self._path)
        self._miss(signature)
        rested = signature is not None and signature == self._seen != self._loaded
        self._seen = signature
        if asked or rested:
            expected = not asked and self._loaded is None
            self._loaded = signature
            await self._load(self._path, asked=asked, expected=expected)

    def _miss(self, signature: Signature | None) -> None:
        self._missing_count = 0 if signature is not None else self._missing_count + 1
        if self._missing_count == _LOOKS_MISSING:
            self._log.error("configuration file is gone; the settings stay as they are")

    async def _load(self, path: Path, *, asked: bool, expected: bool) -> None:
        try:
            settings = await asyncio.to_thread(self._read, path)
        except ConfigError as error:
            self._refuse(error, asked=asked)
            return
        if self._mistake:
            self._log.info("configuration is right again")
        self._mistake = ""
        self._invalid.set(0)
        differs = self._take(settings)
        if not differs and not expected:
            self._log.info("configuration read again: no setting differs; the environment overrides the file")

    def _refuse(self, error: ConfigError, *, asked: bool) -> None:
        self._invalid.set(1)
        if asked or str(error) != self._mistake:
            self._log.error("configuration is wrong; the settings stay as they are", reason=str(error))
        self._mistake = str(error)

    def _take(self, settings: Settings) -> bool:
        """Act on what differs; returns whether anything does."""
        found = _changes(self._settings, settings)
        if found.restart and found.restart != self._restart:
            self._log.warning("settings that take effect with the next start", keys=found.restart)
        self._restart = found.restart
        if found.live:
            self._log.info("settings changed", keys=found.live)
            self._settings = self._settings.with_streams_of(settings)
            self._changed(self._settings)
        return bool(found.live or found.restart)


def _changes(old: Settings, new: Settings) -> Changes:
    both = old.markets.present().keys() & new.markets.present().keys()
    return changes(old.model_dump(mode="json"), new.model_dump(mode="json"), both)


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
