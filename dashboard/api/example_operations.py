"""The operators' view as an example for the OpenAPI document."""

from __future__ import annotations

from typing import Final

from dashboard.core.answers import Document, Moment
from dashboard.core.operations import Operations
from dashboard.core.store import Store
from dashboard.core.traffic import GroupLook
from schemas.control import Connection, ConnectionEvent, Gap, GapStatus, Heartbeat
from schemas.markets import Market
from schemas.topics import DerivedType, RawType, TopicTable


__all__ = ["example_operations"]

_INGEST: Final = "3f9a1c07"
_SPAN_S: Final = 10


def example_operations(store: Store, moment: Moment) -> Document:
    """Return how a market stands of which one symbol is taken."""
    table, market, now_ms = TopicTable(), Market.SPOT, moment.now_ms
    operations = Operations(table, [market], private=False)
    connection = Connection(
        connection_id=f"{_INGEST}.spot-0.1",
        sequence=1,
        market=market,
        event=ConnectionEvent.CONNECTED,
        time=now_ms - 3_600_000,
        url="wss://stream.binance.com:9443/stream",
        streams=["btcusdt@depth@100ms", "btcusdt@trade"],
        reason=None,
    )
    gap = Gap(
        market=market,
        stream=RawType.TRADE,
        symbol="BTCUSDT",
        epoch=0,
        first_id=3_735_683_143,
        last_id=3_735_683_150,
        status=GapStatus.FILLED,
        reason=None,
        previous_time=now_ms - 60_000,
        next_time=now_ms - 59_000,
        opened_time=now_ms - 58_900,
        updated_time=now_ms - 58_000,
    )
    for value in (connection, gap):
        operations.take(value, moment.at_s)
    for raw_type, per_s in ((RawType.TRADE, 21), (RawType.DEPTH, 10)):
        heartbeat = Heartbeat(
            market=market, stream=raw_type, partition=3, vouched_until=now_ms - 2_100, offset=77_250, ingest_id=_INGEST
        )
        operations.take(heartbeat, moment.at_s)
        topic = table.raw(market, raw_type).name
        for number in range(2):
            operations.topics.note_ends(topic, {3: 77_000 + number * per_s * _SPAN_S}, moment.at_s + number * _SPAN_S)
        operations.arrival.note(topic, now_ms - 100, now_ms - 88, moment.at_s)
    operations.passage.note(table.derived(market, DerivedType.TRADE).name, now_ms - 100, now_ms - 63, moment.at_s)
    group = f"{table.prefix}-processors-trades"
    operations.topics.note_groups([GroupLook(group, "stable", 1, {(table.raw(market, RawType.TRADE).name, 3): 77_190})])
    return operations.document(store, moment)
