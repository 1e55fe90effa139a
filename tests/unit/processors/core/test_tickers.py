from __future__ import annotations

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.records import DeadLetter, Output, RawRecord
from processors.core.tickers import TickerPartition
from schemas.decimals import to_scaled
from schemas.derived import Ticker, TickerSource
from schemas.markets import Market
from schemas.topics import DerivedType, RawType
from schemas.wire import MiniTicker, Ticker as WireTicker
from tests.support.strategies import START_MS, mini_tickers, tickers
from tests.unit.processors.core.records import interleaved, record_of, values_of


FULL = WireTicker(
    event_type="24hrTicker",
    event_time=START_MS,
    symbol="BTCUSDT",
    price_change="-12.5",
    price_change_percent="-0.020",
    weighted_average_price="61000.12345678",
    last_price="61837.63",
    last_quantity="0.02",
    open_price="61850.13",
    high_price="62000",
    low_price="60000",
    volume="35000.5",
    second_volume="2142000000.12345678",
    open_time=START_MS - 86_400_000,
    close_time=START_MS,
    first_trade_id=1,
    last_trade_id=99,
    trade_count=99,
)
MINI = MiniTicker(
    event_type="24hrMiniTicker",
    event_time=START_MS,
    symbol="BTCUSDT",
    last_price="5",
    open_price="4",
    high_price="6",
    low_price="3",
    volume="30000000000000",
    second_volume="150000000000000.5",
)


def raw(message: WireTicker | MiniTicker, offset: int, market: Market = Market.SPOT) -> RawRecord:
    return record_of(
        RawType.TICKER if isinstance(message, WireTicker) else RawType.MINI_TICKER, message, offset, market=market
    )


def shown(outputs: list[Output | DeadLetter]) -> Ticker:
    (value,) = values_of(outputs)
    assert isinstance(value, Ticker)
    return value


@given(st.lists(tickers(), max_size=5), st.lists(mini_tickers(), min_size=1, max_size=5), st.data())
def test_the_last_ticker_does_not_depend_on_how_the_two_topics_are_interleaved(
    full: list[WireTicker], mini: list[MiniTicker], data: st.DataObject
) -> None:
    topics = ([raw(t, n) for n, t in enumerate(full)], [raw(t, n) for n, t in enumerate(mini)])
    last = []
    for _ in range(2):
        partition = TickerPartition()
        values: list[object] = []
        for record in data.draw(interleaved(*topics)):
            assert isinstance(record, RawRecord)
            values.extend(values_of(partition.feed(record)))
        last.append(values[-1])

    assert last[0] == last[1]


def test_a_full_ticker_wins_over_a_mini_ticker_until_it_falls_silent() -> None:
    partition = TickerPartition()

    assert shown(partition.feed(raw(MINI, 0))).source is TickerSource.MINI_TICKER
    assert shown(partition.feed(raw(FULL, 0))).source is TickerSource.TICKER
    assert partition.feed(raw(replace(MINI, event_time=START_MS + 60_000), 1)) == []
    later = shown(partition.feed(raw(replace(MINI, event_time=START_MS + 60_001), 2)))
    assert later.source is TickerSource.MINI_TICKER


def test_an_older_ticker_changes_nothing() -> None:
    partition = TickerPartition()
    partition.feed(raw(FULL, 0))

    assert partition.feed(raw(replace(FULL, event_time=START_MS - 1), 1)) == []


def test_a_ticker_is_taken_over_field_by_field() -> None:
    (output,) = TickerPartition().feed(raw(replace(FULL, bid_price="61837.62"), 4))

    assert isinstance(output, Output)
    assert (output.type, output.key, output.timestamp_ms) == (DerivedType.TICKER, b"BTCUSDT", START_MS)
    ticker = shown([output])
    assert (ticker.last_price, ticker.price_change) == (to_scaled("61837.63"), to_scaled("-12.5"))
    assert (ticker.base_volume, ticker.quote_volume) == (to_scaled("35000.5"), 2142000000_12345678 * 10**8)
    assert (ticker.bid_price, ticker.ask_price, ticker.contract_volume) == (to_scaled("61837.62"), None, None)
    assert (ticker.trade_count, ticker.open_time, ticker.input_offset) == (99, START_MS - 86_400_000, 4)


