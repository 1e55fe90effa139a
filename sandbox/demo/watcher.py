"""Follows the derived topics while they are written, for the eyes of the demo."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from confluent_kafka import Consumer, TopicPartition

from sandbox.demo.board import Board
from schemas.codec import Codec, DecodeError
from schemas.markets import Market
from schemas.topics import DerivedType, TopicTable


__all__ = ["Watcher"]

_SHOWN: Final = (DerivedType.TOP_OF_BOOK, DerivedType.CANDLE_1M, DerivedType.TRADE_FLOW, DerivedType.ALERT)
_POLL_S: Final = 0.2
_AT_ONCE: Final = 2_000
_JOIN_S: Final = 10.0


class Watcher:
    """Keeps a board up to date from a thread of its own, between entering and leaving."""

    def __init__(
        self, bootstrap_servers: str, table: TopicTable, codec: Codec, markets: Sequence[Market], board: Board
    ) -> None:
        self._codec = codec
        self._board = board
        self._topics = {
            table.derived(market, derived_type).name: (market, table.derived(market, derived_type).partitions)
            for market in markets
            for derived_type in _SHOWN
        }
        self._bootstrap_servers = bootstrap_servers
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="watcher", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join(_JOIN_S)

    def _follow(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap_servers,
                "log_level": 0,
                "group.id": "binance-sandbox-watcher",  # demanded by the client; nothing is committed
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
            }
        )
        try:
            partitions = [
                TopicPartition(name, number, 0) for name, (_, count) in self._topics.items() for number in range(count)
            ]
            consumer.assign(partitions)
            while not self._stopping.is_set():
                for message in consumer.consume(_AT_ONCE, _POLL_S):
                    if message.error() is None:
                        self._take(
                            message.topic() or "", message.partition() or 0, message.offset() or 0, message.value()
                        )
        finally:
            consumer.close()

    def _take(self, topic: str, partition: int, offset: int, value: bytes | None) -> None:
        # What cannot be decoded is the verification's business.
        with suppress(DecodeError):
            market, _ = self._topics[topic]
            self._board.take(market, self._codec.decode(topic, partition, offset, value))
