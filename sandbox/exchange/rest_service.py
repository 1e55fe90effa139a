"""Answers REST requests: counts their weight, lets faults happen to them, asks the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, Protocol

import msgspec

from sandbox.exchange.faults.model import RestKind
from sandbox.exchange.faults.requests import RequestFaults
from sandbox.exchange.limits import Granted, Pool, pool_of
from sandbox.exchange.rest import ENDPOINTS, Endpoint, check
from sandbox.exchange.scales import Scales
from sandbox.exchange.source import RestReply, Source, json_reply
from schemas.markets import Market


__all__ = ["RestService"]

_OK = 200

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


class DepthListener(Protocol):
    """Who wants to know which depth answers were given."""

    def answered_depth(self, market: Market, symbol: str, body: bytes) -> None:
        """Take note of one."""
        ...


class RestService:
    """The REST side of the exchange, without HTTP.

    Args:
        source: Whose data is answered.
        faults: What goes wrong.
        venue_ms: The venue's clock, brought up to date by being asked.
        scales: Where requests are weighed.
        limits: Weight per minute by pool, where it is not the venue's; exchangeInfo then states it.
        listener: Who is told of depth answers.
    """

    def __init__(
        self,
        source: Source,
        faults: RequestFaults,
        venue_ms: Callable[[], int],
        scales: Scales,
        *,
        limits: Mapping[Pool, int],
        listener: DepthListener | None,
    ) -> None:
        self._source = source
        self._faults = faults
        self._venue_ms = venue_ms
        self._scales = scales
        self._stated = dict(limits)
        self._listener = listener

    async def answer(self, path: str, query: Mapping[str, str], api_key: str, address: str) -> RestReply:
        """Answer a GET request of an address to one of `ENDPOINTS`.

        Every answer carries the weight used in this minute, and the venue's clock as its date.
        """
        endpoint = ENDPOINTS[path]
        market = endpoint.market
        params = check(endpoint, query, api_key)
        weighed = {"limit": str(endpoint.default_limit)} if isinstance(params, RestReply) else params
        verdict = self._scales.weigh(address, market, endpoint.weight(weighed))
        if isinstance(verdict, Granted):
            reply = await self._reply(endpoint, path, params, address)
        else:
            reply = self._scales.refusal(market, verdict, self._venue_ms())
        headers = {
            "X-MBX-USED-WEIGHT-1M": str(verdict.used),
            "Date": formatdate(self._venue_ms() / 1_000, usegmt=True),
        }
        return RestReply(reply.status, reply.body, {**reply.headers, **headers})

    async def _reply(
        self, endpoint: Endpoint, path: str, params: dict[str, str] | RestReply, address: str
    ) -> RestReply:
        market = endpoint.market
        fault, failed = await self._faults.failure(market, path, self._venue_ms(), self._scales.limit(market))
        if fault is not None and fault.kind is RestKind.BANNED:
            self._scales.ban(address, market, fault.retry_after_s)
        if failed is not None:
            return failed
        reply = params if isinstance(params, RestReply) else await self._source_reply(market, path, params)
        if fault is not None and fault.kind is RestKind.GARBAGE:
            return RestReply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)
        return reply

    async def _source_reply(self, market: Market, path: str, params: dict[str, str]) -> RestReply:
        def ask() -> RestReply:
            self._venue_ms()
            return self._source.rest(market, path, params)

        if path.endswith("/ping"):
            return json_reply({})
        if path.endswith("/time"):
            return json_reply({"serverTime": self._venue_ms()})
        if path.endswith("/exchangeInfo"):
            return self._stating_limits(market, ask())
        if not path.endswith("/depth"):
            return ask()
        symbol = params["symbol"]
        reply = await self._faults.snapshot(market, symbol, int(params["limit"]), ask, self._venue_ms)
        if self._listener is not None and reply.status == _OK:
            self._listener.answered_depth(market, symbol, reply.body)
        return reply

    def _stating_limits(self, market: Market, reply: RestReply) -> RestReply:
        """Put the weight limit that is configured into an exchangeInfo."""
        limit = self._stated.get(pool_of(market))
        if limit is None or reply.status != _OK:
            return reply
        info = _decode(reply.body)
        for each in info.get("rateLimits", ()):
            if each["rateLimitType"] == "REQUEST_WEIGHT" and each["interval"] == "MINUTE":
                each["limit"] = limit
        return RestReply(_OK, _encode(info), reply.headers)
