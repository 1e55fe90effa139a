"""What a symbol's streams say at the moment when something happens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.agenda import Output
from sandbox.simulation.publishers.book_ticker import book_ticker_writer
from sandbox.simulation.publishers.trades import aggregate_writer, trade_writer
from sandbox.simulation.symbol_market import Outcome, SymbolMarket
from sandbox.simulation.trade_log import Aggregate
from schemas.markets import Market


__all__ = ["IMMEDIATE_STREAMS", "SEND_DELAY_US", "SymbolFeed"]

IMMEDIATE_STREAMS: Final = ("trade", "aggTrade", "bookTicker")
"""Kinds of streams that speak when something happens, not at a pace of their own."""

SEND_DELAY_US: Final = 3_000
"""From what happens in the engine to the event time of what tells of it."""


class SymbolFeed:
    """The immediate streams of one symbol."""

    def __init__(self, market: SymbolMarket) -> None:
        each = market.instrument
        self._market = each.market
        self._trade_stream, self._aggregate_stream, self._top_stream = (
            f"{each.stream_prefix}@{kind}" for kind in IMMEDIATE_STREAMS
        )
        self._write_trade = trade_writer(each)
        self._write_aggregate = aggregate_writer(each)
        self._write_top = book_ticker_writer(market)
        self._trades_wanted = self._aggregates_wanted = self._top_wanted = False

    def listen(self, wanted: frozenset[tuple[Market, str]]) -> None:
        """Speak on those streams that are wanted, from now on."""
        self._trades_wanted = (self._market, self._trade_stream) in wanted
        self._aggregates_wanted = (self._market, self._aggregate_stream) in wanted
        self._top_wanted = (self._market, self._top_stream) in wanted

    def tell(self, outcome: Outcome, now_us: int, output: Output) -> None:
        """Say what an execution meant."""
        due_us = now_us + SEND_DELAY_US
        if outcome.trades and self._trades_wanted:
            for trade in outcome.trades:
                data = self._write_trade(trade, due_us // 1000)
                output.append(StreamEvent(due_us * 1000, self._market, self._trade_stream, data))
        if outcome.aggregates:
            self.tell_aggregates(outcome.aggregates, now_us, output)
        if outcome.top is not None and self._top_wanted:
            data = self._write_top(due_us // 1000)
            output.append(StreamEvent(due_us * 1000, self._market, self._top_stream, data))

    def tell_aggregates(self, aggregates: Sequence[Aggregate], now_us: int, output: Output) -> None:
        """Say that aggregate trades are complete."""
        if self._aggregates_wanted:
            due_us = now_us + SEND_DELAY_US
            for aggregate in aggregates:
                data = self._write_aggregate(aggregate, due_us // 1000)
                output.append(StreamEvent(due_us * 1000, self._market, self._aggregate_stream, data))
