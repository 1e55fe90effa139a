"""A source that keeps accounts and answers what it was asked, and clients that sign."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
from websockets.asyncio.client import ClientConnection
from yarl import URL

from sandbox.exchange.private.accounts import AccountSpec, PrivateSettings
from sandbox.exchange.private.keys import KeyKind, read_key
from sandbox.exchange.server import ExchangeServer
from sandbox.exchange.source import RestReply, StreamEvent, error_reply, json_reply
from schemas.markets import Market
from tests.unit.sandbox.exchange.serving import serving
from tests.unit.sandbox.exchange.sources import ListSource
from tests.unit.sandbox.payloads import EPOCH_MS, EPOCH_NS


__all__ = ["Keeper", "KeyFiles", "account_event", "ask", "keeping", "sent", "signed_params"]


class Keeper(ListSource):
    """Tells back every request; an order of the symbol NOSUCH is refused."""

    def __init__(self, events: Sequence[StreamEvent]) -> None:
        super().__init__(events)
        self.moved: list[tuple[Market, str, str, str]] = []
        self.opened: list[tuple[Market, str, dict[str, str]]] = []

    def streams(self, market: Market) -> frozenset[str]:
        return frozenset({"btcusdt@trade"})

    def open_account(self, market: Market, label: str, balances: Mapping[str, str]) -> None:
        self.opened.append((market, label, dict(balances)))

    def account_request(
        self, market: Market, account: str, method: str, path: str, params: Mapping[str, str]
    ) -> RestReply:
        if params.get("symbol") == "NOSUCH":
            return error_reply(400, -1121, "Invalid symbol.")
        return json_reply({"is": [market, account, method, path], "params": dict(params)})

    def transfer(self, market: Market, account: str, asset: str, amount: str) -> None:
        if account != "main":
            msg = f'account "{account}": is not there on {market}'
            raise ValueError(msg)
        self.moved.append((market, account, asset, amount))

    def account_books(self, market: Market) -> object:
        return {"market": market, "accounts": sorted({label for _, label, _ in self.opened}), "moved": self.moved}


def account_event(
    kind: str, number: int = 1, *, account: str = "main", market: Market = Market.SPOT, at_ms: int = 0
) -> StreamEvent:
    data = json.dumps({"e": kind, "E": EPOCH_MS + at_ms, "i": number}, separators=(",", ":")).encode()
    return StreamEvent(EPOCH_NS + at_ms * 1_000_000, market, kind, data, account)


class KeyFiles:
    """A key as its client finds it."""

    def __init__(self, directory: Path, label: str) -> None:
        key = read_key(directory, label)
        self.name = key.name
        self.sign = key.sign


@asynccontextmanager
async def keeping(
    keys: Path, events: Sequence[StreamEvent] = (), specs: Sequence[AccountSpec] | None = None, **settings: Any
) -> AsyncIterator[ExchangeServer]:
    """Serve a keeper with an account of HMAC and one of Ed25519."""
    chosen = specs or [AccountSpec(label="main"), AccountSpec(label="hedge", kind=KeyKind.ED25519)]
    private = PrivateSettings(accounts=chosen, keys_dir=keys, restrictions=settings.pop("restrictions", True))
    async with serving(Keeper(events), private=private, **settings) as server:
        yield server


async def ask(
    server: ExchangeServer, key: KeyFiles | None, method: str, path: str, **params: str
) -> tuple[int, Any, Mapping[str, str]]:
    """Send a signed request as most clients do: a GET's parameters in the query, others' in the body."""
    headers = {} if key is None else {"X-MBX-APIKEY": key.name}
    text = urlencode({**params, "timestamp": str(EPOCH_MS)})
    if key is not None:
        text += f"&signature={quote(key.sign(text.encode()), safe='')}"
    query, body = (f"?{text}", None) if method in {"GET", "DELETE"} else ("", text)
    if body is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    url = URL(server.url + path + query, encoded=True)
    async with aiohttp.ClientSession() as session, session.request(method, url, data=body, headers=headers) as reply:
        return reply.status, await reply.json(), reply.headers


def signed_params(key: KeyFiles, **params: Any) -> dict[str, Any]:
    whole = {**params, "apiKey": key.name, "timestamp": EPOCH_MS}
    payload = "&".join(f"{name}={value}" for name, value in sorted(whole.items()))
    return {**whole, "signature": key.sign(payload.encode())}


async def sent(client: ClientConnection, method: str, params: Mapping[str, Any] | None = None, **rest: Any) -> Any:
    """Send a request to a WebSocket API and return the next frame."""
    request = {"id": rest.pop("id", 1), "method": method} | ({} if params is None else {"params": dict(params)})
    await client.send(json.dumps(request))
    return json.loads(await client.recv())
