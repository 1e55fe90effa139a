"""One connection to a WebSocket API, without a socket: requests in, replies and changes of its feeds out.

Source: binance-spot-api-docs, "Public WebSocket API for Binance" and "User Data Stream" (2026-07-21); derivatives
documentation, "WebSocket API General Info" (2026-05-28). Codes -2028 and -1193 are what clients have seen, their texts
are ours, and so is that the last event of a feed comes before the reply to what ended it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from sandbox.exchange.limits import Refused, pool_of
from sandbox.exchange.private.accounts import Account
from sandbox.exchange.private.admission import UNKNOWN_KEY, Admitted, empty_or_missing, illegal_integer
from sandbox.exchange.private.api_frames import ApiRequest, Unreadable, parse_request, reply_text
from sandbox.exchange.private.endpoints import PrivateEndpoint
from sandbox.exchange.private.keys import ApiKey, KeyKind
from sandbox.exchange.private.methods import api_method
from sandbox.exchange.private.openings import Closing, Opening, subscription_envelope
from sandbox.exchange.private.service import PrivateService
from sandbox.exchange.private.signatures import api_request
from sandbox.exchange.private.subscriptions import Subscriptions
from sandbox.exchange.rules import MarketRules
from sandbox.exchange.session import Outcome
from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.exchange.time_units import private_in_microseconds
from schemas.markets import Market


__all__ = ["ApiSession"]

_FUTURES_CONTROL_FRAMES = 5
"""Pings and pongs that a client of futures may send in a second; the rules of streams say ten frames of any kind."""
_STREAM_FRAMES = 10
_SESSION_WEIGHT, _PLAIN_WEIGHT = 2, 1
_OPENING_WEIGHT, _FUTURES_OPENING_WEIGHT = 2, 5

_UNKNOWN_METHOD = error_reply(400, -1020, "This operation is not supported.")
_NOT_LOGGED_ON = error_reply(401, -1193, "The session is not authenticated.")
_ONLY_ED25519 = error_reply(400, -2028, "Only Ed25519 API keys can authenticate a session.")
_SUBSCRIBED = error_reply(400, -2035, "User Data Stream subscription already active.")
_NOT_SUBSCRIBED = error_reply(400, -2036, "User Data Stream subscription not active.")
_USED_UP = error_reply(400, -2042, "All subscription ids of this connection are used up.")
_SIGNS = ("apiKey", "timestamp", "signature")


class _Answer(msgspec.Struct, frozen=True):
    reply: RestReply
    opened: tuple[Opening, ...] = ()
    ended: tuple[Closing, ...] = ()


class ApiSession:
    """The state of one connection.

    Args:
        market: Whose API.
        rules: The market's rules of connections.
        service: What answers.
        address: Who asks.
        microseconds: Whether times are told in microseconds.
        tells_limits: Whether replies tell ``rateLimits``, where the request does not say.
    """

    combined = False

    def __init__(
        self,
        market: Market,
        rules: MarketRules,
        service: PrivateService,
        *,
        address: str,
        microseconds: bool = False,
        tells_limits: bool = True,
    ) -> None:
        self._market = market
        self._service = service
        self._address = address
        self._microseconds = microseconds
        self._tells_limits = tells_limits
        self._control_s: deque[float] | None = None
        if market.is_futures:
            hastened = rules.messages_per_second - _STREAM_FRAMES
            self._control_s = deque(maxlen=_FUTURES_CONTROL_FRAMES + max(0, hastened))
        self._since_ms = service.venue_ms()
        self._logged_on: tuple[Account, ApiKey, int] | None = None
        self._subscriptions = Subscriptions()
        self._handlers: dict[str, Callable[[Mapping[str, str]], _Answer]] = {
            "session.logon": self._log_on,
            "session.status": lambda _: _Answer(self._status()),
            "session.logout": self._log_out,
        }
        if not market.is_futures:
            self._handlers |= {
                "userDataStream.subscribe": self._subscribe,
                "userDataStream.subscribe.signature": self._subscribe_signed,
                "userDataStream.unsubscribe": self._unsubscribe,
                "session.subscriptions": lambda _: _Answer(self._listed()),
            }

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The accounts subscribed to."""
        return self._subscriptions.accounts

    def open(self, _: Iterable[str]) -> Outcome:
        """Count the connection; one too many is closed."""
        weight = _FUTURES_OPENING_WEIGHT if self._market.is_futures else _OPENING_WEIGHT
        verdict = self._service.scales.weigh(self._address, self._market, weight)
        return Outcome(closed=isinstance(verdict, Refused))

    def receive_control(self, now_s: float) -> Outcome:
        """Take in a ping or pong frame: futures take few of them."""
        if self._control_s is None:
            return Outcome()
        received = self._control_s
        too_fast = len(received) == received.maxlen and now_s - received[0] < 1
        received.append(now_s)
        return Outcome(closed=too_fast)

    def receive(self, text: str, _: float) -> Outcome:
        """Take in a request and return what to do."""
        request = parse_request(text)
        if isinstance(request, Unreadable):
            return Outcome(self._told(request.id, request.refusal, None))
        handler = self._handlers.get(request.method.removeprefix("v3/"))
        endpoint = None if handler is not None else api_method(self._market, request.method)
        if endpoint is not None:
            weight = endpoint.weight(request.params)
        else:
            weight = _PLAIN_WEIGHT if handler is None else _SESSION_WEIGHT
        verdict = self._service.scales.weigh(self._address, self._market, weight)
        if isinstance(verdict, Refused):
            refusal = self._service.scales.refusal(self._market, verdict, self._service.venue_ms())
            return Outcome(self._told(request.id, refusal, self._limits(request, verdict.used, None)))
        used = verdict.used
        if handler is not None:
            answer = handler(request.params)
        elif endpoint is not None:
            answer = _Answer(self._ask(endpoint, request.params))
            used = self._service.settle(endpoint, verdict, answer.reply, self._address)
        else:
            answer = _Answer(self._plain(request.method))
        limits = self._limits(request, used, endpoint)
        return Outcome(self._told(request.id, answer.reply, limits), opened=answer.opened, ended=answer.ended)

    def announcement(self, stream: str, payload: bytes) -> bytes:
        """Return the text of a frame that nobody subscribed to."""
        return b'{"event":%b}' % payload

    def revoke(self, keys: Iterable[str]) -> Outcome:
        """Take note that API keys are good for nothing any more; a session that one of them logged on is told."""
        gone = frozenset(keys)
        ended = self._subscriptions.end(lambda each: each.key in gone, self._service.venue_ms())
        reply = None
        if self._logged_on is not None and self._logged_on[1].name in gone:
            self._logged_on = None
            reply = self._told(None, UNKNOWN_KEY, None)
        return Outcome(reply, ended=ended)

    def _ask(self, endpoint: PrivateEndpoint, params: Mapping[str, str]) -> RestReply:
        asked = self._admitted(endpoint, params)
        return asked if isinstance(asked, RestReply) else self._service.answer(endpoint, asked)

    def _admitted(self, endpoint: PrivateEndpoint, params: Mapping[str, str]) -> Admitted | RestReply:
        """Let a request in by its own signature, or because the session is logged on."""
        service = self._service
        if self._logged_on is None or "apiKey" in params or "signature" in params:
            refused = empty_or_missing(["apiKey"], params)
            return refused or service.admit(endpoint, params["apiKey"], api_request(params))
        account, key, _ = self._logged_on
        refused = None
        if endpoint.security.signed:
            refused = (
                empty_or_missing([*endpoint.mandatory, "timestamp"], params)
                or illegal_integer(params)
                or service.admission.time(params, service.venue_ms(), futures=self._market.is_futures)
            )
        if refused is None and endpoint.security.trades and not account.spec.trades:
            refused = UNKNOWN_KEY
        return refused or service.admission.let_in(account, key, params)

    def _signed(self, params: Mapping[str, str]) -> Admitted | RestReply:
        refused = empty_or_missing(_SIGNS, params)
        return refused or self._service.admission.admit(
            params["apiKey"],
            api_request(params),
            (),
            self._service.venue_ms(),
            futures=self._market.is_futures,
            trades=False,
        )

    def _plain(self, method: str) -> RestReply:
        match method.removeprefix("v3/"):
            case "ping":
                return json_reply({})
            case "time":
                return json_reply({"serverTime": self._service.venue_ms()})
            case _:
                return _UNKNOWN_METHOD

    def _log_on(self, params: Mapping[str, str]) -> _Answer:
        asked = self._signed(params)
        if isinstance(asked, RestReply):
            return _Answer(asked)
        if asked.key.kind is not KeyKind.ED25519:
            return _Answer(_ONLY_ED25519)
        self._logged_on = asked.account, asked.key, self._service.venue_ms()
        return _Answer(self._status())

    def _log_out(self, _: Mapping[str, str]) -> _Answer:
        self._logged_on = None
        ended = self._subscriptions.end(lambda each: each.of_session, self._service.venue_ms())
        return _Answer(self._status(), ended=ended)

    def _status(self) -> RestReply:
        on = self._logged_on
        status: dict[str, Any] = {
            "apiKey": None if on is None else on[1].name,
            "authorizedSince": None if on is None else on[2],
            "connectedSince": self._since_ms,
            "returnRateLimits": self._tells_limits,
            "serverTime": self._service.venue_ms(),
        }
        if not self._market.is_futures:
            status["userDataStream"] = bool(self._subscriptions.accounts)
        return json_reply(status)

    def _subscribe(self, _: Mapping[str, str]) -> _Answer:
        if self._logged_on is None:
            return _Answer(_NOT_LOGGED_ON)
        account, key, _since = self._logged_on
        return self._subscribed(account, key, of_session=True)

    def _subscribe_signed(self, params: Mapping[str, str]) -> _Answer:
        asked = self._signed(params)
        if isinstance(asked, RestReply):
            return _Answer(asked)
        return self._subscribed(asked.account, asked.key, of_session=False)

    def _subscribed(self, account: Account, key: ApiKey, *, of_session: bool) -> _Answer:
        if account.label in self._subscriptions.accounts:
            return _Answer(_SUBSCRIBED)
        number = self._subscriptions.add(account.label, key.name, of_session=of_session)
        if number is None:
            return _Answer(_USED_UP)
        opening = Opening(account.label, subscription_envelope(number), key.name)
        return _Answer(json_reply({"subscriptionId": number}), opened=(opening,))

    def _unsubscribe(self, params: Mapping[str, str]) -> _Answer:
        wanted = params.get("subscriptionId")
        ended = self._subscriptions.end(lambda each: wanted in {None, str(each.number)}, self._service.venue_ms())
        if wanted is not None and not ended:
            return _Answer(_NOT_SUBSCRIBED)
        return _Answer(json_reply({}), ended=ended)

    def _listed(self) -> RestReply:
        return json_reply([{"subscriptionId": number} for number in self._subscriptions.numbers])

    def _limits(
        self, request: ApiRequest, used: int, endpoint: PrivateEndpoint | None
    ) -> list[Mapping[str, Any]] | None:
        wanted = request.params.get("returnRateLimits", "true" if self._tells_limits else "false")
        if wanted != "true":
            return None
        limits: list[Mapping[str, Any]] = []
        if endpoint is not None and endpoint.orders and self._speaker(request) is not None:
            pool, now_s = pool_of(self._market), self._service.scales.now_s()
            limits += self._service.counts.described(self._speaker(request) or "", pool, now_s)
        weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1}
        return [*limits, weight | {"limit": self._service.scales.limit(self._market), "count": used}]

    def _speaker(self, request: ApiRequest) -> str | None:
        """Return the account that a request is of."""
        if "apiKey" in request.params:
            found = self._service.admission.key(request.params["apiKey"])
            return None if isinstance(found, RestReply) else found[0].label
        return None if self._logged_on is None else self._logged_on[0].label

    def _told(self, number: int | str | None, reply: RestReply, limits: list[Mapping[str, Any]] | None) -> str:
        text = reply_text(number, reply, limits, self._service.venue_ms())
        return private_in_microseconds(text.encode()).decode() if self._microseconds else text
