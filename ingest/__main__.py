"""``binance-ingest``: the command line, and the only place that picks clocks, chance and signals."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import secrets
import signal
import sys
import threading
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
import uvloop
from rich.console import Console

from ingest.accounts.making import check_keys
from ingest.check.command import check
from ingest.config import Settings, load
from ingest.errors import ConfigError, IngestError, RestError
from ingest.gaps_command import add_gaps_command
from ingest.logs import configure
from ingest.plan_command import resolve_once, show_plan
from ingest.service import Role, Service
from ingest.setup import SetupReport, set_up
from schemas.registry import RegistryError, without_credentials
from schemas.topics import TopicTable


__all__ = ["app", "main"]

EXIT_FAILED: Final = 1
"""Something went wrong, or records are left unacknowledged."""
EXIT_CONFIG: Final = 2
"""The command line or the configuration says something that cannot be."""
_LAST_CALL_S: Final = 9.5
"""Told to stop, the process is gone after so long, whatever hangs."""

app = typer.Typer(
    name="binance-ingest",
    help="Market data and account events of Binance into Kafka: verbatim, in order, every hole told.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
config_app = typer.Typer(help="The configuration.", no_args_is_help=True)
app.add_typer(config_app, name="config")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", envvar="INGEST_CONFIG", help="YAML file; the environment overrides it."),
]
ShardOption = Annotated[
    str | None,
    typer.Option("--shard", help="Which part of the symbols, by partition: `0/2`; overrides the setting."),
]
_out = Console(highlight=False)
_errors = Console(stderr=True, soft_wrap=True, markup=False, highlight=False)


class SystemClocks:
    """The machine's clocks and chance."""

    def wall_ns(self) -> int:
        """Return the time since the epoch."""
        return time.time_ns()

    def now_ms(self) -> float:
        """Return the monotonic time."""
        return time.monotonic() * 1000

    def random(self) -> float:
        """Return a random number in [0, 1)."""
        return random.random()  # noqa: S311 - spreads retries, guards nothing


@app.command()
def run(
    config: ConfigOption = None,
    wait: Annotated[
        float | None, typer.Option(help="Seconds to wait for Kafka and the registry; overrides wait_limit_s.")
    ] = None,
    shard: ShardOption = None,
) -> None:
    """Take the configured streams from Binance to Kafka until told to stop.

    SIGTERM and SIGINT stop it: what was read is delivered first. A changed configuration file is noticed, and SIGHUP
    reads it at once: symbols and streams change without a restart. Exit status 0 if the broker has everything, 1 if
    records are left unacknowledged or something failed, 2 if the configuration is wrong.

    **Example**: `binance-ingest run --config ingest.yaml`
    """
    _serve(config, shard, wait, Role.ALL)


@app.command()
def repair(
    config: ConfigOption = None,
    wait: Annotated[
        float | None, typer.Option(help="Seconds to wait for Kafka and the registry; overrides wait_limit_s.")
    ] = None,
) -> None:
    """Find and fill what is missing in the log of the configured markets; connects to no stream.

    `run` does this too, unless `repair.enabled` is false. All who repair share the partitions, and any of them may die.
    Exit statuses as of `run`.

    **Example**: `binance-ingest repair --config ingest.yaml`
    """
    _serve(config, None, wait, Role.REPAIR)


def _serve(config: Path | None, shard: str | None, wait: float | None, role: Role) -> None:
    """Run the service until told to stop."""
    settings = _load_markets(config, shard, accounts_suffice=role is Role.ALL)
    settings = _with_wait(settings, wait)
    log = configure(settings.log_level, terminal=sys.stdout.isatty())
    ingest_id = settings.ingest_id or secrets.token_hex(4)
    config_file = (config, partial(_load_again, shard=shard, wait=wait))
    service = Service(settings, ingest_id, SystemClocks(), log.bind(ingest_id=ingest_id), role=role, config=config_file)

    async def until_told() -> None:
        _calm_collector()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _stop, stop)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, service.read_config_again)
        await service.run(stop)

    try:
        uvloop.run(until_told())
    except ConfigError as error:
        _fail(error, EXIT_CONFIG)
    except (IngestError, RegistryError) as error:
        log.error("failed", reason=str(error))  # noqa: TRY400 - the sentence says it all
        _fail(error, EXIT_FAILED)


