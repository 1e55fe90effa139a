"""A family as small as can be: the n-th record of a symbol becomes a trade whose id is the sum of all values so far.

One record lost, repeated or applied in the wrong order changes every output after it, so equal outputs prove that each
was applied once, in order, over kills and rebalances.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

import msgspec

from processors.core.checkpoint_rounds import CheckpointError, Entity
from processors.core.records import DeadLetter, Output, RawRecord
from processors.units import Flow
from schemas.control import Gap, Heartbeat
from schemas.derived import TakerSide, Trade, TradeKind, TradeSource
from schemas.markets import Market
from schemas.topics import ControlType, DerivedType, RawType, TopicTable


class _Dumped(msgspec.Struct):
    version: int
    next_offset: int
    sum: int


class TinyState:
    def __init__(self) -> None:
        self.sums: dict[str, int] = defaultdict(int)
        self.next_offsets: dict[str, int] = {}
        self.changed: set[Entity] = set()
        self.anew: list[Entity] = []
        self.heartbeats: list[Heartbeat] = []
        self.ticks: list[int] = []

    def feed(self, record: RawRecord) -> Iterable[Output | DeadLetter]:
        assert record.key is not None
        assert record.value is not None
        symbol, value = record.key.decode(), record.value
        if record.offset < self.next_offsets.get(symbol, 0):
            return []
        self.next_offsets[symbol] = record.offset + 1
        self.changed.add(Entity(Market.SPOT, symbol))
        if value.startswith(b"raise-once:"):
            marker = Path(value.removeprefix(b"raise-once:").decode())
            if not marker.exists():
                marker.touch()
                raise RuntimeError("the core is broken")
            value = b"1"
        if not value.isdigit():
            return [DeadLetter("bad-number", f"{value!r} is no number", record)]
        self.sums[symbol] += int(value)
        trade = Trade(
            kind=TradeKind.TRADE,
            symbol=symbol,
            source=TradeSource.TRADE,
            epoch=0,
            trade_id=self.sums[symbol],
            last_missing_id=None,
            first_trade_id=None,
            last_trade_id=None,
            trade_time=record.timestamp_ms,
            price=1,
            quantity=1,
            base_quantity=1,
            quote_quantity=1,
            taker_side=TakerSide.BUY,
            late=False,
            input_offset=record.offset,
        )
        return [Output(record.market, DerivedType.TRADE, record.key, trade, record.timestamp_ms)]

    def heartbeat(self, heartbeat: Heartbeat) -> Iterable[Output | DeadLetter]:
        self.heartbeats.append(heartbeat)
        return []

    def gap(self, gap: Gap) -> Iterable[Output | DeadLetter]:
        raise NotImplementedError(gap)

    def tick(self, now_ms: int) -> Iterable[Output | DeadLetter]:
        self.ticks.append(now_ms)
        return []

    def lags(self, lagging: bool) -> None:
        self.lagging = lagging

    def entities(self) -> Collection[Entity]:
        return [Entity(Market.SPOT, symbol) for symbol in self.next_offsets]

    def entities_changed(self) -> Collection[Entity]:
        return self.changed

    def dump(self, entity: Entity) -> bytes:
        self.changed.discard(entity)
        return msgspec.msgpack.encode(_Dumped(1, self.next_offsets[entity.key], self.sums[entity.key]))

    def load(self, entity: Entity, state: bytes) -> None:
        try:
            dumped = msgspec.msgpack.decode(state, type=_Dumped)
        except msgspec.MsgspecError as error:
            raise CheckpointError(str(error)) from error
        if dumped.version != 1:
            msg = f"version is {dumped.version}"
            raise CheckpointError(msg)
        self.sums[entity.key], self.next_offsets[entity.key] = dumped.sum, dumped.next_offset

    def dump_shared(self) -> bytes:
        return msgspec.msgpack.encode(len(self.heartbeats))

    def load_shared(self, state: bytes) -> None:
        try:
            self.loaded_heartbeats = msgspec.msgpack.decode(state, type=int)
        except msgspec.MsgspecError as error:
            raise CheckpointError(str(error)) from error

    def start_anew(self, entity: Entity) -> None:
        self.anew.append(entity)
        self.next_offsets[entity.key] = 0

    def announce(self) -> Collection[Output]:
        return ()


def tiny_flow(table: TopicTable, checkpoint: DerivedType | None = None, *, lost_from_log: bool = False) -> Flow:
    topics = (table.raw(Market.SPOT, RawType.TRADE), table.control(ControlType.HEARTBEAT))
    return Flow("tiny", topics, lambda _: TinyState(), checkpoint=checkpoint, lost_from_log=lost_from_log)
