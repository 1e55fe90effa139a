"""Is an account's key there, is it taken, may it do no more than it should, and does its stream open?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from structlog.stdlib import BoundLogger
from websockets.exceptions import ConnectionClosed, WebSocketException

from ingest.accounts.account_rest import AccountRest
from ingest.accounts.keys import AccountKey
from ingest.accounts.making import addresses_of, key_ring
from ingest.accounts.requests import request_text
from ingest.accounts.sections import AccountSettings
from ingest.accounts.venue_clock import RequestClock
from ingest.check.findings import Finding, Mark, Report
from ingest.config import Settings
from ingest.connection import Clocks
from ingest.core.account_endpoints import Asked, endpoint_for
from ingest.core.account_frames import AccountDecoder
from ingest.core.account_session import AccountSession, requests_of
from ingest.core.budget import Importance
from ingest.core.limits import LIMITS
from ingest.core.listen_key import user_stream_url
from ingest.core.outcomes import Reply
from ingest.core.secrecy import Redactor
from ingest.core.session import SessionLimits
from ingest.core.session_actions import Action, Close, Live, SendSecret
from ingest.errors import ConfigError, RestError
from ingest.feed_socket import FeedSocket, open_feed
from ingest.frame_queue import FrameQueue
from ingest.rest import RestClient
from schemas.markets import Market
from schemas.topics import TopicTable


__all__ = ["ACCOUNT", "AccountProbe"]

ACCOUNT: Final = "account"
_STREAM_LIMIT_S: Final = 10.0
_QUEUE_BYTES: Final = 1024 * 1024


class _FailedError(Exception):
    """A socket did not come to carry the account's stream."""


