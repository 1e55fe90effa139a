"""The command ``binance-sandbox exchange``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from time import time_ns
from typing import Annotated

import typer

from sandbox.command_line import MarketOption, Sizes, fail, parsed_contract_sizes, parsed_speed, refuse
from sandbox.demo.simulating import simulation
from sandbox.errors import SandboxError
from sandbox.exchange.command import ReplayOptions, parse_weight_limit, run_exchange
from sandbox.exchange.connection_settings import ConnectionSettings, SlowReaders
from sandbox.exchange.faults.scenario import ScenarioError, Scheduled, read_scenario
from sandbox.exchange.private.accounts import PrivateSettings, opening_balances, parse_account, parse_balance
from sandbox.exchange.server import ExchangeSettings, StartMode
from sandbox.recordings import RecordingError
from sandbox.simulation.config import SimulationConfig


__all__ = ["EXAMPLES", "exchange"]

EXAMPLES = """
**Examples**

`binance-sandbox exchange --replay btcusdt_20240808.gz btcusdt_20240809.gz --speed max`

`binance-sandbox exchange --simulate --seed 7 --duration 300 --record ./evidence`

`binance-sandbox exchange --simulate --duration 0 --time-factor 60 --scenario storm.yaml --truth ./truth`

`binance-sandbox exchange --simulate --duration 0 --account main:hmac --account hedge:ed25519 --keys-dir ./keys`

**Addresses** on the one port: `/spot/ws`, `/spot/stream`, `/usdm/public/…`, `/usdm/market/…`, `/coinm/…` for streams,
Binance's own paths (`/api/v3`, `/fapi/v1`, `/dapi/v1`) for REST, `/ws-api/v3`, `/ws-fapi/v1`,
`/ws-dapi/v1` for the WebSocket APIs, `/sandbox/…` to steer and to order faults.

