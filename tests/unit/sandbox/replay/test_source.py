"""The replay: every frame once and verbatim, REST at the clock."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingest.core.backfill import Backfill
from ingest.core.holes import Hole
from ingest.core.ledger import OpenHole
from sandbox.exchange.source import Halt, StreamEvent
from sandbox.recordings import Frame, Recording, read, survey
from sandbox.replay import ReplaySource, trades
from schemas.markets import Market
from schemas.rest import RestAggTrade, RestTrade
from schemas.topics import RawType
from tests.unit.sandbox.payloads import (
    EPOCH_MS,
    EPOCH_NS,
    agg_trade,
    combined,
    depth_answer,
    diff,
    kline,
    line,
    trade,
    write_lines,
)


MS = 1_000_000
DEPTH_STREAM = "btcusdt@depth@100ms"


class Replay:
    """A replay that is moved on event by event; the event yielded last has not been passed yet."""

    def __init__(self, directory: Path, lines: list[bytes], market: Market = Market.SPOT, **options: Any) -> None:
        self.source = ReplaySource(survey(Recording.find([write_lines(directory / "file", lines)], market)), **options)
        self._events: Iterator[StreamEvent | Halt] = self.source.events()
        self._market = market

    def take(self, count: int) -> list[StreamEvent]:
        return [only_event(next(self._events)) for _ in range(count)]

    def take_all(self) -> list[StreamEvent]:
        return [only_event(each) for each in self._events]

    def take_halt(self) -> Halt:
        halt = next(self._events)
        assert isinstance(halt, Halt)
        return halt

    def ask(self, endpoint: str, status: int = 200, **params: object) -> Any:
        texts = {"symbol": "BTCUSDT", "limit": "1000"} | {name: str(value) for name, value in params.items()}
        reply = self.source.rest(self._market, f"/api/v3/{endpoint}", texts)
        assert reply.status == status, reply.body
        return json.loads(reply.body)


def only_event(each: StreamEvent | Halt) -> StreamEvent:
    assert isinstance(each, StreamEvent)
    return each


def answered(last_update_id: int, **sides: Any) -> Any:
    """Return a depth answer as it is read back."""
    return json.loads(json.dumps(depth_answer(last_update_id, **sides)))


def frame_line(at_ms: int, stream: str, payload: dict[str, Any]) -> bytes:
    return line(EPOCH_NS + at_ms * MS, combined(stream, payload))


def test_every_frame_is_an_event_due_when_it_was_received(tmp_path: Path) -> None:
    replay = Replay(
        tmp_path,
        [
            frame_line(0, "btcusdt@trade", trade(1)),
            frame_line(20, "btcusdt@trade", trade(2)),
            frame_line(10, "btcusdt@trade", trade(3)),
        ],
    )
    events = replay.take_all()

    assert [(event.due_ns - EPOCH_NS) // MS for event in events] == [0, 20, 20]
    assert events[0] == StreamEvent(
        EPOCH_NS, Market.SPOT, "btcusdt@trade", json.dumps(trade(1), separators=(",", ":")).encode()
    )
    assert replay.source.event_count == 3
    assert replay.source.streams(Market.SPOT) == {"btcusdt@trade"}
    assert replay.source.streams(Market.USDM) == frozenset()


def test_the_clock_is_the_venues_and_follows_the_events_passed(tmp_path: Path) -> None:
    """The recorder's clock is 1,270 ms behind."""
    lines = [frame_line(at_ms, "btcusdt@trade", trade(1, at_ms=EPOCH_MS + at_ms + 1_269)) for at_ms in (0, 500, 900)]
    replay = Replay(tmp_path, lines)

    clocks = [replay.source.clock_ms()]
    for _ in range(3):
        replay.take(1)
        clocks.append(replay.source.clock_ms())
    replay.take_all()
    clocks.append(replay.source.clock_ms())
    replay.source.advance_clock(EPOCH_MS + 5_000)
    replay.source.advance_clock(EPOCH_MS + 4_000)
    clocks.append(replay.source.clock_ms())

    assert [clock - EPOCH_MS for clock in clocks] == [1_270, 1_270, 1_270, 1_770, 2_170, 5_000]


