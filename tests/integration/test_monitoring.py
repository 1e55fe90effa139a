"""A real Prometheus scrapes a running system: every panel has an answer, every alert its series, and none fires."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from monitoring.boards import BOARDS
from monitoring.rules import RULES
from sandbox.demo.subscriptions import AccountOptions, subscriptions_to
from sandbox.ports import free_port
from sandbox.stack import FAMILIES, PRIVATE, Ports, Stack, StackOptions, free_ports
from sandbox.traders.desk import trade
from schemas.markets import Market
from tests.conftest import Registry
from tests.support.kafka import Broker
from tests.support.project import ROOT
from tests.support.promtool import prometheus, promtool
from tests.support.queries import NAMES, plain


pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

STREAMS: Final = ("trade", "aggTrade", "depth@100ms", "bookTicker", "ticker")
PREFIXES: Final = ("ingest_", "processors_", "dashboard_", "process_", "python_")
SCRAPED: Final = {"ingest": ("ingest",), "processors": (*FAMILIES, PRIVATE), "dashboard": ("dashboard",)}


class Server:
    """A Prometheus that runs."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=10) as answer:  # noqa: S310
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[Any]:
        found: list[Any] = self.get("query", query=expr)["result"]
        return found


@contextmanager
def running_system(directory: Path, broker: Broker, registry: Registry, prefix: str) -> Iterator[Ports]:
    streams = {(market, f"btcusdt@{stream}"): 1 for market in (Market.SPOT, Market.USDM) for stream in STREAMS}
    symbols = [argument for market in ("spot", "usdm") for argument in ("--symbol", f"{market}:BTCUSDT")]
    keys = str(directory / "keys")
    options = StackOptions(
        directory=directory,
        subscriptions=subscriptions_to(streams),
        exchange=["--simulate", "--duration", "0", *symbols, "--account", "main:hmac", "--keys-dir", keys],
        ports=free_ports(),
        prefix=prefix,
        bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        environment={"PROCESSORS_CHECKPOINT_INTERVAL_S": "2"},
        families=(*FAMILIES, PRIVATE),
        accounts={"main": AccountOptions((Market.SPOT, Market.USDM), {Market.SPOT: ["BTCUSDT"]})},
    )
    with Stack(options, lambda _: None) as stack:
        stack.start_ingest()
        yield options.ports


@contextmanager
def scraping(directory: Path, ports: Ports) -> Iterator[Server]:
    """Run a Prometheus with the configuration of this project, but for the ports, and a scrape every 5 s."""
    document = yaml.safe_load((ROOT / "monitoring" / "prometheus.yaml").read_text(encoding="utf-8"))
    document["global"] = {"scrape_interval": "5s", "scrape_timeout": "5s", "evaluation_interval": "5s"}
    document["rule_files"] = [str(ROOT / "monitoring" / "alerts.yaml")]
    standard = {f"127.0.0.1:{port}": name for name, port in zip(Ports.__struct_fields__, defaults(), strict=True)}
    for job in document["scrape_configs"]:
        for group in job["static_configs"]:
            group["targets"] = [f"127.0.0.1:{getattr(ports, standard[target])}" for target in group["targets"]]
    config = directory / "prometheus.yaml"
    config.write_text(yaml.safe_dump(document), encoding="utf-8")
    address = f"127.0.0.1:{free_port('127.0.0.1')}"
    with (directory / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - Debian's
            [
                prometheus(),
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Server(f"http://{address}")
        finally:
            process.terminate()
            process.wait(20)


def defaults() -> tuple[int, ...]:
    return tuple(getattr(Ports(), name) for name in Ports.__struct_fields__)


def until(missing: Callable[[], list[str]], timeout_s: float) -> None:
    """Look again until nothing is missing."""
    ends = time.monotonic() + timeout_s
    while lacking := missing():
        assert time.monotonic() < ends, lacking
        time.sleep(1)


def test_every_panel_of_a_running_system_has_an_answer_and_no_alert_fires(
    kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    prometheus()  # before the system is started, where there is none

    with ExitStack() as resources:
        ports = resources.enter_context(running_system(tmp_path / "system", kafka, registry, topic_prefix))
        # What never came yet is as old as the epoch: a slow machine would call it stale.
        until(lambda: without_event(ports), 180)
        server = resources.enter_context(scraping(tmp_path, ports))

        def without_answer() -> list[str]:
            return [
                f"{board.title} / {panel.title}: {query.expr}"
                for board in BOARDS.values()
                for panel in board.panels
                for query in panel.queries
                if not server.query(plain(query.expr, "30s"))
            ]

        until(lambda: not_scraped(server), 180)
        until(lambda: [] if server.query("min(ingest_connection_live) == 1") else ["a connection is not live"], 180)
        url, keys = f"http://127.0.0.1:{ports.exchange}", tmp_path / "system" / "keys"
        asyncio.run(trade(url, keys, orders=6, every_s=0.1, seed=1, wall_ms=lambda: time.time_ns() // 1_000_000))
        until(without_answer, 240)
        names = set(server.get("label/__name__/values"))
        rules = [rule for group in server.get("rules")["groups"] for rule in group["rules"]]
        firing = server.query('ALERTS{alertstate="firing"}')
        live = server.query('sum by (market) (processors_books{state="live"})')
        texts = {
            name: fetch(f"http://127.0.0.1:{getattr(ports, name)}/metrics") for one in SCRAPED.values() for name in one
        }

    assert {name for rule in RULES for name in NAMES.findall(rule.expr)} <= names
    assert {(rule["name"], rule["health"]) for rule in rules} == {(rule.name, "ok") for rule in RULES}
    assert firing == []
    assert {one["metric"]["market"]: one["value"][1] for one in live}["spot"] == "1"
    for name, text in texts.items():
        assert promtool("check", "metrics", stdin=text) == "", name
        assert [line for line in text.splitlines() if not line.startswith(("#", *PREFIXES))] == [], name


def without_event(ports: Ports) -> list[str]:
    """Return the stream types of which nothing came yet."""
    try:
        text = fetch(f"http://127.0.0.1:{ports.ingest}/metrics")
    except OSError as error:
        return [str(error)]
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    times = {str(one.labels): one.value for one in samples if one.name == "ingest_last_event_timestamp_seconds"}
    return [labels for labels, value in times.items() if not value] or ([] if times else ["no stream type"])


def not_scraped(server: Server) -> list[str]:
    """Return which targets were not scraped yet."""
    try:
        targets = server.get("targets")["activeTargets"]
    except OSError as error:
        return [str(error)]
    return [target["scrapeUrl"] for target in targets if target["health"] != "up"] or ([] if targets else ["no target"])


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310
        text: str = answer.read().decode()
    return text
