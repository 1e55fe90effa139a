"""`binance-sandbox demo` and `up`: the whole pipeline in one terminal."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

import msgspec
from rich.console import Console

from sandbox.demo.announcing import announce
from sandbox.demo.board import Board
from sandbox.demo.choosing import LIVE, SIMULATED, SOURCE_VARIABLE, Choice, choose_source
from sandbox.demo.course import run_course
from sandbox.demo.display import Display
from sandbox.demo.narrator import Narrator
from sandbox.demo.sources import LiveSource, RecordedSource, SimulatedSource, Simulation, Source
from sandbox.demo.waiting import Flow
from sandbox.demo.watcher import Watcher
from sandbox.demo.workspace import Shared, Workspace
from sandbox.recordings import Recording, Summary, survey
from sandbox.stack import FAMILIES, PRIVATE, Ports, Stack, StackOptions, free_ports, keys_dir_of
from sandbox.verify.report import print_report, write_report
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry


__all__ = ["DemoRequest", "run_demo", "run_up"]

SYMBOLS: Final = {
    Market.SPOT: ("BTCUSDT", "ETHUSDT", "NKNUSDT"),
    Market.USDM: ("BTCUSDT", "ETHUSDT"),
    Market.COINM: ("BTCUSD_PERP",),
}
"""Simulated; NKNUSDT has minutes without a trade."""
LIVE_SYMBOLS: Final = {
    Market.SPOT: ("BTCUSDT", "ETHUSDT"),
    Market.USDM: ("BTCUSDT",),
    Market.COINM: ("BTCUSD_PERP",),
}
STREAMS: Final = ("trade", "aggTrade", "bookTicker", "depth@100ms", "kline_1m", "ticker")
ALERTS: Final = {
    "PROCESSORS_ALERT_WINDOW": "1s",
    "PROCESSORS_SPIKE_HALF_LIFE": "30",
    "PROCESSORS_SPIKE_WARM_UP": "20",
    "PROCESSORS_ONE_SIDED_OPEN_PERCENT": "95",
}
"""Rules that have something to say within the two minutes of a demo: the services' own take five to warm up."""
ACCOUNTS: Final = ("main",)
"""On the simulated exchange of `up`; robots trade for them."""
_ROBOTS_EVERY_S: Final = 0.5
_REACH_S: Final = 2.0
"""How long Binance may take to answer before `up` goes on without it."""
_DEFAULT_SPEED: Final = "1"
_DEFAULT_SEED: Final = 1
_UP_POLL_S: Final = 0.5
_RECORDING_S: Final = 45.0
"""How long a recording may take, unless told otherwise."""
_BUSIEST: Final = 3_000.0
"""Events per second up to which a recording is slowed down to be watched."""


class DemoRequest(msgspec.Struct, frozen=True):
    """What is to be shown."""

    sources: Sequence[str] = ()
    """Paths of a recording, or `LIVE` or `SIMULATED`; none: `demo` simulates, `up` takes Binance where it answers."""
    market: Market | None = None
    speed: str | None = None
    """None: as fast as is good to watch."""
    seed: int = _DEFAULT_SEED
    report: Path | None = None
    data_dir: Path | None = None
    any_ports: bool = False
    """Free ports instead of the standard ones."""


def run_demo(request: DemoRequest, shared: Shared, console: Console) -> int:
    """Start everything, show it, stop it, verify.

    Returns:
        The exit status: 0 where all of it holds, 1 where it does not.

    Raises:
        RecordingError: the recording cannot be used.
        SandboxError: Binance cannot be reached, or something of the stack failed.
    """
    with Workspace(request.data_dir, console) as workspace:
        source = _source(request, workspace)
        board = Board()
        options = _options(request, source, workspace, shared)
        with (
            Display(console, f"binance-kafka: {_title(request)}", board) as display,
            Stack(options, display.tell) as stack,
        ):
            codec = Codec(stack.table, Registry(stack.registry_url))
            with Watcher(stack.bootstrap_servers, stack.table, codec, source.subscriptions.markets, board):
                report = run_course(stack, source, display, workspace.fresh("verification"))
            display.tell("stopping Kafka and the registry")
        workspace.failed = not report.ok
    print_report(report, console)
    if request.report is not None:
        write_report(report, request.report)
    return 0 if report.ok else 1


