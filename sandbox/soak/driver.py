"""Runs a soak: everything is started, the day goes by, the log settles, and is checked."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml
from rich.console import Console

from sandbox.demo.exchange_control import ExchangeStatus
from sandbox.demo.workspace import Workspace
from sandbox.errors import SandboxError
from sandbox.soak.actor import Actor
from sandbox.soak.checker.book import WholeBook
from sandbox.soak.checker.books import SymbolKey
from sandbox.soak.checker.causes import Causes
from sandbox.soak.checker.checker import Checker, Verdict, topics_to_read
from sandbox.soak.checker.truth import Truth, read_faults
from sandbox.soak.control import OrderedFault, SoakControl
from sandbox.soak.course import ActKind, Course, course_of
from sandbox.soak.display import SoakDisplay, Standing
from sandbox.soak.report import SoakReport
from sandbox.soak.scenario import Scenario
from sandbox.soak.stand import Stand
from sandbox.soak.watch import LedgerWatch, LogWatch
from sandbox.verify.topics import read_to_end
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry
from schemas.topics import Layer


__all__ = ["NotListeningError", "exchange_arguments", "run_day"]

STREAMS: Final = {
    Market.SPOT: ("trade", "aggTrade", "depth"),
    Market.USDM: ("trade", "aggTrade", "depth@500ms"),
    Market.COINM: ("trade", "aggTrade", "depth@500ms"),
}
"""Of every symbol; at a hundredfold speed the fastest depth streams would be a hundred thousand looks a second."""
RICH_STREAMS: Final = ("bookTicker", "kline_1m", "miniTicker")
"""Also of a market's first symbol."""
TRUTH: Final = "truth"
"""Directory of the exchange's own log."""
_START_MS: Final = 1_793_577_600_000
_POLL_S: Final = 0.25
_LISTEN_S: Final = 150.0
_QUIET_S: Final = 12.0
"""How long nothing may come into the log before it counts as settled."""


class NotListeningError(SandboxError):
    """Ingest did not begin to listen."""

    def __init__(self, wanted: int, subscribed: int, waited_s: float) -> None:
        super().__init__(wanted, subscribed, waited_s)
        self.wanted = wanted
        self.subscribed = subscribed
        self.waited_s = waited_s

    def __str__(self) -> str:
        return (
            f"ingest did not begin to listen: {self.subscribed} of {self.wanted} streams after {self.waited_s:g} s;"
            " its log says why"
        )


def run_day(scenario: Scenario, workspace: Workspace, console: Console) -> SoakReport:
    """Run a soak.

    Raises:
        SandboxError: something of it could not be started, or ended by itself.
    """
    course = course_of(scenario)
    exchange = exchange_arguments(scenario, course, workspace.path)
    title = f"soak: {scenario.day_s / 3600:g} h in {scenario.minutes:g} min, seed {scenario.seed}"
    with (
        SoakDisplay(console, title) as display,
        Stand(workspace.path, exchange, display.tell) as stand,
    ):
        codec = Codec(stand.table, Registry(stand.registry_url))
        day = _Day(scenario, course, stand, codec, display)
        return day.run()


