"""What changes among the symbols while the venue runs: listings, delistings, wipes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from sandbox.simulation.truth import TruthLog
from schemas.markets import Market
from tests.unit.sandbox.simulation.conftest import REST_PREFIX
from tests.unit.sandbox.simulation.test_agreement import FollowedBook


CONFIG = SimulationConfig(
    symbols={Market.SPOT: ("BTCUSDT", "XRPUSDT"), Market.USDM: ("BTCUSDT", "ETHUSDT"), Market.COINM: ("BTCUSD_PERP",)},
    duration_s=12.0,
    depth_levels=40,
)
OTHERS = {Market.SPOT: "SOLUSDT", Market.USDM: "SOLUSDT", Market.COINM: "ETHUSD_PERP"}
FIRST = {Market.SPOT: "BTCUSDT", Market.USDM: "BTCUSDT", Market.COINM: "BTCUSD_PERP"}
CHANGED_US = CONFIG.start_ms * 1000 + 4_000_000
each_market = pytest.mark.parametrize("market", Market)

Change = Callable[[SimulatedSource], None]


class Story:
    """All events of a run in which something is changed in its fourth second."""

    def __init__(self, change: Change | None, *later: Change) -> None:
        self.source = SimulatedSource(CONFIG)
        names = {(market, name) for market in Market for name in self.source.streams(market)}
        names |= {
            (market, f"{symbol.lower()}@{kind}")
            for market, symbol in OTHERS.items()
            for kind in ("trade", "aggTrade", "bookTicker", "depth@100ms", "kline_1m")
        }
        self.source.set_demand(frozenset(names))
        self.events: list[StreamEvent] = []
        due = [CONFIG.start_ms + 3_400 + 2_000 * number for number in range(1 + len(later))]
        changes = [each for each in (change, *later) if each is not None]
        for event in self.source.events():
            self.events.append(event)
            if changes and event.due_ns // 10**6 >= due[0]:
                due.pop(0)
                changes.pop(0)(self.source)

    def of(self, market: Market, stream: str) -> list[tuple[int, dict[str, Any]]]:
        """Return the times (microseconds) and payloads of one stream."""
        return [
            (event.due_ns // 1000, msgspec.json.decode(event.data))
            for event in self.events
            if event.stream == stream and event.market is market
        ]

    def rest(self, market: Market, endpoint: str, **params: str) -> Any:
        return msgspec.json.decode(self.source.rest(market, REST_PREFIX[market] + endpoint, params).body)

    def status(self, market: Market) -> dict[str, str]:
        key = "contractStatus" if market is Market.COINM else "status"
        return {each["symbol"]: each[key] for each in self.rest(market, "exchangeInfo")["symbols"]}


def without(events: list[StreamEvent], symbol: str) -> list[StreamEvent]:
    """Leave out a symbol, and the arrays that tell of all of them."""
    return [each for each in events if not each.stream.startswith((f"{symbol.lower()}@", "!"))]


@each_market
def test_a_listed_symbol_begins_with_the_first_ids_at_the_next_full_second(market: Market) -> None:
    symbol = OTHERS[market]
    story = Story(lambda source: source.list_symbol(market, symbol))
    trades = story.of(market, f"{symbol.lower()}@trade")
    diffs = [diff for _, diff in story.of(market, f"{symbol.lower()}@depth@100ms")]

    assert trades[0][1]["t"] == 1
    assert CHANGED_US <= trades[0][0] < CHANGED_US + 3_000_000
    assert all(later["t"] == earlier["t"] + 1 for (_, earlier), (_, later) in pairwise(trades))
    assert story.of(market, f"{symbol.lower()}@aggTrade")[0][1]["f"] == 1
    assert story.of(market, f"{symbol.lower()}@kline_1m")
    assert diffs
    assert story.status(market)[symbol] == "TRADING"
    assert f"{symbol.lower()}@trade" in story.source.streams(market)
    assert story.rest(market, "trades", symbol=symbol)[0]["id"] == 1
    assert story.rest(market, "depth", symbol=symbol, limit="5")["lastUpdateId"] == diffs[-1]["u"]


@each_market
def test_a_change_disturbs_no_other_symbol(market: Market) -> None:
    """Update ids of a futures market are shared: there a new symbol moves those of the others, and nothing else."""
    undisturbed = Story(None)
    for symbol, change in (
        (OTHERS[market], lambda source: source.list_symbol(market, OTHERS[market])),
        (FIRST[market], lambda source: source.delist(market, FIRST[market])),
        (FIRST[market], lambda source: source.wipe(market, FIRST[market])),
    ):
        story = Story(change)
        kinds = ("@trade", "@aggTrade", "@kline_1m")

        def told(events: list[StreamEvent], symbol: str = symbol) -> list[StreamEvent]:
            return [
                event
                for event in without(events, symbol)
                if event.market is not market or market is Market.SPOT or event.stream.endswith(kinds)  # noqa: B023
            ]

        assert told(story.events) == told(undisturbed.events)


@each_market
def test_a_listed_symbol_is_followed_from_its_first_snapshot(market: Market) -> None:
    """The opening's changes are told: a client that has the first snapshot can go on with the first diff."""
    symbol = OTHERS[market]
    snapshots: list[dict[str, Any]] = []

    def look(source: SimulatedSource) -> None:
        path = f"{REST_PREFIX[market]}depth"
        snapshots.append(msgspec.json.decode(source.rest(market, path, {"symbol": symbol, "limit": "1000"}).body))

    story = Story(lambda source: source.list_symbol(market, symbol), look)
    book = FollowedBook(snapshots[0], market)
    for _, diff in story.of(market, f"{symbol.lower()}@depth@100ms"):
        book.apply(diff)
    end = msgspec.json.decode(story.source.whole_book(market, symbol).body)

    assert book.update_id == end["lastUpdateId"]
    assert [len(book.bids), len(book.asks)] == [len(end["bids"]), len(end["asks"])]


