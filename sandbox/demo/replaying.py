"""`binance-sandbox replay`: a recording through the whole pipeline, and the proof that it came out right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from sandbox.demo.course import run_course
from sandbox.demo.narrator import Narrator
from sandbox.demo.sources import RecordedSource
from sandbox.demo.workspace import Shared, Workspace
from sandbox.recordings import Recording, Summary, survey
from sandbox.stack import Stack, StackOptions, free_ports
from sandbox.verify.klines import KlineFile, KlineFileError, read_klines, symbol_of_file
from sandbox.verify.report import print_report, write_report
from sandbox.verify.symbols import SymbolId
from schemas.markets import Market


__all__ = ["ReplayRequest", "run_replay"]


class ReplayRequest(msgspec.Struct, frozen=True):
    """What is to be replayed, and how."""

    paths: Sequence[Path]
    klines: Sequence[Path] = ()
    market: Market | None = None
    speed: str = "max"
    report: Path | None = None
    data_dir: Path | None = None
    contract_sizes: Mapping[str, int] = {}


def run_replay(request: ReplayRequest, shared: Shared, console: Console) -> int:
    """Replay, verify, report.

    Returns:
        The exit status: 0 where all of it holds, 1 where it does not.

    Raises:
        RecordingError: the recording cannot be used.
        KlineFileError: a file of klines cannot be used.
        SandboxError: something of the stack failed.
    """
    with Narrator(console) as narrator:
        narrator.tell("reading the recording")
        summary = survey(Recording.find(request.paths, request.market))
        source = RecordedSource(
            request.paths,
            request.market,
            summary,
            speed=request.speed,
            klines=_klines(request.klines, summary),
            sizes=request.contract_sizes,
        )
        _describe(summary, narrator)
        with Workspace(request.data_dir, console) as workspace:
            options = StackOptions(
                directory=workspace.path,
                subscriptions=source.subscriptions,
                exchange=source.exchange,
                ports=free_ports(),
                prefix=shared.prefix_for(workspace.path),
                bootstrap_servers=shared.bootstrap_servers,
                registry_url=shared.registry_url,
            )
            with Stack(options, narrator.tell) as stack:
                report = run_course(stack, source, narrator, workspace.fresh("verification"))
            workspace.failed = not report.ok
    print_report(report, console)
    if request.report is not None:
        write_report(report, request.report)
        console.print(f"report: {request.report}", soft_wrap=True, highlight=False)
    return 0 if report.ok else 1


def _klines(paths: Sequence[Path], summary: Summary) -> list[tuple[SymbolId, KlineFile]]:
    symbols = [SymbolId(symbol.market, symbol.symbol) for symbol in summary.symbols]
    found = []
    for path in paths:
        symbol_id = symbol_of_file(path, symbols)
        if symbol_id is None:
            names = ", ".join(map(str, sorted(symbols)))
            raise KlineFileError(path, f"its name does not tell which of the recorded symbols it is of ({names})")
        found.append((symbol_id, read_klines(path)))
    return found


def _describe(summary: Summary, narrator: Narrator) -> None:
    seconds = (summary.last_ns - summary.first_ns) / 10**9
    symbols = ", ".join(f"{symbol.market}:{symbol.symbol}" for symbol in summary.symbols[:10])
    more = "" if len(summary.symbols) <= 10 else f" and {len(summary.symbols) - 10} more"
    narrator.tell(f"{summary.frame_count:,} events in {seconds:,.0f} s of {symbols}{more}")
