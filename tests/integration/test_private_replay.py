"""`binance-sandbox replay --private`, the whole of it: accounts through every process, and the exit status."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Registry
from tests.support.kafka import Broker
from tests.unit.sandbox.accounts import falsified, futures_life, spot_life


pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def replayed(kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path) -> Any:
    """Replays recordings on the session's broker; returns exit status, output and report."""

    def replay(paths: Sequence[Path]) -> tuple[int, str, dict[str, Any]]:
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "SCHEMA_REGISTRY_URL": registry.url,
            "TOPIC_PREFIX": topic_prefix,
        }
        report = tmp_path / "report.json"
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "sandbox", "replay", "--private", *map(str, paths), "--report", str(report)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )
        return done.returncode, done.stdout, json.loads(report.read_text()) if report.exists() else {}

    return replay


def test_accounts_in_every_envelope_come_out_right(replayed: Any, tmp_path: Path) -> None:
    spot, usdm = spot_life(), futures_life()
    paths = [tmp_path / name for name in ("wrapped.json", "combined.jsonl", "bare.json.gz", "again.json")]
    paths[0].write_text("".join(json.dumps({"subscriptionId": 0, "event": event}, indent=2) for event in spot))
    paths[1].write_text("\n".join(json.dumps({"stream": "some-key", "data": event}) for event in usdm))
    paths[2].write_bytes(gzip.compress(json.dumps([*spot, *usdm]).encode()))
    paths[3].write_text("\n".join(json.dumps(event) for event in (*reversed(spot), *spot)))

    status, text, report = replayed(paths)

    assert (status, report.get("ok")) == (0, True), text
    assert {name: account["orders"]["equal"] for name, account in report["accounts"].items()} == {
        "spot:wrapped": 5,
        "usdm:combined": 8,
        "spot:bare": 5,
        "usdm:bare": 8,
        "spot:again": report["accounts"]["spot:again"]["orders"]["demanded"],
    }
    assert report["accounts"]["spot:wrapped"]["balances"]["equal"] == 9
    assert report["accounts"]["usdm:combined"]["positions"]["equal"] == 4
    assert all(raw["published"] == raw["recorded"] for a in report["accounts"].values() for raw in a["raw"].values())
    assert "all of it holds" in text


def test_a_falsified_sum_and_a_cut_file_are_told(replayed: Any, tmp_path: Path) -> None:
    broken = falsified(futures_life(), 11, lambda event: event["o"].update(z="2"))
    (tmp_path / "false.jsonl").write_text("\n".join(json.dumps(event) for event in broken))
    (tmp_path / "cut.json").write_text(json.dumps(spot_life()[1]) + json.dumps(spot_life()[3])[:100])

    status, text, report = replayed([tmp_path / "false.jsonl", tmp_path / "cut.json"])

    assert (status, report.get("ok")) == (1, False), text
    assert "usdm false: order BTCUSDT 9: cumulative filled is the sum of the fills: recorded 2, demanded 3" in text
    assert report["contradictions"][0]["said"] == "2"
    assert any("cut.json:1: cut off" in problem for problem in report["problems"])
    assert report["accounts"]["spot:cut"]["ok"]