class _Day:
    """One soak, from ingest's start to the verdict."""

    def __init__(self, scenario: Scenario, course: Course, stand: Stand, codec: Codec, display: SoakDisplay) -> None:
        self._scenario = scenario
        self._course = course
        self._stand = stand
        self._codec = codec
        self._display = display
        self._control = SoakControl(stand.exchange_url)
        self._problems: list[str] = []
        self._peak_mb = 0.0
        self._shown = 0.0, 0
        self._rate = 0.0
        self._faults: list[OrderedFault] = []
        self._ledger = LedgerWatch(stand.bootstrap_servers, stand.table, codec)
        self._actor = Actor(
            scenario,
            course,
            stand,
            before_kill=lambda: self._configure(scenario.ingest),
            tell=display.tell,
        )
        raw = [topic for topic in stand.table if topic.layer is Layer.RAW]
        self._log = LogWatch(stand.bootstrap_servers, raw)

    def run(self) -> SoakReport:
        stand, display = self._stand, self._display
        try:
            self._configure(self._scenario.first_life or self._scenario.ingest)
            display.tell("starting ingest")
            stand.start_ingest()
            self._await_listening()
            display.tell("the day begins")
            began_s = time.monotonic()
            self._control.start()
            self._go_through()
            day_s = time.monotonic() - began_s
            display.tell("the day is over; waiting until the log is at rest")
            settle_s = self._settle()
            display.tell("stopping ingest")
            if status := stand.stop_ingest():
                self._problems.append(f"ingest ended with status {status} when it was told to stop")
            books = self._books()
            self._faults, frames_sent = self._control.faults(), self._control.status().frames_sent
            self._judge_faults()
            stand.stop_exchange()  # and what it held back of its own log is written
            check_began_s = time.monotonic()
            verdict = self._check(books)
            return SoakReport(
                scenario=self._scenario,
                verdict=verdict,
                acts=self._actor.done,
                faults=dict(Counter(fault.fault for fault in self._faults if fault.hits)),
                day_seconds=day_s,
                settle_seconds=settle_s,
                check_seconds=time.monotonic() - check_began_s,
                frames_sent=frames_sent,
                peak_mb=self._peak_mb,
                problems=self._problems,
            )
        finally:
            self._actor.close()
            self._ledger.close()

    def _configure(self, sections: dict[str, Any]) -> None:
        self._stand.configure_ingest(_market_sections(self._course), sections)

    def _await_listening(self) -> None:
        """Wait until ingest has subscribed to everything and fetched a snapshot of every book."""
        wanted = sum(len(streams) for streams in _streams(self._course).values())
        books = sum(map(len, self._course.symbols.values()))
        deadline = time.monotonic() + _LISTEN_S
        while True:
            self._stand.check_running()
            subscribed = self._control.status().subscriptions
            if subscribed >= wanted and self._log.look() >= books:
                return
            if time.monotonic() >= deadline:
                raise NotListeningError(wanted, subscribed, _LISTEN_S)
            time.sleep(_POLL_S)

    def _go_through(self) -> None:
        """Let the day go by, until the exchange has no more to send."""
        while True:
            self._stand.check_running(broker_away=self._actor.broker_away)
            status = self._control.status()
            if status.ended:
                break
            self._actor.step((status.clock_ms - _START_MS) / 1000, time.monotonic())
            self._show(status)
            time.sleep(_POLL_S)
        self._problems += self._actor.finish()

    def _settle(self) -> float:
        """Wait until nothing more comes into the log and no hole is open; returns the seconds it took."""
        began_s = quiet_since_s = time.monotonic()
        records = -1
        while True:
            self._stand.check_running()
            self._show(self._control.status())
            now_s = time.monotonic()
            if self._log.records != records or self._ledger.unsettled():
                records, quiet_since_s = self._log.records, now_s
            if now_s - quiet_since_s >= _QUIET_S:
                return quiet_since_s - began_s
            if now_s - began_s >= self._scenario.settle_s:
                self._problems.append(
                    f"the log did not come to rest within {self._scenario.settle_s:g} s:"
                    f" {self._ledger.unsettled()} holes are not closed"
                )
                return now_s - began_s
            time.sleep(_POLL_S)

    def _books(self) -> dict[SymbolKey, WholeBook | str]:
        """Ask for the exchange's book of every symbol."""
        gone = {(market, name) for market, names in self._course.delisted.items() for name in names}
        keys = [(market, name) for market, names in self._course.subscribed().items() for name in names]
        return {key: "delisted" if key in gone else self._control.whole_book(key) for key in keys}

    def _check(self, books: dict[SymbolKey, WholeBook | str]) -> Verdict:
        stand, markets = self._stand, frozenset(self._course.symbols)
        self._display.tell("reading the exchange's own log")
        directory = stand.directory / TRUTH
        truth = Truth.read(directory, markets)
        checker = Checker(
            stand.table, self._codec, truth, Causes(read_faults(directory / "faults.jsonl"), self._actor.done)
        )
        self._display.tell(f"reading the topics: {len(truth):,} trades and aggregate trades must be there")
        for record in read_to_end(stand.bootstrap_servers, topics_to_read(stand.table, markets)):
            checker.take(record)
        self._display.tell("comparing")
        return checker.finish(frozenset(books), books.__getitem__)

    def _judge_faults(self) -> None:
        for fault in self._faults:
            if fault.state == "failed":
                self._problems.append(f"the exchange could not make the fault {fault.fault}: {fault.reason}")

    def _show(self, status: ExchangeStatus) -> None:
        now_s = time.monotonic()
        shown_s, shown_records = self._shown
        if now_s - shown_s < 1.0:
            return
        if not self._actor.broker_away:
            self._log.look()
            self._ledger.look()
        records = self._log.records
        self._rate = (records - shown_records) / (now_s - shown_s) if shown_s else 0.0
        self._shown = now_s, records
        resident_mb = self._stand.ingest_mb()
        self._peak_mb = max(self._peak_mb, resident_mb)
        passed_s = (status.clock_ms - _START_MS) / 1000
        done = sum(float(fault["at"]) <= passed_s for fault in self._course.faults)
        standing = Standing(
            day_part=min(1.0, max(0.0, passed_s / self._scenario.day_s)),
            venue_clock=datetime.fromtimestamp(status.clock_ms / 1000, UTC).strftime("%H:%M:%S"),
            frames_sent=status.frames_sent,
            connections=status.connections,
            raw_records=records,
            records_per_s=self._rate,
            kills=sum(act.act == ActKind.KILL for act in self._actor.done),
            faults_done=done,
            faults_planned=len(self._course.faults),
            holes=self._ledger.holes(),
            resident_mb=resident_mb,
        )
        self._display.show(standing)


