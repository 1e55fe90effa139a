"""Symbols become instruments, whatever they are called."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, strategies as st

from sandbox.simulation.assets import ASSETS, asset, contract_base
from sandbox.simulation.instruments import contract_type, instrument
from schemas.markets import Market


names = st.from_regex(r"[A-Z][A-Z0-9]{1,6}", fullmatch=True)


@given(names, st.sampled_from(["USDT", "BTC", "ETH", "EUR"]))
def test_spot_quote_quantities_need_no_rounding(base: str, quote: str) -> None:
    """Every tick times every step is a whole number of the eighth decimal."""
    each = instrument(Market.SPOT, base + quote)

    assert Decimal(each.second.text(each.second_quantity(12345, 678))) == Decimal(each.price.text(12345)) * Decimal(
        each.quantity.text(678)
    )
    assert (each.price.places, each.quantity.places, each.second.places) == (8, 8, 8)


@given(st.sampled_from(sorted(ASSETS)), st.integers(1, 10**7), st.integers(1, 10**6))
def test_futures_second_quantities_are_exact_or_rounded_per_trade(base: str, price: int, quantity: int) -> None:
    usdm, coinm = instrument(Market.USDM, f"{contract_base(base)}USDT"), instrument(Market.COINM, f"{base}USD_PERP")
    size = 100 if base == "BTC" else 10

    assert Decimal(usdm.second.text(usdm.second_quantity(price, quantity))) == Decimal(
        usdm.price.text(price)
    ) * Decimal(usdm.quantity.text(quantity))
    exact = Decimal(quantity * size) / Decimal(coinm.price.text(price))
    assert Decimal(coinm.second.text(coinm.second_quantity(price, quantity))) == exact.quantize(
        Decimal("1e-8"), ROUND_HALF_UP
    )
    assert coinm.contract_size == size


def test_a_coinm_trade_has_the_recorded_base_volume() -> None:
    """ETCUSD_PERP, recorded 2021-07-22: 100 contracts at 42.267 added 23.65911941 to the kline."""
    etc = instrument(Market.COINM, "ETCUSD_PERP")
    price = etc.price.nearest(42.267)

    assert etc.price.text(price) == "42.267"
    assert etc.second.text(etc.second_quantity(price, 100)) == "23.65911941"


@pytest.mark.parametrize(
    ("market", "symbol", "expected"),
    [
        (Market.SPOT, "BTCUSDT", ("BTCUSDT", "BTC", "USDT", "0.01000000", "0.00001000")),
        (Market.SPOT, "PEPEUSDT", ("PEPEUSDT", "PEPE", "USDT", "0.00000001", "1.00000000")),
        (Market.USDM, "BTCUSDT", ("BTCUSDT", "BTC", "USDT", "0.10", "0.001")),
        (Market.USDM, "1000PEPEUSDT", ("1000PEPEUSDT", "1000PEPE", "USDT", "0.0000001", "1")),
        (Market.COINM, "BTCUSD_PERP", ("BTCUSD", "BTC", "USD", "0.1", "1")),
        (Market.COINM, "ETHUSD_261225", ("ETHUSD", "ETH", "USD", "0.01", "1")),
    ],
)
def test_known_symbols_have_the_venues_shape(
    market: Market, symbol: str, expected: tuple[str, str, str, str, str]
) -> None:
    """Pair, base asset, quote asset, tick and step."""
    each = instrument(market, symbol)

    assert (each.pair, each.base_asset, each.quote_asset, each.price.text(1), each.quantity.text(1)) == expected


def test_delivery_contracts_end_at_eight_in_the_morning() -> None:
    each = instrument(Market.USDM, "BTCUSDT_261225")

    assert each.delivery_ms == 1_798_185_600_000
    assert contract_type(each, 1_793_577_600_000) == "CURRENT_QUARTER"
    assert contract_type(each, 1_780_000_000_000) == "NEXT_QUARTER"
    assert contract_type(instrument(Market.USDM, "BTCUSDT"), 0) == "PERPETUAL"


@pytest.mark.parametrize(
    ("market", "symbol", "message"),
    [
        (Market.SPOT, "BTCUSD_PERP", "no suffix"),
        (Market.COINM, "BTCUSDT", "_PERP or a delivery date"),
        (Market.COINM, "BTCUSDT_PERP", "ends in none of USD"),
        (Market.USDM, "BTCUSDT_269999", "is no delivery date"),
        (Market.SPOT, "BTCXYZ", "ends in none of"),
        (Market.SPOT, "USDT", "ends in none of"),
        (Market.USDM, "PEPEUSDT", "by the thousand, as 1000PEPEUSDT"),
    ],
)
def test_what_is_no_symbol_is_refused(market: Market, symbol: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        instrument(market, symbol)


def test_a_thousand_coins_cost_a_thousand_times_as_much() -> None:
    assert asset("1000PEPE").usd_price == 1000 * asset("PEPE").usd_price
    assert asset("NOBODYKNOWS") == asset("NOBODYKNOWS")
