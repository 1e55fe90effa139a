"""``<symbol>@trade`` and ``<symbol>@aggTrade``."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.simulation.instruments import Instrument
from sandbox.simulation.trade_log import Aggregate, Trade
from schemas.markets import Market


__all__ = ["aggregate_writer", "trade_writer"]

_BOOLEAN = ("false", "true")


def trade_writer(instrument: Instrument) -> Callable[[Trade, int], bytes]:
    """Return the function that writes a trade, given its event time, as the instrument's market does."""
    symbol, price, quantity = instrument.symbol, instrument.price.text, instrument.quantity.text
    tail = ',"st":1}' if instrument.market is Market.USDM else "}"

    def spot(trade: Trade, event_time_ms: int) -> bytes:
        return (
            f'{{"e":"trade","E":{event_time_ms},"s":"{symbol}","t":{trade.trade_id},'
            f'"p":"{price(trade.price)}","q":"{quantity(trade.quantity)}","T":{trade.time_ms},'
            f'"m":{_BOOLEAN[trade.buyer_is_maker]},"M":true}}'
        ).encode()

    def futures(trade: Trade, event_time_ms: int) -> bytes:
        return (
            f'{{"e":"trade","E":{event_time_ms},"T":{trade.time_ms},"s":"{symbol}","t":{trade.trade_id},'
            f'"p":"{price(trade.price)}","q":"{quantity(trade.quantity)}","X":"MARKET",'
            f'"m":{_BOOLEAN[trade.buyer_is_maker]}{tail}'
        ).encode()

    return spot if instrument.market is Market.SPOT else futures


def aggregate_writer(instrument: Instrument) -> Callable[[Aggregate, int], bytes]:
    """Return the function that writes an aggregate trade, given its event time, as the market does."""
    symbol, price, quantity = instrument.symbol, instrument.price.text, instrument.quantity.text
    with_rpi = instrument.market is Market.USDM
    futures_type = instrument.futures_type

    def spot(each: Aggregate, event_time_ms: int) -> bytes:
        return (
            f'{{"e":"aggTrade","E":{event_time_ms},"s":"{symbol}","a":{each.aggregate_id},'
            f'"p":"{price(each.price)}","q":"{quantity(each.quantity)}",'
            f'"f":{each.first_trade_id},"l":{each.last_trade_id},"T":{each.time_ms},'
            f'"m":{_BOOLEAN[each.buyer_is_maker]},"M":true}}'
        ).encode()

    def futures(each: Aggregate, event_time_ms: int) -> bytes:
        amount = quantity(each.quantity)
        normal = f'"nq":"{amount}",' if with_rpi else ""
        return (
            f'{{"e":"aggTrade","E":{event_time_ms},"a":{each.aggregate_id},"s":"{symbol}",'
            f'"p":"{price(each.price)}","q":"{amount}",{normal}'
            f'"f":{each.first_trade_id},"l":{each.last_trade_id},"T":{each.time_ms},'
            f'"m":{_BOOLEAN[each.buyer_is_maker]},"st":{futures_type}}}'
        ).encode()

    return spot if instrument.market is Market.SPOT else futures
