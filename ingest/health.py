"""Metrics and health over HTTP: ``/live``, ``/ready``, ``/metrics``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from ingest.errors import ConfigError
from ingest.metrics import PROCESS


__all__ = ["Readiness", "serve"]


class Readiness(Struct, frozen=True):
    """Whether the service does what it is for, and what is missing."""

    ready: bool
    detail: dict[str, str]


@asynccontextmanager
async def serve(
    host: str, port: int, metrics: CollectorRegistry, readiness: Callable[[], Readiness]
) -> AsyncIterator[int]:
    """Serve metrics and health; yields the port.

    Liveness only says that the process still turns its event loop: a broker that is away is no reason to restart it.

    Raises:
        ConfigError: the port cannot be had.
    """

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(_: web.Request) -> web.Response:
        state = readiness()
        return web.json_response({"ready": state.ready, **state.detail}, status=200 if state.ready else 503)

    async def exposition(_: web.Request) -> web.Response:
        return web.Response(
            body=generate_latest(metrics) + generate_latest(PROCESS), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )

    app = web.Application()
    app.add_routes([web.get("/live", live), web.get("/ready", ready), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            problem = f"cannot listen on {host}:{port}: {error.strerror}; choose another, or set http.enabled to false"
            raise ConfigError([("http.port", problem)]) from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
