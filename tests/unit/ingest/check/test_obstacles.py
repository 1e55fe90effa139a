"""The check against everything that may be in the way of the venue."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttp import web

from ingest.check.findings import Mark
from sandbox.ports import free_port
from tests.unit.ingest.check.probing import found, listening, of_market, serving, settings_for


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


@pytest.mark.parametrize(
    ("answer", "detail"),
    [(b"SSH-2.0-OpenSSH\r\n", "does not speak HTTP"), (b"", "cuts the connection")],
)
async def test_a_port_of_something_else_is_named(answer: bytes, detail: str) -> None:
    async with listening(answer) as port:
        results = await found(settings_for(f"http://127.0.0.1:{port}", {"spot": {"symbols": ["BTCUSDT"]}}))

    assert results["spot", "REST"][1] == results["spot", "socket"][1] == f"127.0.0.1:{port} {detail}"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "the proxy refuses {host} (HTTP 403)"),
        (b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", "the proxy wants a password (HTTP 407)"),
        (None, "the proxy does not answer"),
    ],
)
async def test_the_proxy_of_the_environment_is_named(
    answer: bytes | None, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with listening(answer or b"") as port:
        proxy = f"http://127.0.0.1:{port if answer else 9}"
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        monkeypatch.setenv("https_proxy", proxy)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        results = await found(settings_for("", {"spot": {"symbols": ["BTCUSDT"]}}, endpoint="production"))

    assert results["spot", "REST"][1] == detail.format(host="api.binance.com")
    assert results["spot", "socket"][1] == detail.format(host="stream.binance.com")


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
