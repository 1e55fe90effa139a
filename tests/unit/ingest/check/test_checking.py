"""The check against an exchange that works, and what the command prints."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO

from rich.console import Console

from ingest.check.command import check
from ingest.check.findings import Mark
from ingest.config import Settings
from sandbox.exchange.server import ExchangeServer, ExchangeSettings
from sandbox.ports import free_port
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from tests.support.fakes import RealClocks
from tests.unit.ingest.check.probing import found, of_market, settings_for


@asynccontextmanager
async def exchange() -> AsyncIterator[str]:
    source = SimulatedSource(SimulationConfig(duration_s=None, activity=5))
    async with ExchangeServer(source, ExchangeSettings(port=0, start_quiet_s=0.1)) as server:
        yield server.url


async def test_every_type_and_route_of_every_market_works_against_the_exchange() -> None:
    async with exchange() as url:
        results = await found(settings_for(url, {}))

    assert {key for key, (mark, _, _) in results.items() if mark is not Mark.OK} == set()
    assert len(results) == (5 + 1 + 8) + (5 + 2 + 10) + (5 + 1 + 10)
    assert "of 2,400 a minute used" in results["usdm", "REST weight"][1]
    assert results["coinm", "forceOrder"][1].startswith("btcusd_perp@forceOrder: ")


async def test_what_is_configured_is_tried_and_wrong_names_are_found() -> None:
    spot = {"symbols": ["ETHUSDT", "NOSUCHUSDT"], "streams": ["trade", "depth@1000ms", "kline_5m"]}
    async with exchange() as url:
        results = of_market(await found(settings_for(url, {"spot": spot})))

    assert {subject for _, subject in results} >= {"trade", "depth@1000ms", "kline_5m", "bookTicker"}
    assert ("spot", "depth@100ms") not in results
    assert results["spot", "trade"][1].startswith("ethusdt@trade: first event after ")
    mark, detail, advice = results["spot", "symbols"]
    assert (mark, detail) == (Mark.FAIL, "not known to the venue: NOSUCHUSDT")
    assert advice is not None


async def test_a_stream_on_the_wrong_route_is_found_silent() -> None:
    async with exchange() as url:
        urls = {"market_stream": f"{url.replace('http', 'ws')}/usdm/public/stream"}
        usdm = {"symbols": ["BTCUSDT"], "streams": ["aggTrade"], "urls": urls}
        results = await found(settings_for(url, {"usdm": usdm}))

    mark, detail, advice = results["usdm", "aggTrade"]
    assert (mark, detail) == (Mark.FAIL, "btcusdt@aggTrade: acknowledged, but silent for 10 s")
    assert advice is not None
    assert "/market/stream" in advice
    assert results["usdm", "depth@100ms"][0] is Mark.OK


# The command


async def output(settings: Settings, *, as_data: bool) -> tuple[bool, str]:
    text = StringIO()
    console = Console(file=text, width=120, highlight=False)
    works = await check(
        settings, RealClocks(), out=console, progress=Console(file=StringIO()), as_data=as_data, venue_only=False
    )
    return works, text.getvalue()


async def test_the_table_names_what_fails_with_advice_said_once() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    works, text = await output(settings_for(url, {"spot": {"symbols": ["BTCUSDT"]}}), as_data=False)

    assert not works
    assert text.count("→ is the address right, and does the server run?") == 1
    assert "not tried: clock, symbols, REST depth, REST weight" in text
    assert text.splitlines()[-1] == "0 ok, 4 failed, 15 not tried"


async def test_json_holds_every_finding() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    works, text = await output(settings_for(url, {"spot": {"symbols": ["BTCUSDT"]}}), as_data=True)

    data = json.loads(text)
    assert (works, data["ok"], len(data["findings"])) == (False, False, 19)
    assert data["findings"][0] == {
        "group": "Kafka",
        "subject": "broker",
        "mark": "fail",
        "detail": data["findings"][0]["detail"],
        "advice": "does the broker run, and is KAFKA_BOOTSTRAP_SERVERS right as seen from here?",
    }