def test_volumes_wider_than_prices_are_read() -> None:
    ticker = shown(TickerPartition().feed(raw(MINI, 0)))

    assert ticker.base_volume == 30_000_000_000_000 * 10**8
    assert ticker.quote_volume == 1_500_000_000_000_005 * 10**15
    assert ticker.trade_count is None


def test_contract_markets_send_contracts_and_base_volume() -> None:
    ticker = shown(TickerPartition().feed(raw(replace(FULL, second_volume="7.5"), 0, Market.COINM)))

    assert (ticker.contract_volume, ticker.base_volume, ticker.quote_volume) == (
        to_scaled("35000.5"),
        to_scaled("7.5"),
        None,
    )


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (raw(replace(FULL, last_price="abc"), 0), "bad-number"),
        (raw(replace(MINI, volume="1e5"), 0), "bad-number"),
        (raw(replace(FULL, symbol="ETHUSDT"), 0), "does-not-fit"),
        (replace(raw(FULL, 0), timestamp_ms=START_MS - 7_200_000), "implausible-time"),
        (record_of(RawType.TICKER, b"{", 0), "malformed-json"),
        (record_of(RawType.MINI_TICKER, FULL, 0), "unknown-event"),
        (record_of(RawType.TICKER, None, 0), "malformed-json"),
    ],
)
def test_a_ticker_that_cannot_be_read_is_set_aside(record: RawRecord, reason: str) -> None:
    (letter,) = TickerPartition().feed(record)

    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.record) == (reason, record)


@given(st.lists(tickers(), max_size=5), st.lists(mini_tickers(), max_size=5), st.data())
def test_tickers_that_come_back_go_on_as_if_they_had_not_been_away(
    full: list[WireTicker], mini: list[MiniTicker], data: st.DataObject
) -> None:
    """Each symbol from a point of its own, not before that from which the log is read again."""
    drawn = data.draw(interleaved([raw(m, 0) for m in full], [raw(m, 0) for m in mini]))
    records = [replace(record, offset=offset) for offset, record in enumerate(drawn) if isinstance(record, RawRecord)]
    begin = data.draw(st.integers(0, len(records)))
    never_away, back = TickerPartition(), TickerPartition()
    dumped_at = {}
    for count in range(len(records) + 1):
        for entity in never_away.entities():
            if entity not in dumped_at and count >= begin and data.draw(st.booleans()):
                dumped_at[entity] = count
                back.load(entity, never_away.dump(entity))
        if count < len(records):
            never_away.feed(records[count])
    for record in records[:begin]:
        if Entity(record.market, (record.key or b"").decode()) not in dumped_at:
            back.feed(record)
    for record in records[begin:]:
        back.feed(record)

    assert dumps(back) == dumps(never_away)
    assert set(back.entities()) == set(never_away.entities())


def dumps(partition: TickerPartition) -> dict[Entity, bytes]:
    return {entity: partition.dump(entity) for entity in partition.entities()}


def test_what_was_dumped_is_unchanged_until_the_next_ticker() -> None:
    partition = TickerPartition()
    partition.feed(raw(FULL, 0))
    (entity,) = partition.entities_changed()
    partition.dump(entity)

    assert set(partition.entities_changed()) == set()

    partition.feed(raw(MINI, 0))

    assert set(partition.entities_changed()) == {entity} == {Entity(Market.SPOT, "BTCUSDT")}


@pytest.mark.parametrize("state", [b"", b"nonsense", b"\x93\x02\xc0\xc0"], ids=["empty", "nonsense", "version 2"])
def test_a_state_that_cannot_be_read_is_refused_and_changes_nothing(state: bytes) -> None:
    partition = TickerPartition()

    with pytest.raises(CheckpointError):
        partition.load(Entity(Market.SPOT, "BTCUSDT"), state)

    assert list(partition.entities()) == []
