"""Accounts as the service runs them: keys from files, several markets, against a stand-in for the venue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import structlog
from prometheus_client import CollectorRegistry

from ingest.accounts.making import AccountMaker
from ingest.accounts.running import Accounts
from ingest.config import Settings
from ingest.control_records import ControlRecords
from ingest.core.limits import Allowance
from ingest.core.merged import SeenVersions
from ingest.core.pacing import Pacer
from ingest.errors import ConfigError
from ingest.metrics import Metrics
from ingest.shared import Shared
from ingest.symbols import SymbolBook
from schemas.codec import Codec
from schemas.control import AccountProgress
from schemas.markets import Market
from schemas.topics import Topic, TopicTable
from tests.support.account_venue import AccountVenue
from tests.support.fakes import RealClocks, RecordingPublisher
from tests.support.offline_registry import OfflineRegistry
from tests.support.rest import rest_client


VERSIONS = {Market.SPOT: "api/v3", Market.USDM: "fapi/v1"}


def write_key(keys_dir: Path, api_key: str, signing: str) -> None:
    directory = keys_dir / "main"
    directory.mkdir(exist_ok=True)
    for name, content in {"environment": "sandbox", "api-key": api_key, "secret": signing}.items():
        (directory / name).write_text(content)


async def until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.01)


@asynccontextmanager
async def made(keys_dir: Path, venue: AccountVenue) -> AsyncIterator[Accounts]:
    """Yield the accounts of settings that name one, on two markets."""

    async def recall(_: Market, __: str) -> AccountProgress | None:
        return None

    async def log_end(_: Topic, __: int) -> int:
        return 0

    clocks, table = RealClocks(), TopicTable()
    async with venue, aiohttp.ClientSession() as session:
        settings = Settings(
            endpoint="sandbox",  # type: ignore[arg-type]  # pydantic converts
            allow_plaintext=True,
            sandbox_url=venue.url,
            connection={"rotate_overlap_s": 0.2},  # type: ignore[arg-type]
            accounts={"main": {"markets": ["spot", "usdm"]}},  # type: ignore[dict-item]
            keys_dir=keys_dir,
            keys_look_s=0.02,
        )
        shared = Shared(
            settings=settings,
            ingest_id="i1",
            table=table,
            publisher=RecordingPublisher(),
            control=ControlRecords(table, Codec(table, OfflineRegistry())),
            metrics=Metrics(CollectorRegistry()),
            clocks=clocks,
            symbol_book=SymbolBook(),
            merged=SeenVersions(),
            attempts=Pacer(Allowance(100, 100.0)),
            log=structlog.get_logger(),
        )
        rests = {
            market: rest_client(f"{venue.url}/{version}", session, clocks, market)
            for market, version in VERSIONS.items()
        }
        make = AccountMaker(shared, rests, recall=recall, log_end=log_end)
        yield make(settings.own_accounts)


@asynccontextmanager
async def running(accounts: Accounts) -> AsyncIterator[None]:
    await accounts.prepare()
    background = asyncio.create_task(accounts.run())
    connecting = asyncio.create_task(accounts.run_connections())
    try:
        yield
    finally:
        accounts.stop()
        await connecting
        background.cancel()
        await asyncio.wait([background])


def all_live(accounts: Accounts) -> bool:
    return set(accounts.readiness.values()) == {"live"}


async def test_a_key_file_that_is_replaced_is_used_on_every_market(tmp_path: Path) -> None:
    write_key(tmp_path, "canary-old", "old-secret")
    venue = AccountVenue({"canary-old": "old-secret", "canary-new": "new-secret"})

    async with made(tmp_path, venue) as accounts, running(accounts):
        await until(lambda: all_live(accounts))
        write_key(tmp_path, "canary-new", "new-secret")
        await venue.until(lambda one: one.open_count == 4)
        await venue.until(lambda one: one.open_count == 2)
        await until(lambda: all_live(accounts))

        assert venue.keys_used[-2:] == ["canary-new", "canary-new"]
        assert sorted(accounts.readiness) == ["spot-private-main", "usdm-private-main"]


async def test_a_key_file_that_went_bad_changes_nothing_and_is_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_key(tmp_path, "canary-old", "old-secret")
    venue = AccountVenue({"canary-old": "old-secret"})

    async with made(tmp_path, venue) as accounts, running(accounts):
        await until(lambda: all_live(accounts))
        write_key(tmp_path, "no key at all", "old-secret")
        shown = ""

        def is_told() -> bool:
            nonlocal shown
            shown += capsys.readouterr().out
            return "holds no API key" in shown

        await until(is_told)

        assert all_live(accounts)
        assert venue.open_count == 2
    shown += capsys.readouterr().out
    assert shown.count("key cannot be used") == 1
    assert "no key at all" not in shown


async def test_a_key_that_may_withdraw_ends_the_start(tmp_path: Path) -> None:
    write_key(tmp_path, "canary-old", "old-secret")
    venue = AccountVenue({"canary-old": "old-secret"})
    venue.may_withdraw = True

    async with made(tmp_path, venue) as accounts:
        with pytest.raises(ConfigError, match="allow_withdraw_keys") as caught:
            await accounts.prepare()

    assert "accounts.main" in str(caught.value)


async def test_a_key_that_the_venue_does_not_know_does_not_end_the_start(tmp_path: Path) -> None:
    write_key(tmp_path, "canary-old", "old-secret")

    async with made(tmp_path, AccountVenue({})) as accounts:
        await accounts.prepare()


async def test_an_account_without_a_key_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="INGEST_KEYS__MAIN__API_KEY"):
        async with made(tmp_path, AccountVenue({})):
            pass
