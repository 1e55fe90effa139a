"""Opening an account's sockets: with which key, at which address, with which requests on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, final
from weakref import WeakKeyDictionary

from structlog.stdlib import BoundLogger

from ingest.accounts.account_rest import AccountRest
from ingest.accounts.key_vetting import KeyVetting
from ingest.accounts.keys import AccountKey
from ingest.accounts.requests import request_text
from ingest.accounts.venue_clock import RequestClock
from ingest.connection_maker import turn_to_connect
from ingest.core.account_faults import Fault, fault_of
from ingest.core.account_session import AccountSession, Request, requests_of
from ingest.core.budget import Importance
from ingest.core.endings import Ending
from ingest.core.limits import LIMITS
from ingest.core.listen_key import ListenKeyLife, user_stream_url
from ingest.core.secrecy import Redactor, Secret
from ingest.core.session import SessionLimits
from ingest.errors import AddressError, KeyRefusedError, RestError, RestRefusedError
from ingest.rest_pool import RestPool
from ingest.shared import Shared
from schemas.markets import Market


__all__ = ["AccountOpener", "Offer"]

_LOOK_S: Final = 1.0
_SOCKET_WEIGHT: Final = 6
"""Of a socket of the WebSocket API: 2 to open it, and 2 for each of the requests on it."""


@final
class Offer:
    """What a socket is opened with."""

    __slots__ = ("key", "listen_key")

    def __init__(self, key: AccountKey) -> None:
        self.key = key
        self.listen_key: Secret | None = None

    @property
    def secrets(self) -> Iterator[Secret]:
        """What must not be told of it."""
        yield self.key.api_key
        if self.listen_key is not None:
            yield self.listen_key


class AccountOpener:
    """Knows the keys of one account on one market, and keeps its listen key alive.

    Args:
        market: which.
        key: the account's.
        rest: asks the market about the account.
        pool: the market's request budget, which sockets of the WebSocket API use too.
        clock: the venue's time.
        vetting: says whether a key may be used.
        shared: what all markets use together.
        log: bound to market and account.
    """

    def __init__(
        self,
        market: Market,
        key: AccountKey,
        *,
        rest: AccountRest,
        pool: RestPool,
        clock: RequestClock,
        vetting: KeyVetting,
        shared: Shared,
        log: BoundLogger,
    ) -> None:
        self.key = key
        """The one that is known to be taken, or the first; REST requests are signed with it."""
        self.clock_doubtful = False
        """Whether the venue said that a request bore another time than its own."""
        self.base_url = shared.settings.endpoint_of(market).user_stream
        """The address without what is secret in it."""
        self._market = market
        self._offered: AccountKey | None = None
        """The one that is to take its place, when a socket is live with it."""
        self._offered_refused = False
        self._rest = rest
        self._pool = pool
        self._clock = clock
        self._vetting = vetting
        self._shared = shared
        self._log = log
        self._offers: WeakKeyDictionary[AccountSession, Offer] = WeakKeyDictionary()
        self._listen_key = ListenKeyLife(shared.settings.connection.listen_key_refresh_s * 1000)

    # Keys

    def take(self, key: AccountKey) -> None:
        """Open the next sockets with another key; it takes the old one's place when it is :meth:`proven`."""
        self._offered, self._offered_refused = key, False

    def proven(self, key: AccountKey) -> None:
        """Take note that a socket is live that was opened with a key."""
        metrics, labels = self._shared.metrics, (self._market, self.key.label)
        metrics.account_key_refused.labels(*labels).set(0)
        if key is self._offered:
            self.key, self._offered = key, None
            metrics.account_key_replacements.labels(*labels).inc()
            self._log.info("new key in use")

    def refused(self, key: AccountKey, reason: str) -> None:
        """Take note that a key is not taken."""
        is_new = key is self._offered
        self._offered_refused = self._offered_refused or is_new
        self._shared.metrics.account_key_refused.labels(self._market, key.label).set(1)
        self._log.error("new key refused, the old one stays in use" if is_new else "key refused", reason=reason)

    def redact(self, text: str) -> str:
        """Return a text without what sockets were opened with."""
        offers = list(self._offers.values())
        return Redactor(secret for offer in offers for secret in offer.secrets).text(text)

    # Sockets

    def new_session(self, *, any_live: bool) -> AccountSession:
        """Return the session of the next socket.

        Args:
            any_live: whether a socket is live: if not, a new key that is refused gives way to the old one.
        """
        key = self.key
        if self._offered is not None and (any_live or not self._offered_refused):
            key = self._offered
        limits = self._shared.settings.connection
        session = AccountSession(
            requests_of(self._market, key.signer.kind),
            partial(self._compose, key),
            SessionLimits(
                control_messages=LIMITS[self._market].control_messages,
                acknowledge_ms=int(limits.acknowledge_limit_s * 1000),
                idle_ms=int(limits.idle_limit_s * 1000),
            ),
        )
        self._offers[session] = Offer(key)
        return session

    def offer_of(self, session: AccountSession) -> Offer:
        """Return what a socket is opened with."""
        return self._offers[session]

    async def address(self, session: AccountSession) -> str:
        """Return where a socket for this session is opened, when its turn has come.

        Raises:
            AddressError: it cannot be had.
        """
        offer = self._offers[session]
        await turn_to_connect(self._shared)
        try:
            await self._vetting.vet(offer.key)
            if self._market.is_futures:
                return await self._listen_address(offer)
            await self._prepare_requests()
        except KeyRefusedError as error:
            self.refused(offer.key, str(error))
            raise AddressError(Ending.REFUSED, str(error)) from None
        except RestError as error:
            raise AddressError(Ending.UNREACHABLE, str(error)) from None
        return self.base_url

    async def keep_listen_key(self, end: Callable[[Ending, str], None]) -> None:
        """Prolong the listen key in good time, until cancelled.

        Args:
            end: ends the sockets that were opened with it, where there is none any more.
        """
        now_ms = self._shared.clocks.now_ms
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._listen_key.is_due(now_ms()):
                continue
            try:
                await self._rest.with_key(self.key).prolong_listen_key()
            except RestError as error:
                gone = isinstance(error, RestRefusedError) and fault_of(error.status, error.code) is Fault.LISTEN_KEY
                if gone:
                    self._listen_key.ended()
                    end(Ending.EXPIRED, "the listen key expired before it was prolonged")
                else:
                    self._log.warning("listen key not prolonged", reason=str(error))
                    self._listen_key.failed(now_ms())
            else:
                self._listen_key.lives(now_ms())

    def _compose(self, key: AccountKey, request: Request, request_id: int) -> Secret:
        return request_text(request, request_id, key, self._clock.time())

    async def _prepare_requests(self) -> None:
        """Wait until requests may be made, and see to it that they bear the venue's time."""
        async with self._pool.turn(_SOCKET_WEIGHT, Importance.CLOCK) as turn:
            turn.outcome = "ok"
        if self.clock_doubtful:
            await self._clock.measure()
            self.clock_doubtful = False
        else:
            await self._clock.ready()

    async def _listen_address(self, offer: Offer) -> str:
        offer.listen_key = await self._rest.with_key(offer.key).listen_key()
        self._listen_key.lives(self._shared.clocks.now_ms())
        return user_stream_url(self._market, self.base_url, offer.listen_key).reveal()
