"""Running the exchange as a process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import aiohttp
import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import connect

from sandbox.__main__ import app
from sandbox.exchange.command import (
    ReplayOptions,
    parse_contract_size,
    parse_speed,
    parse_weight_limit,
    run_exchange,
)
from sandbox.exchange.server import ExchangeSettings
from sandbox.ports import free_port
from sandbox.recordings import RecordingNotFoundError
from tests.unit.sandbox.payloads import EPOCH_NS, combined, line, trade, write_lines


PROGRAM = """
import sys
from pathlib import Path
from sandbox.exchange.command import ReplayOptions, run_exchange
from sandbox.exchange.server import ExchangeSettings

run_exchange(ReplayOptions(paths=(Path(sys.argv[1]),)), ExchangeSettings(port=int(sys.argv[2]), speed=None))
"""


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("0.5", 0.5), ("100", 100.0), ("max", None)])
def test_a_speed_is_a_factor_or_max(text: str, speed: float | None) -> None:
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan", ""])
def test_other_speeds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_speed(text)


def test_a_contract_size_belongs_to_a_symbol() -> None:
    assert parse_contract_size("ethusd_perp=10") == ("ETHUSD_PERP", Decimal(10))


@pytest.mark.parametrize("text", ["ETHUSD_PERP", "=10", "ETHUSD_PERP=", "ETHUSD_PERP=ten", "ETHUSD_PERP=0"])
def test_other_contract_sizes_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="SYMBOL=SIZE"):
        parse_contract_size(text)


def test_a_recording_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RecordingNotFoundError):
        run_exchange(ReplayOptions(paths=(tmp_path / "nothing",)), ExchangeSettings(port=0))


@asynccontextmanager
async def exchange_process(recording: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(recording), str(port), stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def answering(port: int) -> None:
    """Wait until the exchange answers."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(30):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/sandbox/status"):
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)


async def test_the_exchange_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    lines = [line(EPOCH_NS + number, combined("btcusdt@trade", trade(number))) for number in range(5)]
    port = free_port("127.0.0.1")
    async with exchange_process(write_lines(tmp_path / "recording", lines), port) as process:
        await answering(port)
        async with connect(f"ws://127.0.0.1:{port}/ws/btcusdt@trade", proxy=None) as client:
            ids = [json.loads(await client.recv())["t"] for _ in range(5)]
        process.terminate()

        assert await process.wait() == 0
        assert ids == [0, 1, 2, 3, 4]


def test_a_weight_limit_belongs_to_a_pool() -> None:
    assert parse_weight_limit("futures=240") == ("futures", 240)


@pytest.mark.parametrize("text", ["usdm=240", "spot", "spot=", "spot=0", "spot=-1", "spot=many", ""])
def test_other_weight_limits_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="POOL=N, as in spot=6000"):
        parse_weight_limit(text)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--time-factor", "0"], "--time-factor: 0 is not a positive number"),
        (["--lifetime", "inf"], "--lifetime: inf is not a positive number"),
        (["--weight-limit", "usdm=5"], '--weight-limit: "usdm=5" is not of the form POOL=N'),
        (["--scenario", "nothing.yaml"], 'scenario "nothing.yaml"'),
        (["--scenario", "bad.yaml"], 'scenario "bad.yaml": entry 1: there is no fault "explode"'),
    ],
)
def test_a_wrong_option_is_refused_by_its_name(
    arguments: list[str], text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("faults: [{at: 1, fault: explode}]")
    result = CliRunner().invoke(app, ["exchange", "--simulate", *arguments])

    assert result.exit_code == 2
    assert text in result.stderr


def test_a_scenario_that_a_recording_cannot_show_is_refused(tmp_path: Path) -> None:
    recording = write_lines(tmp_path / "recording", [line(EPOCH_NS, combined("btcusdt@trade", trade(1)))])
    scenario = tmp_path / "wipe.yaml"
    scenario.write_text("faults: [{at: 1, fault: wipe, market: spot}]")
    result = CliRunner().invoke(
        app, ["exchange", "--replay", str(recording), "--port", "0", "--scenario", str(scenario)]
    )

    assert result.exit_code == 2
    assert "this source cannot be steered" in result.stderr


def test_the_log_of_an_earlier_run_is_left_alone(tmp_path: Path) -> None:
    for name in ("faults.jsonl", "spot.trades.jsonl"):
        (tmp_path / name).write_text("evidence")
    result = CliRunner().invoke(app, ["exchange", "--simulate", "--port", "0", "--truth", str(tmp_path)])

    assert result.exit_code == 1
    assert 'faults.jsonl" exists' in result.stderr
    assert (tmp_path / "spot.trades.jsonl").read_text() == "evidence"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--simulate", "--account", "main"], "--account: say with --keys-dir where the keys are written"),
        (["--simulate", "--account", "Main", "--keys-dir", "keys"], "a label is small letters"),
        (["--simulate", "--account", "main", "--keys-dir", "keys", "--balance", "USDT=5"], "MARKET:ASSET=AMOUNT"),
        (["--replay", "x.gz", "--account", "main", "--keys-dir", "keys"], "a recording keeps no accounts"),
    ],
)
def test_accounts_that_cannot_be_are_refused(arguments: list[str], text: str) -> None:
    result = CliRunner().invoke(app, ["exchange", "--port", "0", *arguments])

    assert result.exit_code == 2
    assert text in result.stderr
