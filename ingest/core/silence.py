"""Why a stream that the venue acknowledged says nothing: the likely cause, for whoever reads the log."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ingest.core.streams import Stream
from schemas.markets import Market
from schemas.rest import SymbolInfo


__all__ = ["TRADING", "Cause", "likely_cause", "status_of"]

TRADING: Final = "TRADING"
"""The venue's word for a symbol that trades (exchangeInfo)."""


def status_of(symbol: SymbolInfo) -> str:
    """Return the venue's word for whether a symbol trades; COIN-M has another name for it.

    One of which nothing is said is taken to trade: it is listed.
    """
    return symbol.status or symbol.contract_status or TRADING


class Cause(StrEnum):
    """The likely cause of silence, and what to do."""

    NOT_LISTED = "the venue does not list the symbol: is it spelled right, and on this market?"
    NOT_TRADING = "the symbol does not trade at present (exchangeInfo)"
    ADDRESS = "the address may serve another class of streams: check markets.usdm.urls"
    QUIET = "no other stream of the symbol delivers either: nothing may be happening in it"
    VENUE = "other streams deliver: the trouble is likely the venue's"

    @property
    def of_the_symbol(self) -> bool:
        """Whether another connection would not help."""
        return self in {Cause.NOT_LISTED, Cause.NOT_TRADING, Cause.QUIET}


def likely_cause(stream: Stream, status: str | None, *, connection_speaks: bool, symbol_speaks: bool) -> Cause:
    """Return why a stream is likely silent.

    Args:
        stream: which.
        status: whether its symbol trades, in the venue's word; empty: it is not listed; None: not known.
        connection_speaks: whether anything came over its connection.
        symbol_speaks: whether any other stream of its symbol delivered.
    """
    if stream.symbol is not None and status == "":
        return Cause.NOT_LISTED
    if stream.symbol is not None and status not in {None, TRADING}:
        return Cause.NOT_TRADING
    if not connection_speaks:
        # Since 2026-04-23 USD-M acknowledges streams of another class than the address serves, and sends nothing.
        return Cause.ADDRESS if stream.market is Market.USDM else Cause.VENUE
    return Cause.VENUE if symbol_speaks or stream.symbol is None else Cause.QUIET
