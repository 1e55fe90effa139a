"""What processes say when they are asked: ingest of itself and its memory, the exchange of its connections."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families

from sandbox.processes import ManagedProcess


__all__ = ["Sample", "ask_exchange", "is_ready", "sample", "watch"]

_MIB: Final = 1024.0
"""In KiB, which is what the kernel counts in."""
_TIMEOUT_S: Final = 5.0
_EXCHANGE_TIMEOUT_S: Final = 30.0


class Sample(Struct, frozen=True):
    """One look at a process."""

    resident_mib: float
    records: int
    """Raw records handed to the publisher since the start."""
    unacknowledged_records: int
    unacknowledged_mib: float


def sample(pid: int, port: int) -> Sample:
    """Look at a process once.

    Args:
        pid: the process.
        port: where it serves its metrics.
    """
    totals = dict.fromkeys(("ingest_records", "ingest_unacknowledged_records", "ingest_unacknowledged_bytes"), 0.0)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=_TIMEOUT_S) as answer:
        for family in text_string_to_metric_families(answer.read().decode()):
            if family.name in totals:
                totals[family.name] = sum(one.value for one in family.samples if not one.name.endswith("_created"))
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return Sample(
        int(resident.split()[1]) / _MIB,
        int(totals["ingest_records"]),
        int(totals["ingest_unacknowledged_records"]),
        totals["ingest_unacknowledged_bytes"] / 2**20,
    )


def is_ready(port: int) -> bool:
    """Return whether every connection of a process is live."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=_TIMEOUT_S):
            return True
    except (urllib.error.URLError, TimeoutError):
        return False


def ask_exchange(url: str, method: str, what: str) -> Any:
    """Return what the control interface of the exchange answers.

    Args:
        url: the exchange.
        method: ``GET`` to ask, ``POST`` to tell it something.
        what: ``connections``, ``start``, ``close`` …
    """
    request = urllib.request.Request(f"{url}/sandbox/{what}", method=method)  # noqa: S310 - our own server
    with urllib.request.urlopen(request, timeout=_EXCHANGE_TIMEOUT_S) as answer:  # noqa: S310 - the same
        return json.loads(answer.read())


def watch(
    process: ManagedProcess, pid: int, port: int, seconds: float, tell: Callable[[float, Sample], None]
) -> Sequence[Sample]:
    """Look at a process once a second, as long as told; it must live."""
    began, samples = time.monotonic(), list[Sample]()
    while (elapsed_s := time.monotonic() - began) < seconds:
        process.check_running()
        samples.append(sample(pid, port))
        tell(elapsed_s, samples[-1])
        time.sleep(1)
    return samples
