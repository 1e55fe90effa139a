"""Clients that others wrote trade on the simulated exchange, with their own signing: ccxt and python-binance.

They live in an environment of their own (`make clients`) and run as programs of their users (`tests/clients`). No
Kafka is needed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.client_programs import Exchange, exchange, output_of, require_clients


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]
KINDS = pytest.mark.parametrize("label", ["hmac", "ed25519"])


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def venue(keys: Path) -> AsyncIterator[Exchange]:
    require_clients()
    accounts = [
        f"--{name}" if first else name
        for kind in ("hmac", "ed25519")
        for name, first in (("account", True), (f"{kind}:{kind}", False))
    ]
    options = [*accounts, "--keys-dir", str(keys), "--duration", "0", "--start", "now"]
    async with exchange(keys / "truth", ["spot:BTCUSDT", "usdm:BTCUSDT"], *options) as running:
        yield running


async def books_of(venue: Exchange, market: str, label: str) -> Any:
    """Return what the exchange itself keeps of an account."""
    return (await venue.get("/sandbox/accounts/books", market=market))[label]


@KINDS
async def test_python_binance_trades_and_hears_of_it(venue: Exchange, keys: Path, label: str) -> None:
    found = await output_of(venue, "binance_trader.py", str(keys / label), "BTCUSDT")
    spot, usdm = found["traded"]["spot"], found["traded"]["usdm"]

    assert [each["status"] for each in (spot["placed"], spot["found"], spot["cancelled"])] == ["NEW", "NEW", "CANCELED"]
    assert [each["orderId"] for each in spot["open"]] == [spot["placed"]["orderId"]]
    assert (spot["overSocket"]["status"], spot["cancelledOverSocket"]["status"]) == ("NEW", "CANCELED")
    assert spot["bought"]["status"] == "FILLED"
    assert sum(Decimal(each["qty"]) for each in spot["trades"]) == Decimal("0.01")
    assert (usdm["placed"]["status"], usdm["cancelled"]["status"]) == ("NEW", "CANCELED")
    assert [Decimal(each["positionAmt"]) for each in usdm["positions"]] == [Decimal("0.01")]
    orders = [each for each in found["told"]["spot"] if each["e"] == "executionReport"]
    assert [(each["x"], each["i"]) for each in orders[:4]] == [
        (execution, spot[placed]["orderId"]) for placed in ("placed", "overSocket") for execution in ("NEW", "CANCELED")
    ]
    assert found["told"]["usdm"][0]["o"]["i"] == usdm["placed"]["orderId"]
    books = await books_of(venue, "spot", label)
    assert {each["orderId"]: each["status"] for each in spot["orders"]}.items() <= {
        each["orderId"]: each["status"] for each in books["orders"]
    }.items()
    assert {each["asset"]: (each["free"], each["locked"]) for each in spot["account"]["balances"]} == {
        asset: (each["free"], each["locked"]) for asset, each in books["balances"].items()
    }


@KINDS
async def test_ccxt_trades_over_rest_and_sockets(venue: Exchange, keys: Path, label: str) -> None:
    found = await output_of(venue, "ccxt_trader.py", str(keys / label))

    for market in ("spot", "usdm"):
        traded = found[market]
        assert traded["placed"]["clientOrderId"] == "desk/7:a"
        assert traded["found"]["id"] == traded["placed"]["id"]
        assert [traded[name]["status"] for name in ("placed", "cancelled", "overSocket", "cancelledOverSocket")] == [
            "open",
            "canceled",
            "open",
            "canceled",
        ]
        assert traded["bought"]["status"] == "closed"
        assert traded["open"] == []
