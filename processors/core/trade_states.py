"""The symbols of one partition of the raw trade topics: found, written down, brought back."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.records import Output
from processors.core.traded_symbol import (
    VERSION,
    KeptShared,
    KeptSymbol,
    SourceFlow,
    TradedSymbol,
    decode_shared,
    decode_symbol,
    encode,
)
from schemas.derived import TradeSource
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["TradeStates"]

_SOURCES: Final = {RawType.TRADE: TradeSource.TRADE, RawType.AGG_TRADE: TradeSource.AGG_TRADE}


class TradeStates:
    """All that is known of a partition's trades; a :class:`~processors.core.checkpoint_rounds.Checkpointed`.

    An entity is a symbol, with its trades from both sources: its candles go over from one to the other, so that neither
    half is right without the other.
    """

    def __init__(self) -> None:
        self._flows = {
            (market, raw_type): SourceFlow(market, source) for market in Market for raw_type, source in _SOURCES.items()
        }

    def entities(self) -> Collection[Entity]:
        """Return all symbols."""
        return {Entity(flow.market, symbol.name) for flow, symbol in self._symbols()}

    def entities_changed(self) -> Collection[Entity]:
        """Return the symbols that changed since each was last dumped or loaded."""
        return {Entity(flow.market, symbol.name) for flow, symbol in self._symbols() if symbol.changed}

    def dump(self, entity: Entity) -> bytes:
        """Return the whole state of a symbol, which counts as unchanged from then on."""
        sources = {}
        for flow in self._flows_of(entity.market):
            symbol = flow.symbols.get(entity.key.encode())
            if symbol is not None:
                sources[flow.source] = symbol.dump()
                symbol.changed = False
        return encode(KeptSymbol(VERSION, sources))

    def load(self, entity: Entity, state: bytes) -> None:
        """Take over a dumped symbol.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        kept, loaded = decode_symbol(state), []
        for flow in self._flows_of(entity.market):
            if flow.source in kept.sources:
                symbol = TradedSymbol(entity.key.encode(), entity.key)
                try:
                    symbol.load(kept.sources[flow.source], flow)
                except (ValueError, OverflowError) as error:
                    msg = f'symbol "{entity.key}": {error}'
                    raise CheckpointError(msg) from error
                loaded.append((flow, symbol))
        for flow, symbol in loaded:
            self._add(flow, symbol)

    def dump_shared(self) -> bytes:
        """Return what belongs to no symbol."""
        return encode(KeptShared(VERSION, [flow.dump() for flow in self._flows.values()]))

    def load_shared(self, state: bytes) -> None:
        """Take over what belongs to no symbol.

        Raises:
            CheckpointError: it cannot be read; nothing changed.
        """
        for kept in decode_shared(state).flows:
            self._flows[kept.market, RawType(kept.source.value)].load(kept)

    def start_anew(self, entity: Entity) -> None:
        """Begin a symbol whose checkpoint is lost.

        Its candles begin with the first trade that is fed, and say of those that hold this trade that they are not
        complete, whoever vouches for the time before. The epoch goes on where it is known.
        """
        for flow in self._flows_of(entity.market):
            symbol, known = TradedSymbol(entity.key.encode(), entity.key), flow.symbols.get(entity.key.encode())
            symbol.anew = True
            if known is not None:
                symbol.sequencer.epoch = known.sequencer.epoch
            self._add(flow, symbol)

    def announce(self) -> Collection[Output]:
        """Return nothing: all that trades and candles say comes from the log."""
        return ()

    def _symbols(self) -> Iterator[tuple[SourceFlow, TradedSymbol]]:
        for flow in self._flows.values():
            for symbol in flow.symbols.values():
                yield flow, symbol

    def _flows_of(self, market: Market) -> list[SourceFlow]:
        return [self._flows[market, raw_type] for raw_type in _SOURCES]

    def _symbol(self, flow: SourceFlow, key: bytes, name: str) -> TradedSymbol:
        symbol = flow.symbols.get(key)
        if symbol is None:
            symbol = TradedSymbol(key, name)
            self._add(flow, symbol)
        return symbol

    def _add(self, flow: SourceFlow, symbol: TradedSymbol) -> None:
        """Take a symbol in, in place of what was known of it."""
        flow.symbols[symbol.key] = symbol
        other = RawType.TRADE if flow.aggregate else RawType.AGG_TRADE
        symbol.other = self._flows[flow.market, other].symbols.get(symbol.key)
        if symbol.other is not None:
            symbol.other.other = symbol
