"""Health over HTTP: ``/live``, ``/ready``, ``/metrics``.

Alive is a process whose event loop answers: a broker that is away must not restart the fleet. Ready is a worker whose
records flow: it has its assignment, no rebalance is going on, every unit is rebuilt, and the broker answers heartbeats
and fetches.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from processors.errors import PortTakenError
from processors.metrics import PROCESS, REGISTRY


__all__ = ["Health", "silences"]


def silences(heartbeat_age_s: float | None, fetch_age_s: float | None, limit_s: float) -> list[str]:
    """Say what the broker does not answer any more: a worker that is assigned and hears nothing looks as if it ran.

    Args:
        heartbeat_age_s: since the last group heartbeat that succeeded; None: none ever did.
        fetch_age_s: since the last fetch that was answered; None: there is nothing to fetch.
        limit_s: how long either may be silent.
    """
    found = []
    if heartbeat_age_s is None or heartbeat_age_s > limit_s:
        found.append("the broker does not answer heartbeats")
    if fetch_age_s is not None and fetch_age_s > limit_s:
        found.append("the broker does not answer fetches")
    return found


class Health:
    """Serves a worker's health.

    Args:
        obstacles: says what keeps the worker from being ready; nothing: it is.
        refresh: called before metrics are given, to set those that are asked for rather than counted.
    """

    def __init__(self, obstacles: Callable[[], Sequence[str]], refresh: Callable[[], None]) -> None:
        self._obstacles = obstacles
        self._refresh = refresh
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> str:
        """Listen, and return the address.

        Raises:
            PortTakenError: the port is taken, or the host is not this machine's.
        """
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise PortTakenError(host, port, os.strerror(error.errno) if error.errno else str(error)) from error
        bound_host, bound_port, *_ = self._runner.addresses[0]
        return f"http://{bound_host}:{bound_port}"

    async def stop(self) -> None:
        """Listen no longer."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _ready(self, _: web.Request) -> web.Response:
        obstacles = self._obstacles()
        if obstacles:
            return web.json_response({"status": "not ready", "because": list(obstacles)}, status=503)
        return web.json_response({"status": "ready"})

    async def _metrics(self, _: web.Request) -> web.Response:
        self._refresh()
        return web.Response(
            body=generate_latest(REGISTRY) + generate_latest(PROCESS), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )
