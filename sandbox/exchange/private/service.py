"""Answers requests about accounts: weighs them, lets them in, counts orders, asks the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from email.utils import formatdate

from sandbox.exchange.faults.model import RestKind
from sandbox.exchange.faults.requests import RequestFaults
from sandbox.exchange.limits import Granted, Refused, pool_of
from sandbox.exchange.private.accounts import Account
from sandbox.exchange.private.admission import Admission, Admitted
from sandbox.exchange.private.endpoints import PRIVATE_ENDPOINTS, RESTRICTIONS, PrivateEndpoint, Route
from sandbox.exchange.private.listen_keys import ListenKey, ListenKeys
from sandbox.exchange.private.order_counts import OrderCounts
from sandbox.exchange.private.signatures import Signed, rest_request
from sandbox.exchange.scales import Scales
from sandbox.exchange.source import KeepsAccounts, RestReply, error_reply, json_reply
from schemas.markets import Market


__all__ = ["PrivateService"]

_OK = 200
_NO_LISTEN_KEY = error_reply(400, -1125, "This listenKey does not exist.")


class PrivateService:
    """The private side of the exchange, without HTTP or sockets.

    Args:
        source: Where accounts are kept; None where there are none, and then no key is known.
        admission: Lets requests in.
        listen_keys: Those of the futures.
        scales: Where requests are weighed.
        faults: What goes wrong.
        venue_ms: The venue's clock, brought up to date by being asked.
        on_listen_keys: Called when a listen key began, lives on or ends, with the key if it ended.
        restrictions: Whether ``apiRestrictions`` is answered; test networks lack it.
    """

    def __init__(
        self,
        source: KeepsAccounts | None,
        *,
        admission: Admission,
        listen_keys: ListenKeys,
        scales: Scales,
        faults: RequestFaults,
        venue_ms: Callable[[], int],
        on_listen_keys: Callable[[ListenKey | None], None],
        restrictions: bool,
    ) -> None:
        self.admission = admission
        self.scales = scales
        self.venue_ms = venue_ms
        self.counts = OrderCounts()
        self._source = source
        self._listen_keys = listen_keys
        self._faults = faults
        self._on_listen_keys = on_listen_keys
        self._restrictions = restrictions

    async def rest(self, route: Route, query: str, body: str, api_key: str, address: str) -> RestReply:
        """Answer a request to one of `PRIVATE_ENDPOINTS`.

        Args:
            route: Method and path.
            query: As it travelled.
            body: As it travelled.
            api_key: What was sent as key.
            address: Who asks.
        """
        endpoint = PRIVATE_ENDPOINTS[route]
        market = endpoint.market
        request = rest_request(query, body, may_sign_decoded=market.is_futures)
        weight = endpoint.weight(request.params if isinstance(request, Signed) else {})
        verdict = self.scales.weigh(address, market, weight)
        used = verdict.used
        if isinstance(verdict, Refused):
            reply = self.scales.refusal(market, verdict, self.venue_ms())
        else:
            reply = await self._rest_reply(endpoint, route[1], request, api_key, address)
            used = self.settle(endpoint, verdict, reply, address)
        headers = {
            "X-MBX-USED-WEIGHT-1M": str(used),
            "Date": formatdate(self.venue_ms() / 1_000, usegmt=True),
        }
        return RestReply(reply.status, reply.body, {**reply.headers, **headers})

    def admit(self, endpoint: PrivateEndpoint, key_name: str, signed: Signed) -> Admitted | RestReply:
        """Return who asks for what, or the refusal."""
        if not endpoint.security.signed:
            found = self.admission.key(key_name)
            return found if isinstance(found, RestReply) else self.admission.let_in(*found, signed.params)
        return self.admission.admit(
            key_name,
            signed,
            endpoint.mandatory,
            self.venue_ms(),
            futures=endpoint.market.is_futures,
            trades=endpoint.security.trades,
        )

    def answer(self, endpoint: PrivateEndpoint, asked: Admitted) -> RestReply:
        """Answer a request that was let in."""
        label, pool = asked.account.label, pool_of(endpoint.market)
        if not endpoint.orders:
            return self._execute(endpoint, asked)
        refused = self.counts.refusal(label, pool, endpoint.orders, self.scales.now_s())
        if refused is not None:
            return refused
        reply = self._execute(endpoint, asked)
        if reply.status == _OK:
            self.counts.add(label, pool, endpoint.orders, self.scales.now_s())
        headers = self.counts.headers(label, pool, self.scales.now_s())
        return RestReply(reply.status, reply.body, {**reply.headers, **headers})

    def settle(self, endpoint: PrivateEndpoint, granted: Granted, reply: RestReply, address: str) -> int:
        """Give back the weight of what weighs nothing when it succeeds; return the weight used in this minute."""
        if not endpoint.free_if_done or reply.status != _OK:
            return granted.used
        return self.scales.give_back(address, endpoint.market, endpoint.weight({}))

    async def _rest_reply(
        self, endpoint: PrivateEndpoint, path: str, request: Signed | RestReply, api_key: str, address: str
    ) -> RestReply:
        market = endpoint.market
        fault, failed = await self._faults.failure(market, path, self.venue_ms(), self.scales.limit(market))
        if fault is not None and fault.kind is RestKind.BANNED:
            self.scales.ban(address, market, fault.retry_after_s)
        if failed is not None:
            return failed
        if isinstance(request, RestReply):
            return request
        asked = self.admit(endpoint, api_key, request)
        reply = asked if isinstance(asked, RestReply) else self.answer(endpoint, asked)
        if fault is not None and fault.kind is RestKind.GARBAGE:
            return RestReply(reply.status, reply.body[: len(reply.body) // 2], reply.headers)
        return reply

    def _execute(self, endpoint: PrivateEndpoint, asked: Admitted) -> RestReply:
        market, account = endpoint.market, asked.account
        match endpoint.name:
            case "listenKey":
                return self._listen_key(endpoint.method, market, account.label)
            case "rateLimit/order":
                return json_reply(self.counts.described(account.label, pool_of(market), self.scales.now_s()))
            case name if name == RESTRICTIONS:
                return self._restricted(account)
        if self._source is None:
            return error_reply(404, -5000, f"Path {endpoint.name}, Method {endpoint.method} is invalid")
        self.venue_ms()
        return self._source.account_request(market, account.label, endpoint.method, endpoint.name, asked.params)

    def _listen_key(self, method: str, market: Market, label: str) -> RestReply:
        now_s = self.scales.now_s()
        if method == "DELETE":
            closed = self._listen_keys.close(market, label)
            self._on_listen_keys(closed)
            return json_reply({})
        starting = method == "POST"
        key = (self._listen_keys.start if starting else self._listen_keys.keep)(market, label, now_s)
        self._on_listen_keys(None)
        return _NO_LISTEN_KEY if key is None else json_reply({"listenKey": key.name})

    def _restricted(self, account: Account) -> RestReply:
        if not self._restrictions:
            return error_reply(404, -5000, "Path /sapi/v1/account/apiRestrictions, Method GET is invalid")
        spec = account.spec
        allowed: Mapping[str, object] = {
            "ipRestrict": False,
            "createTime": self.venue_ms(),
            "enableReading": True,
            "enableSpotAndMarginTrading": spec.trades,
            "enableFutures": spec.trades,
            "enableWithdrawals": spec.withdraws,
            "enableInternalTransfer": False,
            "enableMargin": False,
            "permitsUniversalTransfer": False,
            "enableVanillaOptions": False,
            "enablePortfolioMarginTrading": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
        }
        return json_reply(allowed)
