"""All that the venue says is about one market: streams agree with each other and with REST."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Any

import pytest

from schemas.markets import Market
from tests.unit.sandbox.simulation.conftest import CONFIG, Run


SYMBOLS = [(market, symbol) for market, symbols in CONFIG.symbols.items() for symbol in symbols]
each_symbol = pytest.mark.parametrize(("market", "symbol"), SYMBOLS)
each_futures_symbol = pytest.mark.parametrize(("market", "symbol"), [each for each in SYMBOLS if each[0].is_futures])

_CONTRACT_SIZES = {"BTCUSD_PERP": 100, "ETHUSD_261225": 10}


class FollowedBook:
    """A book that follows snapshot and diffs by the venue's rules, and is naive otherwise."""

    def __init__(self, snapshot: dict[str, Any], market: Market) -> None:
        self.update_id: int = snapshot["lastUpdateId"]
        self.bids = {Decimal(price): Decimal(quantity) for price, quantity in snapshot["bids"]}
        self.asks = {Decimal(price): Decimal(quantity) for price, quantity in snapshot["asks"]}
        self._futures = market.is_futures
        self._bridged = False

    def apply(self, diff: dict[str, Any]) -> bool:
        """Apply a diff; tell whether it was news."""
        if diff["u"] < self.update_id or (not self._futures and diff["u"] == self.update_id):
            return False
        if not self._futures:
            assert diff["U"] <= self.update_id + 1
        elif self._bridged:
            assert diff["pu"] == self.update_id
        else:
            assert diff["U"] <= self.update_id <= diff["u"] or diff["pu"] == self.update_id
        self._bridged = True
        self.update_id = diff["u"]
        for side, changes in ((self.bids, diff["b"]), (self.asks, diff["a"])):
            for price, quantity in changes:
                side[Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    del side[Decimal(price)]
        return True

    def top(self) -> tuple[Decimal, Decimal, Decimal, Decimal]:
        bid, ask = max(self.bids), min(self.asks)
        return bid, self.bids[bid], ask, self.asks[ask]


def second_quantity(market: Market, symbol: str, trade: dict[str, Any]) -> Decimal:
    price, quantity = Decimal(trade["p"]), Decimal(trade["q"])
    if market is not Market.COINM:
        return price * quantity
    return (quantity * _CONTRACT_SIZES[symbol] / price).quantize(Decimal("1e-8"), ROUND_HALF_UP)


def levels(pairs: list[list[str]]) -> dict[Decimal, Decimal]:
    return {Decimal(price): Decimal(quantity) for price, quantity in pairs}


@each_symbol
@pytest.mark.parametrize("speed", ["@100ms", ""])
def test_a_book_from_snapshot_and_diffs_has_the_told_top_at_every_update_id(
    run: Run, market: Market, symbol: str, speed: str
) -> None:
    """After each diff the best prices are those of the last book ticker with an id not beyond the diff's."""
    book = FollowedBook(run.snapshots[(market, symbol)][1], market)
    tickers = run.of(market, f"{symbol.lower()}@bookTicker")
    position = compared = 0
    for diff in run.of(market, f"{symbol.lower()}@depth{speed}"):
        if not book.apply(diff):
            continue
        while position + 1 < len(tickers) and tickers[position + 1]["u"] <= book.update_id:
            position += 1
        ticker = tickers[position]
        if ticker["u"] <= book.update_id:
            compared += 1

            assert book.top() == tuple(Decimal(ticker[key]) for key in "bBaA")
    assert compared or symbol == "NKNUSDT"


@each_symbol
def test_a_book_that_followed_to_the_end_is_the_engines_book(run: Run, market: Market, symbol: str) -> None:
    """From the opening on too: nothing that happened is missing in the diffs."""
    final = run.rest(market, "depth", symbol=symbol, limit="1000")
    middle = FollowedBook(run.snapshots[(market, symbol)][1], market)
    for diff in run.of(market, f"{symbol.lower()}@depth@100ms"):
        middle.apply(diff)

    assert middle.update_id == final["lastUpdateId"]
    assert (middle.bids, middle.asks) == (levels(final["bids"]), levels(final["asks"]))


@each_symbol
def test_diffs_of_all_speeds_follow_each_other_without_a_gap(run: Run, market: Market, symbol: str) -> None:
    for speed in ("", "@100ms") if market is Market.SPOT else ("", "@100ms", "@500ms"):
        diffs = run.of(market, f"{symbol.lower()}@depth{speed}")
        for earlier, later in pairwise(diffs):
            assert later["U"] <= later["u"]
            if market is Market.SPOT:
                assert later["U"] == earlier["u"] + 1
            else:
                assert later["pu"] == earlier["u"] < later["U"]


def test_futures_update_ids_are_shared_by_all_symbols_of_a_market(run: Run) -> None:
    """No id is used twice, and one symbol's ids jump over the others'."""
    for market in (Market.USDM, Market.COINM):
        ids = [
            ticker["u"]
            for symbol in CONFIG.symbols[market]
            for ticker in run.of(market, f"{symbol.lower()}@bookTicker")
        ]

        assert len(set(ids)) == len(ids)
        assert max(ids) - min(ids) > 2 * len(ids)


@each_symbol
@pytest.mark.parametrize("count", [5, 10, 20])
def test_partial_depth_is_the_top_of_the_followed_book(run: Run, market: Market, symbol: str, count: int) -> None:
    """Compared wherever both have the same update id."""
    bids, asks, identity = ("bids", "asks", "lastUpdateId") if market is Market.SPOT else ("b", "a", "u")
    partials = {each[identity]: each for each in run.of(market, f"{symbol.lower()}@depth{count}@100ms")}
    book = FollowedBook(run.snapshots[(market, symbol)][1], market)
    compared = 0
    for diff in run.of(market, f"{symbol.lower()}@depth@100ms"):
        if book.apply(diff) and book.update_id in partials:
            partial = partials[book.update_id]
            compared += 1

            assert list(levels(partial[bids]).items()) == sorted(book.bids.items(), reverse=True)[:count]
            assert list(levels(partial[asks]).items()) == sorted(book.asks.items())[:count]
    assert compared


@each_symbol
def test_trade_ids_are_consecutive_and_time_does_not_go_back(run: Run, market: Market, symbol: str) -> None:
    trades = run.of(market, f"{symbol.lower()}@trade")

    assert all(later["t"] == earlier["t"] + 1 for earlier, later in pairwise(trades))
    assert all(later["T"] >= earlier["T"] for earlier, later in pairwise(trades))
    assert all(trade["E"] >= trade["T"] for trade in trades)


@each_symbol
def test_aggregate_trades_cover_the_trades_exactly(run: Run, market: Market, symbol: str) -> None:
    trades = {trade["t"]: trade for trade in run.of(market, f"{symbol.lower()}@trade")}
    aggregates = run.of(market, f"{symbol.lower()}@aggTrade")

    assert [i for each in aggregates for i in range(each["f"], each["l"] + 1)] == list(trades)
    assert all(later["a"] == earlier["a"] + 1 for earlier, later in pairwise(aggregates))
    for each in aggregates:
        inside = [trades[i] for i in range(each["f"], each["l"] + 1)]

        assert {(trade["p"], trade["m"]) for trade in inside} == {(each["p"], each["m"])}
        assert sum(Decimal(trade["q"]) for trade in inside) == Decimal(each["q"])
        assert inside[0]["T"] == each["T"]


@each_symbol
@pytest.mark.parametrize("interval", ["1s", "1m", "3m"])
def test_every_kline_frame_is_the_fold_of_the_trades_it_names(
    run: Run, market: Market, symbol: str, interval: str
) -> None:
    if interval == "1s" and market.is_futures:
        return
    trades = {trade["t"]: trade for trade in run.of(market, f"{symbol.lower()}@trade")}
    last_price = Decimal(0)
    for bar in [frame["k"] for frame in run.of(market, f"{symbol.lower()}@kline_{interval}")]:
        inside = [] if bar["f"] < 0 else [trades[i] for i in range(bar["f"], bar["L"] + 1)]
        bought = [trade for trade in inside if not trade["m"]]
        prices = [Decimal(trade["p"]) for trade in inside] or [last_price]
        ends = [trade["T"] for trade in inside]

        assert bar["n"] == len(inside)
        assert [Decimal(bar[key]) for key in "ohlc"] == [prices[0], max(prices), min(prices), prices[-1]]
        assert Decimal(bar["v"]) == sum(Decimal(trade["q"]) for trade in inside)
        assert Decimal(bar["V"]) == sum(Decimal(trade["q"]) for trade in bought)
        assert Decimal(bar["q"]) == sum(second_quantity(market, symbol, trade) for trade in inside)
        assert Decimal(bar["Q"]) == sum(second_quantity(market, symbol, trade) for trade in bought)
        assert all(bar["t"] <= time <= bar["T"] for time in ends)
        last_price = Decimal(bar["c"])


@each_symbol
def test_a_final_kline_has_every_trade_of_its_minute_and_comes_once(run: Run, market: Market, symbol: str) -> None:
    trades = run.of(market, f"{symbol.lower()}@trade")
    frames = run.of(market, f"{symbol.lower()}@kline_1m")
    final = {frame["k"]["t"]: frame for frame in frames if frame["k"]["x"]}

    assert len(final) == sum(frame["k"]["x"] for frame in frames)
    for open_ms, frame in final.items():
        inside = [trade["t"] for trade in trades if open_ms <= trade["T"] <= frame["k"]["T"]]

        assert frame["E"] > frame["k"]["T"]
        assert (frame["k"]["f"], frame["k"]["L"]) == ((inside[0], inside[-1]) if inside else (-1, -1))
    if trades:
        minutes = {trade["T"] // 60_000 * 60_000 for trade in trades}
        ended = CONFIG.start_ms + 100_000

        assert {minute for minute in minutes if minute + 60_000 <= ended} <= set(final)


@each_symbol
def test_a_kline_is_told_again_only_when_there_were_trades(run: Run, market: Market, symbol: str) -> None:
    forming = [frame["k"] for frame in run.of(market, f"{symbol.lower()}@kline_1m") if not frame["k"]["x"]]

    assert len({(bar["t"], bar["L"]) for bar in forming}) == len(forming)


def test_a_quiet_symbol_has_an_empty_kline_flat_at_the_last_price(run: Run) -> None:
    frames = [frame["k"] for frame in run.of(Market.SPOT, "pepeusdt@kline_1s")]
    empty = [bar for bar in frames if not bar["n"]]

    assert {bar["x"] for bar in empty} == {True, False}
    for bar in empty:
        assert (bar["f"], bar["L"]) == (-1, -1)
        assert len({bar[key] for key in "ohlc"}) == 1
        assert {Decimal(bar[key]) for key in "vqVQ"} == {Decimal(0)}


@each_symbol
def test_tickers_are_the_fold_of_all_trades_of_the_day(run: Run, market: Market, symbol: str) -> None:
    """The run is shorter than a day: the window holds every trade up to the last one that the ticker names."""
    trades = run.of(market, f"{symbol.lower()}@trade")
    for ticker in run.of(market, f"{symbol.lower()}@ticker"):
        inside = [trade for trade in trades if trade["t"] <= ticker["L"]]
        prices = [Decimal(trade["p"]) for trade in inside]

        assert [Decimal(ticker[key]) for key in "ohlc"] == [prices[0], max(prices), min(prices), prices[-1]]
        assert Decimal(ticker["v"]) == sum(Decimal(trade["q"]) for trade in inside)
        assert (ticker["F"], ticker["n"], ticker["Q"]) == (inside[0]["t"], len(inside), inside[-1]["q"])
        assert Decimal(ticker["p"]) == prices[-1] - prices[0]
        assert abs(Decimal(ticker["P"]) - 100 * (prices[-1] - prices[0]) / prices[0]) <= Decimal("0.0005")
        second = sum((second_quantity(market, symbol, trade) for trade in inside), Decimal(0))
        places = Decimal(1).scaleb(-len(ticker["q"].partition(".")[2]))
        assert Decimal(ticker["q"]) == second.quantize(places, ROUND_HALF_UP)


@each_symbol
def test_mini_tickers_tell_what_tickers_tell(run: Run, market: Market, symbol: str) -> None:
    tickers = {ticker["n"]: ticker for ticker in run.of(market, f"{symbol.lower()}@ticker")}
    compared = 0
    for mini in run.of(market, f"{symbol.lower()}@miniTicker"):
        same = [each for each in tickers.values() if each["E"] == mini["E"]]
        for ticker in same:
            compared += 1

            assert {key: mini[key] for key in "cohlvq"} == {key: ticker[key] for key in "cohlvq"}
    assert compared or symbol == "NKNUSDT"


def test_futures_arrays_carry_both_markets_alike_on_both_hosts(run: Run) -> None:
    """Since 2026-06-30: the element that comes twice has the same symbol and event time."""
    for stream in ("!ticker@arr", "!miniTicker@arr"):
        usdm: list[Any] = run.of(Market.USDM, stream)
        coinm: list[Any] = run.of(Market.COINM, stream)

        assert usdm == coinm
        assert {element["st"] for array in usdm for element in array} == {1, 2}


def test_arrays_hold_only_symbols_with_news(run: Run) -> None:
    arrays: list[Any] = run.of(Market.SPOT, "!miniTicker@arr")

    assert {len(array) for array in arrays} >= {2, 3}
    assert all(len({element["s"] for element in array}) == len(array) for array in arrays)


@each_futures_symbol
def test_a_force_order_is_a_taker_order_in_the_trades(run: Run, market: Market, symbol: str) -> None:
    trades = run.of(market, f"{symbol.lower()}@trade")
    for frame in run.of(market, f"{symbol.lower()}@forceOrder"):
        order = frame["o"]
        same_time = [trade for trade in trades if trade["T"] == order["T"] and trade["m"] is (order["S"] == "SELL")]

        assert sum(Decimal(trade["q"]) for trade in same_time) >= Decimal(order["z"])
        assert order["l"] in {trade["q"] for trade in same_time}
        assert order["X"] == ("FILLED" if order["z"] == order["q"] else "EXPIRED")


def test_liquidations_happen_and_are_at_most_one_a_second(run: Run) -> None:
    events = [event for event in run.events if event.stream == "btcusdt@forceOrder"]

    assert events
    assert all(later.due_ns - earlier.due_ns >= 10**9 for earlier, later in pairwise(events))


@each_futures_symbol
def test_mark_price_stays_near_the_market_and_delivery_contracts_have_no_funding(
    run: Run, market: Market, symbol: str
) -> None:
    last = Decimal(run.of(market, f"{symbol.lower()}@trade")[-1]["p"])
    frames = run.of(market, f"{symbol.lower()}@markPrice@1s")

    assert len(frames) == pytest.approx(102, abs=2)
    for frame in frames:
        assert abs(Decimal(frame["p"]) / last - 1) < Decimal("0.02")
        if symbol.endswith("_261225"):
            assert (frame["r"], frame["T"]) == ("", 0)
        else:
            assert frame["T"] % (8 * 3_600_000) == 0 < frame["T"] - frame["E"] <= 8 * 3_600_000
