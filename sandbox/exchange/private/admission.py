"""Whether a request about an account is let in: its key, its signature, its time. Pure.

In which order the venue looks is not documented; here it is key, parameters, signature, time, permission.

Source: binance-spot-api-docs, "Endpoint security type", "Timing security" and "Error codes" (2026-07-21); derivatives
documentation, "Error Codes" (2026-05-28). The texts of -2028 and -1193, which no documentation has, are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import msgspec

from sandbox.exchange.private.accounts import Account, Accounts
from sandbox.exchange.private.keys import ApiKey
from sandbox.exchange.private.signatures import ILLEGAL, Signed
from sandbox.exchange.source import RestReply, error_reply


__all__ = ["UNKNOWN_KEY", "Admission", "Admitted", "empty_or_missing", "illegal_integer", "wrong_time"]

_API_KEY = re.compile(r"[A-Za-z0-9]{64}")
_INTEGER = re.compile(r"[0-9]{1,20}")
_WINDOW = re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?")
_FUTURES_WINDOW = re.compile(r"[0-9]{1,20}")
_INTEGERS = ("limit", "fromId", "startTime", "endTime", "orderId", "orderListId", "algoId")
_DEFAULT_WINDOW_MS = 5_000.0
_LONGEST_WINDOW_MS = 60_000
_AHEAD_MS = 1_000
_LEAST_MICROSECONDS = 10**15
_ONLY_SIGNS = frozenset(["timestamp", "recvWindow", "signature", "apiKey"])

_BAD_KEY = error_reply(401, -2014, "API-key format invalid.")
UNKNOWN_KEY: RestReply = error_reply(401, -2015, "Invalid API-key, IP, or permissions for action.")
"""The answer to a key that does not exist, or may not do what is asked."""
_BAD_SIGNATURE = error_reply(400, -1022, "Signature for this request is not valid.")
_LONG_WINDOW = error_reply(400, -1131, f"recvWindow must be less than {_LONGEST_WINDOW_MS}.")
_AHEAD = error_reply(400, -1021, "Timestamp for this request was 1000ms ahead of the server's time.")
_LATE = error_reply(400, -1021, "Timestamp for this request is outside of the recvWindow.")


class Admitted(msgspec.Struct, frozen=True):
    """A request that is let in."""

    account: Account
    key: ApiKey
    params: Mapping[str, str]
    """Without those that only sign."""


class Admission:
    """Lets requests in.

    Args:
        accounts: Whose keys are known.
        pace: How many times as fast as its clients' clocks the venue's runs; windows of time are counted by theirs.
            None: it has no pace, and no time is wrong.
    """

    def __init__(self, accounts: Accounts, pace: float | None) -> None:
        self._accounts = accounts
        self._pace = pace

    def key(self, name: str) -> tuple[Account, ApiKey] | RestReply:
        """Return the account of a key and the key, or the refusal."""
        if not _API_KEY.fullmatch(name):
            return _BAD_KEY
        return self._accounts.of_key(name) or UNKNOWN_KEY

    def admit(
        self, key_name: str, signed: Signed, mandatory: Iterable[str], now_ms: int, *, futures: bool, trades: bool
    ) -> Admitted | RestReply:
        """Return who asks for what, or the refusal.

        Args:
            key_name: The key as sent.
            signed: The request.
            mandatory: Parameters that it must have, beside time and signature.
            now_ms: The venue's clock.
            futures: Whether the market is one of futures.
            trades: Whether only a key that may trade is let in.
        """
        found = self.key(key_name)
        if isinstance(found, RestReply):
            return found
        account, key = found
        refused = (
            empty_or_missing([*mandatory, "timestamp", "signature"], signed.params)
            or illegal_integer(signed.params)
            or (None if signed.is_signed_by(key) else _BAD_SIGNATURE)
            or self.time(signed.params, now_ms, futures=futures)
        )
        if refused is None and trades and not account.spec.trades:
            refused = UNKNOWN_KEY
        return refused or self.let_in(account, key, signed.params)

    def time(self, params: Mapping[str, str], now_ms: int, *, futures: bool) -> RestReply | None:
        """Return the refusal of a request that comes at a wrong time."""
        return wrong_time(params, now_ms, futures=futures, pace=self._pace)

    @staticmethod
    def let_in(account: Account, key: ApiKey, params: Mapping[str, str]) -> Admitted:
        """Return a request of an account that is known already."""
        asked = {name: value for name, value in params.items() if name not in _ONLY_SIGNS}
        return Admitted(account, key, asked)


def empty_or_missing(names: Iterable[str], params: Mapping[str, str]) -> RestReply | None:
    """Return the refusal of a request without a mandatory parameter."""
    for name in names:
        if not params.get(name):
            text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
            return error_reply(400, -1102, text)
    return None


def illegal_integer(params: Mapping[str, str]) -> RestReply | None:
    """Return the refusal of a request with a text where an integer must be."""
    for name in (*_INTEGERS, "timestamp"):
        if name in params and not _INTEGER.fullmatch(params[name]):
            return _illegal(name, "^[0-9]{1,20}$")
    return None


def wrong_time(params: Mapping[str, str], now_ms: int, *, futures: bool, pace: float | None) -> RestReply | None:
    """Return the refusal of a request whose time is not in its window.

    Args:
        params: With a `timestamp` of digits.
        now_ms: The venue's clock.
        futures: They know neither microseconds nor a longest window.
        pace: See `Admission`.
    """
    window = params.get("recvWindow") or str(_DEFAULT_WINDOW_MS)
    pattern = _FUTURES_WINDOW if futures and "recvWindow" in params else _WINDOW
    if not pattern.fullmatch(window):
        return _illegal("recvWindow", f"^{pattern.pattern}$")
    window_ms = float(window)
    if not futures and window_ms > _LONGEST_WINDOW_MS:
        return _LONG_WINDOW
    if pace is None:
        return None
    sent_ms: float = int(params["timestamp"])
    if not futures and sent_ms >= _LEAST_MICROSECONDS:
        sent_ms /= 1_000
    if sent_ms >= now_ms + _AHEAD_MS * pace:
        return _AHEAD
    return _LATE if now_ms - sent_ms > window_ms * pace else None


def _illegal(name: str, legal: str) -> RestReply:
    return error_reply(400, ILLEGAL, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")
