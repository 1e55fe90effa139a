"""The short form of the soak of accounts: trading, faults, a kill, and the tables are the exchange's own books."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Registry
from tests.support.kafka import Broker
from tests.support.project import run_tool


pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


def test_after_a_cut_lost_events_an_expiry_and_a_kill_the_tables_are_the_exchanges_own_books(
    kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", registry.url)
    monkeypatch.setenv("TOPIC_PREFIX", topic_prefix)
    report = tmp_path / "accounts.json"

    run = run_tool("binance-sandbox", "soak", "--scenario", "private-cut", "--report", str(report))

    found = json.loads(report.read_text())
    assert found["ok"], run.stdout
    assert found["orders"] >= 300
    assert sum(account["orders"]["recovered"] for account in found["accounts"].values()) > 0
    assert sum(account["missed_orders"] + account["missed_fills"] for account in found["accounts"].values()) > 0
