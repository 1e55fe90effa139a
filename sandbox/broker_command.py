"""`binance-sandbox broker`: Kafka and a schema registry in the foreground, until Ctrl-C."""

from __future__ import annotations

import os
import shlex
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from sandbox.artifacts import Report
from sandbox.broker import EmbeddedKafka
from sandbox.embedded import EmbeddedServer, start_together
from sandbox.errors import SandboxError
from sandbox.interrupts import interrupted_by_signals
from sandbox.registry import EmbeddedRegistry


__all__ = ["run_broker"]

_CHECK_INTERVAL_S = 0.25


def run_broker(data_dir: Path | None, kafka_port: int, registry_port: int | None, host: str) -> int:
    """Run a broker, and a registry beside it, until SIGINT or SIGTERM.

    Must be called from the main thread, because of the signals. Addresses, the variables to export and progress go
    to standard output, what goes wrong to standard error.

    Args:
        data_dir: where data is kept; None means a temporary directory, removed at the end.
        kafka_port: 0 takes a free one.
        registry_port: 0 takes a free one; None runs no registry.
        host: the address to listen on.

    Returns:
        The exit status: 0 when it was asked to end, 1 when something failed or a server died.
    """
    say = partial(_console().print, markup=False)
    with interrupted_by_signals(), ExitStack() as cleanup:
        try:
            directory = data_dir or Path(cleanup.enter_context(_temporary_directory()))
            kafka = EmbeddedKafka(directory / "kafka", kafka_port, host, report=say)
            servers: list[EmbeddedServer] = [kafka]
            registry = None
            if registry_port is not None:
                registry = EmbeddedRegistry(directory / "registry", registry_port, host, report=say)
                # The registry takes longer to start, and the broker's storage is formatted meanwhile.
                servers.insert(0, registry)
            for server in servers:
                cleanup.callback(server.stop)
            start_together(*servers)
            _announce(say, kafka, registry, directory, kept=data_dir is not None)
            _watch(servers)
        except KeyboardInterrupt:
            # On a console of its own: one that was interrupted in the middle of a line would say it again.
            _console().print("stopping")
            return 0
        except (SandboxError, OSError) as error:
            _console(stderr=True).print(str(error), style="red", markup=False)
            return 1


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, soft_wrap=True, highlight=False)


def _watch(servers: list[EmbeddedServer]) -> NoReturn:
    while True:
        for server in servers:
            server.check_running()
        time.sleep(_CHECK_INTERVAL_S)


def _announce(
    say: Report, kafka: EmbeddedKafka, registry: EmbeddedRegistry | None, directory: Path, *, kept: bool
) -> None:
    say(f"Kafka            {kafka.bootstrap_servers}  (process {kafka.pid}, log {kafka.log_file})")
    if registry:
        say(f"schema registry  {registry.url}  (process {registry.pid}, log {registry.log_file})")
    say(f"data             {directory}  ({'kept' if kept else 'removed at the end'})")
    say("")
    say(f"export KAFKA_BOOTSTRAP_SERVERS={shlex.quote(kafka.bootstrap_servers)}")
    if registry:
        say(f"export SCHEMA_REGISTRY_URL={shlex.quote(registry.url)}")
    say("")
    say(f"Ctrl-C stops {'both' if registry else 'it'}; from another terminal: kill {os.getpid()}")


def _temporary_directory() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="binance-sandbox-", ignore_cleanup_errors=True)
