"""What the embedded servers have in common: a Java program, a port, and a directory that is theirs alone."""

from __future__ import annotations

import fcntl
import os
from abc import ABC, abstractmethod
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import ClassVar, Final, Self, TextIO

from sandbox.artifacts import ArtifactStore, Report
from sandbox.errors import DataDirectoryInUseError
from sandbox.jvm import JvmProcess
from sandbox.ports import free_port, reachable_host, require_free
from sandbox.processes import Probe


START_S: Final = 240.0
"""How long a server may take to answer: a JVM on a machine that is short of cores takes minutes."""


__all__ = ["EmbeddedServer", "start_together"]


class EmbeddedServer(ABC):
    """A server of the sandbox with its data.

    `start` returns when the server answers. `launch` and `await_ready` are its two halves, for starting several at
    once. Data, ports and the address stay the same over `stop`, `kill`, `start` and `restart`.

    Args:
        data_dir: where everything of this server lies; made when needed, kept afterwards.
        port: 0 takes a free one.
        host: the address to listen on.
        heap_mb: most that the Java heap may take, in MiB.
        store: where the Java program comes from; the user's cache by default.
        report: receives lines of progress while something is downloaded.
    """

    name: ClassVar[str]
    """How messages call it."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int,
        host: str,
        heap_mb: int,
        store: ArtifactStore | None,
        report: Report,
    ) -> None:
        self.data_dir = data_dir
        self.host = host
        self.heap_mb = heap_mb
        self.store = store or ArtifactStore.from_environment()
        self.report = report
        self._port = port
        self._process: JvmProcess | None = None
        self._lock: TextIO | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port; one that was left to chance is settled when it is first asked for."""
        if self._port == 0:
            self._port = free_port(self.host)
        return self._port

    @property
    def address(self) -> str:
        """`host:port` for clients on this machine."""
        return f"{reachable_host(self.host)}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Process id of the current or last run; None before the first."""
        return self._process.pid if self._process else None

    @property
    def returncode(self) -> int | None:
        """Exit status of the last run; None while it runs and before the first."""
        return self._process.returncode if self._process else None

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.running

    @property
    @abstractmethod
    def log_file(self) -> Path:
        """The server's log, of all its runs."""

    @abstractmethod
    def fetch(self) -> Path:
        """Make sure that the program is on this machine, downloading it if need be; returns its directory.

        Raises:
            ArtifactError: it could not be had.
        """

    @abstractmethod
    def _prepare(self, program: Path) -> JvmProcess:
        """Write what the server reads at start, and describe its process."""

    @abstractmethod
    def _probe(self) -> Probe:
        """Ask the server, in its own protocol, whether it is ready."""

    def start(self, timeout_s: float = START_S) -> None:
        """Start the server and wait until it answers; one that runs already is left alone.

        Raises:
            ArtifactError: the program could not be downloaded.
            JavaMissingError: there is no Java runtime.
            PortTakenError: somebody else listens on the port.
            ListenError: nobody can listen there.
            DataDirectoryInUseError: another server works on the data directory.
            ProcessDiedError: it ended while starting; the message quotes its log.
            ProcessNotReadyError: it did not answer within `timeout_s`.
        """
        self.launch()
        self.await_ready(timeout_s)

    def launch(self) -> None:
        """Start the process without waiting for it; see `start` for what can go wrong."""
        if self.running:
            return
        program = self.fetch()
        require_free(self.name, self.host, self._port)
        self._take_directory()
        try:
            rmtree(self.data_dir / "tmp", ignore_errors=True)  # what a killed run left
            self._process = self._prepare(program)
            self._process.start()
        except BaseException:
            self.kill()
            raise

    def await_ready(self, timeout_s: float = START_S) -> None:
        """Wait until the launched server answers; one that does not is killed."""
        if self._process is None:
            msg = f"{self.name} was not launched"
            raise RuntimeError(msg)
        try:
            self._process.wait_ready(self._probe(), timeout_s)
        except BaseException:
            self.kill()
            raise

    def check_running(self) -> None:
        """Raise `ProcessDiedError`, quoting the log, if the server has ended."""
        if self._process is not None:
            self._process.check_running()

    def stop(self, timeout_s: float = 20) -> int | None:
        """Let the server end in good order, and kill it if it has not after `timeout_s`; returns its exit status."""
        returncode = self._process.stop(timeout_s) if self._process else None
        self._leave_directory()
        return returncode

    def kill(self) -> int | None:
        """End the server by SIGKILL, as a crash would; returns its exit status."""
        returncode = self._process.kill() if self._process else None
        self._leave_directory()
        return returncode

    def restart(self, timeout_s: float = START_S) -> None:
        """Stop the server and start it again on its data."""
        self.stop()
        self.start(timeout_s)

    def _take_directory(self) -> None:
        """Claim the data directory for this process; the kernel gives it back if we end in whatever way."""
        if self._lock is not None:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (self.data_dir / "owner.lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip()
            lock.close()
            raise DataDirectoryInUseError(self.name, self.data_dir, int(owner) if owner.isdigit() else None) from error
        except BaseException:
            lock.close()
            raise
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _leave_directory(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def start_together(*servers: EmbeddedServer, timeout_s: float = START_S) -> None:
    """Start several servers at once; if one fails, those that it would have started too are killed.

    What has to be downloaded is downloaded first, one program after the other.
    """
    fresh = [server for server in servers if not server.running]
    try:
        for server in fresh:
            server.fetch()
        for server in fresh:
            server.launch()
        for server in fresh:
            server.await_ready(timeout_s)
    except BaseException:
        for server in fresh:
            server.kill()
        raise
