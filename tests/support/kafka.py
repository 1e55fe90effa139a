"""The Kafka broker of the integration tests: one that is named, else one in a container, else the embedded one."""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import APIError, DockerException, ImageNotFound
from testcontainers.core.container import DockerContainer
from testcontainers.core.docker_client import DockerClient

from sandbox.broker import EmbeddedKafka, server_properties


__all__ = ["Broker", "KafkaContainer", "running_broker"]

DEFAULT_IMAGE = "apache/kafka:4.3.1"


@dataclass(frozen=True)
class Broker:
    """A broker that answers."""

    bootstrap_servers: str
    kind: Literal["external", "docker", "embedded"]
    reason: str
    """Why it is of this kind, for the summary of the test run."""


class KafkaContainer(DockerContainer):
    """Apache Kafka in a container, broker and controller in one.

    The image needs `sh`, `java` on the path and Kafka's jars under `/opt/kafka/libs`; nothing else of it is used.
    """

    _PORT = 9092
    _PROPERTIES = "/tmp/server.properties"  # noqa: S108 - inside the container
    # The settings name the port on the host, which is known only once the container runs.
    _COMMAND = f"""
        until [ -s {_PROPERTIES} ]; do sleep 0.1; done
        cd /tmp
        kafka='java -Xmx768m -cp /opt/kafka/libs/*'
        $kafka kafka.tools.StorageTool format -t binance-kafka-tests-00 -c {_PROPERTIES} || exit 1
        exec $kafka kafka.Kafka {_PROPERTIES}
    """

    def __init__(self, image: str) -> None:
        super().__init__(image)
        self.with_exposed_ports(self._PORT)
        self.with_command(["sh", "-f", "-c", self._COMMAND])  # -f: the star of the class path is Java's

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients on the host."""
        return f"{self.get_container_host_ip()}:{self.get_exposed_port(self._PORT)}"

    def start(self) -> KafkaContainer:
        """Start the container and wait until the broker answers; if it does not, fail with its output."""
        super().start()
        self.copy_into_container(self._server_properties().encode(), self._PROPERTIES)
        self._await_answer()
        return self

    def _server_properties(self) -> str:
        # The embedded broker's settings, and after them, so that they win, listeners for two networks: the broker
        # calls itself too (transactions), and cannot by the address that clients on the host have.
        return server_properties("0.0.0.0", self._PORT, 9093) + (  # noqa: S104 - inside the container
            f"listeners=PLAINTEXT://:{self._PORT},INTERNAL://127.0.0.1:9094,CONTROLLER://127.0.0.1:9093\n"
            f"advertised.listeners=PLAINTEXT://{self.bootstrap_servers},INTERNAL://127.0.0.1:9094\n"
            "inter.broker.listener.name=INTERNAL\n"
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\n"
        )

    def _await_answer(self, timeout_s: float = 60) -> None:
        # A port that opens says nothing: Docker opens it at once. And librdkafka would log each refused connection.
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        deadline = time.monotonic() + timeout_s
        while self.get_wrapped_container().status != "exited" and time.monotonic() < deadline:
            try:
                if admin.list_topics(timeout=1).brokers:
                    return
            except KafkaException:
                self.reload()
        output = b"".join(self.get_logs()).decode(errors="replace")
        pytest.fail(f"Kafka in its container ({self.status}) does not answer; its output:\n{output}", pytrace=False)


@contextmanager
def running_broker(data_dir: Path) -> Iterator[Broker]:
    """Yield the broker of the test session; one that was started for it is stopped afterwards.

    Where Docker is required (`REQUIRE_DOCKER=1`) and cannot be used, the tests fail.
    """
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield Broker(servers, "external", "named by KAFKA_BOOTSTRAP_SERVERS")
        return
    image = os.environ.get("KAFKA_IMAGE", DEFAULT_IMAGE)
    obstacle = _obstacle_to(image)
    if obstacle is None:
        with KafkaContainer(image) as container:
            yield Broker(container.bootstrap_servers, "docker", f"image {image}")
    elif os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(f"REQUIRE_DOCKER=1, but {obstacle}", pytrace=False)
    else:
        with EmbeddedKafka(data_dir, port=0) as embedded:
            yield Broker(embedded.bootstrap_servers, "embedded", obstacle)


def _obstacle_to(image: str) -> str | None:
    """Say what keeps a container of this image from being started here, if anything does."""
    with warnings.catch_warnings():
        # Without a daemon the client leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            docker = DockerClient().client
        except DockerException as e:
            return f"Docker does not answer: {e}"
        finally:
            gc.collect()
    with closing(docker):
        try:
            docker.images.get(image)
        except ImageNotFound:
            try:
                docker.images.pull(image)
            except APIError as e:
                return f'image "{image}" cannot be pulled: {e.explanation}'
            except OSError as e:
                return f'image "{image}" cannot be pulled: {e}'
    return None
