"""The command ``binance-sandbox``: everything on one machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console

from sandbox.broker_command import run_broker
from sandbox.command_line import FAILED, USAGE, MarketOption, Sizes, parsed_contract_sizes, parsed_speed, refuse
from sandbox.demo.demonstrating import DemoRequest, run_demo, run_up
from sandbox.demo.replaying import ReplayRequest, run_replay
from sandbox.demo.replaying_private import PrivateReplayRequest, run_private_replay
from sandbox.demo.workspace import shared_servers
from sandbox.errors import PortTakenError, SandboxError
from sandbox.exchange.command_line import EXAMPLES, exchange
from sandbox.interrupts import interrupted_by_signals
from sandbox.recordings import RecordingError
from sandbox.recordings.private import LABEL
from sandbox.soak.command import SoakRequest, run_soak
from sandbox.soak.scenario import ScenarioError
from sandbox.traders.command_line import EXAMPLES as TRADING_EXAMPLES, trade
from sandbox.verify.klines import KlineFileError
from schemas.registry import RegistryError


__all__ = ["app", "main"]

_INTERRUPTED = 130
_WIDTH_OF_FILES = 160
"""Columns where the output is no terminal."""

app = typer.Typer(
    help="Everything on one machine: a real Kafka, a registry, an exchange, the demo and its proof.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)

DataDir = Annotated[
    Path | None,
    typer.Option(help="Where data and logs are kept; by default a temporary directory, removed at the end."),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH|live|simulated",
        help="A recording, Binance itself, or a simulated exchange, the default. May be repeated.",
    ),
]
UpSourceOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH|live|simulated",
        help="A recording, Binance itself, or a simulated exchange; by default Binance where it answers within two "
        "seconds, else a simulated exchange. May be repeated.",
    ),
]
AnyPorts = Annotated[bool, typer.Option("--any-ports", help="Free ports instead of the standard ones.")]


@app.command(
    epilog="""
**Examples**

`binance-sandbox broker` — Kafka on 9092 and the registry on 8081, until Ctrl-C

`binance-sandbox broker --data-dir ./kafka --kafka-port 19092 --no-registry`

**Exit status**: 0 when told to stop, 1 when something failed (a taken port, a package that cannot be had, a server
that died), 2 for a wrong command line.
"""
)
def broker(
    data_dir: DataDir = None,
    kafka_port: Annotated[int, typer.Option(min=0, max=65_535, help="Kafka's port; 0 takes a free one.")] = 9092,
    registry_port: Annotated[
        int, typer.Option(min=0, max=65_535, help="The registry's port; 0 takes a free one.")
    ] = 8081,
    registry: Annotated[bool, typer.Option(help="Whether a registry runs beside the broker.")] = True,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
) -> None:
    """Run a real Kafka broker and a schema registry, without Docker and without an installed Java."""
    raise typer.Exit(run_broker(data_dir, kafka_port, registry_port if registry else None, host))


app.command(epilog=EXAMPLES)(exchange)
app.command(epilog=TRADING_EXAMPLES)(trade)


@app.command(
    epilog="""
**Examples**

`binance-sandbox replay btcusdt_20240808.gz btcusdt_20240809.gz --klines SPOT-BTCUSDT-1m.csv --report report.json`

`binance-sandbox replay recordings/ --market usdm --speed 10 --data-dir ./run`

`binance-sandbox replay --private orders.json account.jsonl.gz --report report.json`

A recording is lines of `<receive time> <JSON>`, plain or gzip, in one or several files, or cryptofeed's files;
with `--private` it is of events of accounts (user data): JSON objects in any of Binance's three envelopes, one after
another, one a line, or in an array. Kafka and the registry are started unless `KAFKA_BOOTSTRAP_SERVERS` and
`SCHEMA_REGISTRY_URL` name others; there the topics get a prefix of their own.

**Exit status**: 0 when all that could be compared holds, 1 when not (of accounts also where the recording contradicts
itself, or a part of it cannot be read), 2 for a wrong command line, a missing or unreadable file, or a market that
cannot be told.
"""
)
def replay(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files, directories, common stems of files.")],
    *,
    klines: Annotated[
        list[Path] | None,
        typer.Option(metavar="CSV", help="The venue's klines, as truth for candles. May be repeated."),
    ] = None,
    market: MarketOption = None,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="How many times as fast as recorded; max: no pause.")
    ] = "max",
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Where to write the report.")] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            "--keep",
            metavar="DIR",
            help="Where data and logs are kept; by default a temporary directory, removed at the end.",
        ),
    ] = None,
    contract_size: Sizes = None,
    private: Annotated[
        bool, typer.Option("--private", help="The recording is of accounts: orders, balances, positions.")
    ] = False,
    account: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL", help="With --private: the one account of all files; by default each tells of its own."
        ),
    ] = None,
) -> None:
    """Send a recording through WebSocket, ingest, Kafka and Faust, and compare what comes out with the truth in it."""
    parsed_speed(speed)
    if account is not None and not (private and LABEL.fullmatch(account)):
        refuse("--account: with --private, a label of small letters, digits and hyphens")
    if private:
        if klines or contract_size:
            refuse("--private: --klines and --contract-size are of market data")
        of_accounts = PrivateReplayRequest(
            paths=paths, market=market, account=account, speed=speed, report=report, data_dir=data_dir
        )
        raise typer.Exit(_run(lambda console: run_private_replay(of_accounts, shared_servers(), console)))
    sizes = parsed_contract_sizes(contract_size)
    for symbol, size in sizes:
        if size != int(size):
            refuse(f"--contract-size: {size} of {symbol} is not a whole number")
    request = ReplayRequest(
        paths=paths,
        klines=klines or (),
        market=market,
        speed=speed,
        report=report,
        data_dir=data_dir,
        contract_sizes={symbol: int(size) for symbol, size in sizes},
    )
    raise typer.Exit(_run(lambda console: run_replay(request, shared_servers(), console)))


@app.command(
    epilog="""
