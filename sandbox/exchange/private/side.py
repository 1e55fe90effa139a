"""The private side as the server sees it: accounts and their keys, what a connection gets, listen keys in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from sandbox.exchange.fanout import Fanout
from sandbox.exchange.faults.model import ExpireKey
from sandbox.exchange.faults.requests import RequestFaults
from sandbox.exchange.private.accounts import Accounts, AccountSpec, PrivateSettings
from sandbox.exchange.private.admission import Admission
from sandbox.exchange.private.api_session import ApiSession
from sandbox.exchange.private.feeds import AccountFeeds
from sandbox.exchange.private.keys import FreshKey, KeyKind, random_name, write_key
from sandbox.exchange.private.listen_keys import ListenKey, ListenKeys
from sandbox.exchange.private.openings import Opening, stream_envelope
from sandbox.exchange.private.service import PrivateService
from sandbox.exchange.routes import StreamEndpoint
from sandbox.exchange.rules import MarketRules
from sandbox.exchange.scales import Scales
from sandbox.exchange.source import KeepsAccounts, Source
from schemas.markets import Market


__all__ = ["PrivateSide"]

_EXPIRED = "listenKeyExpired"

_encode = msgspec.json.Encoder().encode
_log = structlog.get_logger()


class PrivateSide:
    """Accounts of one server.

    Args:
        source: Where they are kept.
        settings: Which there are.
        pace: See `Admission`.
        fanout: What carries their events.
        scales: Where requests are weighed.
        faults: What goes wrong with requests.
        venue_ms: The venue's clock.
        on_opened: Called when somebody begins to get the events of an account.

    Raises:
        ValueError: Accounts are wanted of a source that keeps none, or keys of nobody, or no keys.
    """

    def __init__(
        self,
        source: Source,
        settings: PrivateSettings,
        *,
        pace: float | None,
        fanout: Fanout,
        scales: Scales,
        faults: RequestFaults,
        venue_ms: Callable[[], int],
        on_opened: Callable[[], None],
    ) -> None:
        self.accounts = Accounts(settings.accounts)
        self.feeds = AccountFeeds(on_opened)
        self._settings = settings
        self._fanout = fanout
        self._scales = scales
        self._venue_ms = venue_ms
        self._listen_keys = ListenKeys(random_name)
        self._timer: asyncio.TimerHandle | None = None
        self._keeper = source if isinstance(source, KeepsAccounts) else None
        self.service = PrivateService(
            self._keeper,
            admission=Admission(self.accounts, pace),
            listen_keys=self._listen_keys,
            scales=scales,
            faults=faults,
            venue_ms=venue_ms,
            on_listen_keys=self._on_listen_keys,
            restrictions=settings.restrictions,
        )
        fanout.accounts = self.feeds
        for spec in settings.accounts:
            self._open(spec, [market for market in Market if source.streams(market)])

    def books(self, market: Market) -> object | None:
        """Return what the source keeps of all accounts; None where it keeps none."""
        return None if self._keeper is None else self._keeper.account_books(market)

    def session(
        self, endpoint: StreamEndpoint, rules: MarketRules, *, address: str, microseconds: bool, tells_limits: bool
    ) -> ApiSession:
        """Return the protocol of a connection to a WebSocket API."""
        return ApiSession(
            endpoint.market,
            rules,
            self.service,
            address=address,
            microseconds=microseconds,
            tells_limits=tells_limits,
        )

    def listening(self, endpoint: StreamEndpoint) -> Callable[[str], Opening | None]:
        """Return a function of what the name of a stream opens on a connection, if it is a listen key."""

        def opening(name: str) -> Opening | None:
            if not endpoint.takes_listen_keys:
                return None
            key = self._listen_keys.named(endpoint.market, name, self._scales.now_s())
            if key is None:
                return None
            return Opening(key.account, stream_envelope(name), name, endpoint.kinds.get(name))

        return opening

    def add_key(self, label: str, kind: KeyKind | None = None) -> None:
        """Make an account a new key, beside those that it has, and write it where its client looks."""
        account = self.accounts.labelled(label)
        if account is None:
            msg = f'there is no account "{label}"'
            raise ValueError(msg)
        fresh = FreshKey.made(kind or account.spec.kind)
        self.accounts.add_key(label, fresh.public_half())
        if self._settings.keys_dir is not None:
            write_key(self._settings.keys_dir, label, fresh)
        _log.info("key made", account=label, kind=fresh.kind)

    def expire(self, fault: ExpireKey) -> Sequence[tuple[Market, str]]:
        """Let listen keys expire now; return whose."""
        chosen = [key for key in self._listen_keys.all() if fault.matches(key.market, key.account)]
        for key in chosen:
            self._listen_keys.close(key.market, key.account)
        self._tell_expired(chosen)
        return [(key.market, key.account) for key in chosen]

    def close(self) -> None:
        """Let nothing expire any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _open(self, spec: AccountSpec, markets: Iterable[Market]) -> None:
        if self._keeper is None:
            msg = "this source keeps no accounts; a simulated market does (exchange --simulate)"
            raise ValueError(msg)
        for market in markets:
            self._keeper.open_account(market, spec.label, self._settings.balances.get(market, {}))
        self.add_key(spec.label)

    def _on_listen_keys(self, ended: ListenKey | None) -> None:
        if ended is not None:
            for feed in self.feeds.hanging_on(ended.name):
                self.feeds.remove(feed)
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        wait_s = self._scales.client_seconds(self._listen_keys.next_s - self._scales.now_s())
        if wait_s != float("inf"):
            self._timer = asyncio.get_running_loop().call_later(max(0, wait_s), self._expire_due)

    def _expire_due(self) -> None:
        self._tell_expired(self._listen_keys.expired(self._scales.now_s()))
        self._fanout.flush()
        self._schedule()

    def _tell_expired(self, keys: Iterable[ListenKey]) -> None:
        """Say it on the connections that listen with the keys, which stay open and hear nothing more.

        Source: derivatives documentation, "Event: User Data Stream Expired" (2026-05-28).
        """
        for key in keys:
            event = _encode({"e": _EXPIRED, "E": self._venue_ms(), "listenKey": key.name})
            for feed in self.feeds.hanging_on(key.name):
                if feed.wants(_EXPIRED):
                    feed.tell(event)
                self.feeds.remove(feed)
            _log.info("listen key expired", market=key.market, account=key.account)
