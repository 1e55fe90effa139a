"""An Apache Kafka broker for one machine: the real one, started as a child process.

One node is broker and controller (KRaft). Below its data directory lie `server.properties`, `log4j2.properties`,
`kafka.log` and the partitions under `partitions`. They are read by relative names, so that no character in the
directory's own name needs quoting in a properties file.
"""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import ClassVar

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sandbox.artifacts import ArtifactStore, Report, log_report, read_lock
from sandbox.embedded import EmbeddedServer
from sandbox.errors import ProcessDiedError, ProcessNotReadyError
from sandbox.jvm import JvmProcess
from sandbox.ports import free_port, reachable_host, require_free
from sandbox.probes import port_answers
from sandbox.processes import Probe


__all__ = ["EmbeddedKafka", "server_properties"]

_FORMAT_TIMEOUT_S = 60.0
_METADATA_TIMEOUT_S = 5.0

_LOGGING = """\
status = error
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %-5p %m (%c{1})%n
"""

# All settings at every start, and tens of lines for each partition: with a thousand of those, 5 MB a start.
_TALKATIVE = {
    "settings": "org.apache.kafka.common.config.AbstractConfig",
    "controller": "org.apache.kafka.controller",
    "state": "state.change.logger",
    "partition": "kafka.cluster.Partition",
    "logs": "kafka.log",
    "storage": "org.apache.kafka.storage.internals.log",
}

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": "partitions",
    # One node: whatever Kafka keeps for itself, it keeps once.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    # A misspelt topic is an error, not a new topic.
    "auto.create.topics.enable": "false",
    # Nobody else is about to join; and a killed member shall be missed soon.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # After a crash the controller waits for the dead broker's session before it lets the new one in (9 s by default).
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Retention goes by the records' time, which in a replay is years ago: only a topic's own setting expires them.
    "log.retention.ms": "-1",
    # Two index files a partition are reserved in full, 10 MB each by default: 22 GB for all topics of the pipeline,
    # not of disk where files can be sparse, but to every `ls`, copy and backup.
    "log.index.size.max.bytes": str(1024 * 1024),
    # The default takes 128 MB of heap at start.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "num.network.threads": "2",
    "num.io.threads": "4",
}


class EmbeddedKafka(EmbeddedServer):
    """A Kafka broker as a context manager.

    Topics are created explicitly; clients may ask for session timeouts from 1 s. Single-node replication; records
    expire only where their topic says so. See `EmbeddedServer` for `start`, `stop`, `kill`, `restart`.

    Args:
        data_dir: its data, settings and log; kept over restarts, whatever ended the broker.
        port: where clients connect; 0 takes a free one.
        host: the address to listen on.
        heap_mb: most that the Java heap may take, in MiB.
        controller_port: where the controller listens, on the loopback; 0 takes a free one.
        store: where the Java program comes from.
        report: receives lines of progress while it is downloaded.
    """

    name: ClassVar[str] = "Kafka broker"

    def __init__(
        self,
        data_dir: Path,
        port: int = 9092,
        host: str = "127.0.0.1",
        heap_mb: int = 512,
        controller_port: int = 0,
        *,
        store: ArtifactStore | None = None,
        report: Report = log_report,
    ) -> None:
        super().__init__(data_dir, port=port, host=host, heap_mb=heap_mb, store=store, report=report)
        self._controller_port = controller_port

    @property
    def bootstrap_servers(self) -> str:
        """What clients on this machine set as `KAFKA_BOOTSTRAP_SERVERS`."""
        return self.address

    @property
    def log_file(self) -> Path:
        """The broker's log, of all its runs."""
        return self.data_dir / "kafka.log"

    def fetch(self) -> Path:
        """Make sure that Kafka is on this machine; returns the directory of its jars."""
        return self.store.fetch(read_lock()["kafka"], self.report)

    def _prepare(self, program: Path) -> JvmProcess:
        controller_port = self._controller_port or free_port("127.0.0.1")
        require_free("Kafka controller", "127.0.0.1", controller_port)
        (self.data_dir / "server.properties").write_text(self._properties(controller_port))
        (self.data_dir / "log4j2.properties").write_text(_logging_properties())
        jars = sorted(program.glob("*.jar"))
        if not (self.data_dir / "partitions" / "meta.properties").exists():
            self._format(jars)
        return self._java(self.name, jars, ["kafka.Kafka", "server.properties"], self.heap_mb)

    def _properties(self, controller_port: int) -> str:
        return server_properties(self.host, self.port, controller_port)

    def _format(self, jars: list[Path]) -> None:
        # Formatting that was interrupted is done again: meta.properties is what it writes last.
        cluster_id = f"sandbox-{uuid.uuid4().hex[:14]}"
        program = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster_id]
        tool = self._java(
            "Kafka storage tool",
            jars,
            [*program, "-c", "server.properties"],
            heap_mb=128,
            options=["-XX:TieredStopAtLevel=1"],
        )
        with tool:
            returncode = tool.wait(_FORMAT_TIMEOUT_S)
        if returncode is None:
            raise ProcessNotReadyError(tool.name, tool.log_file, tool.log_tail(), _FORMAT_TIMEOUT_S)
        if returncode != 0:
            raise ProcessDiedError(tool.name, tool.log_file, tool.log_tail(), returncode)

    def _java(
        self, name: str, jars: list[Path], program: list[str], heap_mb: int, options: list[str] | None = None
    ) -> JvmProcess:
        return JvmProcess(
            name,
            program,
            log_file=self.log_file,
            directory=self.data_dir,
            classes=jars,
            heap_mb=heap_mb,
            options=["-Dlog4j2.configurationFile=log4j2.properties", *(options or [])],
        )

    def _probe(self) -> Probe:
        accepts = port_answers(reachable_host(self.host), self.port)

        def knows_itself() -> bool:
            # Only a broker that the controller has let in appears in the metadata.
            return accepts() and _broker_count(self.bootstrap_servers) > 0

        return knows_itself


def server_properties(host: str, port: int, controller_port: int) -> str:
    """Write the broker's settings, all but its directory's name."""
    settings = _SETTINGS | {
        "listeners": f"PLAINTEXT://{host}:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{reachable_host(host)}:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _logging_properties() -> str:
    quiet = (f"logger.{key}.name = {name}\nlogger.{key}.level = warn\n" for key, name in _TALKATIVE.items())
    return "".join([_LOGGING, *quiet])


def _broker_count(bootstrap_servers: str) -> int:
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    try:
        return len(client.list_topics(timeout=_METADATA_TIMEOUT_S).brokers)
    except KafkaException:
        return 0
