"""A log as ingest writes it, with all that makes it difficult: two connections, holes, a ledger, heartbeats, poison."""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping

from schemas.codec import Codec
from schemas.control import Gap, GapStatus, Heartbeat
from schemas.keys import heartbeat_key
from schemas.markets import Market
from schemas.topics import ControlType, RawType, Topic, TopicTable, partition_of
from tests.support.broker_io import Sent


__all__ = ["RawLog", "difficult_log"]

T0 = 1_723_161_600_000


class RawLog:
    """Records for raw and control topics, in the order in which they are to be sent.

    Args:
        table: the topics.
        codec: encodes control records.
        seed: of all that is random.
    """

    def __init__(self, table: TopicTable, codec: Codec, seed: int) -> None:
        self.sent: list[Sent] = []
        self.random = random.Random(seed)  # noqa: S311 - the same each time
        self._table = table
        self._codec = codec
        self._offsets: dict[tuple[str, int], int] = defaultdict(int)

    def raw(
        self, market: Market, of: RawType, symbol: str, payload: Mapping[str, object] | bytes, time_ms: int
    ) -> None:
        value = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = (("receive_time_ns", str((time_ms + 30) * 1_000_000).encode()),)
        self._add(
            Sent(self._table.raw(market, of).name, partition_of(symbol), value, symbol.encode(), time_ms, headers)
        )

    def heartbeats(self, market: Market, of: RawType, until_ms: int) -> None:
        """Vouch for all that was sent until now, of every partition that has something."""
        topic, raw = self._table.control(ControlType.HEARTBEAT), self._table.raw(market, of)
        for partition in range(topic.partitions):
            if offset := self._offsets[raw.name, partition]:
                beat = Heartbeat(
                    market=market,
                    stream=of,
                    partition=partition,
                    vouched_until=until_ms,
                    offset=offset,
                    ingest_id="one",
                    begin_offset=0,
                )
                self._control(topic, partition, beat, heartbeat_key(beat), until_ms)

    def gap(self, market: Market, symbol: str, ids: tuple[int, int], times: tuple[int, int], status: GapStatus) -> None:
        """Tell of a hole in trades."""
        topic = self._table.control(ControlType.GAP)
        entry = Gap(
            market=market,
            stream=RawType.TRADE,
            symbol=symbol,
            epoch=0,
            first_id=ids[0],
            last_id=ids[1],
            status=status,
            reason=None,
            previous_time=times[0],
            next_time=times[1],
            opened_time=times[1],
            updated_time=times[1],
        )
        key = f"{market}|trade|{symbol}|{ids[0]}".encode()
        self._control(topic, partition_of(symbol), entry, key, times[1])

    def _control(self, topic: Topic, partition: int, value: Gap | Heartbeat, key: bytes, time_ms: int) -> None:
        self._add(Sent(topic.name, partition, self._codec.encode(topic, value), key, time_ms))

    def _add(self, record: Sent) -> None:
        self.sent.append(record)
        self._offsets[record.topic, record.partition] += 1


def difficult_log(table: TopicTable, codec: Codec, *, steps: int, symbols: int = 8, seed: int = 11) -> list[Sent]:
    """Return a log of the markets spot and USD-M: trades, depth and tickers of symbols over ``steps`` of 100 ms."""
    log = RawLog(table, codec, seed)
    series = [
        _Symbol(log, market, f"S{number}USDT") for market in (Market.SPOT, Market.USDM) for number in range(symbols)
    ]
    for step in range(steps):
        for one in series:
            one.step(step, T0 + step * 100)
        if step % 10 == 9:
            for market in (Market.SPOT, Market.USDM):
                for of in (RawType.TRADE, RawType.DEPTH):
                    log.heartbeats(market, of, T0 + step * 100 - 2_000)
    return log.sent


