"""The check against an exchange that works, and against everything that is in the way of one."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from io import StringIO
from typing import Any

import pytest
from aiohttp import web
from rich.console import Console

from ingest.check.checking import Checking
from ingest.check.command import check
from ingest.check.findings import Finding, Mark
from ingest.config import Settings
from sandbox.exchange.server import ExchangeServer, ExchangeSettings
from sandbox.ports import free_port
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market
from tests.support.fakes import RealClocks


NOWHERE = "127.0.0.1:9"
SERVERS = {"kafka_bootstrap_servers": NOWHERE, "schema_registry_url": f"http://{NOWHERE}"}

Found = dict[tuple[str, str], tuple[Mark, str, str | None]]


@asynccontextmanager
async def exchange() -> AsyncIterator[str]:
    source = SimulatedSource(SimulationConfig(duration_s=None, activity=5))
    async with ExchangeServer(source, ExchangeSettings(port=0, start_quiet_s=0.1)) as server:
        yield server.url


@asynccontextmanager
async def serving(answer: Callable[[web.Request], web.Response]) -> AsyncIterator[str]:
    async def handle(request: web.Request) -> web.Response:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def settings_for(url: str, markets: Mapping[str, Any], **more: Any) -> Settings:
    values: dict[str, Any] = {
        "endpoint": "sandbox",
        "allow_plaintext": True,
        "sandbox_url": url,
        "markets": dict(markets),
        **SERVERS,
    }
    return Settings(**(values | more))


async def found(settings: Settings, *, venue_only: bool = True, limit_s: float = 25.0) -> Found:
    findings = list[Finding]()
    await Checking(settings, RealClocks(), findings.append, venue_only=venue_only, limit_s=limit_s).run()
    return {(one.group, one.subject): (one.mark, one.detail, one.advice) for one in findings}


def of_market(results: Found, market: Market = Market.SPOT) -> Found:
    return {key: value for key, value in results.items() if key[0] == market}


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


@pytest.mark.parametrize(
    ("answer", "detail", "advice"),
    [
        (web.Response(status=451), "blocked for this region (HTTP 451)", "location"),
        (web.Response(status=403, text="<html>"), "refused by a firewall before the venue (HTTP 403)", "region"),
        (web.Response(status=404), "no such path (HTTP 404)", "/api/v3"),
        (web.Response(status=503), "the server is in trouble (HTTP 503)", "again"),
        (
            web.Response(text="<html><head><title>Log in</title>", content_type="text/html"),
            'a web page "Log in" in place of the venue\'s answer',
            "proxy",
        ),
        (web.Response(text="hello"), 'not the venue\'s answer: "hello"', "markets.*.urls"),
        (
            web.Response(status=418, headers={"Retry-After": "90"}),
            "this address is banned for asking too much (HTTP 418) for another 90 s",
            "wait",
        ),
        (
            web.Response(status=400, text='{"code":-1000,"msg":"No."}'),
            "unexpected answer (HTTP 400): No. (code -1000)",
            "address",
        ),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value.status),
)
async def test_whatever_answers_in_place_of_the_venue_is_named(answer: web.Response, detail: str, advice: str) -> None:
    async with serving(lambda _: _copied(answer)) as url:
        results = of_market(await found(settings_for(url, {"spot": {"symbols": ["BTCUSDT"]}})))

    mark, words, hint = results["spot", "REST"]
    assert (mark, words) == (Mark.FAIL, detail)
    assert hint is not None
    assert advice in hint
    assert results["spot", "socket"][0] is Mark.FAIL
    assert {mark for (_, subject), (mark, _, _) in results.items() if subject not in {"REST", "socket"}} == {Mark.SKIP}


def _copied(answer: web.Response) -> web.Response:
    kept = {name: value for name, value in answer.headers.items() if name in {"Retry-After", "Content-Type"}}
    return web.Response(status=answer.status, body=answer.body, headers=kept)


async def test_a_closed_port_is_named_for_each_server() -> None:
    url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
    results = await found(settings_for(url, {"spot": {"symbols": ["BTCUSDT"]}}), venue_only=False)

    place = url.removeprefix("http://")
    assert results["spot", "REST"][1] == f"nothing listens at {place}"
    assert results["spot", "socket"][1] == f"nothing listens at {place}"
    assert results["Kafka", "broker"][0] is Mark.FAIL
    assert "KAFKA_BOOTSTRAP_SERVERS" in (results["Kafka", "broker"][2] or "")
    assert results["registry", "server"][0] is Mark.FAIL
    assert "SCHEMA_REGISTRY_URL" in (results["registry", "server"][2] or "")


async def test_a_name_that_does_not_exist_is_named() -> None:
    results = await found(settings_for("http://exchange.invalid", {"spot": {"symbols": ["BTCUSDT"]}}))

    assert results["spot", "REST"][1] == 'the name "exchange.invalid" is not known here'
    assert results["spot", "socket"][1] == 'the name "exchange.invalid" is not known here'


async def test_a_port_that_speaks_no_tls_is_named() -> None:
    async with serving(lambda _: web.Response()) as url:
        results = await found(settings_for(url.replace("http", "https"), {"spot": {"symbols": ["BTCUSDT"]}}))

    place = url.removeprefix("http://")
    assert results["spot", "REST"][1].startswith(f"no TLS with {place}: ")
    assert results["spot", "socket"][1].startswith(f"no TLS with {place}: ")


async def test_everything_ends_in_time_though_nothing_answers() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(16)
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        servers = {"kafka_bootstrap_servers": place, "schema_registry_url": f"http://{place}"}
        async with asyncio.timeout(20):
            settings = settings_for(f"http://{place}", {"spot": {"symbols": ["BTCUSDT"]}}, **servers)
            results = await found(settings, venue_only=False, limit_s=3.0)

    assert results["spot", "spot REST"][:2] == (Mark.FAIL, "not done within 3 s")
    assert {group for (group, _), (mark, _, _) in results.items() if mark is Mark.FAIL} == {"spot", "Kafka", "registry"}


async def test_the_venues_refusal_to_subscribe_is_shown() -> None:
    async def refuse(request: web.Request) -> web.WebSocketResponse:
        stream = web.WebSocketResponse()
        await stream.prepare(request)
        await stream.receive()
        await stream.send_str('{"error":{"code":2,"msg":"Invalid request: invalid stream"},"id":1}')
        await stream.receive()
        return stream

    app = web.Application()
    app.router.add_get("/spot/stream", refuse)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        results = await found(settings_for(url, {"spot": {"symbols": ["BTCUSDT"]}}))
    finally:
        await runner.cleanup()

    assert results["spot", "socket"][0] is Mark.FAIL
    assert "refused: Invalid request: invalid stream (code 2)" in results["spot", "socket"][1]


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
