"""What exchangeInfo tells of a market's symbols, and the headers that say it to readers of single records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from structlog.stdlib import BoundLogger

from ingest.core.backoff import backoff
from ingest.core.records import Header, header
from ingest.core.silence import TRADING
from ingest.core.streams import Stream
from ingest.errors import RestError, is_transient
from ingest.rest import RestClient
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["SymbolBook", "learn"]

_TRADES = frozenset({RawType.TRADE, RawType.AGG_TRADE})


class SymbolBook:
    """What is known of the symbols of all markets.

    Args:
        streams: everything that is subscribed to.
    """

    def __init__(self, streams: Iterable[Stream]) -> None:
        self._with_trades = {(one.market, one.symbol) for one in streams if one.raw_type is RawType.TRADE}
        self._contract_sizes: dict[tuple[Market, str], int] = {}
        self._statuses: dict[Market, Mapping[str, str]] = {}

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
        if raw_type is RawType.AGG_TRADE and (market, symbol) not in self._with_trades:
            # Trades and candles are made from these, as there are no others.
            extra.append(header("carries_trades", 1))
        size = self._contract_sizes.get((market, symbol))
        if raw_type in _TRADES and size is not None:
            extra.append(header("contract_size", size))
        return extra


async def learn(
    book: SymbolBook,
    market: Market,
    symbols: Collection[str],
    *,
    rest: RestClient,
    random: Callable[[], float],
    log: BoundLogger,
) -> None:
    """Ask what the market trades, until it answers; say which symbols it does not have.

    The venue acknowledges a subscription to a symbol that does not exist, and sends nothing.
    """
    for delay_s in backoff(random):
        try:
            info = await rest.exchange_info()
        except RestError as error:
            if not is_transient(error):
                log.error("venue does not tell its symbols", reason=str(error))  # noqa: TRY400 - no trace needed
                return
            log.warning("venue does not tell its symbols yet", reason=str(error))
            await asyncio.sleep(delay_s)
        else:
            book.learn_statuses(
                market, {one.symbol: one.status or one.contract_status or TRADING for one in info.symbols}
            )
            for symbol in info.symbols:
                if symbol.contract_size is not None:
                    book.learn_contract_size(market, symbol.symbol, symbol.contract_size)
            if unknown := sorted(set(symbols) - {symbol.symbol for symbol in info.symbols}):
                log.error("symbols that the venue does not have", symbols=unknown)
            return
