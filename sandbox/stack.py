"""The whole system as child processes: broker, registry, exchange, ingest, workers, read service.

The services are started as an operator starts them, by their commands: this module imports none of their code. What
was started is stopped in the order of the flow, ingest first, so that nothing is cut off in the middle; and whatever
happens to this process, its children end with it (`sandbox.processes`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from sandbox.broker import EmbeddedKafka
from sandbox.demo.subscriptions import AccountOptions, IngestOptions, Subscriptions, write_ingest_config
from sandbox.embedded import EmbeddedServer, start_together
from sandbox.errors import ProcessDiedError
from sandbox.ports import free_port, require_free
from sandbox.probes import http_answers
from sandbox.processes import ManagedProcess
from sandbox.registry import EmbeddedRegistry
from schemas.topics import TopicTable


__all__ = ["FAMILIES", "PRIVATE", "Ports", "Stack", "StackOptions", "free_ports", "keys_dir_of"]

FAMILIES: Final = ("books", "trades")
"""The workers' families of market data; each is a consumer group."""
PRIVATE: Final = "private"
"""The workers' family of what happens to accounts."""
_HOST: Final = "127.0.0.1"
_READY_S: Final = 120.0
_STOP_S: Final = {"robots": 5.0, "ingest": 15.0, "exchange": 5.0, "dashboard": 10.0}
_SETTINGS: Final = ("INGEST_", "PROCESSORS_", "DASHBOARD_")
"""What the names of the services' settings begin with."""
_WORKER_STOP_S: Final = 25.0
_CHECK_S: Final = 0.25

Tell = Callable[[str], None]
"""Receives a line of progress."""


class Ports(msgspec.Struct, frozen=True):
    """Where everything listens; the standard addresses of architecture §7."""

    kafka: int = 9092
    registry: int = 8081
    exchange: int = 9443
    ingest: int = 9101
    books: int = 9102
    trades: int = 9103
    private: int = 9104
    dashboard: int = 8080


def free_ports() -> Ports:
    """Return ports on which nobody listens, for a run that disturbs no other."""
    taken: list[int] = []
    while len(taken) < len(Ports.__struct_fields__):
        port = free_port(_HOST)
        if port not in taken:
            taken.append(port)
    return Ports(*taken)


def keys_dir_of(directory: Path) -> Path:
    """Return where the exchange of a run in this directory writes the accounts' keys, and ingest reads them."""
    return directory / "keys"


class StackOptions(msgspec.Struct, frozen=True):
    """What a stack is made of."""

    directory: Path
    """Where everything of the run lies: data of the broker, configuration, logs."""
    subscriptions: Subscriptions
    exchange: Sequence[str] | None
    """Arguments of `binance-sandbox exchange` after its port; None: Binance itself."""
    ports: Ports
    prefix: str
    """First part of the topics' names."""
    bootstrap_servers: str | None = None
    """A broker that is there already; None: an embedded one."""
    registry_url: str | None = None
    """A registry that is there already; None: an embedded one."""
    environment: Mapping[str, str] = {}
    """Settings of the services beside those that the stack makes."""
    families: Sequence[str] = FAMILIES
    """The workers that run."""
    dashboard: bool = True
    """Whether the read service runs."""
    accounts: Mapping[str, AccountOptions] = {}
    """The accounts whose streams ingest takes, by label; their keys are in `keys_dir`."""

    @property
    def keys_dir(self) -> Path:
        """Where the exchange writes the accounts' keys, and ingest reads them."""
        return keys_dir_of(self.directory)


