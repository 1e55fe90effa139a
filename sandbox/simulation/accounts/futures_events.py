"""What a futures market tells an account, in the venue's words."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from msgspec import Struct

from sandbox.simulation.accounts.algo_orders import ALGO_TYPES, AlgoOrder
from sandbox.simulation.accounts.amounts import ONE, half_away, plain, price_units, quantity_units, value_units
from sandbox.simulation.accounts.commission import FUTURES_RATES
from sandbox.simulation.accounts.futures_account import (
    FuturesAccount,
    margin_asset,
    notional_at,
    unrealized_units,
)
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.orders import AccountOrder, FillRecord, Terms
from sandbox.simulation.accounts.positions import Position, break_even_units
from sandbox.simulation.engine import Side
from sandbox.simulation.instruments import Instrument
from schemas.markets import Market


__all__ = [
    "MAINTENANCE_MILLIONTHS",
    "Change",
    "account_config",
    "account_update",
    "algo_update",
    "average_units",
    "margin_call",
    "order_update",
    "trade_lite",
]

_Event = dict[str, Any]
MAINTENANCE_MILLIONTHS = 25_000
"""Of a position's notional: ``maintMarginPercent`` of exchangeInfo."""


class Change(Struct, frozen=True, kw_only=True):
    """What has just happened to an order."""

    execution_type: str
    fill: FillRecord | None = None
    modify_id: str = ""


def average_units(order: AccountOrder) -> int:
    """Return the average price of an order's fills in hundred-millionths, 0 without any; halves up."""
    each = order.terms.instrument
    if not order.filled:
        return 0
    if each.contract_size is None:
        return half_away(order.value * ONE, quantity_units(each, order.filled))
    # The values of COIN-M's trades are rounded: the average is of what they were before that.
    value = sum((Fraction(fill.quantity, price_units(each, fill.price)) for fill in order.fills), Fraction())
    return half_away(order.filled * value.denominator, value.numerator)


def order_update(account: FuturesAccount, order: AccountOrder, change: Change, moment: Moment) -> _Event:
    """Return an ``ORDER_TRADE_UPDATE``."""
    terms, fill = order.terms, change.fill
    each = terms.instrument
    bids, asks = (_open_value(account, each.symbol, side) for side in Side)
    inner: _Event = {
        "s": each.symbol,
        "c": terms.client_id,
        "S": terms.side.value,
        "o": terms.order_type,
        "f": terms.time_in_force,
        "q": _quantity(each, terms.quantity),
        "p": _price(each, terms.price),
        "ap": plain(average_units(order)),
        "sp": _price(each, terms.stop_price),
        "x": change.execution_type,
        "X": order.status.value,
        "i": order.order_id,
        "l": _quantity(each, fill.quantity if fill else 0),
        "z": _quantity(each, order.filled),
        "L": _price(each, fill.price if fill else 0),
        "n": plain(fill.commission if fill else 0),
        "N": margin_asset(each),
        "T": moment.now_ms,
        "t": fill.trade_id if fill else 0,
        "b": plain(bids),
        "a": plain(asks),
        "m": fill.maker if fill else False,
        "R": terms.reduce_only,
        "wt": terms.working_type,
        "ot": terms.original_type or terms.order_type,
        "ps": terms.position_side,
        "cp": terms.close_position,
        **_trailing(terms),
        "rp": plain(fill.realized if fill else 0),
        "pP": terms.price_protect,
    }
    coinm = each.market is Market.COINM
    inner |= {"ma": margin_asset(each)} if coinm else {"si": 0, "ss": 0}
    inner |= {"V": terms.prevention, "pm": "NONE"}
    if not coinm:
        inner["gtd"] = terms.good_till_ms
    inner["er"] = order.expiry or "0"
    if change.modify_id:
        inner["M"] = change.modify_id
    return _head("ORDER_TRADE_UPDATE", account, moment) | {"o": inner}


