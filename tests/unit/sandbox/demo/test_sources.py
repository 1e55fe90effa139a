"""Where data comes from decides how the exchange is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.demo.simulating import simulation
from sandbox.demo.sources import LiveSource, RecordedSource, SimulatedSource, Simulation
from sandbox.recordings import Recording, survey
from sandbox.simulation.config import SimulationConfig
from sandbox.verify.klines import INTERVALS
from schemas.markets import Market


LINES = """\
1700000000000000000 {"stream":"abcusd_perp@trade","data":{"e":"trade","E":1700000000005,"T":1700000000000,\
"s":"ABCUSD_PERP","t":1,"p":"1","q":"1","X":"MARKET","m":true}}
1700000000100000000 {"lastUpdateId":5,"symbol":"ABCUSD_PERP","pair":"ABCUSD","bids":[],"asks":[]}
1700000000200000000 {"stream":"abcusd_perp@depth","data":{"e":"depthUpdate","E":1700000000205,"T":1700000000200,\
"s":"ABCUSD_PERP","ps":"ABCUSD","U":4,"u":7,"pu":3,"b":[],"a":[]}}
"""


def test_a_recording_is_replayed_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text(LINES)
    summary = survey(Recording.find([path]))

    source = RecordedSource([path], Market.COINM, summary, speed="10", sizes={"ABCUSD_PERP": 10})

    assert source.exchange == [
        *("--start", "manual", "--speed", "10", "--replay", str(path)),
        *("--market", "coinm", "--contract-size", "ABCUSD_PERP=10"),
    ]
    assert source.books == {(Market.COINM, "ABCUSD_PERP")}
    assert source.until_ms == 1_700_000_000_205
    assert source.watched_s is None


def test_the_simulated_market_holds_whole_minutes_and_is_over_within_two_minutes() -> None:
    market = Simulation(symbols={Market.SPOT: ["ABCUSDT"]}, streams=["trade"])
    minute = INTERVALS["1m"]
    first = -(-market.start_ms // minute) * minute

    assert market.start_ms + 1000 * market.duration_s >= first + 2 * minute
    assert market.duration_s / float(market.speed) < 60


def test_the_simulated_market_is_described_to_the_exchange(tmp_path: Path) -> None:
    market = Simulation(symbols={Market.USDM: ["ABCUSDT"]}, streams=["trade", "depth@100ms"], seed=7, start_ms=1_000)

    source = SimulatedSource(market, tmp_path)

    assert source.exchange == [
        *("--simulate", "--start", "manual", "--speed", "3", "--seed", "7", "--duration", "135"),
        *("--start-time", "1000", "--slow-readers", "wait", "--symbol", "usdm:ABCUSDT", "--record", str(tmp_path)),
    ]
    assert source.subscriptions.streams == (
        (Market.USDM, "abcusdt@depth@100ms"),
        (Market.USDM, "abcusdt@trade"),
    )
    assert source.until_ms == 136_000


def test_a_market_of_the_present_begins_when_its_exchange_does() -> None:
    """Its clock is the machine's, however long the rest takes to start: what is shown of it is not old."""
    market = Simulation(symbols={Market.SPOT: ["ABCUSDT"]}, streams=["trade"], duration_s=0, present=True, speed="1")

    assert SimulatedSource(market, None).exchange == [
        *("--simulate", "--start", "now", "--speed", "1", "--seed", "1", "--duration", "0"),
        *("--slow-readers", "wait", "--symbol", "spot:ABCUSDT"),
    ]


def test_binance_is_watched_until_a_minute_closed_but_less_than_two_minutes() -> None:
    source = LiveSource({Market.SPOT: ["BTCUSDT"]}, ["trade"])

    assert 60 < source.watched_s < 120
    assert source.exchange is None


def test_symbols_of_a_simulation_name_their_market() -> None:
    symbols = ["spot:btcusdt", "spot:ETHUSDT", "coinm:BTCUSD_PERP"]
    found = simulation(symbols, seed=3, duration_s=0, activity=2.0, start_ms=5_000, trades_kept=9_000)

    assert found.symbols == {Market.SPOT: ("BTCUSDT", "ETHUSDT"), Market.COINM: ("BTCUSD_PERP",)}
    assert (found.seed, found.duration_s, found.activity, found.start_ms) == (3, None, 2.0, 5_000)
    assert (found.trades_kept, found.depth_levels) == (9_000, SimulationConfig().depth_levels)


@pytest.mark.parametrize("text", ["BTCUSDT", "moon:BTCUSDT", "spot:"])
def test_a_symbol_without_its_market_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="MARKET:SYMBOL"):
        simulation([text], seed=1, duration_s=1, activity=1.0, start_ms=0)
