"""Which messages there are: Binance's own on the raw topics, and for each the type that decodes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from schemas import account_rest, rest, user_data, wire
from schemas.markets import Market
from schemas.topics import RawType


__all__ = ["RAW_MESSAGES", "RawMessage", "raw_messages"]

_ALL: Final = tuple(Market)
_SPOT: Final = (Market.SPOT,)
_FUTURES: Final = (Market.USDM, Market.COINM)


class RawMessage(msgspec.Struct, frozen=True):
    """One kind of value of a raw topic."""

    name: str
    title: str
    payload: Any
    """The type that decodes it."""
    event: str | None = None
    """What its ``e`` always is; None: it may have none."""
    markets: tuple[Market, ...] = _ALL


def _event(of: type[msgspec.Struct], event: str, name: str, title: str, markets: tuple[Market, ...]) -> RawMessage:
    return RawMessage(name, title, of, event, markets)


_DIFF: Final = RawMessage("raw-depth-diff", "Depth diff", wire.DepthDiff, "depthUpdate")
_UserEvent = user_data.UserEvent
RAW_MESSAGES: Final[Mapping[RawType, Sequence[RawMessage]]] = {
    RawType.TRADE: [RawMessage("raw-trade", "Trade", wire.Trade, "trade")],
    RawType.AGG_TRADE: [RawMessage("raw-agg-trade", "Aggregate trade", wire.AggTrade, "aggTrade")],
    RawType.DEPTH: [_DIFF, RawMessage("raw-depth-snapshot", "Depth snapshot", rest.DepthSnapshot)],
    RawType.BOOK_TICKER: [RawMessage("raw-book-ticker", "Best bid and ask", wire.BookTicker)],
    RawType.PARTIAL_DEPTH: [
        RawMessage("raw-partial-depth", "Top levels", wire.PartialDepth, markets=_SPOT),
        msgspec.structs.replace(_DIFF, markets=_FUTURES),
    ],
    RawType.MINI_TICKER: [
        RawMessage("raw-mini-ticker", "Statistics of 24 h, short", wire.MiniTicker, "24hrMiniTicker")
    ],
    RawType.TICKER: [RawMessage("raw-ticker", "Statistics of 24 h", wire.Ticker, "24hrTicker")],
    RawType.KLINE: [RawMessage("raw-kline", "The venue's candle", wire.Kline, "kline")],
    RawType.MARK_PRICE: [RawMessage("raw-mark-price", "Mark price and funding", wire.MarkPrice, "markPriceUpdate")],
    RawType.FORCE_ORDER: [RawMessage("raw-force-order", "Liquidation", wire.ForceOrder, "forceOrder")],
    RawType.ORDER_UPDATE: [
        _event(
            user_data.ExecutionReport, _UserEvent.EXECUTION_REPORT, "raw-execution-report", "Order event, spot", _SPOT
        ),
        _event(user_data.ListStatus, _UserEvent.LIST_STATUS, "raw-list-status", "Order list event, spot", _SPOT),
        _event(
            user_data.OrderTradeUpdate,
            _UserEvent.ORDER_TRADE_UPDATE,
            "raw-order-trade-update",
            "Order event, futures",
            _FUTURES,
        ),
        _event(user_data.TradeLite, _UserEvent.TRADE_LITE, "raw-trade-lite", "Fill in short, futures", _FUTURES),
        _event(
            user_data.AlgoUpdate,
            _UserEvent.ALGO_UPDATE,
            "raw-algo-update",
            "Conditional order event, futures",
            _FUTURES,
        ),
        _event(
            user_data.ConditionalOrderTriggerReject,
            _UserEvent.CONDITIONAL_ORDER_TRIGGER_REJECT,
            "raw-trigger-reject",
            "Refused conditional order, futures",
            _FUTURES,
        ),
        _event(
            user_data.StrategyUpdate, _UserEvent.STRATEGY_UPDATE, "raw-strategy-update", "Strategy, futures", _FUTURES
        ),
        _event(user_data.GridUpdate, _UserEvent.GRID_UPDATE, "raw-grid-update", "Grid, futures", _FUTURES),
    ],
    RawType.ACCOUNT_UPDATE: [
        _event(
            user_data.OutboundAccountPosition,
            _UserEvent.OUTBOUND_ACCOUNT_POSITION,
            "raw-account-position",
            "Balances, spot",
            _SPOT,
        ),
        _event(
            user_data.BalanceUpdate, _UserEvent.BALANCE_UPDATE, "raw-balance-update", "Deposit or transfer, spot", _SPOT
        ),
        _event(
            user_data.ExternalLockUpdate,
            _UserEvent.EXTERNAL_LOCK_UPDATE,
            "raw-external-lock",
            "Locked from outside, spot",
            _SPOT,
        ),
        _event(
            user_data.AccountUpdate,
            _UserEvent.ACCOUNT_UPDATE,
            "raw-account-update",
            "Balances and positions, futures",
            _FUTURES,
        ),
        _event(user_data.MarginCall, _UserEvent.MARGIN_CALL, "raw-margin-call", "Margin call, futures", _FUTURES),
        _event(
            user_data.AccountConfigUpdate,
            _UserEvent.ACCOUNT_CONFIG_UPDATE,
            "raw-account-config",
            "Account setting, futures",
            _FUTURES,
        ),
    ],
    RawType.ORDER_SNAPSHOT: [
        RawMessage(
            "raw-spot-orders",
            "Orders as answered, spot",
            list[account_rest.SpotOrderAnswer] | account_rest.SpotOrderAnswer,
            markets=_SPOT,
        ),
        RawMessage("raw-spot-fills", "Fills as answered, spot", list[account_rest.SpotTradeAnswer], markets=_SPOT),
        RawMessage(
            "raw-futures-orders",
            "Orders as answered, futures",
            list[account_rest.FuturesOrderAnswer] | account_rest.FuturesOrderAnswer,
            markets=_FUTURES,
        ),
        RawMessage(
            "raw-futures-fills", "Fills as answered, futures", list[account_rest.FuturesTradeAnswer], markets=_FUTURES
        ),
        RawMessage(
            "raw-algo-orders",
            "Conditional orders as answered, futures",
            list[account_rest.AlgoOrderAnswer] | account_rest.AlgoOrderAnswer,
            markets=_FUTURES,
        ),
    ],
    RawType.ACCOUNT_SNAPSHOT: [
        RawMessage("raw-spot-account", "Account as answered, spot", account_rest.SpotAccount, markets=_SPOT),
        RawMessage(
            "raw-futures-account", "Account as answered, futures", account_rest.FuturesAccount, markets=_FUTURES
        ),
        RawMessage(
            "raw-futures-balances",
            "Balances as answered, futures",
            list[account_rest.FuturesBalanceAnswer],
            markets=_FUTURES,
        ),
        RawMessage(
            "raw-futures-positions",
            "Positions as answered, futures",
            list[account_rest.PositionAnswer],
            markets=_FUTURES,
        ),
    ],
}


def raw_messages(raw_type: RawType, market: Market) -> list[RawMessage]:
    """Return the kinds of values of a raw topic."""
    return [message for message in RAW_MESSAGES[raw_type] if market in message.markets]
