"""A schema registry for one machine: Apicurio Registry, which speaks Confluent's API, as a child process.

It keeps its schemas in an H2 database, one file in its data directory, so ids stay the same over restarts.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from sandbox.artifacts import ArtifactStore, Report, log_report, read_lock
from sandbox.embedded import EmbeddedServer
from sandbox.jvm import JvmProcess
from sandbox.probes import http_answers
from sandbox.processes import Probe


__all__ = ["EmbeddedRegistry"]

_ENVIRONMENT = {
    "APICURIO_STORAGE_KIND": "sql",
    "APICURIO_STORAGE_SQL_KIND": "h2",
    # H2 holds commits back for half a second by default: a killed registry would forget ids that it gave out.
    "APICURIO_DATASOURCE_URL": "jdbc:h2:file:./registry;WRITE_DELAY=0",
    # Nobody asks the second server, which it opens for metrics: any port will do.
    "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",
    "QUARKUS_MANAGEMENT_PORT": "0",
    "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
    "QUARKUS_BANNER_ENABLED": "false",
    # Its own format spells the date wrong and every class in full.
    "QUARKUS_LOG_CONSOLE_FORMAT": "%d{yyyy-MM-dd'T'HH:mm:ss,SSS} %-5p %s%e (%c{1})%n",
}


class EmbeddedRegistry(EmbeddedServer):
    """A schema registry as a context manager.

    Its compatibility level is NONE until it is set (Confluent's own default is BACKWARD). See `EmbeddedServer` for
    `start`, `stop`, `kill`, `restart`.

    Args:
        data_dir: its database and log; kept over restarts, whatever ended the registry.
        port: where clients connect; 0 takes a free one.
        host: the address to listen on.
        heap_mb: most that the Java heap may take, in MiB.
        store: where the Java program comes from.
        report: receives lines of progress while it is downloaded.
    """

    name: ClassVar[str] = "schema registry"

    def __init__(
        self,
        data_dir: Path,
        port: int = 8081,
        host: str = "127.0.0.1",
        heap_mb: int = 256,
        *,
        store: ArtifactStore | None = None,
        report: Report = log_report,
    ) -> None:
        super().__init__(data_dir, port=port, host=host, heap_mb=heap_mb, store=store, report=report)

    @property
    def url(self) -> str:
        """What clients on this machine set as `SCHEMA_REGISTRY_URL`."""
        return f"http://{self.address}/apis/ccompat/v7"

    @property
    def log_file(self) -> Path:
        """The registry's log, of all its runs."""
        return self.data_dir / "registry.log"

    def fetch(self) -> Path:
        """Make sure that the registry is on this machine; returns its directory."""
        return self.store.fetch(read_lock()["registry"], self.report)

    def _prepare(self, program: Path) -> JvmProcess:
        return JvmProcess(
            self.name,
            ["-jar", str((program / "quarkus-run.jar").absolute())],
            log_file=self.log_file,
            directory=self.data_dir,
            heap_mb=self.heap_mb,
            options=["-XX:TieredStopAtLevel=1"],
            env=_ENVIRONMENT | {"QUARKUS_HTTP_HOST": self.host, "QUARKUS_HTTP_PORT": str(self.port)},
        )

    def _probe(self) -> Probe:
        return http_answers(f"{self.url}/subjects")