def _trailing(terms: Terms) -> _Event:
    """Return what is told of trailing stops alone."""
    if not terms.callback:
        return {}
    return {"AP": _price(terms.instrument, terms.activation_price), "cr": plain(terms.callback * ONE // 100)}


def trade_lite(order: AccountOrder, fill: FillRecord, moment: Moment) -> _Event:
    """Return a ``TRADE_LITE``: the fill once more, in short."""
    terms = order.terms
    each = terms.instrument
    return {
        "e": "TRADE_LITE",
        "E": moment.event_ms,
        "T": moment.now_ms,
        "s": each.symbol,
        "q": each.quantity.text(terms.quantity),
        "p": each.price.text(terms.price),
        "m": fill.maker,
        "c": terms.client_id,
        "S": terms.side.value,
        "L": each.price.text(fill.price),
        "l": each.quantity.text(fill.quantity),
        "t": fill.trade_id,
        "i": order.order_id,
    }


def account_update(
    account: FuturesAccount,
    reason: str,
    assets: dict[str, int],
    positions: Iterable[tuple[Position, int]],
    moment: Moment,
) -> _Event:
    """Return an ``ACCOUNT_UPDATE``.

    Args:
        account: whose.
        reason: the venue's word for it.
        assets: those that changed, and by how much from outside, in units.
        positions: those that are told, and the mark price of each.
        moment: when.
    """
    inner: _Event = {
        "B": [
            {
                "a": asset,
                "wb": plain(account.wallet(asset).balance),
                "cw": plain(account.wallet(asset).balance),
                "bc": plain(change),
            }
            for asset, change in assets.items()
        ],
        "P": [_position(position, mark) for position, mark in positions],
        "m": reason,
    }
    return _head("ACCOUNT_UPDATE", account, moment) | {"a": inner}


def _position(position: Position, mark: int) -> _Event:
    each = position.instrument
    return {
        "s": each.symbol,
        "pa": _quantity(each, position.amount),
        "ep": plain(position.entry),
        "bep": plain(break_even_units(position, FUTURES_RATES.taker)),
        "cr": plain(position.realized),
        "up": plain(unrealized_units(position, mark)),
        "mt": "cross",
        "iw": "0",
        "ps": position.side,
    }


def margin_call(
    account: FuturesAccount, asset: str, positions: Iterable[tuple[Position, int]], moment: Moment
) -> _Event:
    """Return a ``MARGIN_CALL``."""
    event = _head("MARGIN_CALL", account, moment)
    del event["T"]
    return event | {
        "cw": plain(account.wallet(asset).balance),
        "p": [
            {
                "s": each.instrument.symbol,
                "ps": each.side,
                "pa": _quantity(each.instrument, each.amount),
                "mt": "CROSSED",
                "iw": "0",
                "mp": plain(mark),
                "up": plain(unrealized_units(each, mark)),
                "mm": plain(notional_at(each, mark) * MAINTENANCE_MILLIONTHS // 1_000_000),
            }
            for each, mark in positions
        ],
    }


def account_config(account: FuturesAccount, symbol: str, moment: Moment) -> _Event:
    """Return an ``ACCOUNT_CONFIG_UPDATE`` of a leverage."""
    event = _head("ACCOUNT_CONFIG_UPDATE", account, moment)
    return event | {"ac": {"s": symbol, "l": account.leverage(symbol)}}


def algo_update(account: FuturesAccount, order: AlgoOrder, moment: Moment) -> _Event:
    """Return an ``ALGO_UPDATE``."""
    terms, actual = order.terms, order.actual
    each = terms.instrument
    inner: _Event = {
        "caid": terms.client_id,
        "aid": order.algo_id,
        "at": "CONDITIONAL",
        "o": terms.order_type,
        "s": each.symbol,
        "S": terms.side.value,
        "ps": terms.position_side,
        "f": terms.time_in_force,
        "q": _quantity(each, terms.quantity),
        "X": order.status.value,
        "ai": str(actual.order_id) if actual else "",
    }
    if actual:
        inner |= {
            "ap": plain(average_units(actual)),
            "aq": _quantity(each, actual.filled),
            "act": ALGO_TYPES[terms.order_type],
        }
    inner |= {
        "tp": _price(each, terms.stop_price),
        "p": _price(each, terms.price),
        "V": terms.prevention,
        "wt": terms.working_type,
        "pm": "NONE",
        "cp": terms.close_position,
        "pP": terms.price_protect,
        "R": terms.reduce_only,
        "tt": order.trigger_ms,
        "gtd": terms.good_till_ms,
        "ia": order.activated,
    }
    if order.reason:
        inner["rm"] = order.reason
    return _head("ALGO_UPDATE", account, moment) | {"o": inner}


def _head(kind: str, account: FuturesAccount, moment: Moment) -> _Event:
    head: _Event = {"e": kind, "T": moment.now_ms, "E": moment.event_ms}
    if moment.market is Market.COINM:
        head["i"] = account.alias
    return head


def _open_value(account: FuturesAccount, symbol: str, side: Side) -> int:
    return sum(
        value_units(order.terms.instrument, order.terms.price, order.remaining)
        for order in account.orders.open(symbol)
        if order.terms.side is side and order.terms.price
    )


def _price(each: Instrument, ticks: int) -> str:
    return plain(price_units(each, ticks))


def _quantity(each: Instrument, steps: int) -> str:
    return plain(quantity_units(each, steps))