@each_market
def test_a_delisted_symbol_tells_what_was_and_falls_silent(market: Market) -> None:
    symbol = FIRST[market]
    story = Story(lambda source: source.delist(market, symbol))
    stream = symbol.lower()
    last = {
        event.stream: event.due_ns // 1000
        for event in story.events
        if event.market is market and event.stream.startswith(f"{stream}@")
    }
    trades, aggregates = story.of(market, f"{stream}@trade"), story.of(market, f"{stream}@aggTrade")
    diffs = story.of(market, f"{stream}@depth@100ms")
    end = msgspec.json.decode(story.source.whole_book(market, symbol).body)

    assert trades[-1][0] <= CHANGED_US + 3_000
    assert aggregates[-1][1]["l"] == trades[-1][1]["t"]
    assert max(last.values()) <= CHANGED_US + 2_600_000
    assert not any(name.startswith(f"{stream}@") for name in story.source.streams(market))
    assert diffs[-1][1]["u"] == end["lastUpdateId"]
    assert len(end["bids"]) > 5
    assert story.status(market)[symbol] == ("SETTLING" if market.is_futures else "BREAK")
    assert symbol not in {each["symbol"] for each in story.rest(market, "ticker/price")}
    assert story.rest(market, "aggTrades", symbol=symbol, limit="1")[0]["a"] == aggregates[-1][1]["a"]
    depth = story.rest(market, "depth", symbol=symbol, limit="5")
    if market.is_futures:
        assert depth["code"] == -4108
    else:
        assert depth == {"lastUpdateId": end["lastUpdateId"], "bids": [], "asks": []}


@each_market
def test_a_wiped_symbol_begins_anew_while_its_times_go_on(market: Market) -> None:
    symbol = FIRST[market]
    story = Story(lambda source: source.wipe(market, symbol))
    stream = symbol.lower()
    for kind, ident in (("trade", "t"), ("aggTrade", "a"), ("depth@100ms", "u"), ("bookTicker", "u")):
        told = story.of(market, f"{stream}@{kind}")
        backwards = [index for index, (one, two) in enumerate(pairwise(told)) if two[1][ident] < one[1][ident]]

        assert len(backwards) == 1
        after_us, after = told[backwards[0] + 1]
        assert after_us >= CHANGED_US
        assert after[ident] < 5_000
    trades = [trade for _, trade in story.of(market, f"{stream}@trade")]

    assert all(later["T"] >= earlier["T"] for earlier, later in pairwise(trades))
    assert story.rest(market, "historicalTrades", symbol=symbol, fromId="0", limit="1")[0]["id"] == 1
    assert story.rest(market, "aggTrades", symbol=symbol, fromId="0", limit="1")[0]["a"] == 1
    assert story.rest(market, "historicalTrades", symbol=symbol, fromId=str(trades[0]["t"])) == []
    assert story.rest(market, "klines", symbol=symbol, interval="1m")[-1][8] == trades[-1]["t"]


def test_a_market_is_wiped_with_all_its_symbols() -> None:
    story = Story(lambda source: source.wipe(Market.USDM))

    for symbol in CONFIG.symbols[Market.USDM]:
        last = story.of(Market.USDM, f"{symbol.lower()}@depth@100ms")[-1][1]

        assert last["u"] < 1_000_000
        assert story.rest(Market.USDM, "trades", symbol=symbol)[0]["id"] == 1
    assert story.of(Market.SPOT, "btcusdt@trade")[-1][1]["t"] > 1_000_000


def test_a_symbol_that_was_delisted_can_be_listed_again_at_once() -> None:
    market, symbol = Market.SPOT, "BTCUSDT"

    def both(source: SimulatedSource) -> None:
        source.delist(market, symbol)
        source.list_symbol(market, symbol)

    story = Story(both)
    trades = story.of(market, "btcusdt@trade")

    assert 1 in [trade["t"] for _, trade in trades]
    assert trades[-1][0] > CHANGED_US + 3_000_000
    assert story.status(market)[symbol] == "TRADING"


