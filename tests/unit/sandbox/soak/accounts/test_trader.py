"""The robots trade on a real exchange, over its sockets: as much as they are to, until the hour is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.exchange.private.accounts import AccountSpec, PrivateSettings
from sandbox.exchange.private.keys import KeyKind
from sandbox.exchange.server import ExchangeServer, ExchangeSettings, StartMode
from sandbox.soak.accounts.control import AccountsControl
from sandbox.soak.accounts.trader import Trader
from schemas.markets import Market
from tests.support.polling import until
from tests.unit.sandbox.simulation.accounts.stage import OPENING, SYMBOLS, Stage, quiet


MARKETS = (Market.SPOT, Market.USDM)
ORDERS = 24


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ExchangeServer]:
    stage = Stage(quiet(symbols={market: SYMBOLS[market] for market in MARKETS}), accounts=())
    accounts = [AccountSpec(label="main"), AccountSpec(label="hedge", kind=KeyKind.ED25519)]
    private = PrivateSettings(accounts=accounts, keys_dir=tmp_path, balances=OPENING)
    settings = ExchangeSettings(port=0, start=StartMode.NOW, speed=20, private=private)
    async with ExchangeServer(stage.source, settings) as server:
        yield server


def trader_at(server: ExchangeServer, keys_dir: Path) -> Trader:
    symbols = {market: SYMBOLS[market] for market in MARKETS}
    return Trader(server.url, keys_dir, ["main", "hedge"], symbols, orders=ORDERS, seed=1, span_s=10)


async def trade(trader: Trader) -> None:
    async def has_ended() -> bool:
        return trader.ended()

    trader.start()
    try:
        await until(has_ended)
    finally:
        await asyncio.to_thread(trader.stop)


async def test_robots_place_their_orders_for_every_account_until_the_hour_is_over(
    server: ExchangeServer, tmp_path: Path
) -> None:
    trader = trader_at(server, tmp_path)
    await trade(trader)
    books = {market: await asyncio.to_thread(AccountsControl(server.url).books, market) for market in MARKETS}

    assert trader.part >= 1
    assert trader.placed.total() >= ORDERS
    assert min(len(books[market][label]["orders"]) for market in MARKETS for label in ("main", "hedge")) > 0


async def test_a_key_that_is_good_for_nothing_any_more_is_read_again(server: ExchangeServer, tmp_path: Path) -> None:
    trader, control = trader_at(server, tmp_path), AccountsControl(server.url)
    for account in ("main", "hedge"):
        await asyncio.to_thread(control.give_key, account)
        await asyncio.to_thread(control.revoke_old_keys, account)
    await trade(trader)

    assert trader.refused["-2015"]
    assert trader.placed.total() >= ORDERS


async def test_what_ends_the_robots_is_raised(server: ExchangeServer, tmp_path: Path) -> None:
    trader = trader_at(server, tmp_path)
    await server.__aexit__(None, None, None)

    with pytest.raises(Exception, match="connect"):
        await trade(trader)
