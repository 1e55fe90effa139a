"""Robots trade in a lively market, and what has to hold of accounts holds all the time."""

from __future__ import annotations

from hashlib import sha256

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.exchange.source import KeepsAccounts
from sandbox.simulation.accounts.robot import Robot
from schemas.markets import Market
from tests.unit.sandbox.simulation.accounts import laws
from tests.unit.sandbox.simulation.accounts.stage import SYMBOLS, Stage, quiet


LABELS = ("main", "other")


class Trial:
    """Two accounts on one market, each traded by a robot."""

    def __init__(self, market: Market, seed: int, *, demand: tuple[str, ...] = ()) -> None:
        self.market = market
        self.stage = Stage(
            quiet(symbols={market: SYMBOLS[market]}, seed=seed % 7 + 1, activity=0.2, duration_s=900.0),
            accounts=LABELS,
        )
        self.stage.source.set_demand(
            frozenset((market, f"{symbol.lower()}@{kind}") for symbol in SYMBOLS[market] for kind in demand)
        )
        rules = self.stage.rules(market)
        self.robots = {label: Robot(market, label, rules, seed) for label in LABELS}
        self.answers = sha256()
        self.kinds: set[tuple[str, bool]] = set()

    def run(self, requests: int, check_every: int = 0) -> None:
        stage, market = self.stage, self.market
        for number in range(requests):
            label = LABELS[number % 2]
            robot = self.robots[label]
            ask = robot.next({symbol: stage.quote(market, symbol) for symbol in SYMBOLS[market]})
            status, body = stage.send(market, ask.method, ask.path, label, **ask.params)
            robot.answered(ask, status, body)
            self.answers.update(msgspec.json.encode(body))
            self.kinds.add((ask.kind, status == 200))
            if number % 2:
                assert stage.advance()
                stage.listen()
            if check_every and number % check_every == 0:
                self.check_books()

    def check_books(self) -> None:
        for label in LABELS:
            books = self.stage.books(self.market, label)
            laws.check_orders(books)
            if self.market is Market.SPOT:
                laws.check_spot_money(books)
                laws.check_locks(books)
            else:
                laws.check_futures_money(books)
                laws.check_reducing(books)

    def check_told(self) -> None:
        """Close the markets, and compare when everything was told."""
        self.stage.source.close_markets()
        while self.stage.advance():
            pass
        for label in LABELS:
            books, events = self.stage.books(self.market, label), self.stage.told(account=label)
            laws.check_ids_rise(events)
            check = laws.check_spot_told if self.market is Market.SPOT else laws.check_futures_told
            check(books, events)


@pytest.mark.parametrize("market", Market)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(min_value=0, max_value=10**6))
def test_books_add_up_after_every_request(market: Market, seed: int) -> None:
    trial = Trial(market, seed)

    trial.run(60, check_every=1)

    trial.check_told()


@pytest.mark.parametrize("market", Market)
def test_what_accounts_are_told_is_what_the_exchange_keeps_after_hundreds_of_orders(market: Market) -> None:
    trial = Trial(market, 3)

    trial.run(700)

    trial.check_told()
    trial.check_books()
    statuses = {order["status"] for label in LABELS for order in trial.stage.books(market, label)["orders"]}
    assert statuses == {"NEW", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"} | (statuses & {"PARTIALLY_FILLED"})
    done = {kind for kind, fine in trial.kinds if fine}
    assert done >= {"limit", "limit-across", "market", "ioc", "fok", "post-only", "cancel", "amend", "expire-taker"}
    assert done >= ({"stop", "oco", "market-by-value"} if market is Market.SPOT else {"algo", "reduce-only"})


@pytest.mark.parametrize("market", Market)
def test_every_fill_of_an_account_is_a_trade_that_everybody_was_told(market: Market) -> None:
    trial = Trial(market, 4, demand=("trade",))

    trial.run(300)

    assert laws.check_public(trial.stage.events, msgspec.json.decode) > 100


@pytest.mark.parametrize("market", Market)
def test_equal_requests_at_equal_events_give_equal_bytes(market: Market) -> None:
    first, second = Trial(market, 5, demand=("trade", "bookTicker")), Trial(market, 5, demand=("trade", "bookTicker"))

    first.run(150)
    second.run(150)

    assert first.answers.hexdigest() == second.answers.hexdigest()
    assert first.stage.events == second.stage.events
    assert first.stage.source.account_books(market) == second.stage.source.account_books(market)


def test_the_depth_stream_tells_of_an_account_s_orders_as_of_the_crowd_s() -> None:
    trial = Trial(Market.SPOT, 6, demand=("depth@100ms",))
    start = {
        symbol: msgspec.json.decode(trial.stage.source.whole_book(Market.SPOT, symbol).body)
        for symbol in SYMBOLS[Market.SPOT]
    }
    trial.run(200)
    trial.check_told()

    for symbol, book in start.items():
        sides = {side: dict(book[side]) for side in ("bids", "asks")}
        for event in trial.stage.events:
            if event.stream == f"{symbol.lower()}@depth@100ms":
                diff = msgspec.json.decode(event.data)
                if diff["u"] <= book["lastUpdateId"]:
                    continue
                for side, key in (("bids", "b"), ("asks", "a")):
                    sides[side].update(diff[key])
        whole = msgspec.json.decode(trial.stage.source.whole_book(Market.SPOT, symbol).body)
        for side in ("bids", "asks"):
            assert {price: quantity for price, quantity in sides[side].items() if float(quantity)} == dict(whole[side])


def test_due_times_never_go_back_whatever_accounts_do() -> None:
    trial = Trial(Market.SPOT, 8, demand=("trade", "bookTicker", "depth@100ms"))

    trial.run(200)

    due = [event.due_ns for event in trial.stage.events]
    assert due == sorted(due)


def test_it_keeps_accounts() -> None:
    assert isinstance(Stage().source, KeepsAccounts)
