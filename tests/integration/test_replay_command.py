"""`binance-sandbox replay`, the whole of it: a small recording through every process, and the exit status."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sandbox.verify.perfect import FRAMES, SNAPSHOT, START


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(400),  # the first start may have to download Kafka and the registry
]


def write_recording(path: Path) -> None:
    lines = [f"{START}000000 {SNAPSHOT.decode()}"]
    for number, (stream, payload) in enumerate(FRAMES):
        lines.append(f'{START + number}000000 {{"stream":"{stream}","data":{payload.decode()}}}')
    path.write_text("".join(f"{line}\n" for line in lines))


def command(recording: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "sandbox", "replay", str(recording), "--market", "spot", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def replayed(tmp_path: Path, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    write_recording(tmp_path / "recording")
    process = command(tmp_path / "recording", "--report", str(tmp_path / "report.json"), *arguments)
    text, _ = process.communicate()
    return process.returncode, text, json.loads((tmp_path / "report.json").read_text())


def test_a_recording_comes_out_right_and_a_wrong_truth_is_noticed(tmp_path: Path) -> None:
    data = ("--data-dir", str(tmp_path / "run"))
    status, text, report = replayed(tmp_path, *data)

    symbol = report["symbols"]["spot:ABCUSDT"]
    assert (status, report["ok"]) == (0, True), text
    assert symbol["raw"]["depth"]["published"] == symbol["raw"]["depth"]["recorded"] == 6
    assert (symbol["book"]["compared"], symbol["book"]["equal"]) == (5, 5)
    assert (symbol["candles"]["1m"]["compared"], symbol["candles"]["1m"]["equal"]) == (3, 3)
    assert (symbol["trades"]["in"], symbol["trades"]["out"]) == (4, 4)

    # On the same data directory, which holds the topics of the first run.
    (tmp_path / "klines.csv").write_text(f"{START},11,12,11,12,99\n{START + 60_000},12,12,12,12,0\n")
    status, text, report = replayed(tmp_path, *data, "--klines", str(tmp_path / "klines.csv"))

    candles = report["symbols"]["spot:ABCUSDT"]["candles"]["1m"]
    assert (status, report["ok"]) == (1, False), text
    assert (candles["equal"], candles["different"]) == (2, 1)
    assert "candles 1m: 1 of 3 differ" in text


def test_an_interruption_ends_everything_that_was_started(tmp_path: Path) -> None:
    write_recording(tmp_path / "recording")
    process = command(tmp_path / "recording", "--data-dir", str(tmp_path / "run"), "--speed", "0.1")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("the exchange sends"):
            break
    children = _descendants(process.pid)
    assert len(children) >= 6

    process.send_signal(signal.SIGINT)
    text, _ = process.communicate(timeout=60)

    assert process.returncode == 130, text
    deadline = time.monotonic() + 10
    while [pid for pid in children if _runs(pid)] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert [pid for pid in children if _runs(pid)] == []


def _descendants(pid: int) -> list[int]:
    children: list[int] = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            children += [int(entry.name), *_descendants(int(entry.name))]
    return children


def _runs(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
