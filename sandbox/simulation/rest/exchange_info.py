"""``exchangeInfo``: what is traded, in which steps, and how much may be asked."""

from __future__ import annotations

from typing import Any

from sandbox.exchange.source import RestReply, json_reply
from sandbox.simulation.instruments import Instrument, contract_type
from sandbox.simulation.rest.requests import Request
from sandbox.simulation.symbol_market import SymbolMarket
from schemas.markets import Market


__all__ = ["LARGEST_PRICE", "LARGEST_QUANTITY_STEPS", "exchange_info"]

_Answer = dict[str, Any]

_RATE_LIMITS: dict[Market, list[_Answer]] = {
    Market.SPOT: [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
        {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
        {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 300000},
    ],
    Market.USDM: [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 300},
    ],
    Market.COINM: [
        {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
        {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
    ],
}
_ONBOARD_MS = 1_569_398_400_000
_PERPETUAL_DELIVERY_MS = 4_133_404_800_000
LARGEST_PRICE = 1_000_000
LARGEST_QUANTITY_STEPS = 10**8
_FUTURES_ORDERS = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
_SPOT_ORDERS = (
    "LIMIT",
    "LIMIT_MAKER",
    "MARKET",
    "STOP_LOSS",
    "STOP_LOSS_LIMIT",
    "TAKE_PROFIT",
    "TAKE_PROFIT_LIMIT",
)


def exchange_info(request: Request) -> RestReply:
    """Answer ``exchangeInfo``; spot's for chosen symbols too."""
    selected = request.selected()
    symbols = list(request.symbols.values()) if selected is None else selected
    spot = request.market is Market.SPOT
    answer: _Answer = {"timezone": "UTC", "serverTime": request.clock_ms}
    if request.market is Market.USDM:
        answer["futuresType"] = "U_MARGINED"
    answer |= {"rateLimits": _RATE_LIMITS[request.market], "exchangeFilters": []}
    if request.market is Market.USDM:
        quotes = sorted({each.instrument.quote_asset for each in symbols})
        answer["assets"] = [
            {"asset": quote, "marginAvailable": True, "autoAssetExchange": "-10000"} for quote in quotes
        ]
    answer["symbols"] = [_spot(each) if spot else _futures(each, request.clock_ms) for each in symbols]
    return json_reply(answer)


def _spot(symbol: SymbolMarket) -> _Answer:
    each, delisted = symbol.instrument, symbol.delisted_us is not None
    return {
        "symbol": each.symbol,
        "status": "BREAK" if delisted else "TRADING",
        "baseAsset": each.base_asset,
        "baseAssetPrecision": 8,
        "quoteAsset": each.quote_asset,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(_SPOT_ORDERS),
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": not delisted,
        "isMarginTradingAllowed": False,
        "filters": [
            *_filters(each),
            {"filterType": "ICEBERG_PARTS", "limit": 10},
            {
                "filterType": "PERCENT_PRICE_BY_SIDE",
                "bidMultiplierUp": "5",
                "bidMultiplierDown": "0.2",
                "askMultiplierUp": "5",
                "askMultiplierDown": "0.2",
                "avgPriceMins": 5,
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": each.second.text(1),
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _futures(symbol: SymbolMarket, now_ms: int) -> _Answer:
    each = symbol.instrument
    coinm = each.market is Market.COINM
    answer: _Answer = {
        "symbol": each.symbol,
        "pair": each.pair,
        "contractType": contract_type(each, now_ms),
        "deliveryDate": each.delivery_ms or _PERPETUAL_DELIVERY_MS,
        "onboardDate": symbol.opened_us // 1000 if symbol.listed_late else _ONBOARD_MS,
        "contractStatus" if coinm else "status": "TRADING" if symbol.delisted_us is None else "SETTLING",
    }
    if coinm:
        answer["contractSize"] = each.contract_size
    answer |= {
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": each.base_asset,
        "quoteAsset": each.quote_asset,
        "marginAsset": each.base_asset if coinm else each.quote_asset,
        "pricePrecision": each.price.places,
        "quantityPrecision": each.quantity.places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012000",
        "marketTakeBound": "0.30",
    }
    answer |= {"equalQtyPrecision": 4} if coinm else {"settlePlan": 0}
    filters = [*_filters(each), {"filterType": "MAX_NUM_ORDERS", "limit": 200}]
    if coinm:
        filters.append({"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 100})
    else:
        filters.append({"filterType": "MIN_NOTIONAL", "notional": "5"})
    filters.append(
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.0500",
            "multiplierDown": "0.9500",
            "multiplierDecimal": "4",
        }
    )
    answer["filters"] = filters
    answer["orderTypes"] = list(_FUTURES_ORDERS)
    answer["timeInForce"] = ["GTC", "IOC", "FOK", "GTX", "GTD"]
    return answer


def _filters(each: Instrument) -> list[_Answer]:
    price, quantity = each.price, each.quantity
    lot = {
        "minQty": quantity.text(1),
        "maxQty": quantity.text(LARGEST_QUANTITY_STEPS),
        "stepSize": quantity.text(1),
    }
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": price.text(1),
            "maxPrice": price.text(price.nearest(LARGEST_PRICE)),
            "tickSize": price.text(1),
        },
        {"filterType": "LOT_SIZE"} | lot,
        {"filterType": "MARKET_LOT_SIZE"} | lot,
    ]