class _Symbol:
    """One symbol of the venue."""

    def __init__(self, log: RawLog, market: Market, symbol: str) -> None:
        self._log = log
        self._market = market
        self._symbol = symbol
        self._trade_id = log.random.randrange(1_000, 9_000)
        self._update_id = log.random.randrange(1_000, 9_000)
        self._last_time = T0
        self._missing: list[tuple[int, dict[str, object]]] = []

    def step(self, step: int, time_ms: int) -> None:
        chance = self._log.random
        self._fill(step)
        # Whole minutes without trades, so that candles without any are made.
        if chance.random() < 0.4 and (step // 600) % 3 != 1:
            self._trade(step, time_ms)
        if chance.random() < 0.6:
            self._diff(step, time_ms)
        if step % 97 == 0:
            self._snapshot(time_ms)
        if chance.random() < 0.02:
            self._ticker(time_ms)
        if chance.random() < 0.002:
            of = chance.choice([RawType.TRADE, RawType.DEPTH, RawType.MINI_TICKER])
            self._log.raw(self._market, of, self._symbol, b'{"e":"poison"', time_ms)

    def _trade(self, step: int, time_ms: int) -> None:
        chance, log = self._log.random, self._log
        self._trade_id += 1
        trade = {
            "e": "trade",
            "E": time_ms,
            "s": self._symbol,
            "t": self._trade_id,
            "p": f"{chance.randrange(10_000, 10_010) / 100}",
            "q": f"{chance.randrange(1, 1_000) / 1000}",
            "T": time_ms,
            "m": chance.random() < 0.5,
        }
        if chance.random() < 0.03:
            # It did not come; the ledger says so, and most of the time it is filled.
            status = chance.choice([GapStatus.FILLED, GapStatus.DEFERRED, GapStatus.UNFILLABLE, GapStatus.ABSENT])
            self._log.gap(
                self._market, self._symbol, (self._trade_id,) * 2, (self._last_time, time_ms + 100), GapStatus.OPEN
            )
            self._log.gap(self._market, self._symbol, (self._trade_id,) * 2, (self._last_time, time_ms + 100), status)
            if status in {GapStatus.FILLED, GapStatus.DEFERRED}:
                self._missing.append((step + chance.randrange(1, 900), trade))
        else:
            copies = 1 + (chance.random() < 0.2)
            for _ in range(copies):
                log.raw(self._market, RawType.TRADE, self._symbol, trade, time_ms)
        self._last_time = time_ms

    def _fill(self, step: int) -> None:
        for due, trade in [one for one in self._missing if one[0] <= step]:
            self._missing.remove((due, trade))
            time_ms = trade["T"]
            assert isinstance(time_ms, int)
            self._log.raw(self._market, RawType.TRADE, self._symbol, trade, time_ms)

    def _diff(self, step: int, time_ms: int) -> None:
        chance = self._log.random
        before, self._update_id = self._update_id, self._update_id + chance.randrange(1, 4)
        diff: dict[str, object] = {
            "e": "depthUpdate",
            "E": time_ms,
            "s": self._symbol,
            "U": before + 1,
            "u": self._update_id,
            "b": [[f"{chance.randrange(9_990, 10_000) / 100}", f"{chance.randrange(3)}"]],
            "a": [[f"{chance.randrange(10_001, 10_010) / 100}", f"{chance.randrange(3)}"]],
        }
        if self._market is not Market.SPOT:
            diff |= {"T": time_ms, "pu": before}
        if chance.random() > 0.005:  # else the book breaks, until the next snapshot
            self._log.raw(self._market, RawType.DEPTH, self._symbol, diff, time_ms)

    def _snapshot(self, time_ms: int) -> None:
        levels = {
            "bids": [[f"{99.9 - n / 100:.2f}", "1"] for n in range(5)],
            "asks": [[f"{100.1 + n / 100:.2f}", "1"] for n in range(5)],
        }
        self._log.raw(
            self._market, RawType.DEPTH, self._symbol, {"lastUpdateId": self._update_id, **levels}, time_ms + 50
        )

    def _ticker(self, time_ms: int) -> None:
        price = f"{self._log.random.randrange(10_000, 10_010) / 100}"
        ticker = {
            "e": "24hrMiniTicker",
            "E": time_ms,
            "s": self._symbol,
            **dict.fromkeys("cohl", price),
            "v": "10",
            "q": "1000",
        }
        self._log.raw(self._market, RawType.MINI_TICKER, self._symbol, ticker, time_ms)
