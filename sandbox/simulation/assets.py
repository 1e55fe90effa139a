"""Assets of the simulated world: roughly what they cost, how they move, how much they are traded."""

from __future__ import annotations

from random import Random

from msgspec import Struct


__all__ = ["ASSETS", "QUOTE_ASSETS", "Asset", "asset", "contract_base"]

_CHEAP_USD = 1e-4
"""USD-M contracts are on a thousand of what costs less."""


class Asset(Struct, frozen=True):
    """What the simulation knows of an asset."""

    name: str
    usd_price: float
    daily_volatility: float
    """Standard deviation of a day's logarithmic move; 0 for a stable coin."""
    actions_per_s: float
    """Orders and cancellations per second on spot, at activity 1."""


_LISTED = (
    Asset("BTC", 84_000.0, 0.022, 60.0),
    Asset("ETH", 2_900.0, 0.030, 45.0),
    Asset("SOL", 165.0, 0.040, 25.0),
    Asset("BNB", 755.0, 0.025, 15.0),
    Asset("XRP", 2.3, 0.035, 20.0),
    Asset("PEPE", 0.0000055, 0.060, 12.0),
    Asset("DOGE", 0.17, 0.045, 12.0),
    Asset("NKN", 0.021, 0.050, 0.05),
    Asset("ADA", 0.55, 0.040, 10.0),
    Asset("TRX", 0.30, 0.025, 8.0),
    Asset("LINK", 15.0, 0.040, 8.0),
    Asset("AVAX", 18.0, 0.045, 8.0),
    Asset("SUI", 1.9, 0.050, 10.0),
    Asset("LTC", 95.0, 0.030, 8.0),
    Asset("SHIB", 0.0000095, 0.045, 8.0),
    Asset("DOT", 3.0, 0.040, 6.0),
    Asset("UNI", 7.0, 0.045, 6.0),
    Asset("AAVE", 190.0, 0.045, 6.0),
    Asset("NEAR", 2.2, 0.045, 6.0),
    Asset("ICP", 5.0, 0.045, 5.0),
    Asset("ETC", 17.0, 0.035, 5.0),
    Asset("APT", 3.1, 0.045, 5.0),
    Asset("FIL", 1.8, 0.045, 5.0),
    Asset("ARB", 0.25, 0.050, 5.0),
    Asset("OP", 0.40, 0.050, 5.0),
    Asset("ATOM", 3.0, 0.040, 4.0),
    Asset("INJ", 7.0, 0.050, 4.0),
    Asset("TIA", 1.0, 0.055, 4.0),
    Asset("SEI", 0.16, 0.050, 4.0),
    Asset("WIF", 0.50, 0.070, 6.0),
    Asset("BONK", 0.000012, 0.060, 6.0),
    Asset("FLOKI", 0.00006, 0.060, 4.0),
    Asset("GALA", 0.009, 0.050, 4.0),
    Asset("SAND", 0.20, 0.045, 3.0),
    Asset("CHZ", 0.030, 0.045, 3.0),
    Asset("CRV", 0.50, 0.050, 4.0),
    Asset("LDO", 0.80, 0.050, 3.0),
    Asset("RUNE", 1.0, 0.050, 3.0),
    Asset("ALGO", 0.17, 0.045, 3.0),
    Asset("VET", 0.015, 0.040, 3.0),
    Asset("XLM", 0.28, 0.035, 5.0),
    Asset("HBAR", 0.17, 0.045, 5.0),
    Asset("BLZ", 0.020, 0.050, 0.1),
)
_MONEY = (
    Asset("USDT", 1.0, 0.0, 0.0),
    Asset("USDC", 1.0, 0.0, 1.0),
    Asset("FDUSD", 1.0, 0.0, 1.0),
    Asset("TUSD", 1.0, 0.0, 0.5),
    Asset("USD", 1.0, 0.0, 0.0),
    Asset("EUR", 1.1, 0.004, 2.0),
    Asset("BRL", 0.18, 0.008, 0.0),
    Asset("TRY", 0.024, 0.005, 0.0),
)

ASSETS: dict[str, Asset] = {each.name: each for each in _LISTED + _MONEY}
"""Those with figures of their own, the most traded first; any other name gets made-up ones."""

QUOTE_ASSETS = ("FDUSD", "USDT", "USDC", "TUSD", "USD", "EUR", "BRL", "TRY", "BTC", "ETH", "BNB")
"""What the tail of a symbol may be."""


def asset(name: str) -> Asset:
    """Return what is known of an asset; for a stranger, figures that depend on its name alone.

    A name such as ``1000PEPE`` is so many of the asset, as futures quote cheap coins.
    """
    known = ASSETS.get(name)
    if known is not None:
        return known
    for factor in (1_000_000, 1_000):
        prefix = str(factor)
        if name.startswith(prefix) and name[len(prefix) :] in ASSETS:
            one = ASSETS[name[len(prefix) :]]
            return Asset(name, one.usd_price * factor, one.daily_volatility, one.actions_per_s)
    rng = Random(f"asset {name}")  # noqa: S311  (a simulation, no secret)
    return Asset(name, 10 ** rng.uniform(-3.0, 2.0), rng.uniform(0.03, 0.07), rng.uniform(1.0, 6.0))


def contract_base(name: str) -> str:
    """Return what the USD-M contract on an asset is named after: ``1000PEPE`` for ``PEPE``."""
    return f"1000{name}" if asset(name).usd_price < _CHEAP_USD else name
