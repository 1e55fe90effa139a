"""A venue's signed REST interface for one account, in the test's process: it checks what Binance checks."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qsl

import aiohttp
import structlog
from aiohttp import web

from ingest.accounts.account_rest import AccountRest
from ingest.accounts.venue_clock import RequestClock
from ingest.core.account_endpoints import Asked, endpoint_for
from ingest.core.secrecy import Secret
from ingest.core.signing import Signer
from ingest.rest import RestClient
from schemas.markets import Market
from tests.support.fakes import FakeClocks
from tests.support.rest import rest_client
from tests.support.tiny_account import RefusedError, TinyAccount


__all__ = ["API_KEY", "DROP", "SECRET", "SignedVenue", "TestKey", "signed_venue"]

API_KEY: Final = "canary-api-key"
SECRET: Final = "canary-secret"  # noqa: S105 — of the tests
DROP: Final = web.Response()
"""As a fault: the connection is cut instead of an answer."""
_BASES: Final = {Market.SPOT: "/api/v3", Market.USDM: "/fapi/v1", Market.COINM: "/dapi/v1"}


class TestKey:
    """A key as accounts have them."""

    __test__ = False

    def __init__(self, api_key: str = API_KEY, secret: str = SECRET) -> None:
        self.api_key = Secret(api_key)
        self.signer = Signer.with_secret(Secret(secret))


class SignedVenue:
    """The venue and who asks it.

    Args:
        account: what it tells about.
        clocks: of who asks; the venue's clock shows ``account.now`` plus what passed by it.
    """

    def __init__(self, account: TinyAccount, clocks: FakeClocks) -> None:
        self.account = account
        self.clocks = clocks
        self.clock_ahead_ms = 0
        """How far the venue's clock is ahead of what was measured at first."""
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        """Method, path and parameters of every request about the account."""
        self.time_requests = 0
        self.faults: deque[web.Response | None] = deque()
        """What the next requests are answered with; None: properly."""
        self.restrictions: Mapping[str, Any] | None = {"enableWithdrawals": False, "enableReading": True}
        self.listen_key: str | None = None
        self.client: RestClient
        self.clock: RequestClock
        self.rest: AccountRest
        self.pauses: list[float] = []
        market = account.market
        self._lists = {endpoint.path: asked for asked in Asked if (endpoint := endpoint_for(market, asked)) is not None}

    @property
    def now(self) -> int:
        """The venue's time."""
        return self.account.now + self.clock_ahead_ms

    async def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.pauses.append(seconds)
        self.clocks.pass_ms(seconds * 1000)
        self.account.now += int(seconds * 1000)
        await asyncio.sleep(0)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        if request.path == f"{_BASES[self.account.market]}/time":
            self.time_requests += 1
            return web.json_response({"serverTime": self.now})
        params = dict(parse_qsl(request.query_string, keep_blank_values=True))
        self.asked.append((request.method, request.path, params))
        if self.faults and (fault := self.faults.popleft()) is not None:
            if fault is DROP and request.transport is not None:
                request.transport.abort()
            return fault
        if request.headers.get("X-MBX-APIKEY") != API_KEY:
            return _refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401)
        if request.path.endswith("/listenKey"):
            return self._listen_key(request.method)
        return self._unsigned(request) or self._signed(request.path, params)

    def _signed(self, path: str, params: dict[str, str]) -> web.Response:
        if path == "/sapi/v1/account/apiRestrictions":
            return web.Response(status=404) if self.restrictions is None else web.json_response(self.restrictions)
        if (asked := self._lists.get(path)) is None:
            return web.Response(status=404, text="<html>")
        try:
            return web.json_response(self.account.answer(asked, params))
        except RefusedError as error:
            return _refused(error.code, error.message)

    def _unsigned(self, request: web.Request) -> web.Response | None:
        payload, _, signature = request.rel_url.raw_query_string.partition("&signature=")
        if hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest() != signature:
            return _refused(-1022, "Signature for this request is not valid.")
        params = dict(parse_qsl(payload))
        age_ms = self.now - int(params["timestamp"])
        if not -1_000 < age_ms <= int(params["recvWindow"]):
            return _refused(-1021, "Timestamp for this request is outside of the recvWindow.")
        return None

    def _listen_key(self, method: str) -> web.Response:
        if method == "POST":
            self.listen_key = self.listen_key or "canary-listen-key"
        elif self.listen_key is None:
            return _refused(-1125, "This listenKey does not exist.")
        return web.json_response({"listenKey": self.listen_key})


def _refused(code: int, message: str, status: int = 400) -> web.Response:
    return web.json_response({"code": code, "msg": message}, status=status)


@asynccontextmanager
async def signed_venue(account: TinyAccount, key: TestKey | None = None) -> AsyncIterator[SignedVenue]:
    """Yield a venue that serves an account, and a client of it."""
    clocks = FakeClocks(account.now)
    venue = SignedVenue(account, clocks)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", venue.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    root = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            venue.client = rest_client(root + _BASES[account.market], session, clocks, account.market)
            venue.clock = RequestClock(venue.client, clocks.now_ms, structlog.get_logger())
            credentials = key or TestKey()
            venue.rest = AccountRest(
                account.market,
                lambda: credentials,
                venue.client,
                venue.clock,
                clocks,
                pause=venue.pause,
                spot_url=f"{root}/api/v3",
            )
            yield venue
    finally:
        await runner.cleanup()
