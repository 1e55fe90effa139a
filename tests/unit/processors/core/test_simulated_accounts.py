"""What the simulated exchange tells of its accounts, folded, against its own books of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
import pytest

from processors.core.account_reports import Reports, account_reports
from processors.core.balances import Balances
from processors.core.holding_reports import PositionKey
from processors.core.order_records import order_record
from processors.core.order_reports import OrderKey
from processors.core.orders import Impossible, OrderState, advance
from processors.core.positions import Positions
from processors.core.records import RawRecord
from sandbox.exchange.source import StreamEvent
from sandbox.simulation.accounts.robot import Quote, Robot, Rules
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from schemas.accounts import Order, OrderKind, PositionSide
from schemas.decimals import QUOTE_SCALE, from_scaled
from schemas.markets import Market
from schemas.topics import RawType


SYMBOLS = {
    Market.SPOT: ("BTCUSDT", "ETHUSDT"),
    Market.USDM: ("BTCUSDT", "ETHUSDT"),
    Market.COINM: ("BTCUSD_PERP", "ETHUSD_PERP"),
}
OPENING = {"USDT": "1000000", "BTC": "20", "ETH": "300"}
PATHS = {Market.SPOT: "/api/v3/", Market.USDM: "/fapi/v1/", Market.COINM: "/dapi/v1/"}
HOLDINGS = {"account", "balance", "positionRisk"}


class Account:
    """One account on one market, as a worker keeps it."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.orders: dict[OrderKey, OrderState] = {}
        self.balances = Balances("main")
        self.positions = Positions("main")
        self.recovered = 0
        self._offset = 0

    def take(self, raw_type: RawType, value: bytes, headers: dict[str, str]) -> None:
        """Fold in what one record tells; everything that the exchange says can be read, and is legal."""
        self._offset += 1
        told = {"connection_id": "c", "connection_sequence": str(self._offset), "receive_time_ns": str(self._offset)}
        packed = tuple((name, text.encode()) for name, text in (told | headers).items())
        reports = account_reports(RawRecord(self.market, raw_type, 0, self._offset, 0, b"main", value, packed))
        assert isinstance(reports, Reports), reports
        assert not reports.rejected
        for report in reports.orders:
            outcome = advance(self.orders.get(report.key), report)
            assert not isinstance(outcome, Impossible), (outcome.detail, value)
            self.recovered += getattr(outcome, "recovered", False)
            if outcome.state is not None:
                self.orders[report.key] = outcome.state
        for balance in reports.balances:
            self.recovered += sum(change.recovered for change in self.balances.apply(balance))
        for position in reports.positions:
            self.recovered += sum(moved.recovered for moved in self.positions.apply(position))

    def order(self, kind: OrderKind, symbol: str, order_id: int) -> Order:
        """Return an order as readers see it."""
        order = order_record(self.orders[OrderKey(symbol, kind, order_id)], -1, -1)
        assert order is not None
        return order


class Exchange:
    """A simulated exchange on which one robot a market trades."""

    def __init__(self, seed: int, missed: float) -> None:
        self.source = SimulatedSource(
            SimulationConfig(symbols=SYMBOLS, activity=1.0, depth_levels=25, duration_s=100_000.0, seed=seed)
        )
        self.source.set_demand(frozenset())
        self.accounts = {market: Account(market) for market in Market}
        self._random, self._missed = Random(seed), missed  # noqa: S311 - a simulation, no secret
        self._run: Iterator[StreamEvent] = self.source.events()
        for market in Market:
            self.source.open_account(market, "main", OPENING)
            self.reconcile(market)
            self.accounts[market].recovered = 0  # what was there before the first event
        self._robots = [Robot(market, "main", self._rules(market), seed) for market in Market]

    def trade(self) -> None:
        """Let every robot ask for something, and some time go by."""
        for robot in self._robots:
            ask = robot.next({symbol: self._quote(robot.market, symbol) for symbol in SYMBOLS[robot.market]})
            reply = self.source.account_request(robot.market, "main", ask.method, ask.path, ask.params)
            robot.answered(ask, reply.status, msgspec.json.decode(reply.body))
        for _ in range(self._random.randint(1, 40)):
            self._hear()
        while self.source.venue.accounts.told:
            self._hear()

    def reconcile(self, market: Market) -> None:
        """Ask for all that there is to ask."""
        trades = "myTrades" if market is Market.SPOT else "userTrades"
        asked = ["openOrders", "account"] if market is Market.SPOT else ["openOrders", *sorted(HOLDINGS)]
        for path in asked:
            self._ask(market, path)
        for symbol in SYMBOLS[market]:
            for path in ("allOrders", trades, *(["allAlgoOrders"] if market is not Market.SPOT else [])):
                self._ask(market, path, symbol=symbol, limit="1000")

    def books(self, market: Market) -> dict[str, Any]:
        """Return the account as the exchange keeps it."""
        books: Any = self.source.account_books(market)
        return dict(books["main"])

    def _hear(self) -> None:
        event = next(self._run)
        if event.account and self._random.random() >= self._missed:
            self.accounts[event.market].take(RawType.ORDER_UPDATE, event.data, {})

    def _ask(self, market: Market, path: str, **params: str) -> None:
        reply = self.source.account_request(market, "main", "GET", path, params)
        assert reply.status == 200, reply.body
        headers = {
            "endpoint": PATHS[market] + path,
            "request": "&".join(f"{name}={value}" for name, value in params.items()),
            "request_time": str(self.source.clock_ms()),
        }
        raw_type = RawType.ACCOUNT_SNAPSHOT if path in HOLDINGS else RawType.ORDER_SNAPSHOT
        self.accounts[market].take(raw_type, reply.body, headers)

    def _rest(self, market: Market, path: str, **params: str) -> Any:
        return msgspec.json.decode(self.source.rest(market, PATHS[market] + path, params).body)

    def _rules(self, market: Market) -> dict[str, Rules]:
        return {each["symbol"]: Rules.of(market, each) for each in self._rest(market, "exchangeInfo")["symbols"]}

    def _quote(self, market: Market, symbol: str) -> Quote:
        top = self._rest(market, "ticker/bookTicker", symbol=symbol)
        top = top[0] if isinstance(top, list) else top
        return Quote(Decimal(top["bidPrice"]), Decimal(top["askPrice"]))