add_gaps_command(app, lambda: time.time_ns() // 1_000_000)


@app.command()
def setup(
    config: ConfigOption = None,
    keep_everything: Annotated[
        bool, typer.Option("--keep-everything", help="Let no record expire: for replays, whose records are old.")
    ] = False,
    schemas_only: Annotated[
        bool, typer.Option("--schemas-only", help="Touch no topic: where an operator makes them of manifests.")
    ] = False,
    wait: Annotated[
        float | None, typer.Option(help="Seconds to wait for Kafka and the registry; overrides wait_limit_s.")
    ] = None,
) -> None:
    """Create every topic and register every schema. Run it as often as you like.

    Where `private` is false the topics that tell of accounts are left out, and left alone if they are there. With
    `--schemas-only` the broker is not asked anything.

    Exit status 0 if everything is as the topic table says, 1 if not (a topic has another number of partitions, a
    schema is refused, a server does not answer), 2 if the configuration is wrong.

    **Example**: `KAFKA_BOOTSTRAP_SERVERS=localhost:9092 binance-ingest setup`
    """
    if keep_everything and schemas_only:
        problem = "leaves the topics to others: --keep-everything has nothing to do"
        _fail(ConfigError([("--schemas-only", problem)]), EXIT_CONFIG)
    settings = _load(config)
    try:
        report = set_up(
            TopicTable(settings.topic_prefix),
            settings.kafka,
            settings.schema_registry_url,
            private=settings.private,
            keep_everything=keep_everything,
            schemas_only=schemas_only,
            wait_limit_s=settings.wait_limit_s if wait is None else wait,
            tell=_errors.print,
            sleep=time.sleep,
        )
    except (IngestError, RegistryError) as error:
        _fail(error, EXIT_FAILED)
    _tell_setup(report, schemas_only=schemas_only)


def _tell_setup(report: SetupReport, *, schemas_only: bool) -> None:
    counts = f"{len(report.created)} created, {len(report.changed)} changed, {report.unchanged_count} as they should be"
    topics = "left to others" if schemas_only else counts
    _out.print(f"topics: {topics}; schemas: {report.schema_count} registered", soft_wrap=True)
    if report.left_out_count:
        _out.print(f"  left out, as private is false: {report.left_out_count} private topics and their schemas")
    for name, settings_there in report.differing.items():
        wanted = ", ".join(f"{key}={value}" for key, value in settings_there.items())
        _out.print(f"  left alone, though the table says {wanted}: {name}", soft_wrap=True)


@app.command("check")
def check_everything(
    config: ConfigOption = None,
    as_data: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    venue_only: Annotated[bool, typer.Option("--venue-only", help="Binance alone: no broker, no registry.")] = False,
) -> None:
    """Try everything that ingest needs from here: Binance's streams and REST, clock, broker, topics, registry.

    One stream of each type of every configured market, or of all three markets if none is configured; of every account
    its key, what that may do, a signed question and its stream. Changes nothing, but that a listen key lives on, and
    ends within 30 s whatever does not answer. Exit status 0 if nothing failed, 1 if something did, 2 if the
    configuration is wrong.

    **Example**: `binance-ingest check --config ingest.yaml`
    """
    settings = _load(config)
    checking = check(settings, SystemClocks(), out=_out, progress=_errors, as_data=as_data, venue_only=venue_only)
    if not asyncio.run(checking):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def plan(
    config: ConfigOption = None,
    shard: ShardOption = None,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Ask Binance what the patterns stand for at present.")
    ] = False,
) -> None:
    """Show which streams would go over which connection.

    It connects to nothing, so patterns are left out and counted, unless `--resolve` lets it ask. Exit status 0 if the
    plan is shown, 1 if Binance did not answer, 2 if the configuration is wrong.

    **Example**: `binance-ingest plan --config ingest.yaml --resolve`
    """
    settings = _load_markets(config, shard)
    try:
        resolutions = asyncio.run(resolve_once(settings, SystemClocks())) if resolve else {}
    except RestError as error:
        _fail(error, EXIT_FAILED)
    show_plan(_out, settings, resolutions)


@config_app.command("check")
def check_config(config: ConfigOption = None) -> None:
    """Check the configuration and show it as it is understood, environment included.

    Exit status 0 if it is right, 2 if not; each mistake is named by its key. docs/settings.md has all keys.

    **Example**: `binance-ingest config check --config ingest.yaml`
    """
    settings = _load(config)
    try:
        settings.api_key()
        check_keys(settings)
    except ConfigError as error:
        _fail(error, EXIT_CONFIG)
    if not settings.markets.present() and not settings.own_accounts:
        _errors.print("no market is named: run, repair and plan have nothing to do", style="yellow")
    shown = settings.model_dump(mode="json", exclude_none=True)
    shown["schema_registry_url"] = without_credentials(settings.schema_registry_url)
    _out.print_json(data=shown)


def main() -> NoReturn:
    """Run the command line."""
    app()
    raise SystemExit(0)


def _calm_collector() -> None:
    """Let the garbage collector look less often: frames make objects by the million, and none in a cycle."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def _load(path: Path | None, shard: str | None = None) -> Settings:
    try:
        return load(path, shard)
    except ConfigError as error:
        _fail(error, EXIT_CONFIG)


def _load_markets(path: Path | None, shard: str | None, *, accounts_suffice: bool = False) -> Settings:
    """Read settings that name a market, or an account where that is enough, be it another shard's."""
    settings = _load(path, shard)
    if not settings.markets.present() and not (accounts_suffice and settings.private and settings.accounts):
        problem = 'nothing to subscribe to: name a market, "markets: {spot: {symbols: [BTCUSDT]}}"'
        if accounts_suffice and settings.accounts:
            problem += ", or let accounts be taken: private is false"
        _fail(ConfigError([("markets", problem)], "" if path is None else f'"{path}"'), EXIT_CONFIG)
    return settings


def _load_again(path: Path, shard: str | None, wait: float | None) -> Settings:
    """Read the file as at start, with what the command line overrides."""
    return _with_wait(load(path, shard), wait)


def _with_wait(settings: Settings, wait: float | None) -> Settings:
    return settings if wait is None else settings.model_copy(update={"wait_limit_s": wait})


def _fail(error: Exception, status: int) -> NoReturn:
    _errors.print(str(error), style="red")
    raise typer.Exit(status)


def _stop(stop: asyncio.Event) -> None:
    if not stop.is_set():
        watchdog = threading.Timer(_LAST_CALL_S, _give_up)
        watchdog.daemon = True
        watchdog.start()
    stop.set()


def _give_up() -> None:
    os.write(sys.stderr.fileno(), b"did not stop in time, giving up\n")
    os._exit(EXIT_FAILED)


if __name__ == "__main__":
    main()
