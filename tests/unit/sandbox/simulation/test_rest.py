"""REST answers: the same facts as the streams, in the venue's shapes, and its refusals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.rest.requests import RefusedError
from sandbox.simulation.source import SimulatedSource
from schemas import rest
from schemas.markets import Market
from tests.unit.sandbox.simulation.conftest import CONFIG, REST_PREFIX, Run


SYMBOLS = [(market, symbol) for market, symbols in CONFIG.symbols.items() for symbol in symbols]
each_symbol = pytest.mark.parametrize(("market", "symbol"), SYMBOLS)
each_market = pytest.mark.parametrize("market", Market)


def refusal(run: Run, market: Market, endpoint: str, **params: str) -> tuple[int, int, str]:
    reply = run.source.rest(market, REST_PREFIX[market] + endpoint, params)
    error = msgspec.json.decode(reply.body, type=rest.ApiError)
    return reply.status, error.code, error.message


@each_symbol
def test_trades_are_those_of_the_stream(run: Run, market: Market, symbol: str) -> None:
    streamed = run.of(market, f"{symbol.lower()}@trade")
    limit = 1_000 if market is Market.SPOT else 500
    recent = run.rest(market, "trades", symbol=symbol, limit="1000")
    historical = run.rest(market, "historicalTrades", symbol=symbol, fromId=str(streamed[0]["t"]), limit="1000")

    def told(trade: dict[str, Any]) -> tuple[Any, ...]:
        return trade["t"], trade["p"], trade["q"], trade["T"], trade["m"]

    def answered(trade: dict[str, Any]) -> tuple[Any, ...]:
        return trade["id"], trade["price"], trade["qty"], trade["time"], trade["isBuyerMaker"]

    assert [answered(each) for each in recent] == [told(each) for each in streamed[-1000:]]
    assert [answered(each) for each in historical] == [told(each) for each in streamed[:limit]]
    assert len(run.rest(market, "trades", symbol=symbol)) == min(500, len(streamed))


@each_symbol
def test_aggregate_trades_are_those_of_the_stream(run: Run, market: Market, symbol: str) -> None:
    streamed = run.of(market, f"{symbol.lower()}@aggTrade")
    keys = ["a", "p", "q", "f", "l", "T", "m"]
    expected = [[each[key] for key in keys] for each in streamed]
    middle = streamed[len(streamed) // 2]

    def ask(**params: str) -> list[list[Any]]:
        return [
            [each[key] for key in keys] for each in run.rest(market, "aggTrades", symbol=symbol, limit="1000", **params)
        ]

    assert ask() == expected[-1000:]
    assert ask(fromId=str(streamed[0]["a"])) == expected[:1000]
    assert ask(startTime=str(middle["T"])) == [each for each in expected if each[5] >= middle["T"]][:1000]
    assert ask(endTime=str(middle["T"])) == [each for each in expected if each[5] <= middle["T"]][-1000:]


@each_symbol
@pytest.mark.parametrize("interval", ["1m", "3m", "1h", "1d", "1M"])
def test_klines_are_those_of_the_stream(run: Run, market: Market, symbol: str, interval: str) -> None:
    """The last frame of each interval that the stream has told, and the numbers of all trades."""
    frames = [frame["k"] for frame in run.of(market, f"{symbol.lower()}@kline_{interval}")]
    bars = {bar["t"]: bar for bar in frames}
    klines = msgspec.convert(
        run.rest(market, "klines", symbol=symbol, interval=interval), list[rest.RestKline], strict=True
    )

    assert sum(kline.trade_count for kline in klines) == len(run.of(market, f"{symbol.lower()}@trade"))
    for kline in klines:
        bar = bars.get(kline.open_time)
        if bar is not None and bar["x"]:
            assert [
                kline.close_time,
                kline.open,
                kline.high,
                kline.low,
                kline.close,
                kline.volume,
                kline.second_volume,
                kline.trade_count,
                kline.taker_buy_volume,
                kline.taker_buy_second_volume,
            ] == [bar[key] for key in "TohlcvqnVQ"]


def test_klines_are_chosen_by_time_as_each_market_does(run: Run) -> None:
    """Spot and USD-M give the oldest from a start; COIN-M with both times the newest before the end."""
    start, end = str(CONFIG.start_ms - 60_000), str(CONFIG.start_ms + 300_000)
    by_market = {}
    for market, symbol in ((Market.SPOT, "BTCUSDT"), (Market.USDM, "BTCUSDT"), (Market.COINM, "BTCUSD_PERP")):
        every = run.rest(market, "klines", symbol=symbol, interval="1m")
        some = run.rest(market, "klines", symbol=symbol, interval="1m", startTime=start, endTime=end, limit="2")
        by_market[market] = [each[0] for each in some] == [each[0] for each in every[:2]]

        assert len(every) >= 3
        assert run.rest(market, "klines", symbol=symbol, interval="1m", endTime=str(every[1][0]))[-1] == every[1]
        assert run.rest(market, "klines", symbol=symbol, interval="1m", limit="1") == every[-1:]
    assert by_market == {Market.SPOT: True, Market.USDM: True, Market.COINM: False}


@each_symbol
def test_depth_has_the_levels_asked_for_best_first(run: Run, market: Market, symbol: str) -> None:
    for limit in (5, 10, 20, 50):
        book = msgspec.convert(run.rest(market, "depth", symbol=symbol, limit=str(limit)), rest.DepthSnapshot)
        bids, asks = ([Decimal(price) for price, _ in side] for side in (book.bids, book.asks))

        assert len(bids) == len(asks) == limit
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]


def test_depth_has_the_keys_of_its_market(run: Run) -> None:
    keys = {
        market: " ".join(run.rest(market, "depth", symbol=symbol))
        for market, symbol in ((Market.SPOT, "BTCUSDT"), (Market.USDM, "BTCUSDT"), (Market.COINM, "BTCUSD_PERP"))
    }

    assert keys == {
        Market.SPOT: "lastUpdateId bids asks",
        Market.USDM: "lastUpdateId E T bids asks",
        Market.COINM: "lastUpdateId E T symbol pair bids asks",
    }


@each_symbol
def test_tickers_agree_with_book_and_trades(run: Run, market: Market, symbol: str) -> None:
    def ask(endpoint: str) -> dict[str, Any]:
        answer = run.rest(market, endpoint, symbol=symbol)
        assert isinstance(answer, list) is (market is Market.COINM)
        return answer[0] if isinstance(answer, list) else answer  # type: ignore[no-any-return]

    trades = run.of(market, f"{symbol.lower()}@trade")
    book = run.rest(market, "depth", symbol=symbol, limit="5")
    top = ask("ticker/bookTicker")
    day = ask("ticker/24hr")

    assert [[top["bidPrice"], top["bidQty"]], [top["askPrice"], top["askQty"]]] == [book["bids"][0], book["asks"][0]]
    assert ask("ticker/price")["price"] == day["lastPrice"] == trades[-1]["p"]
    assert (day["firstId"], day["lastId"], day["count"]) == (trades[0]["t"], trades[-1]["t"], len(trades))
    assert Decimal(day["volume"]) == sum(Decimal(trade["q"]) for trade in trades)


@each_market
def test_without_a_symbol_tickers_answer_all(run: Run, market: Market) -> None:
    for endpoint in ("ticker/24hr", "ticker/price", "ticker/bookTicker"):
        answers = run.rest(market, endpoint)

        assert [answer["symbol"] for answer in answers] == list(CONFIG.symbols[market])


def test_several_symbols_are_answered_in_an_array(run: Run) -> None:
    answers = run.rest(Market.SPOT, "ticker/price", symbols='["ETHBTC","BTCUSDT"]')

    assert [answer["symbol"] for answer in answers] == ["ETHBTC", "BTCUSDT"]
    assert refusal(run, Market.SPOT, "ticker/price", symbols="ETHBTC")[1] == -1100
    assert [each["symbol"] for each in run.rest(Market.COINM, "ticker/price", pair="ETHUSD")] == ["ETHUSD_261225"]


@each_market
def test_before_the_first_trade_all_figures_are_zero(market: Market) -> None:
    source = SimulatedSource(CONFIG)
    symbol = CONFIG.symbols[market][0]

    def ask(endpoint: str) -> Any:
        answer = msgspec.json.decode(source.rest(market, REST_PREFIX[market] + endpoint, {"symbol": symbol}).body)
        return answer[0] if market is Market.COINM else answer

    day = ask("ticker/24hr")

    assert {Decimal(day[key]) for key in ("lastPrice", "volume", "weightedAvgPrice", "priceChangePercent")} == {0}
    assert (day["firstId"], day["lastId"], day["count"]) == (-1, -1, 0)
    assert Decimal(ask("ticker/price")["price"]) == 0
    assert Decimal(ask("ticker/bookTicker")["bidPrice"]) > 0


@each_market
def test_exchange_info_names_symbols_steps_and_limits(run: Run, market: Market) -> None:
    info = msgspec.convert(run.rest(market, "exchangeInfo"), rest.ExchangeInfo)

    assert [each.symbol for each in info.symbols] == list(CONFIG.symbols[market])
    assert {limit.kind for limit in info.rate_limits} >= {"REQUEST_WEIGHT", "ORDERS"}
    for each in info.symbols:
        filters = {rule.kind: rule for rule in each.filters}
        trade = run.rest(market, "trades", symbol=each.symbol, limit="1")[0]

        assert (each.contract_status if market is Market.COINM else each.status) == "TRADING"
        assert Decimal(trade["price"]) % Decimal(filters["PRICE_FILTER"].tick_size or "0") == 0
        assert Decimal(trade["qty"]) % Decimal(filters["LOT_SIZE"].step_size or "0") == 0
        assert each.contract_size == (None if market is not Market.COINM else 100 if each.base_asset == "BTC" else 10)


def test_spot_exchange_info_can_be_asked_for_one_symbol(run: Run) -> None:
    assert [each["symbol"] for each in run.rest(Market.SPOT, "exchangeInfo", symbol="ETHBTC")["symbols"]] == ["ETHBTC"]


def test_mark_price_is_that_of_the_stream_and_an_array_on_coinm(run: Run) -> None:
    usdm = run.rest(Market.USDM, "premiumIndex", symbol="BTCUSDT")
    coinm = run.rest(Market.COINM, "premiumIndex", symbol="BTCUSD_PERP")
    streamed = run.of(Market.USDM, "btcusdt@markPrice@1s")[-1]

    assert abs(Decimal(usdm["markPrice"]) / Decimal(streamed["p"]) - 1) < Decimal("0.01")
    assert usdm["nextFundingTime"] == streamed["T"]
    assert coinm[0]["pair"] == "BTCUSD"


@each_market
def test_ping_and_time(run: Run, market: Market) -> None:
    assert run.rest(market, "ping") == {}
    assert run.rest(market, "time") == {"serverTime": run.source.clock_ms()}


@each_market
def test_refusals_are_the_venues(run: Run, market: Market) -> None:
    symbol = CONFIG.symbols[market][0]

    assert refusal(run, market, "depth", symbol="NOSUCH") == (400, -1121, "Invalid symbol.")
    assert refusal(run, market, "depth")[:2] == (400, -1102)
    assert refusal(run, market, "klines", symbol=symbol, interval="7m") == (400, -1120, "Invalid interval.")
    assert refusal(run, market, "trades", symbol=symbol, limit="ten")[:2] == (400, -1100)
    assert refusal(run, market, "trades", symbol=symbol, limit="0")[:2] == (400, -1130)
    assert refusal(run, market, "nosuch")[:2] == (404, -5000)
    assert refusal(run, market, "klines", symbol=symbol, interval="1m", timeZone="8")[:2] == (400, -1130)
    if market.is_futures:
        assert refusal(run, market, "depth", symbol=symbol, limit="7")[:2] == (400, -4021)
        assert refusal(run, market, "aggTrades", symbol=symbol, fromId="1", startTime="1")[:2] == (400, -1128)
        assert refusal(run, market, "aggTrades", symbol=symbol, startTime="1", endTime="3600001")[:2] == (400, -1127)
        assert refusal(run, market, "klines", symbol=symbol, interval="1s")[:2] == (400, -1120)


def test_a_refusal_says_what_it_is() -> None:
    assert str(RefusedError(-1121, "Invalid symbol.")) == "-1121: Invalid symbol."


@each_market
def test_an_id_beyond_memory_is_answered_from_the_oldest_remembered_and_one_of_the_future_with_nothing(
    market: Market,
) -> None:
    """The answer begins later than asked for: who fills holes must look where it begins."""
    symbol = CONFIG.symbols[market][0]
    source = SimulatedSource(
        SimulationConfig(
            symbols={market: (symbol,)}, activity=40.0, duration_s=40.0, depth_levels=40, trades_kept=1_500
        )
    )
    names = [f"{symbol.lower()}@trade", f"{symbol.lower()}@aggTrade"]
    source.set_demand(frozenset((market, name) for name in names))
    events = list(source.events())
    told = {
        name: [msgspec.json.decode(event.data, type=dict[str, Any]) for event in events if event.stream == name]
        for name in names
    }

    def ask(endpoint: str, from_id: int) -> list[dict[str, Any]]:
        params = {"symbol": symbol, "fromId": str(from_id), "limit": "500"}
        reply = source.rest(market, REST_PREFIX[market] + endpoint, params)
        return msgspec.json.decode(reply.body)  # type: ignore[no-any-return]

    for name, endpoint, key, answered in ((names[0], "historicalTrades", "t", "id"), (names[1], "aggTrades", "a", "a")):
        first, last = told[name][0][key], told[name][-1][key]
        found = ask(endpoint, first)

        assert last - first > 3_000
        assert [each[answered] for each in found] == list(range(found[0][answered], found[0][answered] + 500))
        assert first < found[0][answered] <= last - 1_499
        assert ask(endpoint, last + 1) == []
        assert [each[answered] for each in ask(endpoint, last)] == [last]