def depth_lines() -> list[bytes]:
    return [
        frame_line(0, DEPTH_STREAM, diff(1, 5, bids=[("99.00", "9")])),
        line(EPOCH_NS + 10 * MS, depth_answer(6, bids=[("100.00", "1"), ("99.00", "2")], asks=[("101.00", "3")])),
        frame_line(20, DEPTH_STREAM, diff(6, 8, bids=[("100.00", "5")])),
        frame_line(30, DEPTH_STREAM, diff(9, 9, asks=[("100.50", "7")])),
        frame_line(40, DEPTH_STREAM, diff(15, 16, bids=[("98.00", "1")])),
        frame_line(50, DEPTH_STREAM, diff(17, 18)),
        line(EPOCH_NS + 60 * MS, depth_answer(17, bids=[("90.00", "1")], asks=[])),
        frame_line(70, DEPTH_STREAM, diff(19, 20, bids=[("91.00", "4")])),
        frame_line(80, DEPTH_STREAM, diff(99, 99)),
    ]


def test_depth_is_the_recorded_snapshot_until_the_clock_has_passed_it(tmp_path: Path) -> None:
    replay = Replay(tmp_path, depth_lines())
    recorded = answered(6, bids=[("100.00", "1"), ("99.00", "2")], asks=[("101.00", "3")])

    before = replay.ask("depth")
    replay.take(1)

    assert before == replay.ask("depth") == recorded


def test_depth_is_the_implied_book_once_the_clock_has_passed_the_snapshot(tmp_path: Path) -> None:
    replay = Replay(tmp_path, depth_lines())

    replay.take(3)
    after_one = replay.ask("depth")
    replay.take(1)
    after_two = replay.ask("depth")

    assert after_one == answered(8, bids=[("100.00", "5"), ("99.00", "2")], asks=[("101.00", "3")])
    assert after_two == answered(9, bids=[("100.00", "5"), ("99.00", "2")], asks=[("100.50", "7"), ("101.00", "3")])


def test_after_a_recorded_gap_depth_is_the_next_recorded_snapshot_then_its_book(tmp_path: Path) -> None:
    replay = Replay(tmp_path, depth_lines())

    replay.take(5)
    in_the_gap = replay.ask("depth")
    replay.take(2)
    after_the_snapshot = replay.ask("depth")

    assert in_the_gap == answered(17, bids=[("90.00", "1")], asks=[])
    assert after_the_snapshot == answered(20, bids=[("91.00", "4"), ("90.00", "1")], asks=[])


def test_after_a_gap_without_a_later_snapshot_depth_is_refused_with_the_reason(tmp_path: Path) -> None:
    replay = Replay(tmp_path, depth_lines())
    replay.take_all()

    refusal = replay.ask("depth", status=400)

    assert refusal["code"] == -1000
    assert "diffs are missing from the recording" in refusal["msg"]


def test_without_any_snapshot_depth_is_refused_with_the_reason(tmp_path: Path) -> None:
    replay = Replay(tmp_path, [frame_line(0, DEPTH_STREAM, diff(1, 5))])
    replay.take_all()

    assert "holds no depth snapshot" in replay.ask("depth", status=400)["msg"]


def test_the_limit_of_depth_cuts_both_sides(tmp_path: Path) -> None:
    replay = Replay(tmp_path, depth_lines())
    recorded = replay.ask("depth", limit=1)
    replay.take(3)

    assert recorded == answered(6, bids=[("100.00", "1")], asks=[("101.00", "3")])
    assert replay.ask("depth", limit=1) == answered(8, bids=[("100.00", "5")], asks=[("101.00", "3")])


def test_futures_depth_has_the_times_of_the_last_change_and_coinm_its_symbol(tmp_path: Path) -> None:
    stream, symbol = "ethusd_perp@depth", "ETHUSD_PERP"
    answer = depth_answer(4, E=EPOCH_MS, T=EPOCH_MS - 1, symbol=symbol, pair="ETHUSD")
    replay = Replay(
        tmp_path,
        [
            line(EPOCH_NS, answer),
            frame_line(5, stream, diff(3, 9, previous_id=2, symbol=symbol, at_ms=EPOCH_MS + 5)),
        ],
        Market.COINM,
    )
    replay.take_all()

    assert replay.ask("depth", symbol=symbol) == answered(
        9,
        bids=[("100.00", "1.0")],
        asks=[("100.01", "3.0")],
        E=EPOCH_MS + 5,
        T=EPOCH_MS + 4,
        symbol=symbol,
        pair="ETHUSD",
    )


