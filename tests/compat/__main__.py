"""The command line of `make compat`."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from subprocess import SubprocessError
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from sandbox.errors import SandboxError
from sandbox.interrupts import interrupted_by_signals
from tests.compat.comparing import judge
from tests.compat.filling import Facts, facts_of, fill, stack_in
from tests.compat.readers import PROGRAMS, Program
from tests.compat.report import Line, Report, print_report, write_report
from tests.compat.running import Site


__all__ = ["main"]

_READERS = tuple(dict.fromkeys(program.reader for program in PROGRAMS))
_BLOCK = 512
_EXAMPLES = """
**Examples**

`make compat` — everything: some ten minutes the first time, five after that

`make compat ARGS="--only kcat,python"` — these alone; what the others need is not downloaded

`make compat ARGS="--only flink --keep /tmp/compat --json /tmp/compat.json"`

**Exit status**: 0 when every reader found what it must, 1 when one did not or could not be run, 2 for a wrong
command line.
"""

app = typer.Typer(add_completion=False, rich_markup_mode="markdown")


@app.command(epilog=_EXAMPLES)
def compat(
    only: Annotated[str, typer.Option(metavar="NAME,…", help=f"Readers, of: {', '.join(_READERS)}.")] = "",
    json: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write the result.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An empty directory for all that is written; by default a temporary one."),
    ] = None,
) -> None:
    """Read our topics with other people's tools, and hold what each finds against plain arithmetic.

    A simulated market runs for a minute through ingest and the processors into a real Kafka; then the recipes of
    docs/consumers.md are run as they stand there.
    """
    chosen = [name.strip() for name in only.split(",")] if only else list(_READERS)
    if unknown := [name for name in chosen if name not in _READERS]:
        msg = f"{', '.join(unknown)}: no reader; there are {', '.join(_READERS)}"
        raise typer.BadParameter(msg)
    if keep is not None and keep.exists() and any(keep.iterdir()):
        msg = f"--keep {keep}: is not empty"
        raise typer.BadParameter(msg)
    console = Console()
    with interrupted_by_signals(), _directory(keep) as directory:
        report = _run([program for program in PROGRAMS if program.reader in chosen], directory, console)
    print_report(report, console)
    if json is not None:
        write_report(report, json)
    raise typer.Exit(0 if report.ok else 1)


def _run(programs: Sequence[Program], directory: Path, console: Console) -> Report:
    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    stack = stack_in(directory / "stack", tell)
    with stack:
        fill(stack, console)
        facts = facts_of(stack.bootstrap_servers)
        tell("the topics hold " + ", ".join(f"{count:,} of {topic}" for topic, count in facts.records.items()))
        site = Site(directory, stack.bootstrap_servers, stack.registry_url, tell)
        lines = [line for program in programs for line in _lines(program, site, facts, tell)]
    # What lies on the disk: Kafka's files have holes, and programs are linked.
    megabytes = sum(path.lstat().st_blocks for path in directory.rglob("*")) * _BLOCK // 10**6
    return Report(facts.records, lines, megabytes)


def _lines(program: Program, site: Site, facts: Facts, tell: Callable[[str], None]) -> list[Line]:
    """Run one program; whatever happens to it, the others go on."""
    tell(f"{program.reader}: {program.what}")
    began = time.monotonic()
    try:
        version = program.version()
        told = program.run(site, facts)
    except (SandboxError, SubprocessError, KafkaException, ValueError, OSError) as error:
        return [Line.failed(program.reader, program.what, str(error), time.monotonic() - began)]
    seconds = time.monotonic() - began
    verdicts = [judge(source, told.minutes.get(source, {}), facts.truth[source]) for source in program.sources]
    return [
        Line.of(program.reader, version, program.what, verdict=verdict, more=told.differences, seconds=seconds)
        for verdict in verdicts
    ]


@contextmanager
def _directory(kept: Path | None) -> Iterator[Path]:
    directory = (kept or Path(tempfile.mkdtemp(prefix="binance-compat-"))).absolute()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        yield directory
    finally:
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


def main() -> int:
    """Run, and say what stops us."""
    try:
        app(standalone_mode=True)
    except (SandboxError, KafkaException, OSError) as error:
        Console(stderr=True).print(f"error: {error}", highlight=False, markup=False, soft_wrap=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
