"""A request's parameters, and refusals in the venue's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["RefusedError", "Request"]


class RefusedError(Exception):
    """The venue does not answer this request."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code = code
        self.message = message
        self.status = status

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class Request(Struct, frozen=True):
    """One request about market data, and the state of the venue that it meets."""

    market: Market
    params: Mapping[str, str]
    symbols: Mapping[str, SymbolMarket]
    """All symbols of the market, those that are delisted among them."""
    now_us: int
    """Time of the engine."""
    clock_ms: int
    """The venue's clock."""

    @property
    def now_ms(self) -> int:
        """Time of the engine in milliseconds."""
        return self.now_us // 1000

    def symbol(self) -> SymbolMarket:
        """Return the one symbol that is asked for.

        Raises:
            RefusedError: it is missing or unknown.
        """
        name = self.params.get("symbol")
        if not name:
            raise RefusedError(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        return self._known(name)

    def trading(self) -> Sequence[SymbolMarket]:
        """Return the symbols that are traded."""
        return [each for each in self.symbols.values() if each.delisted_us is None]

    def selected(self) -> Sequence[SymbolMarket] | None:
        """Return the symbols that `symbol`, `symbols` or (COIN-M) `pair` name; None when there is no such parameter.

        Raises:
            RefusedError: one of them is unknown.
        """
        if self.params.get("symbol"):
            return [self.symbol()]
        if "symbols" in self.params:
            try:
                names = msgspec.json.decode(self.params["symbols"], type=list[str])
            except msgspec.DecodeError as e:
                raise RefusedError(-1100, "Illegal characters found in parameter 'symbols'.") from e
            return [self._known(name) for name in names]
        if "pair" in self.params:
            return [each for each in self.trading() if each.instrument.pair == self.params["pair"]]
        return None

    def integer(self, name: str) -> int | None:
        """Return an integer parameter; None when it is not there.

        Raises:
            RefusedError: it is no integer.
        """
        text = self.params.get(name)
        if text is None or text == "":
            return None
        if not (text.isascii() and text.isdigit()):
            raise RefusedError(
                -1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'."
            )
        return int(text)

    def limit(self, default: int, largest: int) -> int:
        """Return how many items are asked for, at most `largest`.

        Raises:
            RefusedError: it is no positive integer.
        """
        limit = self.integer("limit")
        if limit == 0:
            raise RefusedError(-1130, "Data sent for parameter 'limit' is not valid.")
        return default if limit is None else min(limit, largest)

    def _known(self, name: str) -> SymbolMarket:
        found = self.symbols.get(name)
        if found is None:
            raise RefusedError(-1121, "Invalid symbol.")
        return found