class Stack:
    """Starts everything, watches it, stops it.

    Entering starts the servers and the services up to the workers; `start_ingest` begins the flow. Leaving stops what
    was started, whether or not everything was.
    """

    def __init__(self, options: StackOptions, tell: Tell) -> None:
        self.options = options
        self.table = TopicTable(options.prefix)
        self._tell = tell
        self._servers: list[EmbeddedServer] = []
        self._processes: dict[str, ManagedProcess] = {}
        self.bootstrap_servers = options.bootstrap_servers or ""
        """Where Kafka answers, once entered."""
        self.registry_url = options.registry_url or ""
        """Where the registry answers, once entered."""

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def exchange_url(self) -> str | None:
        """Where the exchange answers; None where it is Binance itself."""
        return None if self.options.exchange is None else f"http://{_HOST}:{self.options.ports.exchange}"

    @property
    def dashboard_url(self) -> str:
        """Where the read service answers."""
        return f"http://{_HOST}:{self.options.ports.dashboard}"

    @property
    def logs(self) -> Path:
        """The directory of the services' logs."""
        return self.options.directory / "logs"

    def groups(self) -> tuple[str, ...]:
        """Return the consumer groups of the workers."""
        return tuple(f"{self.options.prefix}-processors-{family}" for family in self.options.families)

    def start_ingest(self) -> None:
        """Start ingest, and with it the flow.

        Raises:
            ProcessDiedError: it ended at once.
        """
        self._tell("starting ingest")
        options, config = self.options, self.options.directory / "ingest.yaml"
        port = options.ports.ingest
        keys_dir = options.keys_dir if options.accounts else None
        of_ingest = IngestOptions(port, self.exchange_url, options.accounts, keys_dir)
        write_ingest_config(config, options.subscriptions, of_ingest)
        ingest = self._launch("ingest", "ingest", "run", "--config", str(config))
        ingest.wait_ready(http_answers(f"http://{_HOST}:{port}/live"), _READY_S)

    def start_robots(self, every_s: float) -> None:
        """Let robots trade for all accounts of the exchange until everything is stopped; ingest was started.

        Args:
            every_s: how long they wait after each request.
        """
        self._tell("robots trade for the accounts")
        where = ("--keys-dir", str(self.options.keys_dir), "--url", self.exchange_url or "")
        self._launch("robots", "sandbox", "trade", *where, "--orders", "0", "--every", f"{every_s:g}")

    def stop_services(self, *names: str) -> list[str]:
        """Stop services, all of them by default, in the order of the flow; the servers stay.

        Returns:
            What did not end well, with the end of its log.
        """
        failures = []
        for name in names or ("robots", "ingest", "exchange", *self.options.families, "dashboard"):
            process = self._processes.pop(name, None)
            if process is not None and (status := process.stop(_STOP_S.get(name, _WORKER_STOP_S))):
                failures.append(str(ProcessDiedError(process.name, process.log_file, process.log_tail(), status)))
        return failures

    def restart(self, name: str) -> int | None:
        """Stop a service as an operator does, and start it again without waiting for it; returns its exit status."""
        process = self._processes[name]
        status = process.stop(_STOP_S.get(name, _WORKER_STOP_S))
        process.start()
        return status

    def kill(self, name: str) -> None:
        """Kill a service by SIGKILL, and start it again at once, without waiting for it."""
        process = self._processes[name]
        process.kill()
        process.start()

    def check_running(self) -> None:
        """Raise `ProcessDiedError`, quoting the log, if anything that was started has ended."""
        for server in self._servers:
            server.check_running()
        for process in self._processes.values():
            process.check_running()

    def stop(self) -> None:
        """Stop everything, in the order of the flow."""
        self.stop_services()
        while self._servers:
            self._servers.pop(0).stop()

    def _start(self) -> None:
        options = self.options
        options.directory.mkdir(parents=True, exist_ok=True)
        self._require_ports()
        self._start_servers()
        self._tell("creating topics and schemas")
        self._run("setup", "ingest", "setup", "--keep-everything")
        if options.exchange is not None:
            self._tell("starting the exchange")
            arguments = ("--port", str(options.ports.exchange), *options.exchange)
            exchange = self._launch("exchange", "sandbox", "exchange", *arguments)
            exchange.wait_ready(http_answers(f"{self.exchange_url}/sandbox/status"), _READY_S)
        self._tell("starting the workers")
        workers = [
            (self._launch(family, "processors", "worker", family, PROCESSORS_METRICS_PORT=str(port)), port)
            for family in options.families
            for port in [getattr(options.ports, family)]
        ]
        if options.dashboard:
            self._launch("dashboard", "dashboard", "serve", "--port", str(options.ports.dashboard))
        for worker, port in workers:
            worker.wait_ready(http_answers(f"http://{_HOST}:{port}/ready"), _READY_S)
        if options.dashboard:
            self._processes["dashboard"].wait_ready(http_answers(f"{self.dashboard_url}/ready"), _READY_S)
            self._tell(f"the read service answers at {self.dashboard_url}")

    def _require_ports(self) -> None:
        """Raise `PortTakenError` before anything is started."""
        ports = msgspec.structs.asdict(self.options.ports)
        if self.options.bootstrap_servers:
            del ports["kafka"]
        if self.options.registry_url:
            del ports["registry"]
        if self.options.exchange is None:
            del ports["exchange"]
        if not self.options.dashboard:
            del ports["dashboard"]
        for family in {*FAMILIES, PRIVATE} - {*self.options.families}:
            del ports[family]
        for name, port in ports.items():
            require_free(name, _HOST, port)

    def _start_servers(self) -> None:
        options, ports = self.options, self.options.ports
        if not options.registry_url:
            registry = EmbeddedRegistry(options.directory / "registry", ports.registry, _HOST, report=self._tell)
            self._servers.append(registry)
            self.registry_url = registry.url
        if not options.bootstrap_servers:
            kafka = EmbeddedKafka(options.directory / "kafka", ports.kafka, _HOST, report=self._tell)
            self._servers.append(kafka)
            self.bootstrap_servers = kafka.bootstrap_servers
        if self._servers:
            self._tell("starting Kafka and the schema registry")
            start_together(*self._servers)

    def _environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a service: ours, without what would change its settings behind our back."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
        return {
            **inherited,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": self.registry_url,
            "TOPIC_PREFIX": self.options.prefix,
            "PYTHONUNBUFFERED": "1",
            **self.options.environment,
            **more,
        }

    def _process(self, name: str, module: str, *arguments: str, **more: str) -> ManagedProcess:
        return ManagedProcess(
            name,
            [sys.executable, "-P", "-m", module, *arguments],
            log_file=self.logs / f"{name}.log",
            env=self._environment(**more),
        )

    def _launch(self, name: str, module: str, *arguments: str, **more: str) -> ManagedProcess:
        process = self._processes[name] = self._process(name, module, *arguments, **more)
        process.start()
        return process

    def _run(self, name: str, module: str, *arguments: str) -> None:
        """Run a command to its end.

        Raises:
            ProcessDiedError: it failed.
        """
        process = self._process(name, module, *arguments)
        with process:
            status = process.wait(_READY_S)
        if status != 0:
            raise ProcessDiedError(name, process.log_file, process.log_tail(), process.returncode or 0)
