"""The figures of a ticker, as text: the streams and REST print the same."""

from __future__ import annotations

from msgspec import Struct

from sandbox.simulation.grid import divide_half_up
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.klines import Kline
from schemas.markets import Market


__all__ = ["Figures", "figures"]

_AVERAGE_PLACES = 8
_PERCENT_PLACES = 3


class Figures(Struct, frozen=True):
    """Statistics of a window."""

    price_change: str
    price_change_percent: str
    weighted_average: str
    open: str
    high: str
    low: str
    last: str
    volume: str
    second_volume: str


def figures(each: Instrument, window: Kline) -> Figures:
    """Return the figures of a window as the instrument's market prints them."""
    price = each.price.text
    change = window.close - window.open
    return Figures(
        price_change=price(change),
        price_change_percent=_percent(change, window.open),
        weighted_average=_weighted_average(each, window),
        open=price(window.open),
        high=price(window.high),
        low=price(window.low),
        last=price(window.close),
        volume=each.quantity.text(window.quantity),
        second_volume=second_volume(each, window),
    )


def second_volume(each: Instrument, window: Kline) -> str:
    """Write the second volume; USD-M prints it with the places of the price in tickers."""
    if each.market is not Market.USDM:
        return each.second.text(window.second)
    surplus = each.second.places - each.price.places
    return _fixed(divide_half_up(window.second * each.second.step_units, 10**surplus), each.price.places)


def _percent(change: int, base: int) -> str:
    if not base:
        return _fixed(0, _PERCENT_PLACES)
    sign = "-" if change < 0 else ""
    return sign + _fixed(divide_half_up(abs(change) * 10 ** (2 + _PERCENT_PLACES), base), _PERCENT_PLACES)


def _weighted_average(each: Instrument, window: Kline) -> str:
    places = each.price.places if each.market is Market.USDM else _AVERAGE_PLACES
    if not window.quantity:
        return _fixed(0, places)
    second = window.second * each.second.step_units
    scale = 10 ** (each.second.places + places)
    if each.contract_size is not None:
        return _fixed(divide_half_up(window.quantity * each.contract_size * scale, second), places)
    quantity = window.quantity * each.quantity.step_units
    return _fixed(
        divide_half_up(second * 10 ** (each.quantity.places + places), quantity * 10**each.second.places),
        places,
    )


def _fixed(units: int, places: int) -> str:
    whole, part = divmod(units, 10**places)
    return f"{whole}.{part:0{places}d}" if places else str(whole)
