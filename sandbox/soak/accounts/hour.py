"""Runs a soak of accounts: everything is started, the hour goes by, accounts settle, and are compared."""

from __future__ import annotations

import time
import urllib.request
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from sandbox.demo.private_flow import PrivateFlow
from sandbox.demo.subscriptions import AccountOptions, Subscriptions
from sandbox.demo.workspace import Workspace, shared_servers
from sandbox.recordings.private import Account
from sandbox.soak.accounts.actor import AccountsActor
from sandbox.soak.accounts.books import Kept, kept_of
from sandbox.soak.accounts.control import AccountsControl
from sandbox.soak.accounts.happenings import happenings_of
from sandbox.soak.accounts.plan import LABELS, AccountsPlan
from sandbox.soak.accounts.report import AccountsReport
from sandbox.soak.accounts.settling import await_settled
from sandbox.soak.accounts.tables import RestUse, judge_account
from sandbox.soak.accounts.trader import Trader
from sandbox.soak.display import SoakDisplay
from sandbox.soak.scenario import Scenario
from sandbox.stack import PRIVATE, Stack, StackOptions, free_ports
from sandbox.verify.private.outcome import PrivateOutcome, private_topics
from sandbox.verify.topics import read_to_end
from schemas.codec import Codec
from schemas.registry import Registry
from schemas.topics import RawType


__all__ = ["run_hour"]

_START_MS: Final = 1_793_604_600_000
"""Half past seven: within the hour funding is paid."""
_POLL_S: Final = 0.1
_SHOW_S: Final = 1.0
_SURELY_MS: Final = 2_000
"""What ingest believes of the venue's clock may be ahead by so much."""
_DIFFERENCES: Final = "processors_account_differences"
_SNAPSHOTS: Final = (RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT)
_SESSION_S: Final = 8


def run_hour(scenario: Scenario, plan: AccountsPlan, workspace: Workspace, console: Console) -> AccountsReport:
    """Run a soak of accounts.

    Raises:
        SandboxError: something of it could not be started, or ended by itself.
    """
    shared = shared_servers()
    options = StackOptions(
        directory=workspace.path,
        subscriptions=_market_streams(plan),
        exchange=_exchange(scenario, plan, workspace.path),
        ports=free_ports(),
        prefix=shared.prefix_for(workspace.path),
        bootstrap_servers=shared.bootstrap_servers,
        registry_url=shared.registry_url,
        environment={
            "INGEST_RECONCILE__INTERVAL_S": f"{plan.interval_s:g}",
            "INGEST_KEYS_LOOK_S": "1",
            "PROCESSORS_SESSION_TIMEOUT_S": f"{_SESSION_S}",
            "PROCESSORS_INSTANCE_ID": "soak",
            "PROCESSORS_COMMIT_INTERVAL_S": "0.5",
            "PROCESSORS_CHECKPOINT_INTERVAL_S": "2",
        },
        families=(PRIVATE,),
        dashboard=False,
        accounts={label: AccountOptions(tuple(plan.symbols), plan.symbols) for label in LABELS},
    )
    hours = scenario.day_s / 3600
    title = f"soak of accounts: {hours:g} h in {scenario.minutes:g} min, {plan.orders:,} orders, seed {scenario.seed}"
    with SoakDisplay(console, title) as display, Stack(options, display.tell) as stack:
        return _Hour(scenario, plan, stack, display).run()


class _Standing(msgspec.Struct, frozen=True):
    """How far the hour is."""

    day_part: float
    venue_clock: str
    orders: int
    requests: int
    happened: int
    planned: int

    def line(self) -> str:
        """Return it as one line."""
        return (
            f"{self.day_part:4.0%} of the hour, {self.venue_clock} · {self.orders:,} orders, "
            f"{self.requests:,} requests · {self.happened} of {self.planned} things happened"
        )


