"""What a reader of order events and of ``order`` noted: how long each took, and whether any is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import msgspec
from confluent_kafka import Message
from msgspec import Struct

from bench.live_reader import Times, received_ns_of, timed
from bench.results import Row
from schemas.accounts import AccountSource, Order, OrderKind
from schemas.codec import Codec
from schemas.decimals import to_scaled
from schemas.markets import Market
from schemas.topics import DerivedType, RawType, TopicTable
from schemas.user_data import AlgoUpdate, ExecutionReport, OrderTradeUpdate, UserEvent


__all__ = ["WARM_UP_NS", "OrderNotes", "OrderTopics", "Standing", "rows_of"]

WARM_UP_NS: Final = 5_000_000_000
"""From the first order event on: caches fill, and every code path is taken once."""

Place = tuple[Market, int, int]
"""Market, partition and offset of a raw record."""


class Standing(Struct, frozen=True):
    """Where an order stands."""

    market: Market
    account: str
    symbol: str
    kind: OrderKind
    order_id: int
    status: str
    filled: int
    """0 for algo orders: what fills is the order that comes of one."""


class OrderNotes:
    """When order events and states of orders came, and what they say."""

    def __init__(self) -> None:
        self.raw: dict[Place, Times] = {}
        self.told: dict[Place, Standing] = {}
        """What the events say that tell where an order stands."""
        self.known: set[Standing] = set()
        """What the records say."""
        self.at_hand_ns: dict[Place, int] = {}
        """When the first record was at hand that names an event."""
        self.duplicates = 0
        self._seen: set[tuple[Market, bytes, int, int]] = set()

    def note_event(self, place: Place, times: Times, *, account: str, event_type: str, payload: bytes) -> None:
        """Note an event.

        Args:
            place: of the raw record.
            times: of it.
            account: whose.
            event_type: which, as the venue spells it.
            payload: the raw value.
        """
        self.raw[place] = times
        if (tell := _TELLING.get(event_type)) is not None:
            self.told[place] = tell(place[0], account, payload)

    def note_order(self, market: Market, partition: int, key: bytes, order: Order, at_ns: int) -> None:
        """Note a record of ``order``.

        Args:
            market: of the topic.
            partition: of the record.
            key: of the record.
            order: its value.
            at_ns: since when it is at hand.
        """
        version = market, key, order.input_offset, order.snapshot_offset
        self.duplicates += version in self._seen
        self._seen.add(version)
        filled = 0 if order.kind is OrderKind.ALGO else order.filled_quantity
        self.known.add(Standing(market, order.account, order.symbol, order.kind, order.order_id, order.status, filled))
        if order.source is AccountSource.STREAM:
            self.at_hand_ns.setdefault((market, partition, order.input_offset), at_ns)


class OrderTopics:
    """The topics that the notes are of.

    Args:
        table: all topics.
        codec: reads the states.
        notes: takes down what is read.
    """

    def __init__(self, table: TopicTable, codec: Codec, notes: OrderNotes) -> None:
        self._codec = codec
        self._notes = notes
        self._raw = {table.raw(market, RawType.ORDER_UPDATE).name: market for market in Market}
        self._orders = {table.derived(market, DerivedType.ORDER).name: market for market in Market}

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [*self._raw, *self._orders]

    def take(self, message: Message, at_ns: int) -> None:
        """Note a record."""
        topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
        key, value = _bytes(message.key()), message.value()
        if (market := self._raw.get(topic)) is not None:
            self._notes.note_event(
                (market, partition, offset),
                (received_ns_of(message), at_ns),
                account=key.decode(),
                event_type=_bytes(dict(message.headers() or ()).get("stream")).decode(),
                payload=_bytes(value),
            )
        elif value is not None:
            order = self._codec.decode(topic, partition, offset, value)
            if isinstance(order, Order):
                self._notes.note_order(self._orders[topic], partition, key, order, at_ns)


def _spot(market: Market, account: str, value: bytes) -> Standing:
    told = _decode_report(value)
    filled = to_scaled(told.cumulative_quantity)
    return Standing(market, account, told.symbol, OrderKind.REGULAR, told.order_id, told.status, filled)


def _futures(market: Market, account: str, value: bytes) -> Standing:
    told = _decode_update(value).order
    filled = to_scaled(told.cumulative_quantity)
    return Standing(market, account, told.symbol, OrderKind.REGULAR, told.order_id, told.status, filled)


def _algo(market: Market, account: str, value: bytes) -> Standing:
    told = _decode_algo(value).order
    return Standing(market, account, told.symbol, OrderKind.ALGO, told.algo_id, told.status, 0)


_decode_report: Final = msgspec.json.Decoder(ExecutionReport).decode
_decode_update: Final = msgspec.json.Decoder(OrderTradeUpdate).decode
_decode_algo: Final = msgspec.json.Decoder(AlgoUpdate).decode
_TELLING: Final[Mapping[str, Callable[[Market, str, bytes], Standing]]] = {
    UserEvent.EXECUTION_REPORT: _spot,
    UserEvent.ORDER_TRADE_UPDATE: _futures,
    UserEvent.ALGO_UPDATE: _algo,
}


def rows_of(notes: OrderNotes) -> Iterator[Row]:
    """Return the rows of all that was noted: all of it, by market, the last third, and the raw records."""
    begun_ns = min(received_ns for received_ns, _ in notes.raw.values()) + WARM_UP_NS
    counted = {place: times[0] for place, times in notes.raw.items() if times[0] >= begun_ns}
    last_ns = max(counted.values(), default=begun_ns)
    ours = _row("ours", notes, counted)
    yield msgspec.structs.replace(
        ours,
        events_per_second=len(counted) / max(1.0, (last_ns - begun_ns) / 1e9),
        lost=sum(standing not in notes.known for standing in notes.told.values()),
        duplicates=notes.duplicates,
    )
    for market in Market:
        yield _row(f"ours, {market}", notes, {place: ns for place, ns in counted.items() if place[0] is market})
    third_ns = last_ns - (last_ns - begun_ns) // 3
    yield _row("ours, the last third", notes, {place: ns for place, ns in counted.items() if ns >= third_ns})
    yield timed("the raw record alone", [notes.raw[place] for place in counted])


def _row(name: str, notes: OrderNotes, received_ns: Mapping[Place, int]) -> Row:
    at_hand = notes.at_hand_ns
    return timed(name, [(ns, at_hand[place]) for place, ns in received_ns.items() if place in at_hand])


def _bytes(data: str | bytes | None) -> bytes:
    return data.encode() if isinstance(data, str) else data or b""
