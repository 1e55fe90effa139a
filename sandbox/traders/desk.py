"""Robots at work: one for each account and market of an exchange, in turn, until they placed enough orders."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from sandbox.exchange.private.keys import read_key
from sandbox.simulation.accounts.robot import Quote, Robot, Rules
from sandbox.traders.client import PREFIXES, SignedClient
from schemas.markets import Market


__all__ = ["TradingReport", "trade"]

_OK = 200


class TradingReport(msgspec.Struct, frozen=True):
    """What the robots did."""

    asked: int
    placed: int
    """Orders, and lists of two, that the exchange took."""
    by_kind: dict[str, int]
    """Requests by what they were: ``limit``, ``cancel`` …"""
    refused: dict[int, int]
    """Requests by the code of their refusal."""


class _Seat(msgspec.Struct, frozen=True):
    market: Market
    client: SignedClient
    robot: Robot
    symbols: tuple[str, ...]


async def trade(
    url: str,
    keys_dir: Path,
    *,
    orders: int | None,
    every_s: float,
    seed: int,
    wall_ms: Callable[[], int],
    ended: Callable[[], bool] = lambda: False,
) -> TradingReport:
    """Let robots trade for all accounts of an exchange whose keys are in a directory.

    Args:
        url: The exchange.
        keys_dir: Where it wrote the keys.
        orders: How many are to be placed, of all accounts and markets together; None: until told to end.
        every_s: How long to wait after each request.
        seed: Of what they do.
        wall_ms: The machine's clock.
        ended: Whether they were told to end.

    Raises:
        ValueError: There is no account, or a key is missing.
    """
    kinds: Counter[str] = Counter()
    refused: Counter[int] = Counter()
    placed = 0
    async with aiohttp.ClientSession() as session:
        seats = await _seats(session, url, keys_dir, seed, wall_ms)
        while not ended() and (orders is None or placed < orders):
            for seat in seats:
                if ended():
                    break
                quotes = {symbol: await _quote(session, url, seat.market, symbol) for symbol in seat.symbols}
                ask = seat.robot.next(quotes)
                status, answer = await seat.client.ask(seat.market, ask.method, ask.path, ask.params)
                seat.robot.answered(ask, status, answer)
                kinds[ask.kind] += 1
                if status == _OK:
                    placed += ask.places
                else:
                    refused[answer["code"]] += 1
                await asyncio.sleep(every_s)
    return TradingReport(kinds.total(), placed, dict(kinds), dict(refused))


async def _seats(
    session: aiohttp.ClientSession, url: str, keys_dir: Path, seed: int, wall_ms: Callable[[], int]
) -> list[_Seat]:
    labels = [account["label"] for account in await _get(session, f"{url}/sandbox/accounts")]
    if not labels:
        msg = f"{url} has no accounts: start it with --account LABEL --keys-dir DIR"
        raise ValueError(msg)
    seats: list[_Seat] = []
    for label in labels:
        client = SignedClient(session, url, read_key(keys_dir, label), wall_ms)
        await client.measure()
        for market in Market:
            rules = await _rules(session, url, market)
            if rules:
                robot = Robot(market, label, rules, seed + len(seats))
                seats.append(_Seat(market, client, robot, tuple(rules)))
    return seats


async def _rules(session: aiohttp.ClientSession, url: str, market: Market) -> dict[str, Rules]:
    info = await _get(session, f"{url}{PREFIXES[market]}/exchangeInfo")
    return {each["symbol"]: Rules.of(market, each) for each in info.get("symbols", ())}


async def _quote(session: aiohttp.ClientSession, url: str, market: Market, symbol: str) -> Quote:
    answer = await _get(session, f"{url}{PREFIXES[market]}/ticker/bookTicker?symbol={symbol}")
    best = answer[0] if isinstance(answer, list) else answer
    return Quote(Decimal(best["bidPrice"]), Decimal(best["askPrice"]))


async def _get(session: aiohttp.ClientSession, url: str) -> Any:
    async with session.get(url) as reply:
        return await reply.json()
