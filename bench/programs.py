"""The programs that are measured beside each other on one log, and how each is run."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.site import ROOT, Site
from bench.work import Outcome


__all__ = ["CEILING", "OURS", "PEERS", "PEER_READY", "WHOLE", "Program", "run"]

_PEER: Final = ROOT / ".make" / "bench-streams"
PEER_READY: Final = _PEER / ".installed"
_RUN_S: Final = 400.0


class Program(Struct, frozen=True):
    """One row."""

    name: str
    module: str
    """Of ``bench.subjects``."""
    peer: bool = False
    """Whether it lives in the environment of the peers."""
    slow: bool = False
    """Whether one round has to do."""


CEILING: Final = Program("ceiling", "getmany")
OURS: Final = Program("ours", "batched_faust")
WHOLE: Final = Program("ours, whole agent", "worker")
PEERS: Final = (
    Program("bytewax", "bytewax_peer", peer=True),
    Program("quixstreams", "quixstreams_peer", peer=True),
    Program("faust", "stock_faust", peer=True, slow=True),
)


def run(site: Site, program: Program, *, topic: str, prefix: str, work: str, count: int, label: str) -> Outcome:
    """Run a program once over a topic.

    Args:
        site: where.
        program: which.
        topic: what it reads from the beginning to the end.
        prefix: of the topics of a worker.
        work: what it does with each record, see :data:`bench.work.WORK`.
        count: how many records there are.
        label: names the run, and its consumer group.

    Raises:
        RuntimeError: it failed.
    """
    out = site.folder / f"{label}.json"
    arguments = ["-m", f"bench.subjects.{program.module}", "--servers", site.broker.bootstrap_servers]
    arguments += ["--topic", topic, "--work", work, "--count", str(count)]
    arguments += ["--core", str(site.cores.measured), "--out", str(out)]
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": site.broker.bootstrap_servers,
        "SCHEMA_REGISTRY_URL": site.registry.url,
        "TOPIC_PREFIX": prefix,
        "PROCESSORS_MARKETS": json.dumps(["spot"]),
        "PROCESSORS_METRICS_PORT": "0",
    }
    python = _PEER / "bin" / "python" if program.peer else Path(sys.executable)
    with site.process(label, arguments, env=environment, program=python) as process:
        status = process.wait(_RUN_S)
        if status != 0 or not out.exists():
            msg = f"{program.name} ended with {status}:\n{process.log_tail(40)}"
            raise RuntimeError(msg)
    return msgspec.json.decode(out.read_bytes(), type=Outcome)
