"""Examples for the OpenAPI document: real answers to a store that holds a moment of a market."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import msgspec

from dashboard.api.example_accounts import example_balance, example_order, example_position
from dashboard.api.example_operations import example_operations
from dashboard.core import answers, quotes
from dashboard.core.accounts import Accounts
from dashboard.core.answers import Document, Moment
from dashboard.core.store import Limits, Store
from schemas import derived
from schemas.markets import Market


__all__ = ["example_answers", "example_values"]

_OPEN: Final = 1_723_161_600_000
_NOW: Final = Moment(_OPEN + 61_250)
_SYMBOL: Final = "BTCUSDT"
_ONE: Final = 10**8
_PRICE: Final = 61_737 * _ONE


@cache
def example_answers() -> Mapping[str, Document]:
    """Return an answer to each route, by its name."""
    store, spot = _store(), Market.SPOT
    size = quotes.size_of(spot, "1.5", None)
    examples = {
        "symbols": answers.symbols_answer(store, spot),
        "book": answers.book_answer(store, spot, _SYMBOL, 2, _NOW),
        "books": answers.books_answer(store, [spot], _NOW),
        "slippage": quotes.slippage_answer(store, spot, _SYMBOL, side=derived.TakerSide.BUY, size=size, moment=_NOW),
        "candles": answers.candles_answer(store, spot, _SYMBOL, "1m", 1),
        "trades": answers.trades_answer(store, spot, _SYMBOL, 1),
        "flow": answers.flow_answer(store, spot, _SYMBOL, "1s", 1),
        "ticker": answers.ticker_answer(store, spot, _SYMBOL, _NOW),
        "liquidity": answers.liquidity_answer(store, spot, _SYMBOL, _NOW),
        "alerts": answers.alerts_answer(store, spot, 1),
    }
    accounts = Accounts(ended_kept=1)
    for value in (example_order(), example_balance(), example_position()):
        accounts.take(Market.USDM, value)
    document = accounts.document()
    examples |= {name: {name: document[name]} for name in ("orders", "balances", "positions")}
    examples["operations"] = {
        "source": "Binance",
        "simulated": False,
        "broker_contact_ms": 180,
        "now_ms": _NOW.now_ms,
        "private": False,
        "markets": ["spot"],
        "version": "0.1.0",
        "ready": True,
        "because": [],
        **example_operations(store, _NOW),
    }
    # As JSON says them: without enums.
    return msgspec.json.decode(msgspec.json.encode(examples), type=dict[str, Document])


def _store() -> Store:
    store = Store(Limits())
    for schema, value in example_values().items():
        store.take(Market.SPOT, schema, value, _NOW.now_ms - 35)
    return store


def example_values() -> dict[str, msgspec.Struct]:
    """Return a value of each topic, by its schema."""
    return {
        "book-snapshot": derived.BookSnapshot(
            symbol=_SYMBOL,
            snapshot_time=_OPEN + 61_000,
            update_id=50_112_345,
            state=derived.BookState.LIVE,
            bid_prices=[_PRICE - 1_000_000, _PRICE - 3_000_000],
            bid_quantities=[2 * _ONE, 75_000_000],
            ask_prices=[_PRICE, _PRICE + 2_000_000],
            ask_quantities=[_ONE, 3 * _ONE],
            input_offset=20_417,
        ),
        "top-of-book": derived.TopOfBook(
            symbol=_SYMBOL,
            update_id=50_112_349,
            state=derived.BookState.LIVE,
            event_time=_OPEN + 61_200,
            bid_price=_PRICE - 1_000_000,
            bid_quantity=2 * _ONE,
            ask_price=_PRICE,
            ask_quantity=_ONE,
            spread=1_000_000,
            input_offset=20_419,
        ),
        "book-verification": derived.BookVerification(
            symbol=_SYMBOL,
            verified_time=_OPEN + 12_400,
            update_id=50_101_877,
            levels_compared=1_997,
            levels_equal=1_997,
            levels_left_out=3,
            result=derived.VerificationResult.EQUAL,
            input_offset=4_102,
        ),
        "liquidity": _liquidity(),
        "candle": _candle(),
        "trade": derived.Trade(
            kind=derived.TradeKind.TRADE,
            symbol=_SYMBOL,
            source=derived.TradeSource.TRADE,
            epoch=0,
            trade_id=3_735_683_261,
            last_missing_id=None,
            first_trade_id=None,
            last_trade_id=None,
            trade_time=_OPEN + 60_870,
            price=_PRICE,
            quantity=_ONE,
            base_quantity=_ONE,
            quote_quantity=_PRICE * _ONE,
            taker_side=derived.TakerSide.BUY,
            late=False,
            input_offset=77_256,
        ),
        "trade-flow": _flow(),
        "ticker": _ticker(),
        "alert": derived.Alert(
            symbol=_SYMBOL,
            kind=derived.AlertKind.ONE_SIDED_FLOW,
            status=derived.AlertStatus.OPEN,
            opened_time=_OPEN + 50_000,
            time=_OPEN + 50_000,
            window="10s",
            side=derived.TakerSide.BUY,
            value=95 * 10**14,
            threshold=90 * 10**14,
            baseline=None,
            input_offset=77_240,
        ),
    }


def _liquidity() -> derived.Liquidity:
    return derived.Liquidity(
        symbol=_SYMBOL,
        time=_OPEN + 61_000,
        update_id=50_112_345,
        bid_price=_PRICE - 1_000_000,
        ask_price=_PRICE,
        spread=1_000_000,
        spread_bps=161_977,
        bid_depth_10bps=42 * _ONE,
        bid_depth_50bps=180 * _ONE,
        bid_depth_100bps=None,
        ask_depth_10bps=14 * _ONE,
        ask_depth_50bps=120 * _ONE,
        ask_depth_100bps=None,
        bid_quote_depth_10bps=42 * _PRICE * _ONE,
        bid_quote_depth_50bps=180 * _PRICE * _ONE,
        bid_quote_depth_100bps=None,
        ask_quote_depth_10bps=14 * _PRICE * _ONE,
        ask_quote_depth_50bps=120 * _PRICE * _ONE,
        ask_quote_depth_100bps=None,
        imbalance_10bps=50_000_000,
        imbalance_50bps=20_000_000,
        imbalance_100bps=None,
        sizes=[10_000 * _ONE, 100_000 * _ONE],
        buy_average_prices=[_PRICE, _PRICE + 1_000_000],
        buy_slippages_bps=[0, 16],
        sell_average_prices=[_PRICE - 1_000_000, None],
        sell_slippages_bps=[0, None],
        known_bid_price=_PRICE - 500 * _ONE,
        known_ask_price=_PRICE + 500 * _ONE,
        input_offset=20_417,
    )


def _candle() -> derived.Candle:
    return derived.Candle(
        symbol=_SYMBOL,
        interval="1m",
        open_time=_OPEN,
        close_time=_OPEN + 60_000,
        open=_PRICE - 5_000_000,
        high=_PRICE + 2_000_000,
        low=_PRICE - 5_000_000,
        close=_PRICE,
        base_volume=4 * _ONE,
        quote_volume=4 * _PRICE * _ONE,
        contract_volume=None,
        trade_count=118,
        taker_buy_base_volume=3 * _ONE,
        taker_buy_quote_volume=3 * _PRICE * _ONE,
        taker_buy_contract_volume=None,
        first_trade_id=3_735_683_142,
        last_trade_id=3_735_683_259,
        source=derived.TradeSource.TRADE,
        final=True,
        complete=True,
        revision=False,
        input_offset=77_251,
    )


def _flow() -> derived.TradeFlow:
    return derived.TradeFlow(
        symbol=_SYMBOL,
        window="1s",
        open_time=_OPEN + 60_000,
        close_time=_OPEN + 61_000,
        source=derived.TradeSource.TRADE,
        base_volume=2 * _ONE,
        quote_volume=2 * _PRICE * _ONE,
        contract_volume=None,
        trade_count=5,
        taker_buy_base_volume=2 * _ONE,
        taker_buy_quote_volume=2 * _PRICE * _ONE,
        taker_sell_base_volume=0,
        taker_sell_quote_volume=0,
        vwap=_PRICE,
        largest_trade_id=3_735_683_261,
        largest_price=_PRICE,
        largest_quantity=_ONE,
        largest_quote_quantity=_PRICE * _ONE,
        largest_taker_side=derived.TakerSide.BUY,
        complete=True,
        revision=False,
        input_offset=77_256,
    )


def _ticker() -> derived.Ticker:
    return derived.Ticker(
        symbol=_SYMBOL,
        event_time=_OPEN + 61_003,
        source=derived.TickerSource.MINI_TICKER,
        last_price=_PRICE,
        open_price=_PRICE - 800 * _ONE,
        high_price=_PRICE + 350 * _ONE,
        low_price=_PRICE - 1_200 * _ONE,
        base_volume=31_250 * _ONE,
        quote_volume=31_250 * _PRICE * _ONE,
        contract_volume=None,
        price_change=None,
        price_change_percent=None,
        weighted_average_price=None,
        last_quantity=None,
        bid_price=None,
        bid_quantity=None,
        ask_price=None,
        ask_quantity=None,
        open_time=None,
        close_time=None,
        first_trade_id=None,
        last_trade_id=None,
        trade_count=None,
        input_offset=9_120,
    )
