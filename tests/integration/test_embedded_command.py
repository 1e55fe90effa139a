"""`binance-sandbox broker` tells how to use what it runs, ends when asked, and says what died."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),  # the first start may have to download both programs
]

PROGRAM = """
import sys
from pathlib import Path
from sandbox.broker_command import run_broker
directory, kafka, registry = (argument or None for argument in sys.argv[1:])
sys.exit(run_broker(directory and Path(directory), int(kafka), registry and int(registry), "127.0.0.1"))
"""


class Running:
    """The command, after it has said how to stop it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.announced = ""
        assert process.stdout is not None
        for line in process.stdout:
            self.announced += line
            if line.startswith("Ctrl-C"):
                break

    def told(self, pattern: str) -> str:
        found = re.search(pattern, self.announced, re.MULTILINE)
        assert found, self.announced
        return found[1]

    def finish(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@contextmanager
def command(directory: str, kafka: str, registry: str, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", PROGRAM, directory, kafka, registry],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"},
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def test_without_a_directory_data_goes_at_the_end(tmp_path: Path) -> None:
    with command("", "0", "0", tmp_path) as process:
        running = Running(process)
        servers = running.told(r"^export KAFKA_BOOTSTRAP_SERVERS=(127\.0\.0\.1:\d+)$")
        url = running.told(r"^export SCHEMA_REGISTRY_URL=(http://127\.0\.0\.1:\d+/apis/ccompat/v7)$")
        assert AdminClient({"bootstrap.servers": servers}).list_topics(timeout=10).brokers
        with urllib.request.urlopen(f"{url}/subjects", timeout=10) as answer:  # noqa: S310 - http, as matched
            assert answer.read() == b"[]"
        directory = Path(running.told(r"^data +(/\S+)  \(removed at the end\)$"))
        assert directory.parent == tmp_path
        assert directory.is_dir()
        process.send_signal(signal.SIGINT)

        assert running.finish() == (0, "stopping\n", "")
    assert not directory.exists()


def test_a_named_directory_is_kept_and_the_registry_left_out_if_so_wished(tmp_path: Path) -> None:
    named = tmp_path / "named"
    with command(str(named), "0", "", tmp_path) as process:
        running = Running(process)
        assert running.told(r"^data +(/\S+)  \(kept\)$") == str(named)
        assert "REGISTRY" not in running.announced
        process.terminate()

        assert running.finish() == (0, "stopping\n", "")
    assert (named / "kafka" / "partitions").is_dir()
    assert not (named / "registry").exists()


def test_the_death_of_a_server_ends_all_and_is_told(tmp_path: Path) -> None:
    with command("", "0", "0", tmp_path) as process:
        running = Running(process)
        kafka, registry = (int(running.told(rf"^{name} .*process (\d+)")) for name in ("Kafka", "schema registry"))
        os.kill(kafka, signal.SIGKILL)
        returncode, out, err = running.finish()

    assert (returncode, out) == (1, "")
    assert err.startswith("Kafka broker ended with signal SIGKILL; the last lines of ")
    assert not Path(f"/proc/{registry}").exists()
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_an_error_in_two_lines(tmp_path: Path) -> None:
    with command("", "0", "", tmp_path) as first:
        running = Running(first)
        port = running.told(r"^export KAFKA_BOOTSTRAP_SERVERS=127\.0\.0\.1:(\d+)$")
        with command("", port, "", tmp_path) as second:
            out, err = second.communicate(timeout=60)

        assert (second.returncode, out) == (1, "")
        assert re.fullmatch(rf"Kafka broker: port {port} on 127\.0\.0\.1 is taken.*\n.*another port.*\n", err)
        first.terminate()
        assert running.finish()[0] == 0


def test_an_interrupt_while_starting_leaves_nothing_behind(tmp_path: Path) -> None:
    with command("", "0", "0", tmp_path) as process:
        # The broker's log is the sign that it is being started.
        while not list(tmp_path.glob("binance-sandbox-*/kafka/kafka.log")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)

    assert (process.returncode, out, err) == (0, "stopping\n", "")
    assert list(tmp_path.iterdir()) == []
