"""The compose stack under test: its containers, its faults, how far its topics are."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NoReturn

import docker
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from docker.errors import DockerException, ImageNotFound

from sandbox.ports import free_port
from sandbox.verify.topics import end_offsets
from schemas.topics import Topic
from tests.support.project import ROOT


__all__ = ["OURS", "ComposeStack", "running_stack"]

OURS: Final = ("setup", "exchange", "ingest", "books", "trades", "private", "dashboard", "trader")
"""The services of this project's image that end with status 0 when told to."""
_IMAGES: Final = ("KAFKA_IMAGE", "REGISTRY_IMAGE", "BINANCE_KAFKA_IMAGE")
_PORTS: Final = ("KAFKA_PORT", "REGISTRY_PORT", "EXCHANGE_PORT", "DASHBOARD_PORT")
_HOST: Final = "127.0.0.1"
_POLL_S: Final = 1.0


class ComposeStack:
    """One project of docker-compose, of images that are there.

    Args:
        project: its name; nothing else on the machine bears it.
        client: of the Docker daemon, which runs on this machine.
    """

    def __init__(self, project: str, client: docker.DockerClient) -> None:
        self.project = project
        self._client = client
        self._admin: AdminClient | None = None
        self._ports = {name: str(free_port(_HOST)) for name in _PORTS}

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka answers this machine."""
        return f"localhost:{self._ports['KAFKA_PORT']}"

    def read(self, path: str) -> Any:
        """Return the read service's answer, as a client on this machine gets it."""
        url = f"http://{_HOST}:{self._ports['DASHBOARD_PORT']}{path}"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.load(answer)

    def image(self) -> Any:
        """Return what the daemon knows of the project's image."""
        return self._client.images.get(os.environ["BINANCE_KAFKA_IMAGE"]).attrs

    def run_in_image(self, *command: str) -> str:
        """Return what a command prints in a container of the project's image that is not hardened by anything else."""
        printed = self._client.containers.run(
            os.environ["BINANCE_KAFKA_IMAGE"], list(command), remove=True, network_disabled=True
        )
        return str(printed.decode())

    def compose(self, *arguments: str) -> str:
        """Run docker-compose in the project, and return what it printed."""
        environment = {**os.environ, **self._ports, "COMPOSE_PROJECT_NAME": self.project, "COMPOSE_PROFILES": "sandbox"}
        done = subprocess.run(  # noqa: S603 - nothing from outside
            ["docker-compose", *arguments],  # noqa: S607 - from the path, as users have it
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(
                f"docker-compose {' '.join(arguments)}: status {done.returncode}\n{done.stdout}\n{self.states()}"
            )
        return done.stdout

    def container(self, service: str) -> Any:
        """Return a service's container, as docker's own client has it."""
        labels = [f"com.docker.compose.project={self.project}", f"com.docker.compose.service={service}"]
        (found,) = self._client.containers.list(all=True, filters={"label": labels})
        return found

    def _is_healthy(self, service: str) -> bool:
        state = self.container(service).attrs["State"]
        return bool(state["Running"]) and ("Health" not in state or state["Health"]["Status"] == "healthy")

    def await_healthy(self, services: Sequence[str], limit_s: float) -> None:
        """Wait until each of some services runs, and its health check, where it has one, says that it is healthy."""
        for service in services:
            self.await_(f"{service} healthy", partial(self._is_healthy, service), limit_s)

    def states(self) -> str:
        """Return how every container stands, and the last that those have said which are not healthy."""
        told = []
        for service in self.services():
            container = self.container(service)
            state = container.attrs["State"]
            health = state.get("Health", {}).get("Status", "no health check")
            told.append(f"{service}: {state['Status']}, {health}, status {state['ExitCode']}")
            if health not in {"healthy", "no health check"} or (not state["Running"] and state["ExitCode"]):
                told.append(container.logs(tail=20).decode(errors="replace"))
        return "\n".join(told)

    def services(self) -> Sequence[str]:
        """Return the services that have a container, in the order of their names."""
        labels = [f"com.docker.compose.project={self.project}"]
        found = self._client.containers.list(all=True, filters={"label": labels})
        return sorted(container.labels["com.docker.compose.service"] for container in found)

    def crash(self, service: str) -> None:
        """Kill what runs in a container, as the kernel would; the daemon, which was not asked, starts it again.

        `docker kill` would not do: it also tells the daemon to leave the container stopped.
        """
        container = self.container(service)
        pid = int(container.attrs["State"]["Pid"])
        groups = Path(f"/proc/{pid}/cgroup").read_text()
        assert container.id in groups, f"process {pid} is not of the container {service}: is Docker on this machine?"
        os.kill(pid, signal.SIGKILL)
        if service == "kafka":
            # Our client too: it would go on with the old epochs of leaders, and be refused for minutes.
            self._admin = None

    def restarts(self, service: str) -> int:
        """Return how often the daemon has started a service again."""
        return int(self.container(service).attrs["RestartCount"])

    def _admin_now(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
        return self._admin

    def ends(self, topics: Sequence[Topic]) -> dict[str, int]:
        """Return how many records each topic has had."""
        try:
            found = end_offsets(self._admin_now(), topics)
        except KafkaException:
            # Made too early after that, perhaps.
            self._admin = None
            found = end_offsets(self._admin_now(), topics)
        ends = dict.fromkeys((topic.name for topic in topics), 0)
        for (name, _), end in found.items():
            ends[name] += end
        return ends

    def await_(self, what: str, condition: Callable[[], bool], limit_s: float) -> None:
        """Wait until something is so; when it takes too long, fail with what every container says."""
        deadline = time.monotonic() + limit_s
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {limit_s:g} s\n{self.states()}", pytrace=False)
            time.sleep(_POLL_S)

    def await_growth(self, since: Mapping[str, int], topics: Sequence[Topic], limit_s: float) -> None:
        """Wait until each of some topics has more records than it had."""
        growing: set[str] = set()

        def all_grow() -> bool:
            growing.update(name for name, end in self.ends(topics).items() if end > since[name])
            return growing == {topic.name for topic in topics}

        deadline = time.monotonic() + limit_s
        while not all_grow():
            if time.monotonic() > deadline:
                silent = ", ".join(sorted({topic.name for topic in topics} - growing))
                pytest.fail(f"no new records within {limit_s:g} s in {silent}\n{self.states()}", pytrace=False)
            time.sleep(_POLL_S)


@contextmanager
def running_stack(project: str) -> Iterator[ComposeStack]:
    """Start the stack; afterwards nothing of it is left.

    Where docker-compose or an image is missing, tests are skipped; where Docker is required (`REQUIRE_DOCKER=1`), they
    fail.
    """
    with _client() as client:
        stack = ComposeStack(project, client)
        try:
            stack.compose("up", "--detach", "--no-build")
            yield stack
        finally:
            stack.compose("down", "--volumes", "--timeout", "5")


@contextmanager
def _client() -> Iterator[docker.DockerClient]:
    if shutil.which("docker-compose") is None:
        _missing("docker-compose is not installed")
    with warnings.catch_warnings():
        # Without a daemon the client leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env()
        except DockerException as error:
            _missing(f"Docker does not answer: {error}")
    with closing(client):
        for variable in _IMAGES:
            name = os.environ.get(variable)
            try:
                client.images.get(name or "")
            except (ImageNotFound, DockerException):
                _missing(f"{variable} names no image that is there, but {name!r}")
        yield client


def _missing(what: str) -> NoReturn:
    if os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(f"REQUIRE_DOCKER=1, but {what}", pytrace=False)
    pytest.skip(what)
