"""What is verified is what the topics of a real broker hold."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sandbox.demo.settling import HeartbeatWatch, Log, behind
from sandbox.verify.naive import NaiveWalk
from sandbox.verify.symbols import SymbolId
from sandbox.verify.topics import collect_evidence, collect_outcome, diffs_of, snapshots_of
from sandbox.verify.verification import Given, verify
from schemas.codec import Codec
from schemas.control import Heartbeat
from schemas.derived import Candle, TopOfBook, Trade, TradeFlow
from schemas.keys import candle_key
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, Layer, RawType, TopicTable, partition_of
from tests.support.broker_io import Sent, create_topics, send
from tests.support.kafka import Broker
from tests.support.offline_registry import OfflineRegistry
from tests.unit.sandbox.verify.perfect import DERIVED, RAW, SYMBOL


PARTITION = partition_of(SYMBOL.symbol)
DERIVED_TYPES: dict[type[msgspec.Struct], DerivedType] = {
    TopOfBook: DerivedType.TOP_OF_BOOK,
    Trade: DerivedType.TRADE,
    Candle: DerivedType.CANDLE_1M,
    TradeFlow: DerivedType.TRADE_FLOW,
}


class Topics:
    """A perfect outcome on a broker, under a prefix of its own."""

    def __init__(self, servers: str, prefix: str) -> None:
        self.servers = servers
        self.table = TopicTable(prefix)
        self.codec = Codec(self.table, OfflineRegistry())

    async def fill(self) -> None:
        wanted = {None, SYMBOL.market}
        await create_topics(self.servers, [topic for topic in self.table if topic.market in wanted])
        records = [
            Sent(
                self.table.raw(SYMBOL.market, raw_type).name,
                PARTITION,
                value,
                SYMBOL.symbol.encode(),
                headers=(("stream", stream.encode()), ("origin", origin.encode())),
            )
            for raw_type, value, stream, origin in RAW
        ]
        for value in DERIVED:
            topic = self.table.derived(SYMBOL.market, DERIVED_TYPES[type(value)])
            key = candle_key(value) if isinstance(value, Candle) else SYMBOL.symbol.encode()
            records.append(Sent(topic.name, PARTITION, self.codec.encode(topic, value), key))
        await send(self.servers, records)


@pytest.fixture
async def topics(kafka: Broker, topic_prefix: str) -> Topics:
    found = Topics(kafka.bootstrap_servers, topic_prefix)
    await found.fill()
    return found


async def test_a_perfect_outcome_read_from_the_topics_holds(topics: Topics, tmp_path: Path) -> None:
    """The raw topics serve as evidence, as they do where Binance itself was the source."""
    outcome = collect_outcome(topics.servers, topics.table, topics.codec, [Market.SPOT], tmp_path / "outcome")
    evidence = collect_evidence(topics.servers, topics.table, [Market.SPOT], tmp_path / "evidence")

    def naive_book(symbol_id: SymbolId) -> NaiveWalk:
        snapshots = snapshots_of(topics.servers, topics.table, symbol_id)
        return NaiveWalk(symbol_id.market, snapshots, diffs_of(topics.servers, topics.table, symbol_id))

    given = Given(naive_book=naive_book, raw_is_evidence=True)
    report = verify(evidence, outcome, given, tmp_path / "comparison", seconds=1.0)

    symbol = report.symbols[str(SYMBOL)]
    assert report.ok, (report.problems, symbol.problems)
    assert (symbol.book.equal, symbol.candles["1m"].equal, symbol.trades.equal, symbol.snapshots) == (5, 3, 4, 1)
    assert naive_book(SYMBOL)(121) is not None


async def test_dead_letters_undecodable_and_misplaced_records_are_noticed(topics: Topics, tmp_path: Path) -> None:
    dead = topics.table.control(ControlType.DEAD_LETTER).name
    trades = topics.table.derived(Market.SPOT, DerivedType.TRADE).name
    raw = topics.table.raw(Market.SPOT, RawType.TRADE).name
    await send(
        topics.servers,
        [
            Sent(dead, 0, b"{}", headers=(("reason", b"bad-number"), ("source_topic", raw.encode()))),
            Sent(trades, 0, b"not avro"),
            Sent(raw, (PARTITION + 1) % 12, b"{}", SYMBOL.symbol.encode()),
        ],
    )

    outcome = collect_outcome(topics.servers, topics.table, topics.codec, [Market.SPOT], tmp_path / "outcome")

    assert dict(outcome.dead_letters) == {"bad-number": 1}
    assert outcome.dead_letter_examples == [{"reason": "bad-number", "source_topic": raw}]
    assert [trades in text for text in outcome.undecodable] == [True]
    assert [SYMBOL.symbol in text for text in outcome.misplaced] == [True]


async def test_heartbeats_are_followed_until_they_vouch_for_enough(topics: Topics) -> None:
    topic = topics.table.control(ControlType.HEARTBEAT)
    needed = {(Market.SPOT, "trade", PARTITION): 1_000, (Market.SPOT, "depth", PARTITION): 1_000}

    async def beat(stream: str, vouched_until: int) -> None:
        heartbeat = Heartbeat(
            market=Market.SPOT,
            stream=stream,
            partition=PARTITION,
            vouched_until=vouched_until,
            offset=1,
            ingest_id="x",
        )
        await send(topics.servers, [Sent(topic.name, PARTITION, topics.codec.encode(topic, heartbeat))])

    watch = HeartbeatWatch(topics.servers, topics.table, topics.codec, needed)
    try:
        await beat("trade", 999)
        await beat("trade", 1_000)
        assert not watch.poll(10)
        assert list(watch.missing) == [(Market.SPOT, "depth", PARTITION)]

        await beat("depth", 5_000)
        await beat("depth", 6_000)
        while not watch.poll(0.5):
            pass
    finally:
        watch.close()
    assert watch.reached == {(topic.name, PARTITION): 3}


async def test_lag_is_what_lies_between_the_ends_and_the_commits(topics: Topics) -> None:
    log = Log(topics.servers, topics.table)
    ends = log.ends(Layer.RAW, markets=[Market.SPOT])
    depth = topics.table.raw(Market.SPOT, RawType.DEPTH).name

    assert log.committed("nobody") == {}
    assert sum(ends.values()) == len(RAW)
    assert behind({depth}, ends, {}) == 7