**Examples**

`binance-sandbox demo` — a simulated market; needs nothing but this package

`binance-sandbox demo --source btcusdt_20240808.gz --source btcusdt_20240809.gz` — a recording

`binance-sandbox demo --source live` — Binance itself

Listens on the standard ports: Kafka 9092, registry 8081, exchange 9443, metrics 9101 to 9103, read service 8080.

**Exit status**: 0 when all of it holds, 1 when not, 2 for a wrong command line or an unusable recording.
"""
)
def demo(
    *,
    source: SourceOption = None,
    market: MarketOption = None,
    speed: Annotated[
        str | None,
        typer.Option(metavar="N|max", help="How many times as fast as the market; by default as is good to watch."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the simulated market.")] = 1,
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Where to write the report.")] = None,
    data_dir: DataDir = None,
    any_ports: AnyPorts = False,
) -> None:
    """Show market data going over a WebSocket into Kafka and coming out of Faust, and prove that it is right."""
    if speed is not None:
        parsed_speed(speed)
    request = DemoRequest(
        sources=source or (),
        market=market,
        speed=speed,
        seed=seed,
        report=report,
        data_dir=data_dir,
        any_ports=any_ports,
    )
    raise typer.Exit(_run(lambda console: run_demo(request, shared_servers(), console)))


@app.command(
    epilog="""
**Examples**

`binance-sandbox up` — Binance where it answers within two seconds, else a simulated exchange; until Ctrl-C

`binance-sandbox up --source simulated` — a simulated exchange, with an account that robots trade for

`binance-sandbox up --source btcusdt_20240808.gz --speed 10 --data-dir ./run`

`curl -s localhost:8080/api/v1/books` — what the read service says of every book

`kcat -b localhost:9092 -C -e -t binance.spot.raw.trade -f '%T %k %s\\n'` — what Binance sends, as it sends it

Listens on the standard ports: Kafka 9092, registry 8081, exchange 9443, metrics 9101 to 9104, dashboard 8080.
`BINANCE_SANDBOX_SOURCE=live` or `=simulated` decides where no `--source` does.

**Exit status**: 0 after Ctrl-C, 1 when something failed, 2 for a wrong command line or an unusable recording.
"""
)
def up(
    *,
    source: UpSourceOption = None,
    market: MarketOption = None,
    speed: Annotated[str, typer.Option(metavar="N|max", help="How many times as fast as the market.")] = "1",
    seed: Annotated[int, typer.Option(help="Of the simulated market.")] = 1,
    data_dir: DataDir = None,
    any_ports: AnyPorts = False,
) -> None:
    """Run the whole system until Ctrl-C: look at its dashboard, read its topics."""
    parsed_speed(speed)
    request = DemoRequest(
        sources=source or (), market=market, speed=speed, seed=seed, data_dir=data_dir, any_ports=any_ports
    )
    raise typer.Exit(_run(lambda console: run_up(request, shared_servers(), console), interrupted=0))


@app.command(
    epilog="""
**Examples**

`binance-sandbox soak` — one simulated day in a quarter of an hour, with everything that can happen

`binance-sandbox soak --scenario cut --report soak.json` — its short form

`binance-sandbox soak --scenario private --report accounts.json` — an hour of trading by two accounts on three markets,
their tables held against the exchange's own books

`binance-sandbox soak --scenario my.yaml --keep ./run --minutes 5`

**Exit status**: 0 when everything holds, 1 when not or something failed, 2 for a wrong command line.
"""
)
def soak(
    *,
    scenario: Annotated[
        str,
        typer.Option(
            metavar="NAME|FILE",
            help="day, cut, calm, processors, private, private-cut, or a YAML file; see docs/soak.md.",
        ),
    ] = "day",
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, help="Minutes that the simulated day takes; by default as the scenario says."),
    ] = None,
    symbols: Annotated[int | None, typer.Option(min=10, help="Symbols on three markets together.")] = None,
    seed: Annotated[int | None, typer.Option(help="Equal seeds lay out equal days.")] = None,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep topics, logs and the exchange's log here.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.json", help="Where to write the report.")] = None,
) -> None:
    """Let a simulated day, or an hour of accounts, go by in which everything happens; prove that all came out right."""
    request = SoakRequest(scenario=scenario, minutes=minutes, symbols=symbols, seed=seed, keep=keep, report=report)
    raise typer.Exit(_run(lambda console: run_soak(request, console)))


def main() -> None:
    """Run the command."""
    app()


def _run(work: Callable[[Console], int], *, interrupted: int = _INTERRUPTED) -> int:
    """Do the work of a command that starts processes; return the exit status."""
    try:
        with interrupted_by_signals():
            return work(_console())
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)
        return interrupted
    except (RecordingError, KlineFileError, ScenarioError) as error:
        typer.echo(f"binance-sandbox: {error}", err=True)
        return USAGE
    except PortTakenError as error:
        typer.echo(f"binance-sandbox: {error}\n--any-ports takes free ones for everything", err=True)
        return FAILED
    except (SandboxError, KafkaException, RegistryError, TimeoutError, OSError) as error:
        typer.echo(f"binance-sandbox: {error}", err=True)
        return FAILED


def _console() -> Console:
    """Return where a run tells what it does: as wide as the terminal, and wide enough for every table elsewhere."""
    console = Console()
    return console if console.is_terminal or "COLUMNS" in os.environ else Console(width=_WIDTH_OF_FILES)


if __name__ == "__main__":
    main()
