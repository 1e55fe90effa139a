"""The composition root of the read service: builds everything, runs until told to stop, closes in reverse order."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.metadata import version
from time import monotonic, time_ns
from typing import Final, NoReturn

import structlog
import uvicorn
import uvloop

from dashboard.api.app import create_app
from dashboard.config import Settings
from dashboard.core.accounts import ACCOUNT_SCHEMAS, Accounts
from dashboard.core.operations import Operations
from dashboard.core.store import Limits, Store
from dashboard.core.synchrony import Contact, Synchrony
from dashboard.errors import DashboardError, PortTakenError
from dashboard.follower import Follower, Tails, topics_to_read
from dashboard.reader import Reader
from dashboard.survey import Survey
from schemas.codec import Codec
from schemas.registry import Registry, RegistryError
from schemas.topics import TopicTable


__all__ = ["reader_of", "run"]

_TROUBLE: Final = (DashboardError, RegistryError, OSError)
"""What the operator can act on, so that its text is enough; anything else is shown with its traceback."""
_BACKLOG: Final = 512
_SEND_BUFFER_BYTES: Final = 128 * 1024

_log = structlog.get_logger("dashboard.service")


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT, or until it fails.

    Returns:
        The exit status: 0 after a signal, 1 after a failure.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(_serve(settings))
        except _TROUBLE as error:
            _log.error("read service failed", reason=str(error))
            return 1
        except Exception:  # noqa: BLE001 - the last one to see it
            _log.exception("read service failed")
            return 1
    _log.info("read service stopped")
    return 0


def reader_of(settings: Settings) -> Reader:
    """Return a reader that has read nothing yet."""
    table = TopicTable(settings.topic_prefix)
    kept = Limits(settings.candles_kept, settings.flow_kept, settings.alerts_kept, settings.trades_kept)
    store = Store(kept)
    accounts = Accounts(settings.orders_kept) if settings.private else None
    schemas = store.schemas | (ACCOUNT_SCHEMAS if settings.private else frozenset())
    return Reader(
        store=store,
        accounts=accounts,
        operations=Operations(table, settings.markets, private=settings.private),
        synchrony=Synchrony(),
        contact=Contact(settings.contact_limit_s),
        topics=topics_to_read(table, settings.markets, schemas),
        markets=settings.markets,
        clock_ms=lambda: time_ns() // 1_000_000,
        clock_s=monotonic,
        version=version("binance-kafka"),
    )


async def _serve(settings: Settings) -> None:
    """Answer from the first moment on, with 503 until the topics are read."""
    reader = reader_of(settings)
    listening = _listen(settings.host, settings.port)
    app = create_app(reader, pages_limit=settings.pages_limit)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=max(1, round(settings.stop_timeout_s)),
    )
    server = _Server(config)
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for received in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(received, _on_signal, received, asked)
    stopping = threading.Event()
    following = asyncio.create_task(_follow(settings, reader, stopping))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    waiting = asyncio.create_task(asked.wait())
    host, port = listening.getsockname()[:2]
    _log.info("read service is served", address=f"http://{f'[{host}]' if ':' in host else host}:{port}")
    await asyncio.wait({following, serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    stopping.set()
    waiting.cancel()
    app.state.pusher.close()
    server.should_exit = True
    await serving
    if not following.done():
        following.cancel()
        await asyncio.wait({following})
    if not following.cancelled():
        following.result()


def _on_signal(received: signal.Signals, asked: asyncio.Event) -> None:
    if asked.is_set():
        os._exit(1)  # asked twice: nothing is lost
    _log.info("stopping", signal=received.name)
    asked.set()


async def _follow(settings: Settings, reader: Reader, stopping: threading.Event) -> None:
    """Wait for the registry and the broker, then read for ever."""
    async with AsyncExitStack() as stack:
        registry = Registry(settings.schema_registry_url)
        stack.callback(registry.close)
        codec = Codec(TopicTable(settings.topic_prefix), registry)

        def sleep(seconds: float) -> None:
            if stopping.wait(seconds):
                raise _StoppedError

        def wait_for_registry() -> None:
            registry.wait_until_ready(_log.warning, sleep, limit_s=settings.start_timeout_s)

        await asyncio.to_thread(wait_for_registry)
        tails = Tails(settings.tail_records, settings.candle_tail_records)
        follower = Follower(settings.kafka, codec, reader, tails)
        survey = Survey(settings.kafka, TopicTable(settings.topic_prefix), reader, private=settings.private)
        async with _together(follower.run(start_timeout_s=settings.start_timeout_s), survey.run()) as tasks:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


@asynccontextmanager
async def _together(*runs: Coroutine[None, None, NoReturn]) -> AsyncIterator[list[asyncio.Task[NoReturn]]]:
    """Run all at once; at the end none is left, and what one failed with is raised."""
    tasks = [asyncio.create_task(run) for run in runs]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        PortTakenError: the port is taken, or the host is not this machine's.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise PortTakenError(host, port, os.strerror(error.errno) if error.errno else str(error)) from error
    # Connections have it from here. What a slow page has not taken is old: let little of it wait.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    return listening


class _Server(uvicorn.Server):
    """uvicorn, which leaves signals to us."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


class _StoppedError(Exception):
    """Ends a wait in a thread whose result nobody wants any more."""
