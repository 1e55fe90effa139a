"""What exchangeInfo tells of a market's symbols, and the headers that say it to readers of single records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ingest.core.records import Header, header
from ingest.core.silence import status_of
from ingest.core.streams import Stream
from schemas.markets import Market
from schemas.rest import SymbolInfo
from schemas.topics import RawType


__all__ = ["SymbolBook"]

Followed = tuple[Market, RawType, str | None]

_TRADES = frozenset({RawType.TRADE, RawType.AGG_TRADE})


class SymbolBook:
    """What is known of the symbols of all markets.

    Args:
        streams: everything that is subscribed to at first.
    """

    def __init__(self, streams: Iterable[Stream] = ()) -> None:
        self._followed: set[Followed] = set(_followed(streams))
        self._contract_sizes: dict[tuple[Market, str], int] = {}
        self._statuses: dict[Market, Mapping[str, str]] = {}

    def take(self, market: Market, streams: Iterable[Stream]) -> None:
        """Take note of what is subscribed to in a market from now on."""
        others = {one for one in self._followed if one[0] is not market}
        self._followed = others.union(_followed(streams))

    def follows(self, market: Market, raw_type: RawType, symbol: str) -> bool:
        """Whether a symbol's streams of a type are subscribed to."""
        return (market, raw_type, symbol) in self._followed

    def learn(self, market: Market, symbols: Sequence[SymbolInfo]) -> None:
        """Take note of what exchangeInfo says: what is listed, whether it trades, what a contract is worth."""
        self.learn_statuses(market, {one.symbol: status_of(one) for one in symbols})
        for symbol in symbols:
            if symbol.contract_size is not None:
                self.learn_contract_size(market, symbol.symbol, symbol.contract_size)

    def learn_statuses(self, market: Market, statuses: Mapping[str, str]) -> None:
        """Take note of what a market lists, and whether it trades."""
        self._statuses[market] = statuses

    def status(self, market: Market, symbol: str) -> str | None:
        """Return the venue's word for whether a symbol trades; empty: it is not listed; None: the venue did not say."""
        statuses = self._statuses.get(market)
        return None if statuses is None else statuses.get(symbol, "")

    def learn_contract_size(self, market: Market, symbol: str, size: int) -> None:
        """Take note of what a contract is worth."""
        self._contract_sizes[market, symbol] = size

    def extra_headers(self, market: Market, raw_type: RawType, symbol: str) -> Sequence[Header]:
        """Return the headers that a symbol's records carry beyond the ordinary ones."""
        extra: list[Header] = []
        if raw_type is RawType.AGG_TRADE and not self.follows(market, RawType.TRADE, symbol):
            # Trades and candles are made from these, as there are no others.
            extra.append(header("carries_trades", 1))
        size = self._contract_sizes.get((market, symbol))
        if raw_type in _TRADES and size is not None:
            extra.append(header("contract_size", size))
        return extra


def _followed(streams: Iterable[Stream]) -> Iterator[Followed]:
    return ((one.market, one.raw_type, one.symbol) for one in streams)
