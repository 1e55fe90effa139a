"""Runs the recipes: copies with the addresses of this run, each in a process that ends with ours."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec

from sandbox.artifacts import ArtifactStore, Report, read_lock
from sandbox.errors import SandboxError
from sandbox.processes import ManagedProcess
from tests.compat.artifact_lock import LOCK_FILE


__all__ = ["QUICK_START", "ROOT", "ReaderError", "Site", "installed"]

ROOT: Final = Path(__file__).parents[2]
RECIPES: Final = Path(__file__).with_name("recipes")
_BROKER: Final = "localhost:9092"
_REGISTRY: Final = "http://localhost:8081"
"""The addresses that the recipes name: those of `make up`."""
_RUN_S: Final = 600.0
_INSTALL_S: Final = 1_800.0

QUICK_START: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""For Java programs that live a minute: compiled less, started sooner."""


class ReaderError(SandboxError):
    """A reader could not be run."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}"


class Site(msgspec.Struct, frozen=True):
    """Where the readers run."""

    directory: Path
    """Everything that they write lies below it."""
    bootstrap_servers: str
    registry_url: str
    report: Report
    """Hears of downloads."""

    def folder(self, name: str) -> Path:
        """Return a folder with all recipes, in which a reader can work; their addresses are those of this run."""
        folder = self.directory / name
        if not folder.exists():
            shutil.copytree(RECIPES, folder, ignore=shutil.ignore_patterns("__pycache__"))
            for path in folder.iterdir():
                text = path.read_text().replace(_BROKER, self.bootstrap_servers)
                path.write_text(text.replace(_REGISTRY, self.registry_url.partition("/apis/")[0]))
        return folder

    def jars(self, key: str) -> list[Path]:
        """Return the jars of a Java program, downloading what the cache lacks.

        Raises:
            ArtifactError: they could not be had.
        """
        directory = ArtifactStore.from_environment().fetch(read_lock(LOCK_FILE)[key], self.report)
        return sorted(directory.glob("*.jar"))

    def process(
        self, name: str, argv: Sequence[str | Path], out: Path, more: Mapping[str, str] | None = None
    ) -> ManagedProcess:
        """Describe a program in its folder: what it prints goes to `out`, its errors to a log beside it."""
        return ManagedProcess(
            name,
            ["/bin/sh", "-c", 'out=$1; shift; exec "$@" >"$out"', "sh", str(out), *map(str, argv)],
            log_file=out.with_suffix(".log"),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(more or {})},
            cwd=out.parent,
        )

    def output_of(
        self, name: str, argv: Sequence[str | Path], folder: Path, more: Mapping[str, str] | None = None
    ) -> str:
        """Run a program to its end; return what it printed.

        Raises:
            ReaderError: it failed, or took too long; with the end of what it said.
        """
        out = folder / f"{name}.out"
        with self.process(name, argv, out, more) as process:
            status = process.wait(_RUN_S)
            said = process.log_tail(12)
        if status is None:
            raise ReaderError(name, f"did not end within {_RUN_S:g} s\n{said}")
        if status != 0:
            raise ReaderError(name, f"ended with status {status}\n{said or out.read_text(errors='replace')[-2000:]}")
        return out.read_text(errors="replace")


def installed(environment: str) -> Path:
    """Return the Python of an environment of `make`, which builds it when needed.

    Raises:
        ReaderError: it could not be built.
    """
    stamp = f".make/{environment}/.installed"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(  # noqa: S603 - our own Makefile
        ["make", "--no-print-directory", "--silent", stamp],  # noqa: S607 - whoever calls us came by it
        cwd=ROOT,
        env=environ,
        timeout=_INSTALL_S,
        check=False,
    )
    if done.returncode != 0:
        what = f".make/{environment}"
        raise ReaderError(what, "could not be built (see above): is a package registry within reach?")
    return ROOT / ".make" / environment / "bin" / "python"
