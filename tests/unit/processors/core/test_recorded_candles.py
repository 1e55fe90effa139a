"""Candles made of the recordings against Binance's own klines, and derived trades against the recorded ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from processors.core.candle_series import CandleSeries
from processors.core.records import Output, RawRecord
from processors.core.trade_partition import TradePartition
from processors.core.trades import Match
from schemas.decimals import QUOTE_SCALE, format_scaled, parse_scaled, to_scaled
from schemas.derived import Candle, TakerSide, TradeKind, TradeSource
from schemas.markets import Market
from schemas.topics import RawType
from schemas.wire import Trade
from tests.unit.processors.core.recorded import Recording, hftbacktest, klines
from tests.unit.processors.core.records import heartbeat_of, last_candles, trades_of, values_of


MINUTE = 60_000


def spot(recordings: Path) -> Recording:
    folder = recordings / "hftbacktest" / "spot"
    return hftbacktest(Market.SPOT, "BTCUSDT", sorted(folder.glob("btcusdt_*.gz")))


def usdm(recordings: Path) -> Recording:
    return hftbacktest(Market.USDM, "ETHUSDT", [recordings / "hftbacktest" / "usdm" / "ethusdt_20240808.gz"])


def fed(records: list[RawRecord]) -> list[Output]:
    partition = TradePartition()
    return [output for record in records for output in partition.feed(record) if isinstance(output, Output)]


def minutes(outputs: list[Output]) -> dict[int, Candle]:
    return {start: candle for (interval, start), candle in last_candles(outputs).items() if interval == "1m"}


def test_spot_candles_equal_the_klines_of_every_full_minute(recordings: Path) -> None:
    truth = klines(recordings / "klines" / "SPOT-BTCUSDT-1m-20240808T2345-20240809T0014.csv")
    candles = minutes(fed(spot(recordings).records[RawType.TRADE]))
    first, *full = sorted(candles)

    assert not candles[first].complete
    assert len(full) == 10
    for start in full:
        candle, row = candles[start], truth[start]
        values = (candle.open, candle.high, candle.low, candle.close, candle.base_volume)
        assert values == tuple(to_scaled(text) for text in row)
        assert candle.complete


def test_usdm_candles_equal_the_klines_in_every_column(recordings: Path) -> None:
    truth = klines(recordings / "klines" / "USDM-ETHUSDT-1m-20240808T2350-20240809T0004.csv")
    partition = TradePartition()
    records = usdm(recordings).records[RawType.TRADE]
    outputs = [output for record in records for output in partition.feed(record)]
    outputs += partition.heartbeat(heartbeat_of(1723161600000, len(records), market=Market.USDM))
    candles = minutes([output for output in outputs if isinstance(output, Output)])
    _, *full = sorted(candles)

    assert len(full) == 5
    for start in full:
        candle, row = candles[start], truth[start]
        assert (candle.open, candle.high, candle.low, candle.close, candle.base_volume) == tuple(
            to_scaled(text) for text in row[:5]
        )
        assert candle.close_time - 1 == int(row[5])
        assert (candle.quote_volume, candle.taker_buy_quote_volume) == (
            parse_scaled(row[6], QUOTE_SCALE, 38),
            parse_scaled(row[9], QUOTE_SCALE, 38),
        )
        assert (candle.trade_count, candle.taker_buy_base_volume) == (int(row[7]), to_scaled(row[8]))
        assert candle.last_trade_id - candle.first_trade_id + 1 == candle.trade_count


@pytest.mark.parametrize("read", [spot, usdm])
def test_each_recorded_trade_comes_out_once_in_order(recordings: Path, read: Callable[[Path], Recording]) -> None:
    records = read(recordings).records[RawType.TRADE]
    trades = trades_of(fed(records))
    sent = [msgspec.json.decode(record.value or b"", type=Trade) for record in records]

    assert [trade.trade_id for trade in trades] == [trade.trade_id for trade in sent]
    assert [format_scaled(trade.price or 0) for trade in trades] == [
        format_scaled(to_scaled(trade.price)) for trade in sent
    ]
    assert {trade.kind for trade in trades} == {TradeKind.TRADE}
    assert not any(trade.late for trade in trades)


def test_what_comes_out_does_not_depend_on_a_second_copy_of_everything(recordings: Path) -> None:
    """Two connections of which one is a little behind."""
    records = spot(recordings).records[RawType.TRADE][:4_000]
    twice: list[RawRecord] = []
    for index, record in enumerate(records):
        twice.append(record)
        if index >= 5:
            twice.append(records[index - 5])

    assert values_of(fed(twice)) == values_of(fed(records))


def test_klines_of_a_minute_rolled_up_equal_those_of_five_and_fifteen(recordings: Path) -> None:
    """Each one-minute kline stands for four trades: open, high, low, close, with its volume on the last."""
    folder = recordings / "klines" / "rollup"
    series = CandleSeries("BTCUSDT", TradeSource.TRADE, contracts=False, covered_since=0)
    candles: list[Candle] = []
    count = 0
    for start, row in sorted(klines(folder / "BTCUSDT-1m-20250622-20250623.csv").items()):
        opened, high, low, close, volume = (to_scaled(text) for text in row)
        for place, price in enumerate((opened, high, low, close)):
            count += 1
            quantity = volume if place == 3 else 0
            match = Match(
                count, count, count, start + place, price, quantity, quantity, 0, TakerSide.BUY, input_offset=count
            )
            candles.extend(series.add(match))
        candles.extend(series.vouch(start + MINUTE))

    found = {(candle.interval, candle.open_time): candle for candle in candles if candle.final}
    for interval, least in (("5m", 500), ("15m", 180)):
        truth = klines(folder / f"BTCUSDT-{interval}-20250622-20250623.csv")
        compared = 0
        for start, row in truth.items():
            candle = found[interval, start]
            assert (candle.open, candle.high, candle.low, candle.close, candle.base_volume) == tuple(
                to_scaled(text) for text in row
            )
            compared += 1
        assert compared > least
    assert all(candle.complete and not candle.revision for candle in found.values())