def test_equal_changes_at_equal_times_give_equal_bytes_and_the_moment_within_the_second_does_not_matter() -> None:
    def change(source: SimulatedSource) -> None:
        source.wipe(Market.SPOT)
        source.delist(Market.USDM, "ETHUSDT")
        source.list_symbol(Market.USDM, "SOLUSDT")

    first = Story(change)
    again = SimulatedSource(CONFIG)
    again.set_demand(frozenset((event.market, event.stream) for event in first.events))
    events: list[StreamEvent] = []
    changed = False
    for event in again.events():
        events.append(event)
        if not changed and event.due_ns // 10**6 >= CONFIG.start_ms + 3_800:
            changed = True
            change(again)

    assert events == Story(change).events
    assert events == first.events


def test_without_a_demand_a_listed_symbol_is_told_like_the_others() -> None:
    source = SimulatedSource(CONFIG)
    events = []
    for event in source.events():
        events.append(event)
        if len(events) == 100:
            source.list_symbol(Market.SPOT, "SOLUSDT")

    assert {"solusdt@trade", "solusdt@depth@100ms"} <= {event.stream for event in events}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda source: source.list_symbol(Market.SPOT, "BTCUSDT"), "is traded on spot already"),
        (lambda source: source.list_symbol(Market.COINM, "BTCUSDT"), "COIN-M symbols end in"),
        (lambda source: source.delist(Market.SPOT, "SOLUSDT"), "is not traded on spot"),
        (lambda source: source.wipe(Market.SPOT, "SOLUSDT"), "is not traded on spot"),
        (lambda source: [source.delist(Market.SPOT, "BTCUSDT") for _ in "12"], "is not traded on spot"),
        (lambda source: [source.list_symbol(Market.SPOT, "SOLUSDT") for _ in "12"], "is traded on spot already"),
        (lambda source: (source.delist(Market.COINM, "BTCUSD_PERP"), source.wipe(Market.COINM)), "no symbol of it"),
    ],
)
def test_what_cannot_be_changed_is_refused_with_the_reason(
    change: Callable[[SimulatedSource], object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        change(SimulatedSource(CONFIG))


def test_an_unknown_market_and_a_closed_one_are_refused() -> None:
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",)}, duration_s=1.0, depth_levels=20))

    with pytest.raises(ValueError, match="market usdm: is not simulated"):
        source.list_symbol(Market.USDM, "BTCUSDT")
    with pytest.raises(ValueError, match="closes before"):
        source.list_symbol(Market.SPOT, "SOLUSDT")


def test_the_whole_book_has_more_levels_than_the_venue_answers() -> None:
    source = SimulatedSource(SimulationConfig(symbols={Market.USDM: ("BTCUSDT",)}, depth_levels=1_500, duration_s=1.0))
    whole = msgspec.json.decode(source.whole_book(Market.USDM, "BTCUSDT").body)
    depth = msgspec.json.decode(source.rest(Market.USDM, "/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "1000"}).body)

    assert len(whole["bids"]) > 1_200
    assert (whole["lastUpdateId"], whole["bids"][:1000]) == (depth["lastUpdateId"], depth["bids"])
    assert source.whole_book(Market.USDM, "NOSUCH").status == 400
    assert source.whole_book(Market.SPOT, "BTCUSDT").status == 400


@each_market
def test_a_closed_market_tells_everything_and_ends(market: Market, tmp_path: Path) -> None:
    """Every trade that was logged is told, and the diffs lead to the whole book, also without a planned end."""
    symbol = FIRST[market]
    stream = symbol.lower()
    with TruthLog(tmp_path, lambda: 0.0) as truth:
        source = SimulatedSource(replace(CONFIG, duration_s=None), truth)
        snapshot = msgspec.json.decode(source.whole_book(market, symbol).body)
        events: list[StreamEvent] = []
        closed_ns = 0
        for event in source.events():
            events.append(event)
            if len(events) == 2_000:
                source.close_markets()
                closed_ns = (event.due_ns // 10**9 + 2) * 10**9
    payloads = {
        kind: [msgspec.json.decode(each.data) for each in events if (each.market, each.stream) == (market, kind)]
        for kind in (f"{stream}@trade", f"{stream}@aggTrade", f"{stream}@depth@100ms")
    }
    trades, aggregates, diffs = payloads.values()
    logged = [msgspec.json.decode(line) for line in (tmp_path / f"{market}.trades.jsonl").read_bytes().splitlines()]
    book = FollowedBook(snapshot, market)
    for diff in diffs:
        book.apply(diff)

    assert [each["t"] for each in trades] == [each["t"] for each in logged if each["s"] == symbol]
    assert aggregates[-1]["l"] == trades[-1]["t"]
    assert book.update_id == msgspec.json.decode(source.whole_book(market, symbol).body)["lastUpdateId"]
    assert events[-1].due_ns <= closed_ns + 2_600_000_000
    with pytest.raises(ValueError, match="closes before"):
        source.close_markets()
