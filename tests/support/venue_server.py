"""What the stand-ins for the venue have in common: a port, open sockets, and a test that waits for something."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Self

from aiohttp import WSCloseCode, web


__all__ = ["VenueServer"]


class VenueServer(ABC):
    """Serves on a free port of the loopback while it is entered."""

    def __init__(self) -> None:
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()

    @property
    def url(self) -> str:
        """What `sandbox_url` is to be."""
        return f"http://127.0.0.1:{self.port}"

    @abstractmethod
    def routes(self) -> Sequence[web.RouteDef]:
        """Return what is served."""

    @abstractmethod
    def sockets(self) -> Iterable[web.WebSocketResponse]:
        """Return the sockets that are open."""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.drop()
        assert self._runner is not None
        await self._runner.cleanup()

    async def drop(self) -> None:
        """Close all connections."""
        for socket in list(self.sockets()):
            await socket.close(code=WSCloseCode.GOING_AWAY, message=b"dropped")

    async def until(self, condition: Callable[[Self], bool], timeout_s: float = 20) -> None:
        """Wait until something is true of it."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
