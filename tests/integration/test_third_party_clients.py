"""Clients that others wrote work against the simulated exchange: ccxt and python-binance.

They live in an environment of their own (`make clients`) and run as programs of their users (`tests/clients`). No
Kafka is needed.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.client_programs import exchange, require_clients, run_client


pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    require_clients()


async def test_ccxt_keeps_books_of_spot_and_usdm_in_sync(tmp_path: Path) -> None:
    """After the last diff each of its books has the id and all levels of the exchange's own."""
    symbols = {"BTC/USDT": ("spot", "BTCUSDT"), "ETH/USDT": ("spot", "ETHUSDT"), "BTC/USDT:USDT": ("usdm", "BTCUSDT")}
    async with exchange(
        tmp_path, [":".join(each) for each in symbols.values()], "--duration", "30", "--speed", "2"
    ) as venue:
        books = await run_client(venue, "ccxt_books.py", *symbols)
        for name, (market, symbol) in symbols.items():
            whole = await venue.book(market, symbol)

            assert books[name]["updates"] > 20
            assert books[name]["id"] == whole["lastUpdateId"]
            for side in ("bids", "asks"):
                assert [level[:2] for level in books[name][side]] == [
                    [float(price), float(quantity)] for price, quantity in whole[side]
                ]


async def test_python_binance_collects_every_trade_and_keeps_a_book(tmp_path: Path) -> None:
    """It comes while there is trading; what was traded before is fetched by id, and joins without a hole."""
    async with exchange(
        tmp_path, ["spot:BTCUSDT", "usdm:BTCUSDT"], "--duration", "60", "--speed", "2", "--start", "now"
    ) as venue:
        found = await run_client(venue, "binance_collector.py", "BTCUSDT")
        whole = await venue.book("spot", "BTCUSDT")
    truth = {name: venue.traded(name, "BTCUSDT") for name in TRUTHS}

    for name, (market, stream, endpoint, key, rest_key) in TRUTHS.items():
        heard = found["heard"][market][stream]
        earlier = [each for each in found["earlier"][endpoint] if each[rest_key] < heard[0][key]]
        ids = [each[rest_key] for each in earlier] + [each[key] for each in heard]
        known = {each[key]: each for each in truth[name]}

        assert earlier
        assert ids == [each[key] for each in truth[name]][-len(ids) :]
        for each in heard:
            assert [each[field] for field in "pqTm"] == [known[each[key]][field] for field in "pqTm"]
    for side in ("bids", "asks"):
        assert [[Decimal(price), Decimal(quantity)] for price, quantity in found["book"][side]] == [
            [Decimal(price), Decimal(quantity)] for price, quantity in whole[side]
        ]
    facts = found["facts"]
    assert {each["symbol"] for each in facts["exchangeInfo"]["symbols"]} == {"BTCUSDT"}
    assert facts["futuresKlines"][0][8] > 0
    assert [each["id"] for each in facts["trades"]] == sorted(each["id"] for each in facts["trades"])


TRUTHS = {
    "spot.trades": ("spot", "trade", "trades", "t", "id"),
    "spot.agg-trades": ("spot", "aggTrade", "aggTrades", "a", "a"),
    "usdm.trades": ("usdm", "trade", "futuresTrades", "t", "id"),
    "usdm.agg-trades": ("usdm", "aggTrade", "futuresAggTrades", "a", "a"),
}
"""Files of the log: market, stream and REST answer of the same facts, and the keys of their ids."""
