"""What the check finds of accounts, against a stand-in for the venue's private side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.check.checking import Checking
from ingest.check.findings import Finding, Mark
from ingest.config import Settings
from tests.support.account_venue import AccountVenue
from tests.support.fakes import RealClocks


API_KEY = "canary-api-key"


@asynccontextmanager
async def checked(tmp_path: Path, venue: AccountVenue) -> AsyncIterator[dict[str, Finding]]:
    files = {"api-key": API_KEY, "secret": "canary-secret", "environment": "sandbox"}
    (tmp_path / "main").mkdir()
    for name, content in files.items():
        (tmp_path / "main" / name).write_text(content)
    async with venue:
        settings = Settings(
            endpoint="sandbox",  # type: ignore[arg-type]  # pydantic converts
            allow_plaintext=True,
            sandbox_url=venue.url,
            accounts={"main": {"markets": ["spot", "usdm", "coinm"]}},  # type: ignore[dict-item]
            keys_dir=tmp_path,
        )
        findings: list[Finding] = []
        await Checking(settings, RealClocks(), findings.append, venue_only=True, limit_s=10).run()
    assert not any("canary" in repr(finding) for finding in findings)
    yield {finding.subject: finding for finding in findings if finding.group == "account"}


async def test_an_account_that_works_is_found_to_work(tmp_path: Path) -> None:
    async with checked(tmp_path, AccountVenue({API_KEY: "canary-secret"})) as found:
        assert {finding.mark for finding in found.values()} == {Mark.OK}
        assert set(found) == {
            "main key",
            "main permissions",
            *(f"main {market} {part}" for market in ("spot", "usdm", "coinm") for part in ("REST", "stream")),
        }


async def test_a_key_that_is_not_taken_is_found_with_what_to_do(tmp_path: Path) -> None:
    async with checked(tmp_path, AccountVenue({})) as found:
        assert found["main key"].mark is Mark.OK
        assert found["main usdm REST"].mark is Mark.FAIL
        assert "-2015" in found["main usdm REST"].detail
        assert "list of addresses" in found["main usdm REST"].detail
        assert found["main usdm stream"].mark is Mark.SKIP


@pytest.mark.parametrize(("may", "mark"), [(True, Mark.FAIL), (None, Mark.WARN)])
async def test_what_a_key_may_do_is_found(tmp_path: Path, may: bool | None, mark: Mark) -> None:
    venue = AccountVenue({API_KEY: "canary-secret"})
    venue.may_withdraw = may

    async with checked(tmp_path, venue) as found:
        assert found["main permissions"].mark is mark


async def test_a_subscription_that_is_refused_is_found(tmp_path: Path) -> None:
    venue = AccountVenue({API_KEY: "canary-secret"})
    venue.refusals["userDataStream.subscribe.signature"] = [(400, -1100)]

    async with checked(tmp_path, venue) as found:
        assert found["main spot stream"].mark is Mark.FAIL
        assert "-1100" in found["main spot stream"].detail
