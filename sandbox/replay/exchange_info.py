"""An exchangeInfo for recordings that hold none: the symbols seen, with the steps that they were seen to use."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal

from sandbox.recordings import SymbolSummary
from schemas.markets import Market


__all__ = ["synthesise"]

_QUOTE_ASSETS = (
    *("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDP", "USD1", "USD", "BTC", "ETH", "BNB", "SOL", "XRP", "TRX", "DOGE"),
    *("EUR", "GBP", "TRY", "BRL", "JPY", "AUD", "ARS", "MXN", "PLN", "RON", "ZAR", "UAH", "IDR", "COP", "CZK", "DAI"),
)
_DELIVERY = re.compile(r"_\d{6}$")

_SPOT_LIMITS = (
    ("REQUEST_WEIGHT", "MINUTE", 1, 6_000),
    ("ORDERS", "SECOND", 10, 100),
    ("ORDERS", "DAY", 1, 200_000),
    ("RAW_REQUESTS", "MINUTE", 5, 300_000),
)
_FUTURES_LIMITS = (
    ("REQUEST_WEIGHT", "MINUTE", 1, 2_400),
    ("ORDERS", "MINUTE", 1, 1_200),
    ("ORDERS", "SECOND", 10, 300),
)


def synthesise(
    market: Market, symbols: Iterable[SymbolSummary], contract_sizes: Mapping[str, Decimal], server_ms: int
) -> dict[str, object]:
    """Return an exchangeInfo of one market.

    Limits are the venue's of 2026. Base and quote asset are told from the symbol's name; filters state the finest
    steps seen, with no other bounds; COIN-M's ``contractSize`` is there only if `contract_sizes` knows it.
    """
    limits = _FUTURES_LIMITS if market.is_futures else _SPOT_LIMITS
    return {
        "timezone": "UTC",
        "serverTime": server_ms,
        "rateLimits": [
            {"rateLimitType": kind, "interval": interval, "intervalNum": count, "limit": limit}
            for kind, interval, count, limit in limits
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(market, symbol, contract_sizes.get(symbol.symbol)) for symbol in symbols],
    }


def _symbol(market: Market, summary: SymbolSummary, contract_size: Decimal | None) -> dict[str, object]:
    pair = summary.symbol.partition("_")[0]
    base, quote = _assets(pair)
    common: dict[str, object] = {
        "symbol": summary.symbol,
        "baseAsset": base,
        "quoteAsset": quote,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0", "maxPrice": "0", "tickSize": summary.steps.tick_size},
            {"filterType": "LOT_SIZE", "minQty": "0", "maxQty": "0", "stepSize": summary.steps.step_size},
        ],
    }
    if market is Market.SPOT:
        return common | {"status": "TRADING", "isSpotTradingAllowed": True, "permissions": []}
    common |= {
        "pair": pair,
        "contractType": "CURRENT_QUARTER" if _DELIVERY.search(summary.symbol) else "PERPETUAL",
        "marginAsset": quote if market is Market.USDM else base,
        "pricePrecision": summary.steps.price_places,
        "quantityPrecision": summary.steps.quantity_places,
    }
    if market is Market.USDM:
        return common | {"status": "TRADING"}
    size = {} if contract_size is None else {"contractSize": _number(contract_size)}
    return common | {"contractStatus": "TRADING"} | size


def _assets(pair: str) -> tuple[str, str]:
    for quote in _QUOTE_ASSETS:
        if pair.endswith(quote) and pair != quote:
            return pair.removesuffix(quote), quote
    return pair, ""


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