class AccountProbe:
    """Tries what ingest does with one account, and changes nothing: a listen key that lives is prolonged.

    Args:
        label: the account.
        account: its settings.
        settings: all of them.
        new_client: makes the REST client of a market.
        clocks: ours.
        report: takes the findings.
        log: of what works in the probe.
    """

    def __init__(
        self,
        label: str,
        account: AccountSettings,
        settings: Settings,
        new_client: Callable[[Market], RestClient],
        *,
        clocks: Clocks,
        report: Report,
        log: BoundLogger,
    ) -> None:
        self._label = label
        self._account = account
        self._settings = settings
        self._new_client = new_client
        self._clocks = clocks
        self._report = report
        self._log = log

    async def run(self) -> None:
        """Try the key, and then each market at once."""
        try:
            key = key_ring(self._settings).load(self._label, addresses_of(self._settings, self._account))
        except ConfigError as error:
            for place, problem in error.problems:
                self._tell("key", Mark.FAIL, f"{place} {problem}", "docs/security.md says where keys are")
            return
        self._tell("key", Mark.OK, f"{key.signer.kind}, marked for {key.environment or 'nothing'}")
        async with asyncio.TaskGroup() as tasks:
            for number, market in enumerate(self._account.markets):
                tasks.create_task(self._market(market, key, first=number == 0))

    async def _market(self, market: Market, key: AccountKey, *, first: bool) -> None:
        client = self._new_client(market)
        clock = RequestClock(client, self._clocks.now_ms, self._log)
        rest = AccountRest(
            market,
            lambda: key,
            client,
            clock,
            self._clocks,
            pause=asyncio.sleep,
            spot_url=self._settings.endpoint_of(Market.SPOT).rest,
        )
        if first:
            await self._attempt("permissions", self._permissions(rest))
        if await self._attempt(f"{market} REST", self._question(market, rest)):
            await self._attempt(f"{market} stream", self._stream(market, key, rest, clock))
        else:
            self._tell(f"{market} stream", Mark.SKIP, "not tried")

    async def _attempt(self, subject: str, doing: Awaitable[tuple[Mark, str]]) -> bool:
        try:
            mark, detail = await doing
        except (RestError, _FailedError, OSError, TimeoutError, WebSocketException, aiohttp.ClientError) as error:
            mark, detail = Mark.FAIL, str(error) or type(error).__name__
        self._tell(subject, mark, detail)
        return mark is not Mark.FAIL

    async def _permissions(self, rest: AccountRest) -> tuple[Mark, str]:
        may = await rest.api_restrictions()
        if may is None:
            return Mark.WARN, "the venue does not tell what the key may do: test networks do not"
        if may.enable_withdrawals:
            allowed = self._settings.allow_withdraw_keys
            detail = "the key may withdraw; reading needs no such permission"
            return (Mark.WARN if allowed else Mark.FAIL), detail
        limited = "from certain addresses" if may.ip_restrict else "from every address"
        return Mark.OK, f"no withdrawals; used {limited}"

    async def _question(self, market: Market, rest: AccountRest) -> tuple[Mark, str]:
        endpoint = endpoint_for(market, Asked.ACCOUNT)
        assert endpoint is not None  # noqa: S101 - every market tells of accounts
        answer = await rest.get_signed(endpoint.path, {}, weight=endpoint.weight, importance=Importance.CLOCK)
        return Mark.OK, f"{endpoint.path} answers, {len(answer.body):,} bytes"

    async def _stream(
        self, market: Market, key: AccountKey, rest: AccountRest, clock: RequestClock
    ) -> tuple[Mark, str]:
        url, secrets = self._settings.endpoint_of(market).user_stream, [key.api_key]
        base = url
        if market.is_futures:
            listen_key = await rest.listen_key()
            secrets.append(listen_key)
            url = user_stream_url(market, base, listen_key).reveal()
        redactor = Redactor(secrets)
        decoder = AccountDecoder(
            market, self._label, "check", TopicTable(), redactor=redactor, max_record_bytes=_QUEUE_BYTES
        )
        session = AccountSession(
            requests_of(market, key.signer.kind),
            lambda request, number: request_text(request, number, key, clock.time()),
            SessionLimits(LIMITS[market].control_messages),
        )
        try:
            async with asyncio.timeout(_STREAM_LIMIT_S):
                await self._until_live(url, session, decoder)
        except (OSError, WebSocketException, _FailedError) as error:
            raise _FailedError(redactor.text(str(error) or type(error).__name__)) from None
        return Mark.OK, f"{base}, subscribed"

    async def _until_live(self, url: str, session: AccountSession, decoder: AccountDecoder) -> None:
        queue, limits = FrameQueue(_QUEUE_BYTES), self._settings.connection
        socket = await open_feed(
            url,
            queue,
            self._clocks.wall_ns,
            open_limit_s=limits.open_limit_s,
            max_frame_bytes=limits.max_frame_bytes,
        )
        closing = asyncio.ensure_future(socket.wait_closed())
        closing.add_done_callback(lambda _: queue.close())
        try:
            live = await _obey(socket, session.connected(self._clocks.now_ms()))
            while not live:
                frames = await queue.take(100)
                if not frames:
                    raise _FailedError(socket.closing_words)
                for time_ns, frame in frames:
                    for item in decoder.decode(frame, time_ns, 0):
                        if isinstance(item, Reply):
                            live = live or await _obey(socket, session.replied(item, self._clocks.now_ms()))
        except ConnectionClosed as error:
            raise _FailedError(str(error)) from None
        finally:
            closing.cancel()
            await socket.close()

    def _tell(self, subject: str, mark: Mark, detail: str, advice: str | None = None) -> None:
        self._report(Finding(ACCOUNT, f"{self._label} {subject}", mark, detail, advice, self._label))


async def _obey(socket: FeedSocket, actions: list[Action]) -> bool:
    """Do what a session wants; returns whether it is live."""
    for action in actions:
        match action:
            case SendSecret(text):
                await socket.send(text.reveal())
            case Close(_, reason):
                raise _FailedError(reason)
            case Live():
                return True
            case _:
                pass
    return False