def test_a_malformed_payload_is_served_and_leaves_books_right(tmp_path: Path) -> None:
    """The diff is lost for the book: it says so instead of going on without it."""
    poison = diff(9, 9, bids=[("abc", "1")])
    later = [frame_line(25, DEPTH_STREAM, poison), frame_line(30, DEPTH_STREAM, diff(10, 11))]
    lines = [*depth_lines()[:3], *later]
    replay = Replay(tmp_path, lines)

    events = replay.take_all()

    assert json.loads(events[2].data)["b"] == [["abc", "1"]]
    assert replay.source.malformed_count == 1
    assert "diffs are missing" in replay.ask("depth", status=400)["msg"]


def reconnected_lines() -> list[bytes]:
    """Return a recording that begins with a snapshot, lost diffs, and took another snapshot after that."""
    return [
        line(EPOCH_NS, depth_answer(10)),
        frame_line(10, DEPTH_STREAM, diff(11, 12)),
        frame_line(20, DEPTH_STREAM, diff(20, 21)),
        line(EPOCH_NS + 30 * MS, depth_answer(22, bids=[("101.00", "1")])),
        frame_line(40, DEPTH_STREAM, diff(22, 23)),
    ]


def test_after_a_gap_it_halts_at_the_next_recorded_snapshot_until_the_keeper_of_the_book_has_asked(
    tmp_path: Path,
) -> None:
    replay = Replay(tmp_path, reconnected_lines())
    replay.ask("depth")
    replay.take(2)
    halt = replay.take_halt()

    assert halt.awaited == "depth snapshot of BTCUSDT"
    assert not halt.is_over()
    assert replay.ask("depth") == answered(22, bids=[("101.00", "1")])
    assert halt.is_over()
    assert len(replay.take_all()) == 1


def test_it_does_not_halt_where_the_snapshot_was_asked_for_ahead_of_its_time(tmp_path: Path) -> None:
    lines = reconnected_lines()
    replay = Replay(tmp_path, [*lines[:3], frame_line(25, "btcusdt@trade", trade(1)), *lines[3:]])
    replay.ask("depth")
    replay.take(3)
    replay.ask("depth")

    assert len(replay.take_all()) == 1


def test_it_does_not_halt_again_for_a_reader_who_did_not_come(tmp_path: Path) -> None:
    again = [
        frame_line(50, DEPTH_STREAM, diff(30, 31)),
        line(EPOCH_NS + 60 * MS, depth_answer(32)),
        frame_line(70, DEPTH_STREAM, diff(33, 33)),
    ]
    replay = Replay(tmp_path, [*reconnected_lines(), *again])
    replay.ask("depth")
    replay.take(2)
    replay.take_halt()

    assert len(replay.take_all()) == 3


def test_it_does_not_halt_where_nobody_ever_asked_for_a_book(tmp_path: Path) -> None:
    assert len(Replay(tmp_path, reconnected_lines()).take_all()) == 3


def test_an_unknown_symbol_is_refused_as_the_venue_does(tmp_path: Path) -> None:
    replay = Replay(tmp_path, [frame_line(0, "btcusdt@trade", trade(1))])

    assert replay.ask("depth", status=400, symbol="NOSUCH") == {"code": -1121, "msg": "Invalid symbol."}


def test_trades_are_those_that_were_shown(tmp_path: Path) -> None:
    replay = Replay(tmp_path, [frame_line(number, "btcusdt@trade", trade(number)) for number in range(1, 5)])
    none = replay.ask("trades")
    replay.take(4)

    assert none == []
    assert [item["id"] for item in replay.ask("trades")] == [1, 2, 3]
    assert [item["id"] for item in replay.ask("trades", limit=2)] == [2, 3]
    assert [item["id"] for item in replay.ask("historicalTrades", fromId=2, limit=1)] == [2]
    assert replay.ask("trades", limit=1)[0] == {
        "id": 3,
        "price": "100.00",
        "qty": "2.50000000",
        "quoteQty": "250.00000000",
        "time": EPOCH_MS,
        "isBuyerMaker": True,
        "isBestMatch": True,
    }


