"""A venue whose crowd stands still: prices move when an account moves them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.accounts.robot import Quote, Rules
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.markets import Market


SYMBOLS: Mapping[Market, tuple[str, ...]] = {
    Market.SPOT: ("BTCUSDT", "ETHUSDT"),
    Market.USDM: ("BTCUSDT", "ETHUSDT"),
    Market.COINM: ("BTCUSD_PERP", "ETHUSD_PERP"),
}
OPENING: Mapping[Market, Mapping[str, str]] = {
    Market.SPOT: {"USDT": "1000000", "BTC": "20", "ETH": "100"},
    Market.USDM: {"USDT": "1000000"},
    Market.COINM: {"BTC": "20", "ETH": "300"},
}
WHALE = "whale"
"""An account that can move any price."""
PREFIX = {Market.SPOT: "/api/v3/", Market.USDM: "/fapi/v1/", Market.COINM: "/dapi/v1/"}


def quiet(**changes: Any) -> SimulationConfig:
    """Return a configuration in which the crowd acts once in many days."""
    settings: dict[str, Any] = {
        "symbols": SYMBOLS,
        "activity": 1e-9,
        "depth_levels": 25,
        "duration_s": 3_600.0,
        "seed": 5,
    }
    return SimulationConfig(**settings | changes)


class Stage:
    """A source, and what its accounts were told."""

    def __init__(self, config: SimulationConfig | None = None, accounts: tuple[str, ...] = ("main", "other")) -> None:
        self.source = SimulatedSource(config or quiet())
        self.source.set_demand(frozenset())
        for market in self.source.config.symbols:
            for label in accounts:
                self.source.open_account(market, label, OPENING[market])
            self.source.open_account(market, WHALE, dict.fromkeys(("USDT", "BTC", "ETH"), "1000000000"))
        self.events: list[StreamEvent] = []
        """Everything that was said, public frames among them."""
        self._run = self.source.events()

    def advance(self) -> bool:
        """Let one event happen; False when there is none left."""
        event = next(self._run, None)
        if event is not None:
            self.events.append(event)
        return event is not None

    def send(self, market: Market, method: str, path: str, account: str = "main", **params: str) -> tuple[int, Any]:
        """Return status and body of a request, after all that it causes was told."""
        reply = self.source.account_request(market, account, method, path, params)
        self.listen()
        return reply.status, msgspec.json.decode(reply.body)

    def ask(self, market: Market, method: str, path: str, account: str = "main", **params: str) -> Any:
        """Return the body of a request that is answered, not refused."""
        status, body = self.send(market, method, path, account, **params)
        assert status == 200, body
        return body

    def refusal(self, market: Market, method: str, path: str, account: str = "main", **params: str) -> tuple[int, str]:
        """Return code and message of a request that is refused."""
        status, body = self.send(market, method, path, account, **params)
        assert status == 400, body
        return body["code"], body["msg"]

    def listen(self) -> None:
        """Let everything be told that accounts are to hear."""
        while self.source.venue.accounts.told:
            assert self.advance()

    def told(self, kind: str = "", account: str = "main") -> list[dict[str, Any]]:
        """Return the events of an account so far, and of one kind if it is named."""
        return [
            msgspec.json.decode(event.data)
            for event in self.events
            if event.account == account and kind in {"", event.stream}
        ]

    def hear(self, kind: str = "", account: str = "main") -> list[dict[str, Any]]:
        """Return the events since this, or `forget`, was called last."""
        found = self.told(kind, account)
        self.forget()
        return found

    def forget(self) -> None:
        """Forget what was told so far."""
        self.events.clear()

    def quote(self, market: Market, symbol: str) -> Quote:
        """Return the best prices."""
        top = self.source.rest(market, PREFIX[market] + "ticker/bookTicker", {"symbol": symbol})
        found = msgspec.json.decode(top.body)
        if isinstance(found, list):
            found = found[0]
        return Quote(Decimal(found["bidPrice"]), Decimal(found["askPrice"]))

    def rules(self, market: Market) -> dict[str, Rules]:
        """Return the rules of a market's symbols."""
        info = msgspec.json.decode(self.source.rest(market, PREFIX[market] + "exchangeInfo", {}).body)
        return {each["symbol"]: Rules.of(market, each) for each in info["symbols"]}

    def books(self, market: Market, account: str = "main") -> Any:
        """Return an account as the exchange keeps it."""
        books: Any = self.source.account_books(market)
        return books[account]

    def sweep(self, market: Market, symbol: str, side: str, to: Decimal) -> None:
        """Let somebody take everything up to a price, so that the last trade is near it."""
        quantity = "50" if market is not Market.COINM else "100000"
        params = {"symbol": symbol, "side": side, "type": "LIMIT", "timeInForce": "IOC"}
        self.ask(market, "POST", "order", WHALE, price=f"{to:f}", quantity=quantity, **params)


def keys(*names: str) -> set[str]:
    """Return the names in texts, apart by blanks."""
    return {name for text in names for name in text.split()}


def of_orders(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what tells of orders, futures' inner objects unpacked."""
    return [
        event.get("o", event)
        for event in events
        if event["e"] in {"executionReport", "ORDER_TRADE_UPDATE", "ALGO_UPDATE", "listStatus"}
    ]
