"""Where a run keeps its files, and under which names its topics stand."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from rich.console import Console


__all__ = ["Shared", "Workspace", "shared_servers"]


class Shared(msgspec.Struct, frozen=True):
    """Servers that are there already, as the environment names them."""

    bootstrap_servers: str | None
    registry_url: str | None
    prefix: str | None

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Shared:
        """Read the variables that all services share."""
        names = ("KAFKA_BOOTSTRAP_SERVERS", "SCHEMA_REGISTRY_URL", "TOPIC_PREFIX")
        return cls(*(environment.get(name) or None for name in names))

    def prefix_for(self, directory: Path) -> str:
        """Return the prefix of a run's topics: the one that is demanded, else one that nobody has used yet.

        On a broker of somebody else's, or one that kept the topics of an earlier run, records of others would be
        taken for ours.
        """
        if self.prefix is not None:
            return self.prefix
        if self.bootstrap_servers is None and not (directory / "kafka" / "partitions").exists():
            return "binance"
        return f"replay-{uuid.uuid4().hex[:8]}"


def shared_servers() -> Shared:
    """Return the servers that this process's environment names."""
    return Shared.of(os.environ)


class Workspace:
    """The directory of a run, between entering and leaving.

    Args:
        directory: the user's own, which is kept; None: a temporary one. Of that the logs are kept where the run
            failed, everything else goes.
        console: told where the logs of a failed run lie.
    """

    def __init__(self, directory: Path | None, console: Console) -> None:
        self.failed = False
        """Set by whoever finds out."""
        self._kept = directory is not None
        self._console = console
        self._fresh: list[Path] = []
        self.path = directory or Path(tempfile.mkdtemp(prefix="binance-sandbox-"))
        self.path.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = self.failed or (kind is not None and not issubclass(kind, KeyboardInterrupt))
        for path in self._fresh:
            shutil.rmtree(path, ignore_errors=True)
        logs = self.path / "logs"
        if not self._kept and not (failed and logs.exists()):
            shutil.rmtree(self.path, ignore_errors=True)
            return
        if not self._kept:
            self._keep_logs_alone(logs)
        if failed and logs.exists():
            self._console.print(f"logs of the services: {logs}", soft_wrap=True, highlight=False, markup=False)

    def fresh(self, name: str) -> Path:
        """Return an empty directory for files that nobody needs after the run."""
        path = self.path / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        self._fresh.append(path)
        return path

    def _keep_logs_alone(self, logs: Path) -> None:
        for entry in self.path.iterdir():
            if entry.is_dir() and entry != logs:
                for log in entry.glob("*.log"):
                    shutil.copy(log, logs / log.name)
                shutil.rmtree(entry, ignore_errors=True)