def _streams(course: Course) -> dict[Market, list[str]]:
    """Return every stream that ingest is to subscribe to, by market."""
    return {
        market: [
            f"{symbol.lower()}@{kind}"
            for number, symbol in enumerate(symbols)
            for kind in (*STREAMS[market], *(RICH_STREAMS if number == 0 else ()))
        ]
        for market, symbols in course.subscribed().items()
    }


def _market_sections(course: Course) -> dict[str, Any]:
    return {
        str(market): {
            "symbols": list(symbols),
            "streams": list(STREAMS[market]),
            "symbol_streams": {symbols[0]: [*STREAMS[market], *RICH_STREAMS]},
        }
        for market, symbols in course.subscribed().items()
    }


def exchange_arguments(scenario: Scenario, course: Course, directory: Path) -> list[str]:
    """Return the arguments of the exchange of a day; its faults and its own log are files of ``directory``."""
    arguments = ["--simulate", "--start", "manual", "--speed", f"{scenario.speed:g}"]
    arguments += ["--seed", str(scenario.seed), "--duration", f"{scenario.day_s:g}", "--start-time", str(_START_MS)]
    arguments += ["--activity", f"{scenario.activity:g}", "--truth", str(directory / TRUTH)]
    arguments += ["--time-factor", f"{scenario.time_factor:g}", "--lifetime", f"{scenario.lifetime_s:g}"]
    for pool, limit in scenario.weight_limits.items():
        arguments += ["--weight-limit", f"{pool}={limit}"]
    for market, symbols in course.symbols.items():
        for symbol in symbols:
            arguments += ["--symbol", f"{market}:{symbol}"]
    if course.faults:
        path = directory / "exchange-faults.yaml"
        path.write_text(yaml.safe_dump({"faults": msgspec.to_builtins(course.faults)}, sort_keys=False), "utf-8")
        arguments += ["--scenario", str(path)]
    return arguments
