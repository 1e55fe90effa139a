"""An account's stream over real sockets on the loopback, against a stand-in for the venue's private side."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from prometheus_client import CollectorRegistry, generate_latest

from ingest.accounts.account_rest import AccountRest
from ingest.accounts.feed import AccountFeed
from ingest.accounts.key_vetting import KeyVetting
from ingest.accounts.keys import AccountKey
from ingest.accounts.opening import AccountOpener
from ingest.accounts.venue_clock import RequestClock
from ingest.config import Settings
from ingest.control_records import ControlRecords
from ingest.core.endpoints import Environment
from ingest.core.guard import VenueClock
from ingest.core.limits import Allowance
from ingest.core.merged import SeenVersions
from ingest.core.pacing import Pacer
from ingest.core.secrecy import Secret
from ingest.core.signing import Signer
from ingest.metrics import Metrics
from ingest.shared import Shared
from ingest.symbols import SymbolBook
from ingest.venue_time import VenueTime
from schemas.codec import Codec
from schemas.control import Connection, ConnectionEvent, ReconcileCause
from schemas.markets import Market
from schemas.topics import TopicTable
from tests.support.account_venue import AccountVenue
from tests.support.fakes import RealClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.rest import rest_client


CODEC = Codec(TopicTable(), OfflineRegistry())
ALL_MARKETS = list(Market)
FUTURES = [Market.USDM, Market.COINM]
VERSIONS = {Market.SPOT: "api/v3", Market.USDM: "fapi/v1", Market.COINM: "dapi/v1"}


def hmac_key(api_key: str, secret: str) -> AccountKey:
    return AccountKey("main", Secret(api_key), Signer.with_secret(Secret(secret)), Environment.SANDBOX)


def ed25519_key(api_key: str) -> AccountKey:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return AccountKey("main", Secret(api_key), Signer.with_private_key(Secret(pem.decode())), Environment.SANDBOX)


OLD = hmac_key("canary-old", "old-secret")
NEW = hmac_key("canary-new", "new-secret")


async def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


class RecordingReconciler:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.causes: list[ReconcileCause] = []
        self.seen: list[bytes] = []

    def wake(self, cause: ReconcileCause) -> None:
        self.causes.append(cause)

    def saw(self, event: bytes) -> None:
        self.seen.append(event)


class Rig:
    """One feed beside a venue."""

    def __init__(
        self,
        market: Market,
        venue: AccountVenue,
        session: aiohttp.ClientSession,
        key: AccountKey,
        connection: dict[str, Any],
        *,
        allow_withdraw: bool,
    ) -> None:
        self.market = market
        self.venue = venue
        self.publisher = RecordingPublisher()
        self.reconciler = RecordingReconciler()
        self.metrics = Metrics(CollectorRegistry())
        clocks, log = RealClocks(), structlog.get_logger()
        settings = Settings(
            endpoint="sandbox",  # type: ignore[arg-type]  # pydantic converts
            allow_plaintext=True,
            sandbox_url=venue.url,
            connection={"rotate_overlap_s": 0.2, **connection},  # type: ignore[arg-type]
        )
        shared = Shared(
            settings=settings,
            ingest_id="i1",
            table=TopicTable(),
            publisher=self.publisher,
            control=ControlRecords(TopicTable(), CODEC),
            metrics=self.metrics,
            clocks=clocks,
            symbol_book=SymbolBook(),
            merged=SeenVersions(),
            attempts=Pacer(Allowance(100, 100.0)),
            log=log,
        )
        client = rest_client(f"{venue.url}/{VERSIONS[market]}", session, clocks, market)
        clock = RequestClock(client, clocks.now_ms, log)

        async def pause(_: float) -> None:
            await asyncio.sleep(0)

        rest = AccountRest(
            market,
            lambda: self.opener.key,
            client,
            clock,
            clocks,
            pause=pause,
            spot_url=f"{venue.url}/api/v3",
        )
        self.opener = AccountOpener(
            market,
            key,
            rest=rest,
            pool=client.transport.pool,
            clock=clock,
            vetting=KeyVetting(
                lambda one: rest.with_key(one).api_restrictions(), log, allowed=allow_withdraw, told=False
            ),
            shared=shared,
            log=log,
        )
        self.feed = AccountFeed(
            market,
            "main",
            self.opener,
            venue=VenueTime(VenueClock(venue.time_ms, clocks.now_ms()), client, clocks.now_ms, log),
            reconciler=self.reconciler,
            shared=shared,
            log=log,
        )

    async def event(self, number: int, *, first_only: bool = False) -> None:
        kind = "ORDER_TRADE_UPDATE" if self.market.is_futures else "executionReport"
        event = {"e": kind, "E": self.venue.time_ms, "number": number}
        await self.venue.send(event, first_only=first_only)

    async def numbers(self, count: int) -> list[int]:
        records = await self.publisher.arrived(f"binance.{self.market}.raw.order-update", count)
        return [json.loads(record.value)["number"] for record in records]

    async def live(self) -> None:
        await until(lambda: self.feed.readiness == "live")

    def diary(self) -> list[Connection]:
        records = self.publisher.of("binance.control.connection")
        values = [CODEC.decode("binance.control.connection", 0, 0, record.value) for record in records]
        return [one for one in values if isinstance(one, Connection)]

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"market": self.market, "account": "main", **labels}) or 0.0


@asynccontextmanager
async def running(
    market: Market,
    prepare: Callable[[AccountVenue], object] = lambda _: None,
    *,
    key: AccountKey = OLD,
    allow_withdraw: bool = False,
    **connection: Any,
) -> AsyncIterator[Rig]:
    """Run a feed; at the end it is told to stop and must do so in good order."""
    secrets = {"canary-old": "old-secret", "canary-new": "new-secret", "canary-ed25519": None}
    async with AccountVenue(secrets) as venue, aiohttp.ClientSession() as session:
        prepare(venue)
        rig = Rig(market, venue, session, key, connection, allow_withdraw=allow_withdraw)
        task = asyncio.create_task(rig.feed.run())
        try:
            yield rig
        finally:
            rig.feed.stop()
            await task


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_events_become_records_verbatim(market: Market) -> None:
    async with running(market) as rig:
        await rig.live()
        await rig.event(1)
        await rig.event(2)

        assert await rig.numbers(2) == [1, 2]
        assert rig.reconciler.causes == [ReconcileCause.START]
        assert [json.loads(event)["number"] for event in rig.reconciler.seen] == [1, 2]
        assert rig.metric("ingest_account_events_total", stream="order-update") == 2


async def test_a_signed_subscription_takes_one_request() -> None:
    async with running(Market.SPOT) as rig:
        await rig.live()

        assert rig.venue.requests["userDataStream.subscribe.signature"] == 1
        assert rig.venue.requests["session.logon"] == 0


async def test_an_ed25519_key_logs_on_and_subscribes() -> None:
    async with running(Market.SPOT, key=ed25519_key("canary-ed25519")) as rig:
        await rig.live()
        await rig.event(1)

        assert await rig.numbers(1) == [1]
        assert rig.venue.requests["session.logon"] == rig.venue.requests["userDataStream.subscribe"] == 1


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_after_a_disconnect_the_account_is_compared(market: Market) -> None:
    async with running(market) as rig:
        await rig.live()
        await rig.venue.drop()
        await until(lambda: len(rig.reconciler.causes) == 2)
        await rig.event(1)

        assert await rig.numbers(1) == [1]
        assert rig.reconciler.causes == [ReconcileCause.START, ReconcileCause.RECONNECT]


@pytest.mark.parametrize("market", FUTURES)
async def test_an_expired_listen_key_is_followed_by_another_at_once(market: Market) -> None:
    async with running(market) as rig:
        await rig.live()
        await rig.venue.expire_listen_key()
        await until(lambda: len(rig.reconciler.causes) == 2)
        await rig.event(1)

        assert await rig.numbers(1) == [1]
        assert rig.reconciler.causes[1] is ReconcileCause.KEY_EXPIRED
        assert rig.metric("ingest_listen_key_expiries_total") == 1
        assert rig.venue.listen_key == 2


async def test_the_end_of_a_subscription_is_followed_by_another_at_once() -> None:
    async with running(Market.SPOT) as rig:
        await rig.live()
        await rig.venue.send({"e": "eventStreamTerminated", "E": 1})
        await until(lambda: len(rig.reconciler.causes) == 2)

        assert rig.reconciler.causes[1] is ReconcileCause.STREAM_ENDED


async def test_a_listen_key_is_prolonged() -> None:
    async with running(Market.USDM, listen_key_refresh_s=0.1) as rig:
        await rig.venue.until(lambda venue: venue.requests["PUT listenKey"] >= 1)
        await rig.live()

        assert rig.reconciler.causes == [ReconcileCause.START]


async def test_a_listen_key_that_cannot_be_prolonged_is_replaced() -> None:
    def prepare(venue: AccountVenue) -> None:
        venue.refusals["PUT listenKey"] = [(400, -1125)]

    async with running(Market.USDM, prepare, listen_key_refresh_s=0.1) as rig:
        await until(lambda: len(rig.reconciler.causes) == 2)

        assert rig.reconciler.causes[1] is ReconcileCause.KEY_EXPIRED


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_nothing_is_ever_deleted(market: Market) -> None:
    async with running(market, listen_key_refresh_s=0.1) as rig:
        await rig.live()
        await rig.venue.drop()
        await until(lambda: len(rig.reconciler.causes) == 2)

    assert not [what for what in rig.venue.requests if what.startswith("DELETE")]


async def test_a_request_at_another_time_is_made_again_after_a_measurement() -> None:
    def prepare(venue: AccountVenue) -> None:
        venue.refusals["userDataStream.subscribe.signature"] = [(400, -1021)]

    async with running(Market.SPOT, prepare) as rig:
        await rig.live()

        assert rig.venue.requests["userDataStream.subscribe.signature"] == 2
        assert rig.venue.requests["GET time"] == 6


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_a_key_that_is_not_taken_is_told_with_what_to_do(market: Market) -> None:
    unknown = hmac_key("canary-unknown", "secret")

    async with running(market, key=unknown) as rig:
        await until(lambda: "-2015" in rig.feed.readiness)

        assert "list of addresses" in rig.feed.readiness
        assert "canary" not in rig.feed.readiness
        assert rig.metric("ingest_account_key_refused") == 1


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_a_replaced_key_loses_no_event(market: Market) -> None:
    async with running(market) as rig:
        await rig.live()
        await rig.event(1)
        rig.feed.offer(NEW)
        await rig.venue.until(lambda venue: venue.subscribed_count == 2)
        await rig.event(2)
        await rig.venue.until(lambda venue: venue.open_count == 1)
        await rig.event(3)

        assert await rig.numbers(3) == [1, 2, 3]
        assert rig.opener.key is NEW
        assert rig.venue.keys_used[-1] == "canary-new"
        assert rig.metric("ingest_account_key_replacements_total") == 1
    assert len(await rig.numbers(3)) == 3


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_a_new_key_that_is_not_taken_leaves_the_old_one_at_work(market: Market) -> None:
    async with running(market) as rig:
        await rig.live()
        rig.feed.offer(hmac_key("canary-unknown", "secret"))
        await until(lambda: rig.metric("ingest_account_key_refused") == 1)
        await rig.event(1)

        assert await rig.numbers(1) == [1]
        assert rig.feed.readiness == "live"
        assert rig.opener.key is OLD
        await rig.venue.drop()
        await until(lambda: len(rig.reconciler.causes) == 2)
        assert rig.venue.keys_used[-1] == "canary-old"


async def test_a_key_that_may_withdraw_connects_nothing() -> None:
    def prepare(venue: AccountVenue) -> None:
        venue.may_withdraw = True

    async with running(Market.SPOT, prepare) as rig:
        await until(lambda: "allow_withdraw_keys" in rig.feed.readiness)

        assert rig.venue.open_count == 0


async def test_a_key_that_may_withdraw_is_taken_where_that_is_allowed() -> None:
    def prepare(venue: AccountVenue) -> None:
        venue.may_withdraw = True

    async with running(Market.SPOT, prepare, allow_withdraw=True) as rig:
        await rig.live()


async def test_a_venue_that_does_not_tell_what_a_key_may_do_is_connected_to() -> None:
    def prepare(venue: AccountVenue) -> None:
        venue.may_withdraw = None

    async with running(Market.SPOT, prepare) as rig:
        await rig.live()

        assert rig.venue.requests["GET apiRestrictions"] == 1


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_a_rotation_writes_each_event_once(market: Market) -> None:
    async with running(market, rotate_after_s=1.0, rotate_stagger_s=0.0) as rig:
        await rig.live()
        await rig.venue.until(lambda venue: venue.subscribed_count == 2)
        for number in range(5):
            await rig.event(number)
        await rig.venue.until(lambda venue: venue.open_count == 1)

        assert await rig.numbers(5) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_nothing_secret_is_in_anything_that_it_produces(
    market: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    def prepare(venue: AccountVenue) -> None:
        venue.refusals["userDataStream.subscribe.signature"] = [(400, -1100)]

    async with running(market, prepare, listen_key_refresh_s=0.1) as rig:
        await rig.live()
        await rig.event(1)
        repeated = {"listenKey": rig.venue.listen_key_text} if market.is_futures else {}
        await rig.venue.send({"e": "SOMETHING_NEW", "E": 1, "key": "canary-old", **repeated})
        await rig.venue.expire_listen_key()
        await rig.venue.drop()
        await until(lambda: len(rig.reconciler.causes) >= 2)
    shown = capsys.readouterr()
    texts = [shown.out, shown.err, generate_latest(rig.metrics.registry).decode(), repr(rig.feed.readiness)]
    texts += [repr(one) for one in rig.publisher.records]
    texts += [repr(vars(rig.opener)), repr(vars(rig.feed)), repr(OLD)]

    assert rig.publisher.of("binance.control.private-dead-letter")
    assert any("disconnected" in text for text in texts)
    for text in texts:
        assert "canary" not in text
        assert "old-secret" not in text


@pytest.mark.parametrize("market", ALL_MARKETS)
async def test_readers_are_told_of_each_socket(market: Market) -> None:
    async with running(market) as rig:
        await rig.live()
        await rig.venue.drop()
        await until(lambda: len(rig.reconciler.causes) == 2)

    told = rig.diary()
    assert [one.event for one in told] == [
        ConnectionEvent.CONNECTED,
        ConnectionEvent.DISCONNECTED,
        ConnectionEvent.CONNECTED,
        ConnectionEvent.DISCONNECTED,
    ]
    assert {one.streams[0] for one in told} == {"userData:main"}
    assert {one.url for one in told} == {rig.opener.base_url}
