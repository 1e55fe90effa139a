"""How the accounts of a process are made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import TopicPartition

from ingest.accounts.account_rest import AccountRest
from ingest.accounts.feed import AccountFeed
from ingest.accounts.held_answers import HeldAnswers, LogEnd
from ingest.accounts.key_vetting import KeyVetting
from ingest.accounts.keys import KeyRing, KeyWatch
from ingest.accounts.known import KnownAccount, Recall, recall_from
from ingest.accounts.opening import AccountOpener
from ingest.accounts.reconciler import Reconciler
from ingest.accounts.running import Account, Accounts
from ingest.accounts.sections import AccountSettings
from ingest.accounts.venue_clock import RequestClock
from ingest.config import Settings
from ingest.core.endpoints import Environment
from ingest.core.guard import VenueClock
from ingest.core.secrecy import Secret
from ingest.errors import ConfigError
from ingest.kafka_log import end_offsets
from ingest.rest import RestClient
from ingest.shared import Shared
from ingest.venue_time import VenueTime
from schemas.markets import Market
from schemas.topics import Topic


__all__ = ["addresses_of", "check_keys", "key_ring", "new_accounts"]


def new_accounts(shared: Shared, rests: Mapping[Market, RestClient], *, streaming: bool) -> Accounts:
    """Return the accounts of the settings that belong to this process.

    Args:
        shared: what all of it uses.
        rests: the markets' REST interfaces.
        streaming: whether this process takes streams; if not, it has no accounts.

    Raises:
        ConfigError: an account has no key, or one that cannot be used.
    """
    settings = shared.settings
    servers = settings.kafka

    async def log_end(topic: Topic, partition: int) -> int:
        return (await end_offsets(servers, [topic]))[TopicPartition(topic.name, partition)]

    recall = recall_from(servers, shared.table, shared.control, shared.log)
    make = AccountMaker(shared, rests, recall=recall, log_end=log_end)
    return make(settings.own_accounts if streaming else {})


class AccountMaker:
    """Makes accounts.

    Args:
        shared: what all of it uses.
        rests: the markets' REST interfaces.
        recall: tells how far an account is known.
        log_end: tells where a partition ends.
    """

    def __init__(self, shared: Shared, rests: Mapping[Market, RestClient], *, recall: Recall, log_end: LogEnd) -> None:
        self._shared = shared
        self._rests = rests
        self._recall = recall
        self._log_end = log_end
        markets = shared.settings.account_markets
        clocks = shared.clocks
        self._clocks = {
            market: RequestClock(rests[market], clocks.now_ms, shared.log.bind(market=market)) for market in markets
        }
        self._venues = {
            market: VenueTime(
                VenueClock(clocks.wall_ns() // 1_000_000, clocks.now_ms()), rests[market], clocks.now_ms, shared.log
            )
            for market in markets
        }

    def __call__(self, accounts: Mapping[str, AccountSettings]) -> Accounts:
        """Return these accounts, given by label.

        Raises:
            ConfigError: an account has no key, or one that cannot be used.
        """
        settings = self._shared.settings
        ring = key_ring(settings)
        made = {
            label: self._account(label, account, KeyWatch(ring, label, addresses_of(settings, account)))
            for label, account in accounts.items()
        }
        clocks, venues = (self._clocks, self._venues) if made else ({}, {})
        return Accounts(made, clocks, venues, settings.keys_look_s, self._shared.log)

    def _account(self, label: str, settings: AccountSettings, watch: KeyWatch) -> Account:
        shared = self._shared
        log = shared.log.bind(account=label)
        keys: dict[Market, AccountOpener] = {}
        rests = {market: self._rest(market, keys) for market in settings.markets}
        first = rests[settings.markets[0]]
        vetting = KeyVetting(
            lambda key: first.with_key(key).api_restrictions(),
            log,
            allowed=shared.settings.allow_withdraw_keys,
            told=shared.settings.endpoint is Environment.PRODUCTION,
        )
        feeds: list[AccountFeed] = []
        reconcilers: list[Reconciler] = []
        for market, rest in rests.items():
            reconciler = self._reconciler(market, label, settings, rest)
            opener = keys[market] = AccountOpener(
                market,
                watch.key,
                rest=rest,
                pool=self._rests[market].transport.pool,
                clock=self._clocks[market],
                vetting=vetting,
                shared=shared,
                log=log.bind(market=market),
            )
            feed = AccountFeed(
                market,
                label,
                opener,
                venue=self._venues[market],
                reconciler=reconciler,
                shared=shared,
                log=log.bind(market=market),
            )
            reconcilers.append(reconciler)
            feeds.append(feed)
        return Account(watch, vetting, feeds, reconcilers)

    def _rest(self, market: Market, keys: Mapping[Market, AccountOpener]) -> AccountRest:
        return AccountRest(
            market,
            lambda: keys[market].key,
            self._rests[market],
            self._clocks[market],
            self._shared.clocks,
            pause=asyncio.sleep,
            spot_url=self._shared.settings.endpoint_of(Market.SPOT).rest,
        )

    def _reconciler(self, market: Market, label: str, settings: AccountSettings, rest: AccountRest) -> Reconciler:
        shared = self._shared
        answers = HeldAnswers(
            market,
            label,
            shared.settings.reconcile.hold_s,
            connection_id=f"{shared.ingest_id}.{market}.rest.{label}",
            publisher=shared.publisher,
            log_end=self._log_end,
            table=shared.table,
            clocks=shared.clocks,
            pause=asyncio.sleep,
        )
        known = KnownAccount(
            market,
            label,
            settings.symbols.get(market, ()),
            recall=self._recall,
            control=shared.control,
            publisher=shared.publisher,
        )
        return Reconciler(
            market,
            label,
            rest=rest,
            clock=self._clocks[market],
            known=known,
            answers=answers,
            interval_s=shared.settings.reconcile.interval_s,
            first_look_s=shared.settings.reconcile.first_look_s,
            metrics=shared.metrics,
            clocks=shared.clocks,
            log=shared.log.bind(account=label, market=market),
        )


def check_keys(settings: Settings) -> None:
    """Look whether every account of these settings has a key that can be used, and that is no other's.

    Raises:
        ConfigError: one has not.
    """
    ring, owners = key_ring(settings), dict[Secret, str]()
    for label, account in settings.own_accounts.items():
        key = ring.load(label, addresses_of(settings, account))
        if (owner := owners.setdefault(key.api_key, label)) != label:
            problem = (
                f"has the API key of accounts.{owner}: all that happens would be told of both; is it the right one?"
            )
            raise ConfigError([(f"accounts.{label}", problem)], "of keys")


def key_ring(settings: Settings) -> KeyRing:
    """Return where the keys of the settings' accounts are."""
    return KeyRing(settings.keys_dir, settings.keys, settings.endpoint)


def addresses_of(settings: Settings, account: AccountSettings) -> dict[str, str]:
    """Return where an account's key would be sent, by what that is for."""
    addresses: dict[str, str] = {}
    for market in account.markets:
        endpoint = settings.endpoint_of(market)
        addresses |= {f"REST of {market}": endpoint.rest, f"the user stream of {market}": endpoint.user_stream}
    # What a key may do is asked of spot, whatever its markets are.
    return {**addresses, f"REST of {Market.SPOT}": settings.endpoint_of(Market.SPOT).rest}
