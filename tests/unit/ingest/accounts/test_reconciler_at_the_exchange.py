"""The comparison against the simulated exchange: it asks as the venue demands, and what it is told is all there is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec
import pytest
import structlog

from ingest.accounts import reconciler
from ingest.accounts.account_rest import AccountRest
from ingest.accounts.keys import KeyRing
from ingest.accounts.venue_clock import RequestClock
from ingest.core.endpoints import Environment, endpoint_of
from sandbox.exchange.private.accounts import AccountSpec, PrivateSettings
from sandbox.exchange.private.keys import KeyKind
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.simulation.accounts.robot import Robot
from schemas.markets import Market
from schemas.topics import RawType
from tests.support.account_told import told_by, truth_of
from tests.support.fakes import FakeClocks
from tests.support.notebook import Notebook
from tests.support.rest import rest_client
from tests.unit.ingest.accounts.test_reconciler import Bench
from tests.unit.sandbox.simulation.accounts.stage import OPENING, SYMBOLS, Stage, quiet


@asynccontextmanager
async def exchange(keys: Path, market: Market, kind: KeyKind) -> AsyncIterator[tuple[Stage, ExchangeServer]]:
    stage = Stage(quiet(symbols={market: SYMBOLS[market]}), accounts=("other",))
    private = PrivateSettings(accounts=[AccountSpec(label="main", kind=kind)], keys_dir=keys, balances=OPENING)
    settings = ExchangeSettings(port=0, speed=None, start=StartMode.MANUAL, private=private)
    async with ExchangeServer(stage.source, settings) as server:
        yield stage, server


@asynccontextmanager
async def bench(
    server: ExchangeServer, keys: Path, market: Market, notebook: Notebook, symbols: tuple[str, ...] = ()
) -> AsyncIterator[Bench]:
    address = endpoint_of(Environment.SANDBOX, market, server.url).rest
    spot = endpoint_of(Environment.SANDBOX, Market.SPOT, server.url).rest
    key = KeyRing(keys, {}, Environment.SANDBOX).load("main", {})
    clocks = FakeClocks()

    async def pause(seconds: float) -> None:
        clocks.pass_ms(seconds * 1000)
        await asyncio.sleep(0)

    async with aiohttp.ClientSession() as session:
        client = rest_client(address, session, clocks, market)
        clock = RequestClock(client, clocks.now_ms, structlog.get_logger())
        rest = AccountRest(market, lambda: key, client, clock, clocks, pause=pause, spot_url=spot)
        venue: Any = SimpleNamespace(
            account=SimpleNamespace(market=market), rest=rest, clock=clock, clocks=clocks, pause=pause
        )
        yield Bench(venue, notebook, symbols)


def trade(stage: Stage, market: Market, robot: Robot, count: int) -> None:
    for _ in range(count):
        ask = robot.next({symbol: stage.quote(market, symbol) for symbol in SYMBOLS[market]})
        status, body = stage.send(market, ask.method, ask.path, **ask.params)
        robot.answered(ask, status, body)


@pytest.mark.parametrize(
    ("market", "kind"),
    [(Market.SPOT, KeyKind.ED25519), (Market.USDM, KeyKind.HMAC), (Market.COINM, KeyKind.HMAC)],
)
async def test_nothing_that_a_robot_did_is_missed_over_restarts(
    market: Market, kind: KeyKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconciler, "MOST_BYTES", 30_000)
    notebook = Notebook()
    async with exchange(tmp_path, market, kind) as (stage, server):
        robot = Robot(market, "robot", stage.rules(market), seed=7)
        for _ in range(4):
            trade(stage, market, robot, 60)
            async with bench(server, tmp_path, market, notebook, SYMBOLS[market]) as one:
                await one.compare()
                assert one.runs("done") == 1

            assert told_by(one.snapshots()) == truth_of(stage.books(market))

    assert len(truth_of(stage.books(market)).fills) > 20


async def test_the_account_itself_is_answered_as_the_exchange_keeps_it(tmp_path: Path) -> None:
    async with exchange(tmp_path, Market.USDM, KeyKind.HMAC) as (stage, server):
        robot = Robot(Market.USDM, "robot", stage.rules(Market.USDM), seed=7)
        trade(stage, Market.USDM, robot, 80)
        async with bench(server, tmp_path, Market.USDM, Notebook()) as one:
            await one.compare()
        books: Any = stage.books(Market.USDM)

    answers = {
        dict(record.headers)["endpoint"].decode(): msgspec.json.decode(record.value)
        for record in one.snapshots(RawType.ACCOUNT_SNAPSHOT)
    }
    assert [each["balance"] for each in answers["/fapi/v3/balance"]] == [
        each["wallet"] for each in books["balances"].values()
    ]
    assert {each["symbol"]: each["positionAmt"] for each in answers["/fapi/v3/positionRisk"]}.items() >= {
        each["symbol"]: each["positionAmt"] for each in books["positions"] if float(each["positionAmt"])
    }.items()


async def test_what_a_key_may_do_is_told(tmp_path: Path) -> None:
    async with (
        exchange(tmp_path, Market.SPOT, KeyKind.ED25519) as (_, server),
        bench(server, tmp_path, Market.SPOT, Notebook()) as one,
    ):
        restrictions = await one.venue.rest.api_restrictions()

    assert restrictions is not None
    assert not restrictions.enable_withdrawals
