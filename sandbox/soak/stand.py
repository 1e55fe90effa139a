"""The processes of a soak: Kafka, the registry, the exchange and ingest, to be stopped, killed and started anew."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import yaml

from sandbox.broker import EmbeddedKafka
from sandbox.embedded import start_together
from sandbox.errors import ProcessDiedError
from sandbox.ports import free_port
from sandbox.probes import http_answers
from sandbox.processes import ManagedProcess
from sandbox.registry import EmbeddedRegistry
from schemas.topics import TopicTable


__all__ = ["Stand"]

_HOST: Final = "127.0.0.1"
_READY_S: Final = 120.0
_STOP_S: Final = 20.0
_BROKER_S: Final = 240.0
"""A broker of a thousand partitions on a busy machine; one that is killed while it stops recovers every log of them."""


class Stand:
    """Everything that runs during a soak; entering starts servers and exchange, leaving stops what was started.

    Args:
        directory: where data, configuration and logs lie.
        exchange: arguments of `binance-sandbox exchange` after its port.
        tell: receives a line of progress.
    """

    def __init__(self, directory: Path, exchange: Sequence[str], tell: Callable[[str], None]) -> None:
        self.directory = directory
        self.table = TopicTable("soak")
        self.exchange_url = f"http://{_HOST}:{(exchange_port := free_port(_HOST))}"
        self._http_port = free_port(_HOST)
        self._tell = tell
        self._registry = EmbeddedRegistry(directory / "registry", 0, _HOST, report=tell)
        self._kafka = EmbeddedKafka(directory / "kafka", 0, _HOST, report=tell)
        self._exchange = self._process("exchange", "sandbox", "exchange", "--port", str(exchange_port), *exchange)
        self._config = directory / "ingest.yaml"
        self._ingest = self._process("ingest", "ingest", "run", "--config", str(self._config))

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
    def bootstrap_servers(self) -> str:
        """Where Kafka answers."""
        return self._kafka.bootstrap_servers

    @property
    def registry_url(self) -> str:
        """Where the registry answers."""
        return self._registry.url

    @property
    def logs(self) -> Path:
        """The directory of the logs."""
        return self.directory / "logs"

    def configure_ingest(self, markets: Mapping[str, Any], sections: Mapping[str, Any]) -> None:
        """Write ingest's configuration; it counts from its next start on."""
        document = {
            "endpoint": "sandbox",
            "sandbox_url": self.exchange_url,
            "allow_plaintext": True,
            "markets": dict(markets),
            "http": {"port": self._http_port},
            **sections,
        }
        self._config.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def start_ingest(self) -> None:
        """Start ingest and wait until it lives.

        Raises:
            ProcessDiedError: it ended at once.
        """
        self._ingest.start()
        self._ingest.wait_ready(http_answers(f"http://{_HOST}:{self._http_port}/live"), _READY_S)

    def kill_ingest(self) -> None:
        """Kill ingest and start it again at once, without waiting for it."""
        self._ingest.kill()
        self._ingest.start()

    def pause_ingest(self) -> None:
        """Let ingest do nothing, its connections open."""
        self._signal_ingest(signal.SIGSTOP)

    def resume_ingest(self) -> None:
        """Let ingest go on."""
        self._signal_ingest(signal.SIGCONT)

    def stop_ingest(self) -> int | None:
        """Stop ingest as an operator does; returns its exit status."""
        return self._ingest.stop(_STOP_S)

    def stop_exchange(self) -> None:
        """Stop the exchange, which completes its own log."""
        self._exchange.stop(_STOP_S)

    def stop_broker(self) -> None:
        """Stop Kafka in good order; its data stay."""
        self._kafka.stop(_BROKER_S)

    def start_broker(self) -> None:
        """Start Kafka again on its data."""
        self._kafka.start(_BROKER_S)

    def check_running(self, *, broker_away: bool = False) -> None:
        """Raise `ProcessDiedError`, quoting the log, if anything has ended that was not told to."""
        self._registry.check_running()
        if not broker_away:
            self._kafka.check_running()
        self._exchange.check_running()
        self._ingest.check_running()

    def ingest_mb(self) -> float:
        """Return the resident memory of ingest in MB."""
        try:
            status = Path(f"/proc/{self._ingest.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0.0
        resident = next((line for line in status.splitlines() if line.startswith("VmRSS:")), "VmRSS: 0 kB")
        return int(resident.split()[1]) / 1000

    def stop(self) -> None:
        """Stop everything, in the order of the flow."""
        for process in (self._ingest, self._exchange):
            process.stop(_STOP_S)
        for server in (self._kafka, self._registry):
            server.stop()

    def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._tell("starting Kafka and the schema registry")
        start_together(self._registry, self._kafka)
        for process in (self._exchange, self._ingest):
            process.env = self.environment()
        self._tell("creating topics and schemas")
        setup = self._process("setup", "ingest", "setup", "--keep-everything")
        setup.env = self.environment()
        with setup:
            status = setup.wait(_READY_S)
        if status != 0:
            raise ProcessDiedError("setup", setup.log_file, setup.log_tail(), setup.returncode or 0)
        self._tell("starting the exchange")
        self._exchange.start()
        self._exchange.wait_ready(http_answers(f"{self.exchange_url}/sandbox/status"), _READY_S)

    def environment(self) -> dict[str, str]:
        """Return the environment of a service: ours, without what would change its settings behind our back."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("INGEST_")}
        return {
            **inherited,
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": self.registry_url,
            "TOPIC_PREFIX": self.table.prefix,
            "PYTHONUNBUFFERED": "1",
            # Opens the history of the futures' trades; the exchange takes any, and this is nobody's.
            "INGEST_REST__API_KEY": "sandbox-soak",
        }

    def _process(self, name: str, module: str, *arguments: str) -> ManagedProcess:
        return ManagedProcess(
            name, [sys.executable, "-P", "-m", module, *arguments], log_file=self.logs / f"{name}.log"
        )

    def _signal_ingest(self, number: signal.Signals) -> None:
        if self._ingest.running and self._ingest.pid is not None:
            os.kill(self._ingest.pid, number)
