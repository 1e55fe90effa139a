"""What is known of one symbol's trades, from one source or both, and how it is written down."""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from processors.core.candle_series import KeptSeries
from processors.core.checkpoint_rounds import CheckpointError
from processors.core.flow_alerts import AlertRules
from processors.core.heartbeats import Coverage, CoverageState, GateState, HeartbeatGate, Rosters, RostersState
from processors.core.promises import WaitingPromises
from processors.core.sequencer import KeptSequence, TradeSequencer
from processors.core.trade_flow_state import FlowState
from processors.core.trade_windows import TradeWindows
from processors.core.trades import KeptMatch, Match, kept_match, match_of_kept
from schemas.derived import TradeSource
from schemas.markets import Market


__all__ = [
    "VERSION",
    "KeptFlow",
    "KeptShared",
    "KeptSource",
    "KeptSymbol",
    "SourceFlow",
    "TradedSymbol",
    "decode_shared",
    "decode_symbol",
    "encode",
]

KeptT = TypeVar("KeptT", bound=msgspec.Struct)
"""What is read."""

VERSION: Final = 2
"""Of the dumped forms. Whoever changes one counts up: an older state is then read from the log instead."""


class TradedSymbol:
    """One symbol's trades from one source."""

    __slots__ = (
        "anew", "changed", "first_offset", "key", "loaded_below", "name", "next_offset", "other", "promises",
        "sequencer", "series",
    )  # fmt: skip

    def __init__(self, key: bytes, name: str) -> None:
        self.key = key
        self.name = name
        self.sequencer: TradeSequencer[Match] = TradeSequencer()
        self.series: TradeWindows | None = None
        """None: candles and flow are not made from this source, or not yet."""
        self.first_offset = -1
        """Where the series began; -1: nobody can vouch for the time before it."""
        self.promises = WaitingPromises()
        """Heartbeats that must wait for the trades that are held."""
        self.other: TradedSymbol | None = None
        """The same symbol from the other source."""
        self.next_offset = 0
        """Every record of the symbol below was taken."""
        self.loaded_below = 0
        """Every record below is in the state that was loaded: read again, it is passed over."""
        self.changed = True
        """Whether it is not yet written down as it is."""
        self.anew = False
        """Whether what was known of it is lost: the log holds older trades than its own."""

    def dump(self) -> KeptSource:
        """Return the symbol, written down."""
        return KeptSource(
            self.next_offset,
            self.first_offset,
            self.anew,
            self.promises.dump(),
            self.sequencer.dump(kept_match),
            None if self.series is None else KeptWindows(self.series.candles.dump(), self.series.flow.dump()),
        )

    def load(self, kept: KeptSource, flow: SourceFlow) -> None:
        """Take over what was written down."""
        self.next_offset, self.first_offset, self.anew = kept.next_offset, kept.first_offset, kept.anew
        self.loaded_below = kept.next_offset
        self.promises.load(kept.promises)
        self.sequencer.load(kept.sequence, match_of_kept)
        if kept.windows is not None:
            self.series = flow.new_series(self.name, covered_since=None)
            self.series.candles.load(kept.windows.candles)
            self.series.flow.load(kept.windows.flow)
        self.changed = False


class SourceFlow:
    """One raw topic's partition."""

    __slots__ = ("_alert_rules", "aggregate", "coverage", "gate", "market", "rosters", "source", "symbols")

    def __init__(self, market: Market, source: TradeSource, alert_rules: AlertRules | None) -> None:
        self._alert_rules = alert_rules
        self.market = market
        self.source = source
        self.aggregate = source is TradeSource.AGG_TRADE
        self.gate = HeartbeatGate()
        self.rosters = Rosters()
        self.coverage = Coverage(self.rosters)
        self.symbols: dict[bytes, TradedSymbol] = {}

    def new_series(self, symbol: str, *, covered_since: int | None) -> TradeWindows:
        """Return the empty candles and flow of a symbol."""
        return TradeWindows(
            symbol,
            self.source,
            contracts=self.market is Market.COINM,
            covered_since=covered_since,
            rules=self._alert_rules,
        )

    def dump(self) -> KeptFlow:
        """Return what belongs to no symbol, written down."""
        return KeptFlow(self.market, self.source, self.gate.dump(), self.rosters.dump(), self.coverage.dump())

    def load(self, kept: KeptFlow) -> None:
        """Take over what was written down."""
        self.gate.load(kept.gate)
        self.rosters.load(kept.rosters)
        self.coverage.load(kept.coverage)


class KeptWindows(msgspec.Struct, frozen=True, array_like=True):
    """Candles and flow, written down."""

    candles: KeptSeries
    flow: FlowState


class KeptSource(msgspec.Struct, frozen=True, array_like=True):
    """One symbol's trades from one source, written down."""

    next_offset: int
    first_offset: int
    anew: bool
    promises: list[tuple[int, int]]
    sequence: KeptSequence[KeptMatch]
    windows: KeptWindows | None


class KeptSymbol(msgspec.Struct, frozen=True):
    """One symbol's trades, written down: one whole, because its candles go over from one source to the other."""

    version: int
    sources: dict[TradeSource, KeptSource]


class KeptFlow(msgspec.Struct, frozen=True):
    """What of a raw topic's partition belongs to no symbol, written down."""

    market: Market
    source: TradeSource
    gate: GateState
    rosters: RostersState
    coverage: CoverageState


class KeptShared(msgspec.Struct, frozen=True):
    """What of a partition belongs to no symbol, written down."""

    version: int
    flows: list[KeptFlow]


class _Versioned(msgspec.Struct, frozen=True):
    version: int


encode: Final = msgspec.msgpack.Encoder().encode
"""Writes a :class:`KeptSymbol` or :class:`KeptShared`."""
_version: Final = msgspec.msgpack.Decoder(_Versioned)
_symbol: Final = msgspec.msgpack.Decoder(KeptSymbol)
_shared: Final = msgspec.msgpack.Decoder(KeptShared)


def decode_symbol(state: bytes) -> KeptSymbol:
    """Return what was written down of a symbol.

    Raises:
        CheckpointError: it cannot be read.
    """
    return _decode(_symbol, state)


def decode_shared(state: bytes) -> KeptShared:
    """Return what was written down of a partition.

    Raises:
        CheckpointError: it cannot be read.
    """
    return _decode(_shared, state)


def _decode(decoder: msgspec.msgpack.Decoder[KeptT], state: bytes) -> KeptT:
    try:
        version = _version.decode(state).version
        if version != VERSION:
            msg = f"trades: state of version {version}, expected {VERSION}"
            raise CheckpointError(msg)
        return decoder.decode(state)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        msg = f"trades: {error}"
        raise CheckpointError(msg) from error
