"""The exchange's control interface, as far as a soak of accounts needs it."""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sandbox.demo.exchange_control import ExchangeControl
from schemas.markets import Market


__all__ = ["AccountsControl"]

_TIMEOUT_S: Final = 60.0


class AccountsControl(ExchangeControl):
    """Also orders faults, gives accounts keys and money, and asks for the books."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._base = url.rstrip("/")

    def close(self) -> None:
        """Let nothing new happen on the markets."""
        self._request("POST", "/sandbox/close")

    def order(self, fault: Mapping[str, Any]) -> int:
        """Let a fault happen; returns its number."""
        number: int = self._send("/sandbox/faults", fault)["id"]
        return number

    def hits(self) -> dict[int, int]:
        """Return what each fault has done, by its number."""
        return {each["id"]: each["hits"] for each in msgspec.json.decode(self._request("GET", "/sandbox/faults"))}

    def give_key(self, account: str) -> None:
        """Give an account a new key beside those that it has."""
        self._send(f"/sandbox/accounts/{account}/keys", {})

    def revoke_old_keys(self, account: str) -> None:
        """Let all keys of an account but the newest be good for nothing."""
        self._request("DELETE", f"/sandbox/accounts/{account}/keys?keep=newest")

    def transfer(self, market: Market, account: str, asset: str, amount: str) -> None:
        """Let something arrive at an account, or leave it."""
        self._send(f"/sandbox/accounts/{account}/transfers", {"market": market, "asset": asset, "amount": amount})

    def books(self, market: Market) -> dict[str, Any]:
        """Return what the exchange itself keeps of the accounts of a market, by label."""
        books: dict[str, Any] = msgspec.json.decode(self._request("GET", f"/sandbox/accounts/books?market={market}"))
        return books

    def _send(self, path: str, body: Mapping[str, Any]) -> Any:
        request = urllib.request.Request(  # noqa: S310 - our own server
            f"{self._base}{path}", msgspec.json.encode(body), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own server
            return msgspec.json.decode(answer.read())
