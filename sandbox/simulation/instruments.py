"""What a symbol is: its market, assets, price and quantity grids, and how lively it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import floor, log10

from msgspec import Struct

from sandbox.simulation.assets import QUOTE_ASSETS, asset, contract_base
from sandbox.simulation.grid import Grid, divide_half_up
from schemas.markets import Market


__all__ = ["Instrument", "contract_type", "instrument"]

_SPOT_PLACES = 8
"""Spot prints every price, quantity and quote quantity with eight decimals."""
_COINM_BASE_PLACES = 8
_LIVELINESS = {Market.SPOT: 1.0, Market.USDM: 1.0, Market.COINM: 0.3}
_TYPICAL_ORDER_USD = 600.0
_TYPICAL_ORDER_MOST = 30_000_000.0
"""Of the base asset: of the cheapest coins a level then holds some 10**10, as on the venue. Ten times that is more than
a price level of the derived topics can tell."""
_QUARTER = timedelta(days=92)


class Instrument(Struct, frozen=True):
    """A symbol and the units in which it trades."""

    market: Market
    symbol: str
    pair: str
    """Futures: what the contract is on, ``BTCUSD``; on spot the symbol."""
    base_asset: str
    quote_asset: str
    price: Grid
    """Ticks."""
    quantity: Grid
    """Steps of the base asset; on COIN-M contracts."""
    second: Grid
    """The second quantity of a trade: quote asset; on COIN-M base asset."""
    contract_size: int | None
    """COIN-M: value of one contract in the quote asset."""
    delivery_ms: int | None
    """When a delivery contract ends; None for spot and perpetual contracts."""
    actions_per_s: float
    """Orders and cancellations per second at activity 1."""
    typical_quantity: int
    """Of a resting order, in steps."""

    @property
    def stream_prefix(self) -> str:
        """The symbol as stream names spell it."""
        return self.symbol.lower()

    @property
    def futures_type(self) -> int:
        """``st`` of futures payloads: 1 USD-M, 2 COIN-M (CM-UM integration notice, 2026-06)."""
        return 2 if self.market is Market.COINM else 1

    def second_quantity(self, price: int, quantity: int) -> int:
        """Return price times quantity (COIN-M: contracts' value divided by price) in units of `second`.

        COIN-M rounds each trade to eight decimals, halves up: so do nine out of nine recorded single-trade steps of
        the venue's klines.
        """
        if self.contract_size is None:
            return price * quantity
        value = quantity * self.contract_size * 10 ** (_COINM_BASE_PLACES + self.price.places)
        return divide_half_up(value, price * self.price.step_units)


def instrument(market: Market, symbol: str) -> Instrument:
    """Make the instrument of any symbol whose quote asset is known.

    Raises:
        ValueError: the symbol is not of the market's form or ends in no known quote asset.
    """
    pair, delivery = _pair_and_delivery(market, symbol)
    base, quote = _assets(market, symbol, pair)
    base_facts = asset(base)
    if (name := contract_base(base)) != base and market is Market.USDM:
        msg = f'symbol "{symbol}": USD-M trades so cheap a coin by the thousand, as {name}{quote}'
        raise ValueError(msg)
    price = base_facts.usd_price / asset(quote).usd_price
    tick, step = _tick(market, base, price), _step(market, base, base_facts.usd_price)
    contract_size = (100 if base == "BTC" else 10) if market is Market.COINM else None
    if market is Market.SPOT:
        price_grid, quantity_grid, second = _spot_grids(tick, step)
    else:
        price_grid, quantity_grid = Grid.of(tick, remember=True), Grid.of(step, remember=True)
        second = (
            Grid(1, _COINM_BASE_PLACES)
            if market is Market.COINM
            else Grid(price_grid.step_units * quantity_grid.step_units, price_grid.places + quantity_grid.places)
        )
    unit_usd = contract_size or base_facts.usd_price * float(step)
    typical = _TYPICAL_ORDER_USD / unit_usd
    if contract_size is None:
        typical = min(typical, _TYPICAL_ORDER_MOST / float(step))
    return Instrument(
        market=market,
        symbol=symbol,
        pair=pair,
        base_asset=base,
        quote_asset=quote,
        price=price_grid,
        quantity=quantity_grid,
        second=second,
        contract_size=contract_size,
        delivery_ms=delivery,
        actions_per_s=base_facts.actions_per_s * _LIVELINESS[market],
        typical_quantity=max(1, round(typical)),
    )


def _spot_grids(tick: Decimal, step: Decimal) -> tuple[Grid, Grid, Grid]:
    # Ticks times steps must be whole units of the eighth decimal, or quote quantities would need rounding.
    finest = Decimal(1).scaleb(-_SPOT_PLACES)
    if tick * step < finest:
        step = finest / tick
    price, quantity = (
        Grid.of(tick, _SPOT_PLACES, remember=True),
        Grid.of(step, _SPOT_PLACES, remember=True),
    )
    return price, quantity, Grid.of(tick * step, _SPOT_PLACES)


def _pair_and_delivery(market: Market, symbol: str) -> tuple[str, int | None]:
    pair, separator, tail = symbol.partition("_")
    if market is Market.SPOT and separator:
        msg = f'symbol "{symbol}": spot symbols have no suffix'
        raise ValueError(msg)
    if market is Market.COINM and not separator:
        msg = f'symbol "{symbol}": COIN-M symbols end in _PERP or a delivery date'
        raise ValueError(msg)
    if not separator or tail == "PERP":
        return pair, None
    try:
        day = datetime.strptime(tail, "%y%m%d").replace(hour=8, tzinfo=UTC)
    except ValueError as e:
        msg = f'symbol "{symbol}": "{tail}" is no delivery date'
        raise ValueError(msg) from e
    return pair, int(day.timestamp()) * 1000


def _assets(market: Market, symbol: str, pair: str) -> tuple[str, str]:
    known = ("USD",) if market is Market.COINM else QUOTE_ASSETS
    for quote in known:
        if pair.endswith(quote) and len(pair) > len(quote):
            return pair[: -len(quote)], quote
    msg = f'symbol "{symbol}": ends in none of {", ".join(known)}'
    raise ValueError(msg)


def _tick(market: Market, base: str, price: float) -> Decimal:
    """Return a tick of the size that the venue uses at such a price."""
    if base == "BTC" and market is not Market.SPOT and price > 1_000:
        return Decimal("0.10") if market is Market.USDM else Decimal("0.1")
    exponent = -2 if price >= 100 else max(-8, floor(log10(price)) - 4)
    return Decimal(1).scaleb(exponent)


def _step(market: Market, base: str, usd_price: float) -> Decimal:
    """Return a step worth cents to a few dollars, as the venue's are."""
    if market is Market.COINM:
        return Decimal(1)
    digits = floor(log10(usd_price)) + (1 if market is Market.SPOT else -1)
    return Decimal(1).scaleb(-max(0, digits))


def contract_type(each: Instrument, now_ms: int) -> str:
    """Return the venue's ``contractType`` of a futures symbol."""
    if each.delivery_ms is None:
        return "PERPETUAL"
    remaining = timedelta(milliseconds=each.delivery_ms - now_ms)
    return "CURRENT_QUARTER" if remaining <= _QUARTER else "NEXT_QUARTER"