def run_up(request: DemoRequest, shared: Shared, console: Console) -> NoReturn:
    """Start everything and let it run until interrupted.

    Raises:
        RecordingError: the recording cannot be used.
        SandboxError: Binance cannot be reached, or something of the stack failed.
        KeyboardInterrupt: the ordinary end.
    """
    with Workspace(request.data_dir, console) as workspace, Narrator(console) as narrator:
        choice = _choice(request)
        for line in choice.told:
            narrator.tell(line)
        request = msgspec.structs.replace(request, sources=choice.sources)
        source = _source(request, workspace, endless=True)
        with Stack(_options(request, source, workspace, shared), narrator.tell) as stack:
            flow = Flow(stack, source.subscriptions, Codec(stack.table, Registry(stack.registry_url)))
            stack.start_ingest()
            if source.exchange is not None:
                flow.await_listening(source.books)
                flow.start()
            if source.accounts:
                stack.start_robots(_ROBOTS_EVERY_S)
            announce(console, stack, source)
            try:
                _watch(flow, narrator)
            finally:
                narrator.tell("stopping")


def _choice(request: DemoRequest) -> Choice:
    return choose_source(
        request.sources,
        os.environ.get(SOURCE_VARIABLE),
        simulation_only=request.seed != _DEFAULT_SEED or request.speed not in {None, _DEFAULT_SPEED},
        unreachable=lambda: LiveSource(LIVE_SYMBOLS, STREAMS).unreachable(_REACH_S),
    )


def _watch(flow: Flow, narrator: Narrator) -> NoReturn:
    while True:
        flow.check_running()
        if narrator.console.is_terminal:
            narrator.show(flow.look())
        time.sleep(_UP_POLL_S)


def _options(request: DemoRequest, source: Source, workspace: Workspace, shared: Shared) -> StackOptions:
    return StackOptions(
        directory=workspace.path,
        subscriptions=source.subscriptions,
        exchange=source.exchange,
        ports=free_ports() if request.any_ports else Ports(),
        prefix=shared.prefix_for(workspace.path),
        bootstrap_servers=shared.bootstrap_servers,
        registry_url=shared.registry_url,
        environment=ALERTS | ({"DASHBOARD_PRIVATE": "true"} if source.accounts else {}),
        families=(*FAMILIES, PRIVATE) if source.accounts else FAMILIES,
        accounts=source.accounts,
    )


def _title(request: DemoRequest) -> str:
    if list(request.sources) in ([], [SIMULATED]):
        return "a simulated market"
    return "Binance" if request.sources[0] == LIVE else ", ".join(Path(path).name for path in request.sources)


def _source(request: DemoRequest, workspace: Workspace, *, endless: bool = False) -> Source:
    if list(request.sources) in ([], [SIMULATED]):
        return _simulated(request, workspace, endless=endless)
    if list(request.sources) == [LIVE]:
        source = LiveSource(LIVE_SYMBOLS, STREAMS)
        source.require_reachable()
        return source
    paths = [Path(path) for path in request.sources]
    summary = survey(Recording.find(paths, request.market))
    speed = request.speed or ("1" if endless else _watchable_speed(summary))
    return RecordedSource(paths, request.market, summary, speed=speed)


def _simulated(request: DemoRequest, workspace: Workspace, *, endless: bool) -> Source:
    simulation = Simulation(symbols=SYMBOLS, streams=STREAMS, seed=request.seed)
    if endless:
        # Nothing is proven: what is of the present stays in topics as long as it should, and is shown as fresh.
        simulation = msgspec.structs.replace(simulation, duration_s=0, speed=_DEFAULT_SPEED, present=True)
    if request.speed is not None:
        simulation = msgspec.structs.replace(simulation, speed=request.speed)
    if endless:
        return SimulatedSource(simulation, None, accounts=ACCOUNTS, keys_dir=keys_dir_of(workspace.path))
    return SimulatedSource(simulation, workspace.fresh("evidence"))


def _watchable_speed(summary: Summary) -> str:
    """Return the speed at which a recording takes three quarters of a minute, if that is not too fast to watch."""
    recorded_s = (summary.last_ns - summary.first_ns) / 10**9
    if summary.frame_count / _RECORDING_S > _BUSIEST:
        return "max"
    return f"{max(1, math.ceil(recorded_s / _RECORDING_S))}"
