"""The command ``binance-processors replay``, and the one that its workers are started with."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from aiokafka.errors import KafkaError

from processors.config import Settings
from processors.core.replay_range import Bound, BoundError, BoundKind, ReplayPlan, parse_bound
from processors.errors import ProcessorsError
from processors.flows import Family
from processors.jobs import ReplayJob
from processors.logs import configure_logs
from processors.replay import Replay, Report, Telling, plan_of, run_replay
from processors.usage import read_settings
from processors.worker import run
from schemas.registry import RegistryError


__all__ = ["EPILOG", "replay", "replay_worker"]

_INTERRUPTED = 130

EPILOG = """
**Examples**

`binance-processors replay` — everything that is kept of books and trades, one worker of each

`binance-processors replay --family private` — everything that is kept of accounts

`binance-processors replay --family books --from 2024-08-09T00:00:00Z --to 2024-08-09T01:00:00Z` — an hour of books

`binance-processors replay --plan july.json; binance-processors replay --plan july.json --workers 2` — the first
resolves the range and writes the file, the second reads it: the very same records, and the same hash

`binance-processors replay --plan july.json --rows july/` — a line for each record that the hashes are over: what to
compare when two hashes differ

**Reads** the raw and control topics, never writes them, and asks the venue for nothing. **Writes** topics under a
prefix of its own, which are deleted at the end. What is compared, and what is not: docs/determinism.md.

**Exit status**: 0 when every partition reached its end, 1 after a failure, 2 for a wrong command line or setting, 130
after Ctrl-C.
"""


class Families(StrEnum):
    """What to replay."""

    BOOKS = "books"
    TRADES = "trades"
    PRIVATE = "private"
    ALL = "all"
    """All but what is private: who replays market data need not have the right to read accounts."""


def replay(  # noqa: PLR0917 - options, each by its name
    begin: Annotated[
        str, typer.Option("--from", help="Where to begin: a time (ISO, or ms), `offset:N`, or `earliest`.")
    ] = "earliest",
    end: Annotated[str, typer.Option("--to", help="Where to end (exclusive): likewise, or `latest`.")] = "latest",
    family: Annotated[Families, typer.Option(help="What to replay; `all`: all but what is private.")] = Families.ALL,
    output_prefix: Annotated[
        str | None, typer.Option(help="First part of the names of the topics that are written. [default: a new one]")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=12, help="Worker processes of each family.")] = 1,
    plan: Annotated[
        Path | None, typer.Option(help="The resolved range: read if the file exists, else written there.")
    ] = None,
    rows: Annotated[Path | None, typer.Option(help="A folder for the rows that the hashes are over.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Do not delete the topics that were written.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Run the workers over a range of the raw topics again, and print a hash of what came of it.

    Two replays of one range print the same hash, whatever the number of workers, the sizes of batches, and however
    often a worker was killed.
    """
    settings = read_settings()
    options = Replay(output_prefix=output_prefix, workers=workers, keep=keep, rows=rows)
    raise typer.Exit(_carried_out(settings, _Range(begin, end, family, plan), options, as_json=as_json))


def replay_worker(
    family: Annotated[Family, typer.Argument(help="What to run.")],
    plan: Annotated[Path, typer.Option(help="The range.")],
    output_prefix: Annotated[str, typer.Option(help="Where to write.")],
) -> None:
    """Run one worker of a replay, until standard input ends. `replay` starts it."""
    configure_logs()
    threading.Thread(target=_stop_at_end_of_input, daemon=True).start()
    job = ReplayJob(msgspec.json.decode(plan.read_bytes(), type=ReplayPlan), output_prefix)
    raise typer.Exit(run(family, read_settings(), job))


def _stop_at_end_of_input() -> None:
    while sys.stdin.buffer.read(1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


class _Range:
    """What the command line says about the range.

    Args:
        begin: as given.
        end: as given.
        family: as given.
        file: the plan.
    """

    def __init__(self, begin: str, end: str, family: Families, file: Path | None) -> None:
        self._file = file
        self._families = list(_PUBLIC) if family is Families.ALL else [Family(family)]
        try:
            self._begin, self._end = parse_bound(begin), parse_bound(end)
        except BoundError as error:
            raise typer.BadParameter(str(error)) from error
        if file is not None and file.exists() and (self._begin, self._end) != _EVERYTHING:
            msg = f'"{file}" says where to begin and to end; leave out --from and --to'
            raise typer.BadParameter(msg)

    async def plan(self, settings: Settings) -> ReplayPlan:
        """Return the exact range, from its file or resolved now."""
        if self._file is not None and self._file.exists():
            try:
                return msgspec.json.decode(self._file.read_bytes(), type=ReplayPlan)
            except msgspec.DecodeError as error:
                msg = f'"{self._file}" is no plan of a replay: {error}'
                raise typer.BadParameter(msg) from error
        plan = await plan_of(settings, self._families, self._begin, self._end)
        if self._file is not None:
            self._file.write_bytes(msgspec.json.format(msgspec.json.encode(plan)) + b"\n")
        return plan


_PUBLIC = (Family.BOOKS, Family.TRADES)
_EVERYTHING = Bound(BoundKind.EARLIEST), Bound(BoundKind.LATEST)


def _carried_out(settings: Settings, wanted: _Range, options: Replay, *, as_json: bool) -> int:
    """Replay, print the result, and return the exit status."""

    async def both() -> Report:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        plan = await wanted.plan(settings)
        for line in plan.described():
            _say(line)
        return await run_replay(plan, settings, options, Telling(_say, _progress))

    try:
        report = asyncio.run(both())
    except (ProcessorsError, RegistryError, KafkaError, OSError) as error:
        _say(f"binance-processors: {error}")
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        _say("binance-processors: interrupted; what was written is deleted")
        return _INTERRUPTED
    typer.echo(msgspec.json.encode(report).decode() if as_json else _table(report))
    return 0


def _table(report: Report) -> str:
    width = max(len(one.topic) for one in report.topics)
    lines = [f"{'topic':<{width}}  {'records':>9}  {'rows':>9}  sha-256 over identities and last values"]
    lines += [f"{one.topic:<{width}}  {one.records:>9}  {one.rows:>9}  {one.hash}" for one in report.topics]
    lines += [f"{report.records} records read in {report.seconds:g} s, {report.restarts} workers started again"]
    return "\n".join([*lines, f"hash {report.hash}"])


def _say(text: str) -> None:
    if sys.stderr.isatty():
        typer.echo("\r\x1b[K", nl=False, err=True)
    typer.echo(text, err=True)


def _progress(done: int, total: int) -> Any:
    if sys.stderr.isatty():
        share = 100 * done // max(total, 1)
        typer.echo(f"\r\x1b[K{done} of {total} records, {share} %", nl=False, err=True)
