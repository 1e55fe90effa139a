"""What a request costs of an address's budget, per market, endpoint and parameters.

Source: binance-spot-api-docs, "Public Rest API for Binance" (2026-07-21); derivatives documentation, "Market Data
Endpoints" of USD-M and COIN-M (2026-05-28). COIN-M ``historicalTrades``: the page says 20, a tracker says 200 since
2026-07-29: counted as 200.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from schemas.markets import Market


__all__ = ["day_tickers_weight", "depth_weight", "tickers_at_once", "weight_of"]

_SPOT_DEPTH: Final = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_FUTURES_DEPTH: Final = ((50, 2), (100, 5), (500, 10), (1000, 20))

_SPOT_TICKERS: Final = ((20, 2), (100, 40))
_ALL_TICKERS: Final[Mapping[Market, int]] = {Market.SPOT: 80, Market.USDM: 40, Market.COINM: 40}

_FUTURES: Final = {"ping": 1, "time": 1, "exchangeInfo": 1, "trades": 5, "aggTrades": 20}
_WEIGHTS: Final[Mapping[Market, Mapping[str, int]]] = {
    Market.SPOT: {"ping": 1, "time": 1, "exchangeInfo": 20, "trades": 25, "historicalTrades": 25, "aggTrades": 4},
    Market.USDM: {**_FUTURES, "historicalTrades": 20},
    Market.COINM: {**_FUTURES, "historicalTrades": 200},
}


def weight_of(market: Market, path: str) -> int:
    """Return the weight of a request whose parameters do not change it.

    Args:
        market: which.
        path: the endpoint, ``aggTrades``; ``depth`` is not among them, see :func:`depth_weight`.
    """
    return _WEIGHTS[market][path]


def depth_weight(market: Market, limit: int) -> int:
    """Return the weight of a depth snapshot of so many levels per side."""
    tiers = _FUTURES_DEPTH if market.is_futures else _SPOT_DEPTH
    return next((weight for up_to, weight in tiers if limit <= up_to), tiers[-1][1])


def tickers_at_once(market: Market, count: int) -> int | None:
    """Return how many symbols to name in one question for their 24 hours' figures, so that all cost least.

    Args:
        market: which.
        count: of the symbols that are wanted.

    Returns:
        None: name none, and ask for those of the whole market.
    """
    most = 1 if market.is_futures else _SPOT_TICKERS[0][0]
    apart = math.ceil(count / most) * day_tickers_weight(market, most)
    return most if apart < day_tickers_weight(market, None) else None


def day_tickers_weight(market: Market, count: int | None) -> int:
    """Return the weight of 24 hours' figures of so many symbols in one request; None: of the whole market."""
    if count is None:
        return _ALL_TICKERS[market]
    if market.is_futures:
        return 1
    return next((weight for up_to, weight in _SPOT_TICKERS if count <= up_to), _ALL_TICKERS[market])