def compare_orders(account: Account, books: dict[str, Any]) -> None:
    quote = {Market.SPOT: "cummulativeQuoteQty", Market.USDM: "cumQuote"}.get(account.market)
    for kept in books["orders"]:
        order = account.order(OrderKind.REGULAR, kept["symbol"], kept["orderId"])
        charged: dict[str, Decimal] = defaultdict(Decimal)
        for fill in kept["fills"]:
            charged[fill["commissionAsset"]] += Decimal(fill["commission"])

        assert (order.status, order.client_order_id) == (kept["status"], kept["clientOrderId"])
        assert (order.created_time, order.update_time) == (kept["time"], kept["updateTime"])
        assert from_scaled(order.quantity) == Decimal(kept["origQty"])
        assert from_scaled(order.price) == Decimal(kept["price"])
        assert from_scaled(order.filled_quantity) == Decimal(kept["executedQty"])
        assert (order.fills_known_quantity, order.fill_count) == (order.filled_quantity, len(kept["fills"]))
        assert quote is None or from_scaled(order.filled_quote_quantity or 0, QUOTE_SCALE) == Decimal(kept[quote])
        assert dict(zip(order.commission_assets, map(from_scaled, order.commissions), strict=True)) == {
            asset: sum_ for asset, sum_ in charged.items() if sum_
        }
        assert (order.algo_id or 0, order.irregular_count) == (kept.get("algoId", 0), 0)
    for kept in books.get("algoOrders", []):
        order = account.order(OrderKind.ALGO, kept["symbol"], kept["algoId"])
        assert (order.status, str(order.triggered_order_id or "")) == (kept["algoStatus"], str(kept["actualOrderId"]))
    assert len(account.orders) == len(books["orders"]) + len(books.get("algoOrders", []))


def compare_holdings(account: Account, books: dict[str, Any]) -> None:
    names = ("free", "locked") if account.market is Market.SPOT else ("wallet", "crossWallet")
    for asset, kept in books["balances"].items():
        state = account.balances.state(asset)
        amounts = [0, 0] if state is None else [amount for amount in state.amounts if amount is not None]
        assert [from_scaled(amount) for amount in amounts] == [Decimal(kept[name]) for name in names], asset
    for kept in books.get("positions", []):
        position = account.positions.state(PositionKey(kept["symbol"], PositionSide(kept["positionSide"])))
        assert from_scaled(position.amount if position else 0) == Decimal(kept["positionAmt"])
        if position is not None and position.amount:
            assert from_scaled(position.entry_price or 0, QUOTE_SCALE) == Decimal(kept["entryPrice"])


@pytest.mark.parametrize("missed", [0.0, 0.3])
def test_the_folds_equal_the_books_of_the_exchange_to_the_last_decimal(missed: float) -> None:
    """Of the second exchange's events, three of ten are lost; its answers make up for them."""
    exchange = Exchange(seed=7, missed=missed)
    for number in range(90):
        exchange.trade()
        if number % 20 == 19:
            exchange.reconcile([*Market][number // 20 % 3])
    for market in Market:
        exchange.reconcile(market)

    for market, account in exchange.accounts.items():
        books = exchange.books(market)
        assert len(books["orders"]) > 20
        compare_orders(account, books)
        compare_holdings(account, books)
        assert (account.recovered > 0) == (missed > 0)
