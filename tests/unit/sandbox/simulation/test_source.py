"""The source: the same bytes for the same configuration, and a clock that fits the streams."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from itertools import islice
from pathlib import Path

import pytest
from msgspec.structs import replace

from sandbox.exchange.source import Source, StreamEvent
from sandbox.simulation.config import DEFAULT_SYMBOLS, SimulationConfig, universe
from sandbox.simulation.source import SimulatedSource
from sandbox.simulation.venue import SILENCE
from schemas.markets import Market


CONFIG = SimulationConfig(
    symbols={Market.SPOT: ("BTCUSDT", "XRPUSDT"), Market.USDM: ("ETHUSDT",), Market.COINM: ("BTCUSD_PERP",)},
    duration_s=5.0,
    depth_levels=40,
)
WANTED = frozenset({(Market.SPOT, "btcusdt@trade"), (Market.SPOT, "btcusdt@depth@100ms"), (Market.USDM, "!ticker@arr")})
REQUESTS = [
    (Market.SPOT, "/api/v3/depth", {"symbol": "BTCUSDT", "limit": "5000"}),
    (Market.SPOT, "/api/v3/exchangeInfo", {}),
    (Market.USDM, "/fapi/v1/aggTrades", {"symbol": "ETHUSDT"}),
    (Market.COINM, "/dapi/v1/ticker/24hr", {}),
]


def digest(source: SimulatedSource) -> str:
    """Return what all events and some answers, in the middle and at the end, come to."""
    found = sha256()
    for number, event in enumerate(source.events()):
        found.update(f"{event.due_ns} {event.market} {event.stream} ".encode() + event.data)
        if number % 500 == 0:
            for market, path, params in REQUESTS:
                found.update(source.rest(market, path, params).body)
    for market, path, params in REQUESTS:
        found.update(source.rest(market, path, params).body)
    return found.hexdigest()


def test_it_is_a_source() -> None:
    source: Source = SimulatedSource(CONFIG)

    assert source.clock_ms() == CONFIG.start_ms


def test_equal_configurations_give_equal_bytes_and_another_seed_gives_others() -> None:
    assert digest(SimulatedSource(CONFIG)) == digest(SimulatedSource(CONFIG))
    assert digest(SimulatedSource(CONFIG)) != digest(SimulatedSource(replace(CONFIG, seed=2)))


def test_the_bytes_do_not_depend_on_the_process() -> None:
    """Hash seeds decide how sets are ordered; they decide nothing here."""
    program = f"from {__name__} import CONFIG, SimulatedSource, digest; print(digest(SimulatedSource(CONFIG)))"
    digests = {
        subprocess.run(  # noqa: S603  (our own program)
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[4],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }

    assert digests == {digest(SimulatedSource(CONFIG))}


def test_demand_changes_what_is_told_and_nothing_else() -> None:
    """The frames of a stream, and all answers, are the same whoever else listens, from the beginning or later."""
    everything, little, late = SimulatedSource(CONFIG), SimulatedSource(CONFIG), SimulatedSource(CONFIG)
    little.set_demand(WANTED)
    heard = [event for event in everything.events() if (event.market, event.stream) in WANTED]
    late.set_demand(frozenset({(Market.SPOT, "xrpusdt@bookTicker")}))
    late_events = late.events()
    first = list(islice(late_events, 30))
    late.set_demand(WANTED)
    after = [event for event in late_events if event.stream]  # a quiet second has an event without a stream

    assert [event for event in little.events() if event.stream] == heard
    for market, path, params in REQUESTS:
        assert everything.rest(market, path, params) == little.rest(market, path, params)
        assert everything.rest(market, path, params) == late.rest(market, path, params)
    diffs = [event for event in after if event.stream == "btcusdt@depth@100ms"]

    # What one order has caused is told to its end.
    assert {(event.market, event.stream) for event in after if event.due_ns > after[0].due_ns} <= WANTED
    assert diffs == [event for event in heard if event.stream == diffs[0].stream][-len(diffs) :]
    assert 100_000_000 < diffs[0].due_ns - first[-1].due_ns <= 300_000_000


def test_a_stream_that_nobody_wants_any_more_falls_silent_and_may_come_back() -> None:
    source = SimulatedSource(CONFIG)
    source.set_demand(WANTED)
    events = source.events()
    heard: list[list[StreamEvent]] = []
    for wanted in (WANTED, frozenset({(Market.SPOT, "xrpusdt@depth20")}) | WANTED, WANTED):
        source.set_demand(wanted)
        heard.append(list(islice(events, 60)))
    source.set_demand(frozenset())

    assert [any(event.stream == "xrpusdt@depth20" for event in part[2:]) for part in heard] == [False, True, False]
    assert len([event for event in events if event.stream != SILENCE]) <= 3


def test_unknown_streams_stay_silent() -> None:
    source = SimulatedSource(CONFIG)
    source.set_demand(frozenset({(Market.SPOT, "nosuch@trade"), (Market.COINM, "btcusdt@trade")}))

    events = list(source.events())

    assert {event.stream for event in events} == {SILENCE}
    assert [event.due_ns // 10**6 - CONFIG.start_ms for event in events] == [1000 * second for second in range(1, 8)]


def test_streams_are_those_of_the_configured_markets() -> None:
    source = SimulatedSource(SimulationConfig(symbols={Market.SPOT: ("BTCUSDT",)}))
    names = source.streams(Market.SPOT)

    assert {"btcusdt@trade", "btcusdt@depth@1000ms", "btcusdt@kline_1M", "!ticker_4h@arr"} <= names
    assert not {"!ticker@arr", "!bookTicker", "btcusdt@markPrice", "btcusdt@kline_1s"} & names
    assert source.streams(Market.USDM) == frozenset()
    assert source.rest(Market.USDM, "/fapi/v1/ping", {}).status == 404


def test_the_clock_is_that_of_the_last_event_passed() -> None:
    source = SimulatedSource(CONFIG)
    events = source.events()
    first, second = next(events), next(events)

    assert source.clock_ms() == first.due_ns // 10**6
    source.advance_clock(second.due_ns // 10**6 + 1)
    source.advance_clock(0)

    assert source.clock_ms() == second.due_ns // 10**6 + 1


def test_events_never_go_back_in_time() -> None:
    dues = [event.due_ns for event in SimulatedSource(CONFIG).events()]

    assert dues == sorted(dues)


def test_after_the_end_the_clock_runs_on_and_minutes_without_trades_come() -> None:
    source = SimulatedSource(CONFIG)
    end_ms = list(source.events())[-1].due_ns // 10**6
    before = source.rest(Market.SPOT, "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m"})
    source.advance_clock(end_ms + 120_000)
    after = source.rest(Market.SPOT, "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "1m"})

    assert source.clock_ms() == end_ms + 120_000
    assert (before.body.count(b"[") - 1, after.body.count(b"[") - 1) == (1, 3)


def test_without_a_duration_there_is_no_end() -> None:
    source = SimulatedSource(replace(CONFIG, duration_s=None))

    assert len(list(islice(source.events(), 20_000))) == 20_000


def test_the_default_is_a_minute_of_all_three_markets() -> None:
    source = SimulatedSource(SimulationConfig(depth_levels=20, activity=0.2))
    markets = {(event.market, event.stream) for event in source.events()}

    assert {market for market, _ in markets} == set(Market)
    assert source.clock_ms() - source.config.start_ms >= 60_000
    assert DEFAULT_SYMBOLS[Market.SPOT][0] == "BTCUSDT"


@pytest.mark.parametrize("count", [1, 10, 50, 120])
def test_a_universe_has_the_size_asked_for_and_every_symbol_can_be_simulated(count: int) -> None:
    symbols = universe(count)

    assert sum(map(len, symbols.values())) == count
    source = SimulatedSource(SimulationConfig(symbols=symbols, depth_levels=20, duration_s=0.01))
    assert len(source.streams(Market.SPOT)) > 20


def test_a_universe_has_the_contracts_that_the_venue_has() -> None:
    symbols = universe(120)

    assert "PEPEUSDT" in symbols[Market.SPOT]
    assert {"1000PEPEUSDT", "1000SHIBUSDT"} <= {*symbols[Market.USDM]}
    assert "PEPEUSDT" not in symbols[Market.USDM]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbols": {}}, "symbols: there are none"),
        ({"symbols": {Market.SPOT: ("BTCUSDT", "BTCUSDT")}}, "named twice"),
        ({"duration_s": 0.0}, "duration_s"),
        ({"activity": 0.0}, "activity"),
        ({"depth_levels": 5}, "depth_levels"),
        ({"trades_kept": 10}, "trades_kept"),
        ({"start_ms": -1}, "start_ms"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SimulationConfig(**change)  # type: ignore[arg-type]
