"""Kafka Connect with the Iceberg sink, run until its tables hold what the topics hold."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]  # its __all__ lacks it

from sandbox.ports import free_port
from sandbox.processes import ManagedProcess
from tests.compat.filling import Facts, Topics
from tests.compat.running import QUICK_START, ReaderError, Site


__all__ = ["committed_rows", "run_sink"]

_TABLES: Final = {"trade": Topics.trade, "candle_1m": Topics.candle}
_COMMIT_S: Final = 480.0
_POLL_S: Final = 1.0
_REST: Final = "localhost:8083"
_CONTROL: Final = "control-iceberg"
"""The sink does not make its control topic."""


def run_sink(site: Site, facts: Facts, java: Path, folder: Path) -> None:
    """Run the sink until every record of the topics is committed, then stop it.

    Raises:
        ReaderError: it ended, or did not commit them in time.
    """
    for key in ("iceberg", "converter"):
        plugin = folder / "plugins" / key
        plugin.mkdir(parents=True)
        for jar in site.jars(key):
            (plugin / jar.name).symlink_to(jar)
    worker = folder / "connect-worker.properties"
    worker.write_text(worker.read_text().replace(_REST, f"127.0.0.1:{free_port('127.0.0.1')}"))
    admin = AdminClient({"bootstrap.servers": site.bootstrap_servers})
    admin.create_topics([NewTopic(_CONTROL, 1, 1)])[_CONTROL].result()
    jars = ":".join(map(str, site.jars("connect")))
    wanted = {name: facts.records[topic] for name, topic in _TABLES.items()}
    argv = [
        str(java),
        "-Xmx512m",
        *QUICK_START,
        "-cp",
        jars,
        "org.apache.kafka.connect.cli.ConnectStandalone",
        worker.name,
    ]
    connectors = ["connect-trade.properties", "connect-candle-1m.properties"]
    with site.process("connect", [*argv, *connectors], folder / "connect.out") as connect:
        _await(connect, wanted, folder)


def _await(connect: ManagedProcess, wanted: Mapping[str, int], folder: Path) -> None:
    deadline = time.monotonic() + _COMMIT_S
    while True:
        rows = {name: committed_rows(folder / "warehouse" / "market" / name) for name in wanted}
        if rows == wanted:
            return
        if not connect.running or time.monotonic() >= deadline:
            what = "ended" if not connect.running else f"did not commit everything within {_COMMIT_S:g} s"
            raise ReaderError("connect", f"{what}: {rows} of {dict(wanted)}\n{connect.log_tail(15)}")
        time.sleep(_POLL_S)


def committed_rows(table: Path) -> int:
    """Return how many rows the newest snapshot of a table in a hadoop catalog says that it has."""
    hint = table / "metadata" / "version-hint.text"
    if not hint.exists():
        return 0
    metadata = json.loads((hint.parent / f"v{hint.read_text().strip()}.metadata.json").read_text())
    current = metadata.get("current-snapshot-id")
    summaries = [each["summary"] for each in metadata.get("snapshots", ()) if each["snapshot-id"] == current]
    return int(summaries[0]["total-records"]) if summaries else 0
