"""Trades in exact numbers."""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.records import Rejected
from processors.core.rounding import half_even
from processors.core.sequencer import Hole
from processors.core.wide import Wide, keep, read
from schemas import derived, wire
from schemas.decimals import to_scaled
from schemas.derived import TakerSide, TradeKind, TradeSource
from schemas.markets import Market
from schemas.wire import taker_side


__all__ = [
    "KeptMatch",
    "Match",
    "contract_size_of",
    "hole_record",
    "kept_match",
    "match_of_agg_trade",
    "match_of_kept",
    "match_of_trade",
    "trade_record",
]

_QUOTE_LIMIT: Final = 10**38
"""``decimal(38,16)``, the width of quote quantities."""
_BASE_LIMIT: Final = 10**20
"""``decimal(20,8)``, the width of base quantities."""


class Match(msgspec.Struct, frozen=True):
    """A trade, or an aggregate trade, before it has its place in the sequence of ids.

    Numbers are scaled by 10**8, the quote quantity by 10**16.
    """

    trade_id: int
    first_trade_id: int
    last_trade_id: int
    trade_time: int
    price: int
    quantity: int
    """As sent: base asset, on COIN-M contracts."""
    base_quantity: int | None
    quote_quantity: int | None
    taker_side: TakerSide
    input_offset: int


class KeptMatch(msgspec.Struct, frozen=True, array_like=True):
    """A match, written down."""

    trade_id: int
    first_trade_id: int
    last_trade_id: int
    trade_time: int
    price: Wide
    quantity: Wide
    base_quantity: Wide
    quote_quantity: Wide
    taker_side: TakerSide
    input_offset: int


def kept_match(match: Match) -> KeptMatch:
    """Return a match, written down."""
    return KeptMatch(
        match.trade_id,
        match.first_trade_id,
        match.last_trade_id,
        match.trade_time,
        keep(match.price),
        keep(match.quantity),
        keep(match.base_quantity),
        keep(match.quote_quantity),
        match.taker_side,
        match.input_offset,
    )


def match_of_kept(kept: KeptMatch) -> Match:
    """Return the match that was written down."""
    return Match(
        kept.trade_id,
        kept.first_trade_id,
        kept.last_trade_id,
        kept.trade_time,
        read(kept.price) or 0,
        read(kept.quantity) or 0,
        read(kept.base_quantity),
        read(kept.quote_quantity),
        kept.taker_side,
        kept.input_offset,
    )


def contract_size_of(header: bytes | None) -> int | None:
    """Return the contract size that ingest learned from exchangeInfo, scaled; None where it is not known."""
    if header is None:
        return None
    try:
        size = to_scaled(header.decode())
    except ValueError:
        return None
    return size if size > 0 else None


def match_of_trade(
    trade: wire.Trade, market: Market, contract_size: int | None, input_offset: int
) -> Match | Rejected | None:
    """Return a trade in numbers.

    Returns:
        The match; None where the frame takes up an id without a trade: USD-M sends such frames, with price and
        quantity zero; ``Rejected`` where a number cannot be read or does not fit.
    """
    ids = (trade.trade_id, trade.trade_id, trade.trade_id)
    return _match(trade, ids, market, contract_size, input_offset)


def match_of_agg_trade(
    trade: wire.AggTrade, market: Market, contract_size: int | None, input_offset: int
) -> Match | Rejected | None:
    """Return an aggregate trade in numbers; outcomes as in :func:`match_of_trade`."""
    if trade.last_trade_id < trade.first_trade_id:
        return Rejected("bad-number", f"trade ids {trade.first_trade_id} to {trade.last_trade_id} are none")
    ids = (trade.aggregate_trade_id, trade.first_trade_id, trade.last_trade_id)
    return _match(trade, ids, market, contract_size, input_offset)


def _match(
    trade: wire.Trade | wire.AggTrade,
    ids: tuple[int, int, int],
    market: Market,
    contract_size: int | None,
    input_offset: int,
) -> Match | Rejected | None:
    try:
        price, quantity = to_scaled(trade.price), to_scaled(trade.quantity)
    except ValueError as error:
        return Rejected("bad-number", str(error))
    if price <= 0 or quantity <= 0:
        if not price and not quantity:
            return None
        return Rejected("bad-number", f'price "{trade.price}", quantity "{trade.quantity}": a trade has both')
    base: int | None = quantity
    quote: int | None = price * quantity
    if market is Market.COINM:
        base, quote = _of_contracts(quantity, price, contract_size)
    if (quote is not None and quote >= _QUOTE_LIMIT) or (base is not None and base >= _BASE_LIMIT):
        return Rejected("does-not-fit", f'price "{trade.price}" times quantity "{trade.quantity}" is too large')
    return Match(
        *ids,
        trade.trade_time,
        price,
        quantity,
        base,
        quote,
        taker_side(trade.buyer_is_maker),
        input_offset,
    )


def _of_contracts(contracts: int, price: int, contract_size: int | None) -> tuple[int | None, int | None]:
    """Return base and quote quantity of contracts of a fixed quote value."""
    if contract_size is None:
        return None, None
    quote = contracts * contract_size
    # contracts * size / price, rounded half even to 8 places.
    return half_even(quote, price), quote


def trade_record(match: Match, symbol: str, source: TradeSource, epoch: int, *, late: bool) -> derived.Trade:
    """Return the derived record of a match."""
    return derived.Trade(
        kind=TradeKind.TRADE,
        symbol=symbol,
        source=source,
        epoch=epoch,
        trade_id=match.trade_id,
        last_missing_id=None,
        first_trade_id=match.first_trade_id,
        last_trade_id=match.last_trade_id,
        trade_time=match.trade_time,
        price=match.price,
        quantity=match.quantity,
        base_quantity=match.base_quantity,
        quote_quantity=match.quote_quantity,
        taker_side=match.taker_side,
        late=late,
        input_offset=match.input_offset,
    )


def hole_record(hole: Hole, symbol: str, source: TradeSource) -> derived.Trade:
    """Return the derived record of ids that were not known when the flow went on."""
    return derived.Trade(
        kind=TradeKind.HOLE,
        symbol=symbol,
        source=source,
        epoch=hole.epoch,
        trade_id=hole.first_id,
        last_missing_id=hole.last_id,
        first_trade_id=None,
        last_trade_id=None,
        trade_time=hole.next_time,
        price=None,
        quantity=None,
        base_quantity=None,
        quote_quantity=None,
        taker_side=None,
        late=False,
        input_offset=hole.input_offset,
    )
