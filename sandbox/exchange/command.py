"""Runs the exchange server on a recording or on a simulated market until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import msgspec
import structlog
import uvloop

from sandbox.exchange.faults.journal import require_unused
from sandbox.exchange.limits import LIMITS, Pool
from sandbox.exchange.private.accounts import AccountSpec
from sandbox.exchange.server import ExchangeServer, ExchangeSettings
from sandbox.exchange.source import Source
from sandbox.recordings import Recording, Summary, survey
from sandbox.recordings.private import read_private
from sandbox.replay import ReplaySource
from sandbox.replay.private_source import PrivateReplaySource
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from sandbox.simulation.truth import TruthLog
from schemas.markets import Market


__all__ = ["ReplayOptions", "parse_contract_size", "parse_speed", "parse_weight_limit", "run_exchange"]

_REPORTED_PROBLEMS = 10
_FLUSH_EVERY_S = 1.0

_log = structlog.get_logger()


class ReplayOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is replayed."""

    paths: tuple[Path, ...]
    """Files, directories, common stems of files."""
    market: Market | None = None
    """Of all files; None: each file tells."""
    contract_sizes: Mapping[str, Decimal] = {}
    """COIN-M contract sizes by symbol, where the recording does not tell them."""
    private: bool = False
    """Whether the files are of accounts; each recorded one then exists, and has a key."""


def parse_speed(text: str) -> float | None:
    """Return a speed: a positive number, or None for ``max``.

    Raises:
        ValueError: It is neither.
    """
    if text == "max":
        return None
    speed = float(text)
    if not 0 < speed < float("inf"):
        msg = f'speed "{text}" is not a positive number'
        raise ValueError(msg)
    return speed


def parse_contract_size(text: str) -> tuple[str, Decimal]:
    """Return the symbol and the contract size of ``ETHUSD_PERP=10``.

    Raises:
        ValueError: It is not of that form.
    """
    symbol, equals, size = text.partition("=")
    if not symbol or not equals or not size.replace(".", "", 1).isdigit() or not Decimal(size):
        msg = f'"{text}" is not of the form SYMBOL=SIZE, as in ETHUSD_PERP=10'
        raise ValueError(msg)
    return symbol.upper(), Decimal(size)


def parse_weight_limit(text: str) -> tuple[Pool, int]:
    """Return the pool and the weight per minute of ``spot=1200``.

    Raises:
        ValueError: It is not of that form.
    """
    pool, _, limit = text.partition("=")
    if pool not in LIMITS or not limit.isdecimal() or not int(limit):
        msg = f'"{text}" is not of the form POOL=N, as in {" or ".join(f"{pool}={n}" for pool, n in LIMITS.items())}'
        raise ValueError(msg)
    return pool, int(limit)


def run_exchange(what: ReplayOptions | SimulationConfig, settings: ExchangeSettings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        RecordingError: The recording cannot be used.
        PortTakenError: Somebody else listens on the port.
        EvidenceExistsError: The directory to record into is used.
        JournalExistsError: The directory of the exchange's own log is used.
        ForeignKeyError: The directory for keys holds one that no sandbox wrote.
        KeysNotWrittenError: The directory for keys cannot be written.
        ValueError: The simulation is not possible as configured.
    """
    source: Source
    event_count = truth = None
    if settings.truth is not None:
        require_unused(settings.truth)
    if isinstance(what, ReplayOptions) and what.private:
        source, settings = _private_replay(what, settings)
        event_count = source.event_count
    elif isinstance(what, ReplayOptions):
        recording = Recording.find(what.paths, what.market)
        _log.info("reading recording", files=len(recording.files))
        summary = survey(recording)
        _report(summary)
        source, event_count = ReplaySource(summary, what.contract_sizes), summary.frame_count
    else:
        _log.info("simulating", seed=what.seed, start_ms=what.start_ms, duration_s=what.duration_s)
        truth = TruthLog(settings.truth, time.monotonic) if settings.truth is not None else None
        source = SimulatedSource(what, truth)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, truth or nullcontext():
        runner.run(_serve(source, settings, event_count, truth))


def _private_replay(what: ReplayOptions, settings: ExchangeSettings) -> tuple[PrivateReplaySource, ExchangeSettings]:
    """Return the replay of accounts, and settings by which they exist: those that are recorded, or the one named."""
    named = settings.private.accounts
    recording = read_private(what.paths, what.market, named[0].label if named else None)
    for problem in recording.problems[:_REPORTED_PROBLEMS]:
        _log.warning("part of a recording not used", place=f"{problem.path}:{problem.line_number}")
    labels = dict.fromkeys(label for _, label in recording.accounts)
    accounts = named or [AccountSpec(label=label) for label in labels]
    _log.info("recording read", events=len(recording.events), accounts=len(accounts))
    private = msgspec.structs.replace(settings.private, accounts=accounts)
    return PrivateReplaySource(recording), msgspec.structs.replace(settings, private=private)


async def _serve(source: Source, settings: ExchangeSettings, event_count: int | None, truth: TruthLog | None) -> None:
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told_to_stop.set)
    async with ExchangeServer(source, settings, event_count) as server:
        stopping = asyncio.create_task(told_to_stop.wait())
        failing = asyncio.create_task(server.wait_failed())
        flushing = asyncio.create_task(_flush(truth))
        done, pending = await asyncio.wait({stopping, failing, flushing}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        for task in done:
            task.result()


async def _flush(truth: TruthLog | None) -> None:
    """Put what was traded into the files, though there may be no trade for a while; for ever, unless that fails."""
    while True:
        await asyncio.sleep(_FLUSH_EVERY_S)
        if truth is not None:
            truth.flush()


def _report(summary: Summary) -> None:
    """Say what the recording holds and what of it cannot be used."""
    for market in sorted(summary.markets):
        _log.info(
            "market recorded",
            market=market,
            symbols=summary.symbol_names(market),
            streams=len(summary.stream_names(market)),
        )
    _log.info("recording read", frames=summary.frame_count, seconds=(summary.last_ns - summary.first_ns) / 10**9)
    for problem in summary.problems[:_REPORTED_PROBLEMS]:
        _log.warning(
            "line of a recording not used", file=str(problem.path), line=problem.line_number, reason=problem.reason
        )
    if summary.problem_count > _REPORTED_PROBLEMS:
        _log.warning("lines of a recording not used", count=summary.problem_count)
