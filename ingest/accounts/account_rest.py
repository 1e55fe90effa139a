"""The venue's REST interface about one account: signed requests, and the listen keys of futures."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NoReturn, Protocol, TypeVar

import msgspec
from msgspec import Struct, field

from ingest.accounts.venue_clock import RequestClock
from ingest.connection import Clocks
from ingest.core.account_endpoints import listen_key_path, restrictions_url, url_of
from ingest.core.account_faults import Fault, fault_of
from ingest.core.account_records import SignedAnswer
from ingest.core.backoff import delay_s
from ingest.core.budget import Importance
from ingest.core.replies import UNREADABLE
from ingest.core.secrecy import Redactor, Secret
from ingest.core.signing import Signer, query_of, signed_query
from ingest.errors import KeyRefusedError, RestError, RestRefusedError, RestUnreachableError, is_transient
from ingest.rest import RestClient
from schemas.markets import Market


__all__ = ["RECV_WINDOW_MS", "AccountRest", "ApiRestrictions", "Credentials"]

RECV_WINDOW_MS: Final = 5_000
"""How old a request may be when the venue looks at it; its own default."""

_TRIES: Final = 4
"""Of a request that changes nothing, or nothing more the second time."""
_LISTEN_KEY_WEIGHT: Final = 1
_RESTRICTIONS_WEIGHT: Final = 1
_KEY_HEADER: Final = "X-MBX-APIKEY"

T = TypeVar("T")


class Credentials(Protocol):
    """What a request is signed with."""

    @property
    def api_key(self) -> Secret:
        """Names the key to the venue."""

    @property
    def signer(self) -> Signer:
        """Signs with its secret half."""


class ApiRestrictions(Struct, frozen=True, rename="camel"):
    """What an API key may do (``GET /sapi/v1/account/apiRestrictions``), as far as it matters here."""

    enable_withdrawals: bool
    enable_reading: bool = True
    ip_restrict: bool = False


class _ListenKey(Struct, frozen=True):
    listen_key: str = field(name="listenKey")


class AccountRest:
    """Asks one market about one account, through the market's budget.

    Args:
        market: which.
        credentials: returns the account's key as it is now: it may be replaced while this runs.
        client: the market's REST interface; its address and its budget are used.
        clock: the venue's time.
        clocks: ours, and chance.
        pause: waits so many seconds between two tries.
        recv_window_ms: how old a request may be when the venue looks at it.
        spot_url: spot's REST address of the same environment, with its version: what a key may do is told there.
    """

    def __init__(
        self,
        market: Market,
        credentials: Callable[[], Credentials],
        client: RestClient,
        clock: RequestClock,
        clocks: Clocks,
        *,
        pause: Callable[[float], Coroutine[Any, Any, None]],
        spot_url: str,
        recv_window_ms: int = RECV_WINDOW_MS,
    ) -> None:
        self.market = market
        self._credentials = credentials
        self._client = client
        self._clock = clock
        self._clocks = clocks
        self._pause = pause
        self._spot_url = spot_url
        self._recv_window_ms = recv_window_ms

    def with_key(self, credentials: Credentials) -> AccountRest:
        """Return the same with another key of the account: to prove it before it replaces the present one."""
        return AccountRest(
            self.market,
            lambda: credentials,
            self._client,
            self._clock,
            self._clocks,
            pause=self._pause,
            spot_url=self._spot_url,
            recv_window_ms=self._recv_window_ms,
        )

    async def get_signed(
        self, path: str, params: Mapping[str, str | int], *, weight: int, importance: Importance
    ) -> SignedAnswer:
        """Ask a signed question, again where that can help.

        Args:
            path: with the version, ``/api/v3/openOrders``.
            params: without time and signature.
            weight: what it counts.
            importance: what it is for.

        Raises:
            KeyRefusedError: the venue does not take the key.
            RestRefusedError: the answer is another error, after some tries if it may pass by itself.
            RestUnreachableError: there was no answer, after some tries.
        """
        return await self._signed(url_of(self._client.base_url, path), path, params, weight, importance)

    async def listen_key(self) -> Secret:
        """Return the account's listen key, which lives for an hour from now on; a new one if there was none.

        Raises:
            KeyRefusedError: the venue does not take the key.
            RestError: there is no answer, after some tries.
        """
        url = url_of(self._client.base_url, listen_key_path(self.market))
        body = await self._again(lambda: self._keyed("POST", url))
        try:
            return Secret(msgspec.json.decode(body, type=_ListenKey).listen_key)
        except UNREADABLE:
            raise RestUnreachableError(url, "not its answer: no listen key in it") from None

    async def prolong_listen_key(self) -> None:
        """Let the account's listen key live for an hour from now on.

        Raises:
            RestRefusedError: code -1125: there is none any more; :meth:`listen_key` gives another one.
            KeyRefusedError: the venue does not take the key.
            RestError: there is no answer, after some tries.
        """
        url = url_of(self._client.base_url, listen_key_path(self.market))
        await self._again(lambda: self._keyed("PUT", url))

    async def api_restrictions(self) -> ApiRestrictions | None:
        """Return what the key may do; None: the venue does not tell, as on test networks.

        Raises:
            KeyRefusedError: the venue does not take the key.
            RestError: there is no answer, after some tries.
        """
        url = restrictions_url(self._spot_url)
        path = url.removeprefix(url_of(self._spot_url, ""))
        try:
            answer = await self._signed(url, path, {}, _RESTRICTIONS_WEIGHT, Importance.CLOCK)
        except RestRefusedError as error:
            if error.status in {404, 405}:
                return None
            raise
        try:
            return msgspec.json.decode(answer.body, type=ApiRestrictions)
        except UNREADABLE:
            raise RestUnreachableError(url, "not its answer: it does not say what the key may do") from None

    async def _signed(
        self, url: str, path: str, params: Mapping[str, str | int], weight: int, importance: Importance
    ) -> SignedAnswer:
        await self._clock.ready()

        async def ask() -> SignedAnswer:
            return await self._ask(url, path, params, weight, importance)

        return await self._again(lambda: self._in_time(ask))

    async def _in_time(self, ask: Callable[[], Coroutine[Any, Any, SignedAnswer]]) -> SignedAnswer:
        """Ask, and once more after a new measurement where the venue's clock was not what was believed."""
        try:
            return await ask()
        except RestRefusedError as error:
            if fault_of(error.status, error.code) is not Fault.CLOCK:
                raise
        await self._clock.measure()
        return await ask()

    async def _ask(
        self, url: str, path: str, params: Mapping[str, str | int], weight: int, importance: Importance
    ) -> SignedAnswer:
        key = self._credentials()
        earliest = 0

        def query() -> str:
            nonlocal earliest
            earliest = self._clock.earliest()
            timing = {"recvWindow": self._recv_window_ms, "timestamp": self._clock.time()}
            return signed_query({**params, **timing}, key.signer)

        body = await self._send(key, "GET", url, weight=weight, importance=importance, query=query)
        return SignedAnswer(path, query_of(params), earliest, body, self._clocks.wall_ns(), self._clocks.now_ms())

    async def _keyed(self, method: str, url: str) -> bytes:
        return await self._send(
            self._credentials(), method, url, weight=_LISTEN_KEY_WEIGHT, importance=Importance.CLOCK, query=str
        )

    async def _send(
        self,
        key: Credentials,
        method: str,
        url: str,
        *,
        weight: int,
        importance: Importance,
        query: Callable[[], str],
    ) -> bytes:
        try:
            return await self._client.transport.send(
                method,
                url,
                weight=weight,
                importance=importance,
                query=query,
                headers=lambda: {_KEY_HEADER: key.api_key.reveal()},
                private=True,
            )
        except RestRefusedError as error:
            _raise_redacted(error, key)

    async def _again(self, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Ask again what can be asked again; after a refusal for asking too much, the pool lets it wait."""
        for attempt in range(_TRIES - 1):
            try:
                return await ask()
            except RestError as error:
                if not is_transient(error):
                    raise
            await self._pause(delay_s(attempt, self._clocks.random()))
        return await ask()


def _raise_redacted(error: RestRefusedError, key: Credentials) -> NoReturn:
    """Raise what the venue said, without what it may repeat of the request."""
    kind = KeyRefusedError if fault_of(error.status, error.code) is Fault.KEY else RestRefusedError
    message = Redactor([key.api_key]).text(error.message)
    raise kind(error.url, error.status, error.code, message, error.retry_after_s) from None