@pytest.mark.parametrize("size", [None, Decimal(10)])
def test_the_base_quantity_of_a_coinm_trade_needs_the_contract_size(tmp_path: Path, size: Decimal | None) -> None:
    stream, symbol = "ethusd_perp@trade", "ETHUSD_PERP"
    sizes = {} if size is None else {symbol: size}
    replay = Replay(tmp_path, [frame_line(0, stream, trade(1, symbol=symbol))], Market.COINM, contract_sizes=sizes)
    replay.take_all()
    item = replay.ask("trades", symbol=symbol)[0]
    info = replay.ask("exchangeInfo")

    assert item.get("baseQty") == (None if size is None else "0.25000000")
    assert "quoteQty" not in item
    assert info["symbols"][0].get("contractSize") == (None if size is None else 10)


def test_an_id_that_was_used_up_without_a_match_is_no_trade(tmp_path: Path) -> None:
    without_match = trade(2, price="0") | {"q": "0"}
    replay = Replay(
        tmp_path,
        [frame_line(0, "btcusdt@trade", trade(1)), frame_line(1, "btcusdt@trade", without_match)],
        Market.USDM,
    )
    replay.take_all()

    assert [item["id"] for item in replay.ask("trades")] == [1]


def test_what_is_no_longer_kept_is_refused_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trades, "KEPT_COUNT", 2)
    lines = [frame_line(number, "btcusdt@aggTrade", agg_trade(number, at_ms=EPOCH_MS + number)) for number in (1, 2, 3)]
    replay = Replay(tmp_path, lines)
    replay.take_all()

    assert [item["a"] for item in replay.ask("aggTrades")] == [2, 3]
    assert "no longer kept" in replay.ask("aggTrades", status=400, fromId=1)["msg"]
    assert "no longer kept" in replay.ask("aggTrades", status=400, startTime=EPOCH_MS + 1)["msg"]


def test_aggregate_trades_are_found_by_id_and_by_time(tmp_path: Path) -> None:
    lines = [
        frame_line(number, "btcusdt@aggTrade", agg_trade(number, at_ms=EPOCH_MS + number * 10)) for number in range(5)
    ]
    replay = Replay(tmp_path, lines)
    replay.take_all()

    def ids(**params: Any) -> list[int]:
        return [item["a"] for item in replay.ask("aggTrades", **params)]

    assert ids() == [0, 1, 2, 3, 4]
    assert ids(limit=2) == [3, 4]
    assert ids(fromId=1, limit=2) == [1, 2]
    assert ids(startTime=EPOCH_MS + 10, limit=2) == [1, 2]
    assert ids(endTime=EPOCH_MS + 30, limit=2) == [2, 3]
    assert ids(startTime=EPOCH_MS + 11, endTime=EPOCH_MS + 30) == [2, 3]
    assert replay.ask("aggTrades", limit=1)[0] == {
        "a": 4,
        "p": "100.00",
        "q": "2.50000000",
        "f": 8,
        "l": 9,
        "T": EPOCH_MS + 40,
        "m": False,
        "M": True,
    }


def test_klines_are_the_bars_as_last_shown(tmp_path: Path) -> None:
    minute_ms = 60_000
    bars = [kline(open_ms=EPOCH_MS + number * minute_ms) for number in range(3)]
    lines = [frame_line(number, "btcusdt@kline_1m", bar) for number, bar in enumerate([*bars, kline(close="77.00")])]
    replay = Replay(tmp_path, lines)
    replay.take_all()

    rows = replay.ask("klines", interval="1m")

    assert rows[0] == [
        *(EPOCH_MS, "99.00", "101.00", "98.00", "77.00", "12.0", EPOCH_MS + 59_999, "1200.0", 4, "7.0", "700.0", "0"),
    ]
    assert [row[0] for row in rows] == [EPOCH_MS + number * minute_ms for number in range(3)]
    assert [row[0] for row in replay.ask("klines", interval="1m", limit=1)] == [EPOCH_MS + 2 * minute_ms]
    assert [row[0] for row in replay.ask("klines", interval="1m", limit=1, startTime=EPOCH_MS)] == [EPOCH_MS]


