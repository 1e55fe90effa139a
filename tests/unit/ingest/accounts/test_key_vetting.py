"""Keys that may do more than they are needed for."""

from __future__ import annotations

import pytest
import structlog

from ingest.accounts.account_rest import ApiRestrictions
from ingest.accounts.key_vetting import KeyVetting
from ingest.accounts.keys import AccountKey
from ingest.core.secrecy import Secret
from ingest.core.signing import Signer
from ingest.errors import RestUnreachableError


KEY = AccountKey("main", Secret("canary-key"), Signer.with_secret(Secret("canary-secret")), None)


async def no_answer(_: AccountKey) -> ApiRestrictions | None:
    return None


async def test_where_binance_tells_a_404_is_not_taken_for_a_test_network() -> None:
    vetting = KeyVetting(no_answer, structlog.get_logger(), allowed=False, told=True)

    with pytest.raises(RestUnreachableError, match="apiRestrictions"):
        await vetting.vet(KEY)


@pytest.mark.parametrize(("allowed", "told"), [(False, False), (True, True), (True, False)])
async def test_nobody_is_asked_in_vain_where_it_is_not_told_or_does_not_matter(allowed: bool, told: bool) -> None:
    await KeyVetting(no_answer, structlog.get_logger(), allowed=allowed, told=told).vet(KEY)
