"""What REST says of an account in a replay: what its events said up to then, in the words of the venue's answers.

Source: reference "Spot endpoints", "USD-M endpoints", "COIN-M endpoints"; derivatives documentation, "Position
Information" and "Account Information" (2026-05-28).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sandbox.exchange.source import RestReply, error_reply, json_reply
from sandbox.recordings.private import PrivateEvent
from sandbox.replay.private_orders import OrderAnswers
from sandbox.verify.private.reports import UnreadableEventError, decode_event
from schemas.markets import Market


__all__ = ["AccountAnswers"]

Params = Mapping[str, str]
Item = dict[str, Any]
"""One object of an answer."""
_UNSUPPORTED: Final = error_reply(400, -1020, "This operation is not supported.")


class AccountAnswers:
    """An account on a market, as its events tell it.

    Args:
        market: the market.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._orders = OrderAnswers(market)
        self._balances: dict[str, Item] = {}
        self._positions: dict[tuple[str, str], Item] = {}
        self._updated_ms = 0

    @property
    def symbols(self) -> frozenset[str]:
        """The symbols of its orders and positions."""
        return self._orders.symbols | {symbol for symbol, _ in self._positions}

    def take(self, event: PrivateEvent) -> None:
        """Take in what was sent; what cannot be read changes nothing."""
        try:
            fields = decode_event(event)
            if event.type == "outboundAccountPosition":
                self._spot_balances(fields)
            elif event.type == "ACCOUNT_UPDATE":
                self._futures_account(fields)
            else:
                self._orders.take(event, fields)
        except UnreadableEventError:
            return

    def answer(self, path: str, params: Params, now_ms: int) -> RestReply:
        """Answer a question.

        Args:
            path: without prefix and version.
            params: the question's.
            now_ms: the venue's time.
        """
        if path in {"account", "balance", "positionRisk"}:
            return json_reply(self._funds(path, params))
        answer = self._orders.answer(path, params)
        return _UNSUPPORTED if answer is None else answer

    def books(self) -> object:
        """Return all of it."""
        return {
            "orders": self._orders.all_orders(),
            "balances": list(self._balances.values()),
            "positions": list(self._positions.values()),
        }

    def _spot_balances(self, fields: Mapping[str, Any]) -> None:
        if fields["u"] < self._updated_ms:
            return
        self._updated_ms = fields["u"]
        for balance in fields["B"]:
            self._balances[balance["a"]] = {"asset": balance["a"], "free": balance["f"], "locked": balance["l"]}

    def _futures_account(self, fields: Mapping[str, Any]) -> None:
        time_ms, update = fields["T"], fields["a"]
        for balance in update.get("B", ()):
            known = self._balances.get(balance["a"])
            if known is None or known["updateTime"] <= time_ms:
                self._balances[balance["a"]] = _asset(balance, time_ms)
        for position in update.get("P", ()):
            key = position["s"], position.get("ps", "BOTH")
            kept = self._positions.get(key)
            if kept is None or kept["updateTime"] <= time_ms:
                self._positions[key] = _position(position, time_ms)

    def _funds(self, path: str, params: Params) -> object:
        if path == "balance":
            return list(self._balances.values())
        if path == "positionRisk":
            return self._open_positions(params.get("symbol"))
        if self._market.is_futures:
            return {"assets": list(self._balances.values()), "positions": self._open_positions(None)}
        held = [item for item in self._balances.values() if params.get("omitZeroBalances") != "true" or _has(item)]
        return {
            "canTrade": True,
            "canWithdraw": False,
            "canDeposit": True,
            "updateTime": self._updated_ms,
            "accountType": "SPOT",
            "balances": held,
            "permissions": ["SPOT"],
        }

    def _open_positions(self, symbol: str | None) -> list[Item]:
        """Return the positions that the market tells of: COIN-M of all, USD-M of those that are open."""
        return [
            item
            for (name, _), item in self._positions.items()
            if symbol in {None, name} and (self._market is Market.COINM or Decimal(item["positionAmt"]))
        ]


def _has(item: Item) -> bool:
    return bool(Decimal(item["free"]) or Decimal(item["locked"]))


def _asset(balance: Mapping[str, Any], time_ms: int) -> Item:
    return {
        "asset": balance["a"],
        "balance": balance["wb"],
        "walletBalance": balance["wb"],
        "crossWalletBalance": balance["cw"],
        "updateTime": time_ms,
    }


def _position(position: Mapping[str, Any], time_ms: int) -> Item:
    item = {
        "symbol": position["s"],
        "positionSide": position.get("ps", "BOTH"),
        "positionAmt": position["pa"],
        "updateTime": time_ms,
    }
    for ours, theirs in _POSITION.items():
        if theirs in position:
            item[ours] = position[theirs]
    return item


_POSITION: Final = {
    "entryPrice": "ep",
    "breakEvenPrice": "bep",
    "unRealizedProfit": "up",
    "unrealizedProfit": "up",
    "isolatedWallet": "iw",
    "marginType": "mt",
}
