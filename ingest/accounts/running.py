"""The accounts of a process: their keys, their feeds, and what runs beside them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from structlog.stdlib import BoundLogger

from ingest.accounts.feed import AccountFeed
from ingest.accounts.key_vetting import KeyVetting, WithdrawingKeyError
from ingest.accounts.keys import KeyWatch
from ingest.accounts.reconciler import Reconciler
from ingest.accounts.venue_clock import RequestClock
from ingest.errors import ConfigError, RestError
from ingest.venue_time import VenueTime
from schemas.markets import Market


__all__ = ["Account", "Accounts"]

_VETTING_S: Final = 10.0
"""How long the start waits for the venue to say what keys may do; a connection waits for it in any case."""


class Account(Struct, frozen=True):
    """One account."""

    watch: KeyWatch
    vetting: KeyVetting
    feeds: list[AccountFeed]
    """One per market."""
    reconcilers: list[Reconciler]


class Accounts:
    """Runs the accounts of a process.

    Args:
        accounts: by label.
        clocks: the venue's, of each of their markets.
        venues: likewise, for what events say.
        keys_look_s: seconds between two looks whether a key was replaced.
        log: where a key that went bad is told.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        clocks: Mapping[Market, RequestClock],
        venues: Mapping[Market, VenueTime],
        keys_look_s: float,
        log: BoundLogger,
    ) -> None:
        self._accounts = accounts
        self._clocks = clocks
        self._venues = venues
        self._keys_look_s = keys_look_s
        self._log = log

    @property
    def feeds(self) -> list[AccountFeed]:
        """All feeds of all accounts."""
        return [feed for account in self._accounts.values() for feed in account.feeds]

    @property
    def readiness(self) -> dict[str, str]:
        """Return of each feed what it still lacks, by label."""
        return {feed.label: feed.readiness for feed in self.feeds}

    async def prepare(self) -> None:
        """Ask the venue for its time, and what the keys may do.

        Raises:
            ConfigError: a key may withdraw, and that is not allowed.
        """
        asking = [venue.ask() for venue in self._venues.values()]
        vetting = [self._vet(account) for account in self._accounts.values()]
        await asyncio.gather(*asking, *vetting)

    async def run_connections(self) -> None:
        """Keep the streams up until :meth:`stop`; returns when all that was read is handed over."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self.feeds:
                tasks.create_task(feed.run())

    async def run(self) -> None:
        """Do everything but the connections, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for clock in self._clocks.values():
                tasks.create_task(clock.run())
            for account in self._accounts.values():
                tasks.create_task(self._watch_key(account))
                for reconciler in account.reconcilers:
                    tasks.create_task(reconciler.run())

    def stop(self) -> None:
        """Stop reading."""
        for feed in self.feeds:
            feed.stop()

    async def _vet(self, account: Account) -> None:
        try:
            async with asyncio.timeout(_VETTING_S):
                await account.vetting.vet(account.watch.key)
        except WithdrawingKeyError as error:
            raise ConfigError([(f"accounts.{error.label}", error.advice)], "of keys") from None
        except (RestError, TimeoutError) as error:
            # Whoever connects asks again, and tells.
            self._log.warning("not known yet what a key may do", account=account.watch.key.label, reason=str(error))

    async def _watch_key(self, account: Account) -> None:
        watch, told = account.watch, ""
        while True:
            await asyncio.sleep(self._keys_look_s)
            key = await asyncio.to_thread(watch.look)
            if watch.fault and watch.fault != told:
                self._log.error("key cannot be used, the old one stays in use", reason=watch.fault)
            told = watch.fault
            if key is not None:
                for feed in account.feeds:
                    feed.offer(key)
