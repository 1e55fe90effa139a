"""Trade answers of a replay: what the trade streams have shown up to the clock, in REST's words."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

import msgspec

from sandbox.replay.recent import ForgottenError, RecentLog
from schemas.decimals import to_scaled
from schemas.markets import Market


__all__ = ["KEPT_COUNT", "AggTradeLog", "TradeLog"]

KEPT_COUNT = 50_000
"""Trades, and aggregate trades, that REST remembers per symbol; asking for older ones is refused."""

_EXACT = Context(prec=60)
_PLACES = Decimal("1e-8")


class _Trade(msgspec.Struct):
    trade_id: int = msgspec.field(name="t")
    trade_ms: int = msgspec.field(name="T")
    price: str = msgspec.field(name="p")
    quantity: str = msgspec.field(name="q")
    buyer_is_maker: bool = msgspec.field(name="m")
    event_ms: int = msgspec.field(name="E", default=0)
    is_best_match: bool = msgspec.field(name="M", default=True)


class _AggTrade(msgspec.Struct):
    """The stream's and REST's words are the same; REST leaves out event, event time and symbol."""

    a: int
    p: str
    q: str
    f: int
    l: int  # noqa: E741 - the venue's letter
    T: int
    m: bool
    M: bool | msgspec.UnsetType = msgspec.UNSET
    nq: str | msgspec.UnsetType = msgspec.UNSET


class _EventTime(msgspec.Struct):
    event_ms: int = msgspec.field(name="E", default=0)


_decode_trade = msgspec.json.Decoder(_Trade).decode
_decode_agg_trade = msgspec.json.Decoder(_AggTrade).decode
_decode_event_time = msgspec.json.Decoder(_EventTime).decode


class TradeLog:
    """The recent trades of one symbol.

    Args:
        market: Decides which keys REST has.
        contract_size: COIN-M: what a contract is worth in the quote asset; None where it is not known.
    """

    def __init__(self, market: Market, contract_size: Decimal | None) -> None:
        self._market = market
        self._contract_size = contract_size
        self._log = RecentLog(KEPT_COUNT)

    def add(self, data: bytes) -> int:
        """Pass a ``trade`` payload and return its event time in ms.

        Futures send price 0 and quantity 0 for an id that was used up without a match: that is no trade.

        Raises:
            ValueError: It is malformed; nothing changes.
        """
        trade = _decode_trade(data)
        if to_scaled(trade.price) and to_scaled(trade.quantity):
            self._log.add(trade.trade_id, data)
        else:
            self._log.pass_over(trade.trade_id)
        return trade.event_ms

    def latest(self, count: int) -> list[dict[str, object]]:
        """Return the last trades, oldest first."""
        return self._in_rest_words(self._log.latest(count))

    def since(self, first_id: int, count: int) -> list[dict[str, object]]:
        """Return up to `count` trades from an id on.

        Raises:
            ForgottenError: The first of them are no longer kept.
        """
        return self._in_rest_words(self._log.since(first_id, count))

    def _in_rest_words(self, payloads: list[bytes]) -> list[dict[str, object]]:
        return [self._answer(_decode_trade(data)) for data in payloads]

    def _answer(self, trade: _Trade) -> dict[str, object]:
        answer: dict[str, object] = {"id": trade.trade_id, "price": trade.price, "qty": trade.quantity}
        price, quantity = Decimal(trade.price), Decimal(trade.quantity)
        if self._market is not Market.COINM:
            answer["quoteQty"] = _spelled(_EXACT.multiply(price, quantity))
        elif self._contract_size is not None:
            answer["baseQty"] = _spelled(_EXACT.divide(_EXACT.multiply(quantity, self._contract_size), price))
        answer |= {"time": trade.trade_ms, "isBuyerMaker": trade.buyer_is_maker}
        if self._market is Market.SPOT:
            answer["isBestMatch"] = trade.is_best_match
        return answer


class AggTradeLog:
    """The recent aggregate trades of one symbol."""

    def __init__(self) -> None:
        self._log = RecentLog(KEPT_COUNT)

    def add(self, data: bytes) -> int:
        """Pass an ``aggTrade`` payload and return its event time in ms.

        Raises:
            ValueError: It is malformed; nothing changes.
        """
        self._log.add(_decode_agg_trade(data).a, data)
        return _decode_event_time(data).event_ms

    def since(self, first_id: int, count: int) -> list[_AggTrade]:
        """Return up to `count` aggregate trades from an id on.

        Raises:
            ForgottenError: The first of them are no longer kept.
        """
        return [_decode_agg_trade(data) for data in self._log.since(first_id, count)]

    def between(self, start_ms: int | None, end_ms: int | None, count: int) -> list[_AggTrade]:
        """Return aggregate trades by trade time, both ends inclusive: from a start the oldest, else the newest.

        Raises:
            ForgottenError: The first of them may no longer be kept.
        """
        if start_ms is None and end_ms is None:
            return [_decode_agg_trade(data) for data in self._log.latest(count)]
        found = []
        for data, forgot_earlier in self._log.everything():
            trade = _decode_agg_trade(data)
            if forgot_earlier and start_ms is not None and start_ms < trade.T:
                raise ForgottenError(trade.a)
            late_enough = start_ms is None or start_ms <= trade.T
            early_enough = end_ms is None or end_ms >= trade.T
            if late_enough and early_enough:
                found.append(trade)
        return found[-count:] if start_ms is None else found[:count]


def _spelled(amount: Decimal) -> str:
    return str(amount.quantize(_PLACES, ROUND_HALF_EVEN, _EXACT))
