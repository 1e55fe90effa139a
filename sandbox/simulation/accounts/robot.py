"""A trader without a mind: what it asks next depends on a seed, on prices, and on what it was answered; never on time.

It knows only what a client of the venue knows, so it can trade through the venue's own REST interface: it takes the
rules of symbols from ``exchangeInfo``, best prices from whoever drives it, and its orders from the answers that it got.
Some of what it asks is refused, as in life: orders are filled before it cancels them, stop prices are passed, and
reducing orders meet no position.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from random import Random
from typing import Any, Final

from msgspec import Struct

from sandbox.simulation.accounts.robot_knowledge import Knowledge, Quote, Rules, Standing
from schemas.markets import Market


__all__ = ["Ask", "Quote", "Robot", "Rules"]

Params = dict[str, str]

_TYPICAL_VALUE: Final = Decimal(400)
"""In the quote asset; quantities are around it."""
_CONTRACTS: Final = 5
"""COIN-M: at most so many at once."""
_NEAR: Final = Decimal("0.0015")
_FAR: Final = Decimal("0.003")
_ACROSS: Final = Decimal("0.002")
"""Parts of the price: how far from the touch orders stand, stop prices are, and how far across takers reach."""
_MOST_OPEN: Final = 30
"""Open orders of a symbol beyond which it cancels rather than adds."""


class Ask(Struct, frozen=True):
    """One request."""

    method: str
    path: str
    """Without prefix and version."""
    params: Params
    kind: str
    """What it is, for counting: ``limit``, ``cancel``, …"""

    @property
    def places(self) -> bool:
        """Whether it is a new order, or a list of two."""
        return self.method == "POST" and self.path in {"order", "algoOrder", "orderList/oco"}


class Robot:
    """Trades for one account on one market."""

    def __init__(self, market: Market, name: str, rules: Mapping[str, Rules], seed: int) -> None:
        """Trade these symbols.

        Args:
            market: where.
            name: begins the client ids of its orders.
            rules: by symbol.
            seed: of all its choices; equal seeds, prices and answers give equal requests.
        """
        self.market = market
        self.knowledge = Knowledge()
        self._name = name
        self._rules = rules
        self._symbols = sorted(rules)
        self._random = Random(f"{seed} {market} {name}")  # noqa: S311  (a simulation, no secret)
        self._count = 0
        self._moves = _SPOT_MOVES if market is Market.SPOT else _FUTURES_MOVES

    def next(self, quotes: Mapping[str, Quote]) -> Ask:
        """Return the next request; `quotes` are the best prices of all its symbols, by symbol."""
        symbol = self._random.choice(self._symbols)
        self._count += 1
        situation = _Situation(
            random=self._random,
            rules=self._rules[symbol],
            quote=quotes[symbol],
            standing=self.knowledge.of(symbol),
            client_id=f"{self._name}-{self._count}",
            leaning=self.knowledge.leaning(symbol),
        )
        if len(situation.standing) >= _MOST_OPEN:
            return _cancel(situation)
        moves, weights = [move for move, _ in self._moves], [weight for _, weight in self._moves]
        move = self._random.choices(moves, weights)[0]
        return move(situation)

    def answered(self, ask: Ask, status: int, body: Any) -> None:
        """Take account of the answer to a request; `body` is the decoded JSON."""
        self.knowledge.learn(ask.params, ask.path, ask.method, status, body)


class _Situation(Struct, frozen=True):
    """What one request is made from."""

    random: Random
    rules: Rules
    quote: Quote
    standing: list[Standing]
    client_id: str
    leaning: int
    """Whether more was bought or sold so far: it prefers the other side."""

    def side(self) -> str:
        chance = 0.5 - 0.2 * self.leaning
        return "BUY" if self.random.random() < chance else "SELL"

    def quantity(self, price: Decimal) -> Decimal:
        if self.rules.coinm:
            return Decimal(self.random.randint(1, _CONTRACTS))
        value = _TYPICAL_VALUE * self.rules.quote_factor * Decimal(self.random.randint(1, 100)) / 40
        least = self.rules.min_notional * Decimal("1.1")
        return self.rules.up_to_step(max(value, least) / price)

    def price(self, side: str, part: Decimal, *, across: bool = False) -> Decimal:
        """Return a price at a random distance from the touch, behind it or across the spread."""
        buying = side == "BUY"
        touch = self.quote.ask if buying == across else self.quote.bid
        distance = touch * part * Decimal(self.random.randint(0, 100)) / 100
        return self.rules.to_tick(touch + distance if buying == across else touch - distance)

    def base(self, side: str, order_type: str, quantity: Decimal, **more: str) -> Params:
        params = {
            "symbol": self.rules.symbol,
            "side": side,
            "type": order_type,
            "quantity": f"{quantity:f}",
            "newClientOrderId": self.client_id,
            "newOrderRespType": "RESULT",
        }
        return params | more


_Move = Callable[[_Situation], Ask]


def _order(params: Params, kind: str) -> Ask:
    return Ask("POST", "order", params, kind)


def _limit(at: _Situation, time_in_force: str, *, across: bool, kind: str, **more: str) -> Ask:
    side = at.side()
    price = at.price(side, _ACROSS if across else _NEAR, across=across)
    params = at.base(side, "LIMIT", at.quantity(price), price=f"{price:f}", timeInForce=time_in_force, **more)
    return _order(params, kind)


def _rest(at: _Situation) -> Ask:
    return _limit(at, "GTC", across=False, kind="limit")


def _cross(at: _Situation) -> Ask:
    return _limit(at, "GTC", across=True, kind="limit-across")


def _ioc(at: _Situation) -> Ask:
    return _limit(at, "IOC", across=True, kind="ioc")


def _fok(at: _Situation) -> Ask:
    return _limit(at, "FOK", across=True, kind="fok")


def _post_only(at: _Situation) -> Ask:
    return _limit(at, "GTX", across=False, kind="post-only")


def _expire_taker(at: _Situation) -> Ask:
    return _limit(at, "GTC", across=True, kind="expire-taker", selfTradePreventionMode="EXPIRE_TAKER")


def _limit_maker(at: _Situation) -> Ask:
    side = at.side()
    price = at.price(side, _NEAR)
    return _order(at.base(side, "LIMIT_MAKER", at.quantity(price), price=f"{price:f}"), "post-only")


def _market(at: _Situation) -> Ask:
    return _order(at.base(at.side(), "MARKET", at.quantity(at.quote.bid)), "market")


def _market_by_value(at: _Situation) -> Ask:
    params = at.base(at.side(), "MARKET", Decimal(1))
    del params["quantity"]
    value = at.rules.round_value(at.quantity(at.quote.bid) * at.quote.bid)
    return _order(params | {"quoteOrderQty": f"{value:f}"}, "market-by-value")


def _stop_price(at: _Situation, side: str, *, rising: bool) -> Decimal:
    """Return a price beyond the touch, on the side where it does not go off at once."""
    distance = at.quote.bid * _FAR * Decimal(at.random.randint(10, 100)) / 100
    return at.rules.to_tick(at.quote.ask + distance if rising else at.quote.bid - distance)


def _stop(at: _Situation, order_type: str, *, limit: bool) -> Ask:
    side = at.side()
    rising = order_type.startswith("TAKE_PROFIT") == (side == "SELL")
    stop = _stop_price(at, side, rising=rising)
    params = at.base(side, order_type, at.quantity(stop), stopPrice=f"{stop:f}")
    if limit:
        params |= {"price": f"{stop:f}", "timeInForce": "GTC"}
    return _order(params, "stop")


def _stop_loss_limit(at: _Situation) -> Ask:
    return _stop(at, "STOP_LOSS_LIMIT", limit=True)


def _take_profit_limit(at: _Situation) -> Ask:
    return _stop(at, "TAKE_PROFIT_LIMIT", limit=True)


def _stop_loss(at: _Situation) -> Ask:
    return _stop(at, "STOP_LOSS", limit=False)


def _oco(at: _Situation) -> Ask:
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


def _cancel(at: _Situation) -> Ask:
    if not at.standing:
        return _market(at)
    order = at.random.choice(at.standing)
    if order.algo:
        return Ask("DELETE", "algoOrder", {"clientAlgoId": order.client_id}, "cancel-algo")
    return Ask("DELETE", "order", {"symbol": at.rules.symbol, "origClientOrderId": order.client_id}, "cancel")


def _cancel_all(at: _Situation) -> Ask:
    path = "openOrders" if at.rules.spot else "allOpenOrders"
    return Ask("DELETE", path, {"symbol": at.rules.symbol}, "cancel-all")


def _amend(at: _Situation) -> Ask:
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


def _reduce_at_market(at: _Situation) -> Ask:
    side = "SELL" if at.leaning > 0 else "BUY"
    return _order(at.base(side, "MARKET", at.rules.smallest(at.quote.bid), reduceOnly="true"), "reduce-only")


def _reduce_resting(at: _Situation) -> Ask:
    side = "SELL" if at.leaning > 0 else "BUY"
    price = at.price(side, _NEAR)
    quantity = at.rules.smallest(price)
    params = at.base(side, "LIMIT", quantity, price=f"{price:f}", timeInForce="GTC", reduceOnly="true")
    return _order(params, "reduce-only")


def _algo(at: _Situation, order_type: str, *, limit: bool = False, closes: bool = False) -> Ask:
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


def _algo_stop(at: _Situation) -> Ask:
    return _algo(at, "STOP_MARKET")


def _algo_stop_limit(at: _Situation) -> Ask:
    return _algo(at, "STOP", limit=True)


def _algo_profit(at: _Situation) -> Ask:
    return _algo(at, "TAKE_PROFIT_MARKET")


def _algo_close(at: _Situation) -> Ask:
    return _algo(at, "STOP_MARKET", closes=True)


def _leverage(at: _Situation) -> Ask:
    params = {"symbol": at.rules.symbol, "leverage": str(at.random.choice((10, 20, 25, 50)))}
    return Ask("POST", "leverage", params, "leverage")


_SPOT_MOVES: Final[tuple[tuple[_Move, int], ...]] = (
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
    (_cancel, 12),
    (_cancel_all, 1),
    (_amend, 3),
)
_FUTURES_MOVES: Final[tuple[tuple[_Move, int], ...]] = (
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
    (_amend, 6),
    (_cancel, 11),
    (_cancel_all, 1),
    (_leverage, 1),
)
