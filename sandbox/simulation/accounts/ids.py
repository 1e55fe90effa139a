"""Numbers and names that the venue gives."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from itertools import count
from typing import Final

from schemas.markets import Market


__all__ = ["Ids", "name_of"]

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CLIENT_ID_LENGTH: Final = 22
_FIRST_ORDER: Final = {Market.SPOT: 1_281_000_001, Market.USDM: 4_904_000_000_001, Market.COINM: 61_000_000_001}
_FIRST_ALGO: Final = 2_000_000_548_000_001
_FIRST_EXECUTION: Final = 2_623_000_001
_FIRST_LIST: Final = 5_000_001


def name_of(seed: str, length: int) -> str:
    """Return a name that looks like chance and is none."""
    number = int.from_bytes(sha256(seed.encode()).digest())
    letters = []
    for _ in range(length):
        number, letter = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[letter])
    return "".join(letters)


class Ids:
    """The counters of one market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._orders = count(_FIRST_ORDER[market])
        self._algos = count(_FIRST_ALGO)
        self._lists = count(_FIRST_LIST)
        self._names = count(1)
        self._preventions = count(1)
        self._executions: Counter[str] = Counter()

    def order(self) -> int:
        """Return the next order id: they rise over all symbols."""
        return next(self._orders)

    def algo(self) -> int:
        """Return the next id of a conditional order of futures."""
        return next(self._algos)

    def order_list(self) -> int:
        """Return the next id of an order list."""
        return next(self._lists)

    def prevention(self) -> int:
        """Return the next id of a trade prevented."""
        return next(self._preventions)

    def execution(self, symbol: str) -> int:
        """Return the next execution id of a symbol."""
        self._executions[symbol] += 1
        return _FIRST_EXECUTION + self._executions[symbol]

    def client_id(self) -> str:
        """Return a client id for somebody who gave none."""
        return name_of(f"{self._market} client id {next(self._names)}", _CLIENT_ID_LENGTH)
