"""All that a robot does, and how often."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from sandbox.simulation.accounts.robot_situation import Ask, Params, Situation


__all__ = ["FUTURES_MOVES", "SPOT_MOVES", "Move", "cancel"]

Move = Callable[[Situation], Ask]

_NEAR: Final = Decimal("0.0015")
_FAR: Final = Decimal("0.003")
_ACROSS: Final = Decimal("0.002")
"""Parts of the price: how far from the touch orders stand, stop prices are, and how far across takers reach."""


def _order(params: Params, kind: str) -> Ask:
    return Ask("POST", "order", params, kind)


def _limit(at: Situation, time_in_force: str, *, across: bool, kind: str, **more: str) -> Ask:
    side = at.side()
    price = at.price(side, _ACROSS if across else _NEAR, across=across)
    params = at.order(side, "LIMIT", at.quantity(price), price=f"{price:f}", timeInForce=time_in_force, **more)
    return _order(params, kind)


def _rest(at: Situation) -> Ask:
    return _limit(at, "GTC", across=False, kind="limit")


def _cross(at: Situation) -> Ask:
    return _limit(at, "GTC", across=True, kind="limit-across")


def _ioc(at: Situation) -> Ask:
    return _limit(at, "IOC", across=True, kind="ioc")


def _fok(at: Situation) -> Ask:
    return _limit(at, "FOK", across=True, kind="fok")


def _post_only(at: Situation) -> Ask:
    return _limit(at, "GTX", across=False, kind="post-only")


def _expire_taker(at: Situation) -> Ask:
    return _limit(at, "GTC", across=True, kind="expire-taker", selfTradePreventionMode="EXPIRE_TAKER")


def _limit_maker(at: Situation) -> Ask:
    side = at.side()
    price = at.price(side, _NEAR)
    return _order(at.order(side, "LIMIT_MAKER", at.quantity(price), price=f"{price:f}"), "post-only")


def _market(at: Situation) -> Ask:
    return _order(at.order(at.side(), "MARKET", at.quantity(at.quote.bid)), "market")


def _market_by_value(at: Situation) -> Ask:
    params = at.order(at.side(), "MARKET", Decimal(1))
    del params["quantity"]
    value = at.rules.round_value(at.quantity(at.quote.bid) * at.quote.bid)
    return _order(params | {"quoteOrderQty": f"{value:f}"}, "market-by-value")


def _stop_price(at: Situation, side: str, *, rising: bool) -> Decimal:
    """Return a price beyond the touch, on the side where it does not go off at once."""
    distance = at.quote.bid * _FAR * Decimal(at.random.randint(10, 100)) / 100
    return at.rules.to_tick(at.quote.ask + distance if rising else at.quote.bid - distance)


def _stop(at: Situation, order_type: str, *, limit: bool) -> Ask:
    side = at.side()
    rising = order_type.startswith("TAKE_PROFIT") == (side == "SELL")
    stop = _stop_price(at, side, rising=rising)
    params = at.order(side, order_type, at.quantity(stop), stopPrice=f"{stop:f}")
    if limit:
        params |= {"price": f"{stop:f}", "timeInForce": "GTC"}
    return _order(params, "stop")


def _stop_loss_limit(at: Situation) -> Ask:
    return _stop(at, "STOP_LOSS_LIMIT", limit=True)


def _take_profit_limit(at: Situation) -> Ask:
    return _stop(at, "TAKE_PROFIT_LIMIT", limit=True)


def _stop_loss(at: Situation) -> Ask:
    return _stop(at, "STOP_LOSS", limit=False)


def _oco(at: Situation) -> Ask:
    side = at.side()
    above, below = _stop_price(at, side, rising=True), _stop_price(at, side, rising=False)
    maker, stop = ("above", "below") if side == "SELL" else ("below", "above")
    prices = {"above": above, "below": below}
    return Ask(
        "POST",
        "orderList/oco",
        {
            "symbol": at.rules.symbol,
            "side": side,
            "quantity": f"{at.quantity(below):f}",
            "listClientOrderId": at.client_id,
            f"{maker}Type": "LIMIT_MAKER",
            f"{maker}Price": f"{prices[maker]:f}",
            f"{maker}ClientOrderId": f"{at.client_id}-maker",
            f"{stop}Type": "STOP_LOSS_LIMIT",
            f"{stop}StopPrice": f"{prices[stop]:f}",
            f"{stop}Price": f"{prices[stop]:f}",
            f"{stop}TimeInForce": "GTC",
            f"{stop}ClientOrderId": f"{at.client_id}-stop",
        },
        "oco",
    )


def cancel(at: Situation) -> Ask:
    """Cancel one of its orders; where there is none, trade."""
    if not at.standing:
        return _market(at)
    order = at.random.choice(at.standing)
    if order.algo:
        return Ask("DELETE", "algoOrder", {"clientAlgoId": order.client_id}, "cancel-algo")
    return Ask("DELETE", "order", {"symbol": at.rules.symbol, "origClientOrderId": order.client_id}, "cancel")


def _cancel_all(at: Situation) -> Ask:
    path = "openOrders" if at.rules.spot else "allOpenOrders"
    return Ask("DELETE", path, {"symbol": at.rules.symbol}, "cancel-all")


def _amend(at: Situation) -> Ask:
    """Change an order: on spot its quantity alone, on futures its price too."""
    orders = [order for order in at.standing if order.plain_limit]
    if not orders:
        return _rest(at)
    order = at.random.choice(orders)
    if at.rules.spot:
        smaller = at.rules.down_to_step(order.quantity * Decimal(at.random.randint(50, 95)) / 100)
        params = {
            "symbol": at.rules.symbol,
            "origClientOrderId": order.client_id,
            "newQty": f"{max(smaller, at.rules.step):f}",
            "newClientOrderId": at.client_id,
        }
        return Ask("PUT", "order/amend/keepPriority", params, "amend")
    price = at.price(order.side, _NEAR)
    params = {
        "symbol": at.rules.symbol,
        "side": order.side,
        "origClientOrderId": order.client_id,
        "price": f"{price:f}",
        "quantity": f"{at.quantity(price):f}",
    }
    return Ask("PUT", "order", params, "amend")


def _reduce_at_market(at: Situation) -> Ask:
    side = "SELL" if at.leaning > 0 else "BUY"
    return _order(at.order(side, "MARKET", at.rules.smallest(at.quote.bid), reduceOnly="true"), "reduce-only")


def _reduce_resting(at: Situation) -> Ask:
    side = "SELL" if at.leaning > 0 else "BUY"
    price = at.price(side, _NEAR)
    quantity = at.rules.smallest(price)
    params = at.order(side, "LIMIT", quantity, price=f"{price:f}", timeInForce="GTC", reduceOnly="true")
    return _order(params, "reduce-only")


def _algo(at: Situation, order_type: str, *, limit: bool = False, closes: bool = False) -> Ask:
    side = "SELL" if at.leaning > 0 else "BUY"
    if not closes:
        side = at.side()
    trigger = _stop_price(at, side, rising=order_type.startswith("TAKE_PROFIT") == (side == "SELL"))
    params = {
        "algoType": "CONDITIONAL",
        "symbol": at.rules.symbol,
        "side": side,
        "type": order_type,
        "triggerPrice": f"{trigger:f}",
        "clientAlgoId": at.client_id,
    }
    params |= {"closePosition": "true"} if closes else {"quantity": f"{at.quantity(trigger):f}"}
    if limit:
        params |= {"price": f"{trigger:f}", "timeInForce": "GTC"}
    return Ask("POST", "algoOrder", params, "algo")


def _algo_stop(at: Situation) -> Ask:
    return _algo(at, "STOP_MARKET")


def _algo_stop_limit(at: Situation) -> Ask:
    return _algo(at, "STOP", limit=True)


def _algo_profit(at: Situation) -> Ask:
    return _algo(at, "TAKE_PROFIT_MARKET")


def _algo_close(at: Situation) -> Ask:
    return _algo(at, "STOP_MARKET", closes=True)


def _algo_trailing(at: Situation) -> Ask:
    side = at.side()
    params = {
        "algoType": "CONDITIONAL",
        "symbol": at.rules.symbol,
        "side": side,
        "type": "TRAILING_STOP_MARKET",
        "callbackRate": f"0.{at.random.randint(1, 4)}",
        "quantity": f"{at.quantity(at.quote.bid):f}",
        "clientAlgoId": at.client_id,
    }
    if at.random.random() < 0.5:
        params["activatePrice"] = f"{_stop_price(at, side, rising=side == 'SELL'):f}"
    return Ask("POST", "algoOrder", params, "algo-trailing")


def _leverage(at: Situation) -> Ask:
    params = {"symbol": at.rules.symbol, "leverage": str(at.random.choice((10, 20, 25, 50)))}
    return Ask("POST", "leverage", params, "leverage")


SPOT_MOVES: Final[tuple[tuple[Move, int], ...]] = (
    (_rest, 26),
    (_cross, 8),
    (_ioc, 8),
    (_fok, 5),
    (_limit_maker, 8),
    (_market, 9),
    (_market_by_value, 4),
    (_expire_taker, 3),
    (_stop_loss_limit, 5),
    (_take_profit_limit, 4),
    (_stop_loss, 2),
    (_oco, 4),
    (cancel, 12),
    (_cancel_all, 1),
    (_amend, 3),
)
FUTURES_MOVES: Final[tuple[tuple[Move, int], ...]] = (
    (_rest, 26),
    (_cross, 8),
    (_ioc, 8),
    (_fok, 4),
    (_post_only, 8),
    (_market, 10),
    (_expire_taker, 3),
    (_reduce_at_market, 4),
    (_reduce_resting, 4),
    (_algo_stop, 5),
    (_algo_stop_limit, 3),
    (_algo_profit, 3),
    (_algo_close, 2),
    (_algo_trailing, 2),
    (_amend, 6),
    (cancel, 11),
    (_cancel_all, 1),
    (_leverage, 1),
)
