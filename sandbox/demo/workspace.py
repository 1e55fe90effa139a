"""Where a run keeps its files, and under which names its topics stand."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from pathlib import Path

import msgspec


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
    """The directory of a run.

    Args:
        directory: the user's own, which is kept; None: a temporary one. Of that the logs are kept where the run
            did not end well, everything else goes.
    """

    def __init__(self, directory: Path | None) -> None:
        self.kept = directory is not None
        self.path = directory or Path(tempfile.mkdtemp(prefix="binance-sandbox-"))
        self.path.mkdir(parents=True, exist_ok=True)

    def scratch(self) -> Path:
        """Return an empty directory for files that nobody needs afterwards."""
        path = self.path / "verification"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        return path

    def leave(self, *, keep_logs: bool) -> Path | None:
        """Remove what is not to be kept; return where the logs lie, if they do."""
        shutil.rmtree(self.path / "verification", ignore_errors=True)
        logs = self.path / "logs"
        if self.kept:
            return logs if logs.exists() else None
        if not keep_logs or not logs.exists():
            shutil.rmtree(self.path, ignore_errors=True)
            return None
        for entry in self.path.iterdir():
            if entry.is_dir() and entry != logs:
                _keep_server_log(entry, logs)
                shutil.rmtree(entry, ignore_errors=True)
        return logs


def _keep_server_log(directory: Path, logs: Path) -> None:
    for log in directory.glob("*.log"):
        shutil.copy(log, logs / log.name)