**Exit status**: 0 when told to stop, 1 when it failed, 2 for a wrong command line or an unusable recording or scenario.
"""


def exchange(
    more: Annotated[list[Path] | None, typer.Argument(metavar="PATH", help="Further paths to replay.")] = None,
    *,
    replay_paths: Annotated[
        list[Path] | None,
        typer.Option("--replay", metavar="PATH...", help="Recordings: files, directories, common stems of files."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="The recordings are of accounts, whose keys --keys-dir gets.")
    ] = False,
    simulate: Annotated[bool, typer.Option("--simulate", help="A simulated market instead of a recording.")] = False,
    market: MarketOption = None,
    speed: Annotated[
        str, typer.Option(metavar="N|max", help="How many times as fast as in the source; max: no pause.")
    ] = "1",
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The port; 0 takes a free one.")] = 9443,
    start: Annotated[StartMode, typer.Option(help="What lets the first event go.")] = StartMode.AUTO,
    record: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write down what is sent, as a recording: the evidence.")
    ] = None,
    contract_size: Sizes = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(metavar="MARKET:SYMBOL", help="Simulation: a symbol, as spot:BTCUSDT. May be repeated."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Simulation: equal seeds give equal markets.")] = 1,
    duration: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Simulation: how long there is trading; 0: for ever.")
    ] = 60.0,
    activity: Annotated[float, typer.Option(help="Simulation: factor on the rate of orders.")] = 1.0,
    start_time: Annotated[
        int | None,
        typer.Option(
            metavar="MS",
            help="Simulation: the venue's time at the start, ms since the epoch; by default now. Bytes are the same "
            "again for the same seed and start.",
        ),
    ] = None,
    trades_kept: Annotated[
        int | None, typer.Option(metavar="N", help="Simulation: how many trades of a symbol REST remembers.")
    ] = None,
    depth_levels: Annotated[
        int | None, typer.Option(metavar="N", help="Simulation: price levels on each side of a book, about.")
    ] = None,
    flat_errors: Annotated[
        bool, typer.Option("--flat-errors", help="Error replies as documented instead of as seen on the wire.")
    ] = False,
    unknown_keys: Annotated[
        bool, typer.Option("--unknown-keys", help="Put a key that no documentation names into every payload.")
    ] = False,
    time_factor: Annotated[
        float,
        typer.Option(
            metavar="N",
            help="How many times as fast the rules' clock runs: pings, 24 h, connection attempts, weight, bans.",
        ),
    ] = 1.0,
    lifetime: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="When a connection is cut, by the client's clock; by default after 24 h."),
    ] = None,
    weight_limit: Annotated[
        list[str] | None,
        typer.Option(metavar="POOL=N", help="Request weight per minute of spot or futures. May be repeated."),
    ] = None,
    slow_readers: Annotated[
        SlowReaders | None,
        typer.Option(help="Wait for clients that read slowly, or cut them; by default cut a paced simulation's."),
    ] = None,
    unsent_limit: Annotated[
        int, typer.Option(min=1, metavar="BYTES", help="A slow reader with more than this unsent is cut, if such are.")
    ] = ConnectionSettings().most_unsent_bytes,
    scenario: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Faults, and when they happen: see docs/exchange.md.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The exchange's own log: every trade, all that faults did.")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL[:KIND[:PERMISSION]]",
            help="An account, simulated or the one of all recordings (--private), as main:hmac or hedge:ed25519; KIND "
            "is hmac, rsa or ed25519, PERMISSION withdraw or read-only. May be repeated.",
        ),
    ] = None,
    record_accounts: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write down what accounts are told, for replay --private.")
    ] = None,
    keys_dir: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where fresh keys of the accounts are written, each as DIR/LABEL."),
    ] = None,
    balance: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MARKET:ASSET=N",
            help="What every account has at first, as spot:USDT=5000; of a market that is named, nothing else. "
            "May be repeated.",
        ),
    ] = None,
    api_restrictions: Annotated[
        bool, typer.Option(help="Tell what a key may do; test networks of the venue do not.")
    ] = True,
) -> None:
    """Serve a recording or a simulated market over Binance's protocol, with its rules and, on command, faults."""
    pace = parsed_speed(speed)
    if slow_readers is None:
        slow_readers = SlowReaders.CUT if simulate and pace is not None else SlowReaders.WAIT
    settings = ExchangeSettings(
        host=host,
        port=port,
        speed=pace,
        start=start,
        record=record,
        record_accounts=record_accounts,
        truth=truth,
        time_factor=_positive("--time-factor", time_factor),
        lifetime_s=None if lifetime is None else _positive("--lifetime", lifetime),
        weight_limits=_weight_limits(weight_limit or ()),
        connections=ConnectionSettings(
            flat_errors=flat_errors, slow_readers=slow_readers, most_unsent_bytes=unsent_limit
        ),
        unknown_keys=unknown_keys,
        scenario=_scenario(scenario),
        private=_private(account or (), keys_dir, balance or (), restrictions=api_restrictions),
    )
    paths = [*(replay_paths or []), *(more or [])]
    if private and (simulate or keys_dir is None or len(account or ()) > 1):
        refuse("--private: say with --keys-dir where the keys are written, and name one --account at the most")
    if account and not (simulate or private):
        refuse("--account: a recording keeps no accounts; a simulated market does (--simulate)")
    if bool(paths) is simulate:
        refuse("name recordings with --replay, or ask for --simulate")
    what: ReplayOptions | SimulationConfig
    try:
        if simulate:
            what = simulation(
                symbol or (),
                seed=seed,
                duration_s=duration,
                activity=activity,
                start_ms=time_ns() // 1_000_000 if start_time is None else start_time,
                trades_kept=trades_kept,
                depth_levels=depth_levels,
            )
        else:
            sizes = dict(parsed_contract_sizes(contract_size))
            what = ReplayOptions(paths=tuple(paths), market=market, contract_sizes=sizes, private=private)
        run_exchange(what, settings)
    except (RecordingError, ValueError) as error:
        refuse(str(error))
    except SandboxError as error:
        fail(error)


def _positive(name: str, value: float) -> float:
    if not 0 < value < float("inf"):
        refuse(f"{name}: {value:g} is not a positive number")
    return value


def _weight_limits(texts: Iterable[str]) -> dict[str, int]:
    try:
        return dict(parse_weight_limit(text) for text in texts)
    except ValueError as error:
        refuse(f"--weight-limit: {error}")


def _scenario(path: Path | None) -> list[Scheduled]:
    if path is None:
        return []
    try:
        return read_scenario(path)
    except ScenarioError as error:
        refuse(str(error))


def _private(
    accounts: Iterable[str], keys_dir: Path | None, balances: Iterable[str], *, restrictions: bool
) -> PrivateSettings:
    try:
        specs = [parse_account(text) for text in accounts]
        opening = opening_balances(parse_balance(text) for text in balances)
        if specs and keys_dir is None:
            refuse("--account: say with --keys-dir where the keys are written")
        return PrivateSettings(accounts=specs, keys_dir=keys_dir, balances=opening, restrictions=restrictions)
    except ValueError as error:
        refuse(str(error))
