"""The exchange's own log: everything that was traded, whether it was told or not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sandbox.exchange.source import StreamEvent
from sandbox.simulation.config import SimulationConfig
from sandbox.simulation.source import SimulatedSource
from sandbox.simulation.truth import TruthExistsError, TruthLog
from schemas.markets import Market


CONFIG = SimulationConfig(
    symbols={Market.SPOT: ("BTCUSDT",), Market.USDM: ("ETHUSDT",), Market.COINM: ("BTCUSD_PERP",)},
    duration_s=8.0,
    depth_levels=40,
)


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def lines(directory: Path, name: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in (directory / name).read_bytes().splitlines()]


def told(events: list[StreamEvent], market: Market, kind: str, keys: str) -> list[list[Any]]:
    payloads = [
        msgspec.json.decode(each.data) for each in events if each.market is market and each.stream.endswith(f"@{kind}")
    ]
    return [[payload[key] for key in keys] for payload in payloads]


def test_the_log_has_what_the_streams_tell_in_the_order_of_the_engine(tmp_path: Path) -> None:
    with TruthLog(tmp_path, Clock()) as truth:
        events = list(SimulatedSource(CONFIG, truth).events())

    for market in Market:
        for name, kind, keys in (("trades", "trade", "stpqTm"), ("agg-trades", "aggTrade", "sapqflTm")):
            logged = lines(tmp_path, f"{market}.{name}.jsonl")

            assert [[each[key] for key in keys] for each in logged] == told(events, market, kind, keys)
            assert {each["epoch"] for each in logged} == {0}
            assert list(logged[0]) == [keys[0], "epoch", *keys[1:]]


def test_the_log_does_not_depend_on_who_listens(tmp_path: Path) -> None:
    for name, demand in (("all", None), ("none", frozenset[tuple[Market, str]]())):
        with TruthLog(tmp_path / name, Clock()) as truth:
            source = SimulatedSource(CONFIG, truth)
            if demand is not None:
                source.set_demand(demand)
            list(source.events())

    for path in (tmp_path / "all").iterdir():
        assert path.read_bytes() == (tmp_path / "none" / path.name).read_bytes() != b""


def test_a_wipe_is_a_new_epoch_in_the_log_and_loses_no_trade_of_the_old_one(tmp_path: Path) -> None:
    with TruthLog(tmp_path, Clock()) as truth:
        source = SimulatedSource(CONFIG, truth)
        for number, _ in enumerate(source.events()):
            if number == 300:
                source.wipe(Market.USDM, "ETHUSDT")
    trades, aggregates = lines(tmp_path, "usdm.trades.jsonl"), lines(tmp_path, "usdm.agg-trades.jsonl")

    assert [each["epoch"] for each in trades] == sorted(each["epoch"] for each in trades)
    for epoch in (0, 1):
        ids = [each["t"] for each in trades if each["epoch"] == epoch]

        assert ids == list(range(ids[0], ids[-1] + 1))
        assert ids == [i for a in aggregates if a["epoch"] == epoch for i in range(a["f"], a["l"] + 1)]
        assert (ids[0] == 1) is (epoch == 1)


def test_the_log_of_an_earlier_run_is_not_overwritten(tmp_path: Path) -> None:
    TruthLog(tmp_path, Clock()).close()

    with pytest.raises(TruthExistsError, match=r"trades.jsonl\" exists: move it away"):
        TruthLog(tmp_path, Clock())


def test_lines_wait_for_half_a_second_at_most(tmp_path: Path) -> None:
    clock = Clock()
    truth = TruthLog(tmp_path, clock)
    events = SimulatedSource(CONFIG, truth).events()
    for _ in range(200):
        next(events)
    before = lines(tmp_path, "spot.trades.jsonl")
    clock.now_s += 0.5
    for _ in range(200):
        next(events)
    after = lines(tmp_path, "spot.trades.jsonl")
    truth.flush()
    flushed = lines(tmp_path, "spot.trades.jsonl")
    truth.close()
    truth.close()

    assert (len(before), len(after) > 5, len(flushed) >= len(after)) == (0, True, True)
    assert lines(tmp_path, "spot.trades.jsonl") == flushed
