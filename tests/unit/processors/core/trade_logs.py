"""Random logs of trades with all that happens to them, as repair and ingest would write them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from processors.core.records import RawRecord
from schemas.control import Gap, GapStatus, Heartbeat
from schemas.markets import Market
from schemas.topics import RawType
from schemas.wire import AggTrade, Trade
from tests.unit.processors.core.records import heartbeat_of, interleaved, record_of


__all__ = ["SYMBOLS", "TradeLog", "trade_logs"]

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MINUTE = 60_000
START = 1_700_000_000_000
SETTLED = (GapStatus.FILLED, GapStatus.ABSENT, GapStatus.UNFILLABLE)


class _Hole:
    def __init__(self, first_id: int, last_id: int, times: tuple[int, int], stream: str) -> None:
        self.first_id, self.last_id, self.times, self.stream = first_id, last_id, times, stream
        self.status = GapStatus.OPEN


class _Ids:
    """One symbol at the venue."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.next_id = 10
        self.time = START
        self.aggregate = False
        self.holes: list[_Hole] = []
        self.sent: list[tuple[RawType, int, int]] = []


class TradeLog:
    """Raw records, heartbeats and entries of the ledger: a list per topic, written step by step.

    Heartbeats are true: what comes after the offset and is no repetition, nor of a hole, is not older than they say.
    """

    def __init__(self) -> None:
        self.raw: dict[RawType, list[RawRecord]] = {RawType.TRADE: [], RawType.AGG_TRADE: []}
        self.gaps: list[Gap] = []
        self.heartbeats: list[Heartbeat] = []
        self._ids = [_Ids(symbol) for symbol in SYMBOLS]
        self._runs = 0
        self._begin = 0
        self._clock = 0

    @property
    def topics(self) -> Sequence[Sequence[object]]:
        """All topics."""
        return (*self.raw.values(), self.heartbeats, self.gaps)

    def step(self, kind: str, which: int, by: int) -> None:
        """Let something happen to a symbol."""
        getattr(self, f"_{kind}")(self._ids[which % len(self._ids)], by)

    def _trade(self, ids: _Ids, by: int) -> None:
        ids.time += by * by * 1_500
        self._write(ids, RawType.AGG_TRADE if ids.aggregate else RawType.TRADE, ids.next_id, ids.time)
        ids.next_id += 1

    def _hole(self, ids: _Ids, by: int) -> None:
        before, first_id = ids.time, ids.next_id
        ids.next_id += 1 + by % 3
        self._trade(ids, by)
        stream = RawType.AGG_TRADE if ids.aggregate else RawType.TRADE
        hole = _Hole(first_id, first_id + by % 3, (before, ids.time), stream)
        ids.holes.append(hole)
        self._tell(ids, hole, hole.first_id, hole.last_id, GapStatus.OPEN)

    def _fill(self, ids: _Ids, by: int) -> None:
        if ids.holes:
            hole = ids.holes[by % len(ids.holes)]
            one = hole.first_id + by % (hole.last_id - hole.first_id + 1)
            self._write(ids, RawType(hole.stream), one, hole.times[by % 2])

    def _ledger(self, ids: _Ids, by: int) -> None:
        holes = [hole for hole in ids.holes if hole.status not in SETTLED]
        if not holes:
            return
        hole = holes[by % len(holes)]
        if by % 2 and hole.status is GapStatus.OPEN:
            hole.status = GapStatus.DEFERRED
        elif by % 4 == 0 and hole.last_id > hole.first_id:
            self._tell(ids, hole, hole.last_id, hole.last_id, SETTLED[by % 3])
            hole.last_id -= 1
        else:
            hole.status = SETTLED[by % 3]
        self._tell(ids, hole, hole.first_id, hole.last_id, hole.status)

    def _again(self, ids: _Ids, by: int) -> None:
        if ids.sent:
            self._write(ids, *ids.sent[-1 - by % len(ids.sent)])

    def _bad(self, ids: _Ids, by: int) -> None:
        ids.time += by
        self._write(ids, RawType.AGG_TRADE if ids.aggregate else RawType.TRADE, ids.next_id, ids.time, price="-1")
        ids.next_id += 1

    def _epoch(self, ids: _Ids, by: int) -> None:
        ids.time += MINUTE * by + 1
        ids.next_id = 2
        self._trade(ids, by)

    def _switch(self, ids: _Ids, by: int) -> None:
        ids.aggregate = not ids.aggregate
        ids.next_id += 100
        ids.time += by
        self._trade(ids, by)

    def _run(self, ids: _Ids, by: int) -> None:
        self._runs += 1
        self._begin = len(self.raw[RawType.TRADE]) if by % 2 else 0

    def _heartbeat(self, ids: _Ids, by: int) -> None:
        until = min(one.time for one in self._ids) - by % 3
        for raw_type, records in self.raw.items():
            symbols = [SYMBOLS[self._runs % 2]] if self._runs % 3 == 1 else None
            beat = heartbeat_of(
                until,
                len(records),
                stream=raw_type,
                ingest_id=str(self._runs),
                begin_offset=self._begin,
                symbols=symbols,
            )
            self.heartbeats.append(beat)

    def _write(self, ids: _Ids, raw_type: RawType, one_id: int, time: int, *, price: str = "") -> None:
        price = price or str(100 + one_id % 7)
        value: Trade | AggTrade
        if raw_type is RawType.TRADE:
            value = Trade(
                event_type="trade",
                event_time=time,
                symbol=ids.symbol,
                trade_id=one_id,
                price=price,
                quantity="2",
                trade_time=time,
                buyer_is_maker=bool(one_id % 2),
            )
        else:
            value = AggTrade(
                event_type="aggTrade",
                event_time=time,
                symbol=ids.symbol,
                aggregate_trade_id=one_id,
                price=price,
                quantity="2",
                first_trade_id=2 * one_id,
                last_trade_id=2 * one_id + 1,
                trade_time=time,
                buyer_is_maker=bool(one_id % 2),
            )
        records = self.raw[raw_type]
        headers = [("carries_trades", b"1")]
        records.append(record_of(raw_type, value, len(records), key=ids.symbol.encode(), headers=headers))
        ids.sent.append((raw_type, one_id, time))

    def _tell(self, ids: _Ids, hole: _Hole, first_id: int, last_id: int, status: GapStatus) -> None:
        self._clock += 1
        self.gaps.append(
            Gap(
                market=Market.SPOT,
                stream=hole.stream,
                symbol=ids.symbol,
                epoch=0,
                first_id=first_id,
                last_id=last_id,
                status=status,
                reason=None,
                previous_time=hole.times[0],
                next_time=hole.times[1],
                opened_time=0,
                updated_time=self._clock // 2,
            )
        )


_KINDS = ["trade", "trade", "trade", "hole", "hole", "fill", "ledger", "ledger", "again", "bad", "epoch", "switch"]
_STEPS = st.tuples(st.sampled_from([*_KINDS, "run", "heartbeat", "heartbeat"]), st.integers(0, 1), st.integers(0, 12))


@st.composite
def trade_logs(draw: st.DrawFn, *, most: int = 40) -> list[object]:
    """Return a log in the order in which a partition reads it."""
    log = TradeLog()
    for kind, which, by in draw(st.lists(_STEPS, min_size=1, max_size=most)):
        log.step(kind, which, by)
    return draw(interleaved(*log.topics))