class _Hour:
    """One soak, from ingest's start to the verdict."""

    def __init__(self, scenario: Scenario, plan: AccountsPlan, stack: Stack, display: SoakDisplay) -> None:
        self._scenario = scenario
        self._plan = plan
        self._stack = stack
        self._display = display
        self._tell = display.tell
        self._control = AccountsControl(stack.exchange_url or "")
        self._codec = Codec(stack.table, Registry(stack.registry_url))
        self._accounts: list[Account] = [(market, label) for market in plan.symbols for label in LABELS]
        self._differences: Counter[str] = Counter()
        self._counted: Counter[str] = Counter()
        """By the worker that runs now, at the last look."""
        self._books: dict[Account, Kept] = {}
        self._told_s = 0.0
        happenings = happenings_of(plan, list(LABELS), scenario.seed, (scenario.calm_start, scenario.calm_end))
        self._actor = AccountsActor(
            plan,
            happenings,
            processes=stack,
            exchange=self._control,
            before_kill=self._before_kill,
            tell=display.tell,
        )

    def run(self) -> AccountsReport:
        flow = PrivateFlow(self._stack, self._accounts, self._codec, 0)
        self._stack.start_ingest()
        flow.await_listening()
        self._take_differences()
        self._differences.clear()  # how accounts began
        trader = Trader(
            self._stack.exchange_url or "",
            self._stack.options.keys_dir,
            list(LABELS),
            self._plan.symbols,
            orders=self._plan.orders,
            seed=self._scenario.seed,
            span_s=self._scenario.day_s,
        )
        self._tell("the hour begins")
        began_s = time.monotonic()
        self._control.start()
        try:
            self._go_through(trader)
        finally:
            trader.stop()
        hour_s = time.monotonic() - began_s
        problems, settle_s = self._settle()
        check_began_s = time.monotonic()
        outcome, rest = self._read()
        self._tell("comparing")
        books = self._books
        verdicts = {f"{of[0]}:{of[1]}": judge_account(of, kept, outcome) for of, kept in books.items()}
        problems += [f"record cannot be read: {text}" for text in outcome.undecodable]
        problems += [f"in the wrong partition: {text}" for text in outcome.misplaced]
        orders = sum(len(kept.orders) for kept in books.values())
        if orders < self._plan.orders:
            problems.append(f"{orders:,} orders were placed, not {self._plan.orders:,}")
        return AccountsReport(
            scenario=self._scenario,
            accounts=verdicts,
            happened=self._actor.done,
            orders=orders,
            fills=sum(len(kept.fills) for kept in books.values()),
            requests=trader.requests,
            refused=dict(sorted(trader.refused.items())),
            recovered=dict(sorted(self._differences.items())),
            rest=rest,
            dead_letters=dict(Counter(letter.get("reason", "?") for letter in outcome.dead_letters)),
            hour_s=hour_s,
            settle_s=settle_s,
            check_s=time.monotonic() - check_began_s,
            problems=problems,
        )

    def _go_through(self, trader: Trader) -> None:
        """Let the hour go by, until it is over and all orders are placed."""
        trader.start()
        while not trader.ended():
            self._stack.check_running()
            self._actor.step(trader.part)
            self._show(trader)
            time.sleep(_POLL_S)

    def _settle(self) -> tuple[list[str], float]:
        """Close the markets, and wait until accounts are compared once more; returns what is wrong, and seconds."""
        self._tell("the hour is over; the markets close")
        self._control.close()
        while not self._control.status().ended:
            self._stack.check_running()
            time.sleep(_POLL_S)
        problems = self._actor.finish()
        began_s = time.monotonic()
        closed_ms = self._control.status().clock_ms + _SURELY_MS
        self._tell("waiting until accounts are compared once more, and all is applied")
        left = await_settled(self._stack, self._codec, self._accounts, closed_ms, self._scenario.settle_s)
        if left is not None:
            problems.append(f"accounts did not settle within {self._scenario.settle_s:g} s: {left}")
        settle_s = time.monotonic() - began_s
        self._take_differences()
        self._books = self._ask_books()
        self._tell("stopping the services")
        problems += self._stack.stop_services()
        return problems, settle_s

    def _ask_books(self) -> dict[Account, Kept]:
        return {
            (market, label): kept_of(market, label, of_label)
            for market in self._plan.symbols
            for label, of_label in self._control.books(market).items()
        }

    def _read(self) -> tuple[PrivateOutcome, RestUse]:
        """Read what came out of the topics."""
        self._tell("reading the topics")
        table, outcome, rest = self._stack.table, PrivateOutcome(), RestUse()
        for record in read_to_end(self._stack.bootstrap_servers, private_topics(table, list(self._plan.symbols))):
            topic = table[record.topic]
            outcome.take(topic, record, self._codec)
            if topic.type in _SNAPSHOTS and topic.market is not None:
                rest.take(topic.market, record)
        return outcome, rest

    def _before_kill(self) -> None:
        self._take_differences()
        self._counted.clear()  # the next worker begins anew

    def _take_differences(self) -> None:
        """Add what the worker has counted since the last look."""
        url = f"http://127.0.0.1:{self._stack.options.ports.private}/metrics"
        with suppress(OSError), urllib.request.urlopen(url, timeout=5) as page:
            found = _differences(page.read().decode())
            self._differences += found - self._counted
            self._counted = found

    def _show(self, trader: Trader) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < _SHOW_S:
            return
        self._told_s = now_s
        clock = datetime.fromtimestamp((_START_MS + trader.part * self._scenario.day_s * 1_000) / 1_000, UTC)
        standing = _Standing(
            day_part=min(1.0, trader.part),
            venue_clock=f"{clock:%H:%M:%S}",
            orders=sum(trader.placed.values()),
            requests=trader.requests,
            happened=len(self._actor.done),
            planned=len(self._actor.done) + self._actor.left,
        )
        self._display.show(standing)


def _differences(page: str) -> Counter[str]:
    """Return what a worker has counted, by market and what."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(page):
        if family.name == _DIFFERENCES:
            for sample in family.samples:
                found[f"{sample.labels['market']} {sample.labels['what']}"] += int(sample.value)
    return found


def _market_streams(plan: AccountsPlan) -> Subscriptions:
    """Return a stream of each market: with market data ingest learns the request weight that the exchange grants."""
    return Subscriptions(tuple((market, f"{symbols[0].lower()}@trade") for market, symbols in plan.symbols.items()), {})


def _exchange(scenario: Scenario, plan: AccountsPlan, directory: Path) -> list[str]:
    """Return the exchange's arguments."""
    arguments = ["--simulate", "--start", "manual", "--duration", "0", "--speed", f"{scenario.speed:g}"]
    arguments += ["--seed", str(scenario.seed), "--start-time", str(_START_MS)]
    arguments += ["--activity", f"{scenario.activity:g}", "--time-factor", f"{scenario.time_factor:g}"]
    arguments += ["--keys-dir", str(directory / "keys")]
    for pool, limit in scenario.weight_limits.items():
        arguments += ["--weight-limit", f"{pool}={limit}"]
    for label, kind in LABELS.items():
        arguments += ["--account", f"{label}:{kind}"]
    for market, symbols in plan.symbols.items():
        for symbol in symbols:
            arguments += ["--symbol", f"{market}:{symbol}"]
    return arguments
