"""The exchange's control interface, as far as a soak needs it."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any, Final

import msgspec

from sandbox.demo.exchange_control import ExchangeControl
from sandbox.soak.checker.book import WholeBook
from sandbox.soak.checker.books import SymbolKey


__all__ = ["OrderedFault", "SoakControl"]

_TIMEOUT_S: Final = 20.0


class OrderedFault(msgspec.Struct, frozen=True):
    """A fault that the exchange was told to make."""

    id: int
    fault: str
    state: str = ""
    hits: int = 0
    reason: str | None = None


class SoakControl(ExchangeControl):
    """Also asks for faults and whole books."""

    def faults(self) -> list[OrderedFault]:
        """Return all faults, with what they have done so far."""
        answer: Any = msgspec.json.decode(self._request("GET", "/sandbox/faults"))
        faults = answer["faults"] if isinstance(answer, dict) else answer
        return msgspec.convert(faults, list[OrderedFault])

    def whole_book(self, key: SymbolKey) -> WholeBook | str:
        """Return the exchange's book of a symbol, or why there is none."""
        market, symbol = key
        try:
            body = self._request("GET", f"/sandbox/book?market={market}&symbol={symbol}")
        except urllib.error.HTTPError as error:
            return f"the exchange has no book: HTTP {error.code}"
        return msgspec.json.decode(body, type=WholeBook)