@pytest.mark.parametrize(("endpoint", "more"), [("aggTrades", {}), ("klines", {"interval": "1m"})])
def test_what_was_not_recorded_is_refused_not_empty(tmp_path: Path, endpoint: str, more: dict[str, Any]) -> None:
    """An empty answer would say that there was nothing."""
    replay = Replay(tmp_path, [frame_line(0, "btcusdt@trade", trade(1))])

    assert "The recording holds no" in replay.ask(endpoint, status=400, **more)["msg"]


def test_exchange_info_is_made_from_what_was_seen_where_none_was_recorded(tmp_path: Path) -> None:
    replay = Replay(tmp_path, [frame_line(0, "ethbtc@trade", trade(1, symbol="ETHBTC", price="0.05120"))])
    info = replay.ask("exchangeInfo")

    assert {limit["rateLimitType"]: limit["limit"] for limit in info["rateLimits"][:1]} == {"REQUEST_WEIGHT": 6_000}
    assert info["symbols"][0]["symbol"] == "ETHBTC"
    assert (info["symbols"][0]["baseAsset"], info["symbols"][0]["quoteAsset"]) == ("ETH", "BTC")
    assert [item.get("tickSize") or item.get("stepSize") for item in info["symbols"][0]["filters"]] == ["0.0001", "0.1"]


def test_recorded_exchange_info_is_served_verbatim_and_tells_contract_sizes(recordings: Path) -> None:
    summary = survey(Recording.find([recordings / "cryptofeed" / "BINANCE_DELIVERY"]))
    source = ReplaySource(summary)
    for _ in source.events():
        pass

    info = json.loads(source.rest(Market.COINM, "/dapi/v1/exchangeInfo", {}).body)

    assert source.rest(Market.COINM, "/dapi/v1/exchangeInfo", {}).body == summary.exchange_info[Market.COINM]
    assert {item["symbol"]: item["contractSize"] for item in info["symbols"]}["ETHUSD_PERP"] == 10


@pytest.mark.parametrize("path", ["hftbacktest/spot", "hftbacktest/usdm", "hftbacktest/cm", "cryptofeed"])
def test_a_replay_yields_every_recorded_frame_once_in_order(recordings: Path, path: str) -> None:
    summary = survey(Recording.find([recordings / path]))
    source = ReplaySource(summary)
    frames = (entry for entry in read(summary.recording) if isinstance(entry, Frame))

    count = 0
    for event, frame in zip(map(only_event, source.events()), frames, strict=True):
        assert (event.market, event.stream, event.data) == (frame.market, frame.stream, frame.data)
        count += 1

    assert count == summary.frame_count == source.event_count
    assert source.malformed_count == 0
    assert source.clock_ms() >= summary.last_event_ms


@pytest.mark.parametrize("raw_type", [RawType.TRADE, RawType.AGG_TRADE])
def test_repair_tells_of_a_trade_that_the_recording_lacks_that_it_cannot_be_had(
    tmp_path: Path, raw_type: RawType
) -> None:
    """Not that the venue has none: a candle without it is not complete."""
    name, endpoint, make = (
        ("trade", "historicalTrades", trade) if raw_type is RawType.TRADE else ("aggTrade", "aggTrades", agg_trade)
    )
    of: Any = list[RestTrade] if raw_type is RawType.TRADE else list[RestAggTrade]
    ids = (*range(1, 8), 10, 11, 12)
    replay = Replay(tmp_path, [line(EPOCH_NS, combined(f"btcusdt@{name}", make(one))) for one in ids])
    replay.take_all()
    one = OpenHole((Market.SPOT, raw_type, "BTCUSDT"), Hole(0, 6, 9, EPOCH_MS, EPOCH_MS), 0)
    one.arrived(6, 7)
    backfill = Backfill(one)

    for _ in range(3):
        if not one.settled:
            question = backfill.question()
            items = replay.ask(endpoint, fromId=question.from_id, limit=question.limit)
            for lost in backfill.answer(question, msgspec.convert(items, of)).lost:
                one.lost(*lost)

    assert [(entry.first_id, entry.last_id, str(entry.status)) for entry in one.entries(0)] == [
        (8, 9, "unfillable"),
        (6, 7, "filled"),
    ]
