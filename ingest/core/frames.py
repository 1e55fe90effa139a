"""A frame of a combined connection taken apart into raw records, without trusting a byte of it.

What the venue sent is passed on verbatim: only the few fields that decide where a record goes are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from ingest.core.heads import Head, HeadDecoder, event_type_of, head_decoder
from ingest.core.merged import SeenVersions
from ingest.core.outcomes import Item, Reason, Rejected, shortened
from ingest.core.records import ORIGIN_LIVE, Header, Record, header
from ingest.core.replies import UNREADABLE, decode_any, of_no_stream, without_stream
from ingest.core.streams import Framing, Stream, parse
from schemas import wire
from schemas.markets import Market
from schemas.topics import RawType, TopicTable, partition_of


__all__ = ["FrameDecoder"]


_decode_frame: Final = msgspec.json.Decoder(wire.StreamFrame).decode
_decode_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_MARKET_OF_FUTURES_TYPE: Final = {1: Market.USDM, 2: Market.COINM}


class FrameDecoder:
    """Decodes the frames of one connection.

    Args:
        market: the connection's.
        connection_id: goes into every record's headers.
        table: names the topics.
        extra_headers: further headers of a symbol's records, asked once per topic and symbol.
        merged: what was seen of the streams that carry both futures markets; shared by all connections.
        max_record_bytes: longer payloads are set aside.
    """

    def __init__(
        self,
        market: Market,
        connection_id: str,
        table: TopicTable,
        *,
        extra_headers: Callable[[Market, RawType, str], Sequence[Header]],
        merged: SeenVersions,
        max_record_bytes: int,
    ) -> None:
        self._market = market
        self._connection = header("connection_id", connection_id)
        self._received_ns = 0
        self._received = header("receive_time_ns", 0)
        """Of the last frame: what one read of the socket brought has one time."""
        self._table = table
        self._extra_headers = extra_headers
        self._merged = merged
        self._max_record_bytes = max_record_bytes
        self._sources: dict[str, _Source | None] = {}
        self._known: dict[str, _Source | None] = {}
        """Streams known from before the last :meth:`watch`."""
        self._by_name: dict[bytes, _Source] = {}
        """Those whose frames hold one event, by the bytes of their names."""

    @property
    def seen(self) -> Mapping[str, object]:
        """The streams that delivered, by name in the order of their first frames; since the last :meth:`watch`.

        A stream that is none of ours has None as its value.
        """
        return self._sources

    def watch(self) -> None:
        """Take every stream for new again, so that :attr:`seen` tells which deliver from now on."""
        self._known |= self._sources
        self._sources = {}
        self._by_name = {}

    def decode(self, frame: bytes, receive_time_ns: int, sequence: int) -> list[Item]:
        """Return what a frame holds, in its order; never raises, whatever the bytes are.

        Args:
            frame: the bytes of one WebSocket message.
            receive_time_ns: when it was read.
            sequence: counts the frames of the connection.
        """
        # Binance writes `{"stream":NAME,"data":PAYLOAD}`: that form is not parsed but looked at. What stands between
        # name and last brace is the payload if it is JSON, which decoding its head shows; if not, this is another form.
        if frame.startswith(_OPENING):
            end = frame.find(b'"', _NAME_START)
            source = self._by_name.get(frame[_NAME_START:end])
            if source is not None and frame.startswith(_BETWEEN, end) and frame.endswith(b"}}"):
                payload = frame[end + _BETWEEN_BYTES : -1]
                try:
                    head = source.decode(payload)
                except UNREADABLE:
                    pass
                else:
                    item = self._event(source, head, payload, receive_time_ns, sequence)
                    return [] if item is None else [item]
        return self._decode_any(frame, receive_time_ns, sequence)

    def _decode_any(self, frame: bytes, receive_time_ns: int, sequence: int) -> list[Item]:
        """Do the same for a frame of any form, with a parser."""
        try:
            outer = _decode_frame(frame)
        except UNREADABLE:
            return [without_stream(frame)]
        try:
            source = self._sources[outer.stream]
        except KeyError:
            source = self._source(outer.stream)
            if len(self._sources) < _MAX_REMEMBERED:
                self._remember(outer.stream, source)
        if source is None:
            return [of_no_stream(outer.stream, outer.data, frame)]
        payload = bytes(outer.data)
        if source.framing is Framing.ARRAY:
            return self._elements(source, payload, receive_time_ns, sequence)
        item = self._decoded(source, payload, receive_time_ns, sequence)
        return [] if item is None else [item]

    def _remember(self, name: str, source: _Source | None) -> None:
        self._sources[name] = source
        if source is not None and source.framing is not Framing.ARRAY:
            self._by_name[name.encode()] = source

    def forget_targets(self) -> None:
        """Ask for every symbol's extra headers anew: more is known of the symbols now."""
        for source in (*self._known.values(), *self._sources.values()):
            if source is not None:
                source.targets.clear()

    def _elements(self, source: _Source, payload: bytes, receive_time_ns: int, sequence: int) -> list[Item]:
        try:
            elements = _decode_array(payload)
        except UNREADABLE as error:
            return [source.rejected(Reason.MISTYPED_FIELD, str(error), payload)]
        items: list[Item] = []
        for index, element in enumerate(elements):
            item = self._decoded(source, bytes(element), receive_time_ns, sequence)
            if item is None:
                continue
            if isinstance(item, Record):
                item.headers.append(header("array_index", index))
            items.append(item)
        return items

    def _decoded(
        self, source: _Source, payload: bytes, receive_time_ns: int, sequence: int
    ) -> Record | Rejected | None:
        try:
            head = source.decode(payload)
        except UNREADABLE as error:
            return source.explain(payload, error)
        return self._event(source, head, payload, receive_time_ns, sequence)

    def _event(
        self, source: _Source, head: Head, payload: bytes, receive_time_ns: int, sequence: int
    ) -> Record | Rejected | None:
        """Return the record of one event; None for the second copy of one that two streams carry."""
        event_time = head.event_time
        symbol = source.symbol if head.symbol is None else head.symbol
        if (
            head.event_type != source.event_type
            or not symbol
            or (event_time is None and source.event_type is not None)
            or len(payload) > self._max_record_bytes
        ):
            return source.fault(head, payload, self._max_record_bytes)
        target = source.targets.get((head.futures_type, symbol) if source.merged else symbol)
        if target is None:
            target = self._target(source, head, symbol)
        if source.merged and not self._merged.is_new(target.topic, symbol, head):
            return None
        # Written out here and not in a function of its own: this runs for every event.
        if receive_time_ns != self._received_ns:
            self._received_ns = receive_time_ns
            self._received = header("receive_time_ns", receive_time_ns)
        headers = [
            self._received,
            self._connection,
            ("connection_sequence", b"%d" % sequence),
            source.header,
            ORIGIN_LIVE,
        ]
        if target.extra:
            headers.extend(target.extra)
        timestamp_ms = receive_time_ns // 1_000_000 if event_time is None else event_time
        return Record(target.topic, target.partition, target.key, payload, timestamp_ms, headers, event_time)

    def _target(self, source: _Source, head: Head, symbol: str) -> _Target:
        """Work out where a symbol's records go, and remember it."""
        market, futures_type = self._market, None
        if source.merged:
            futures_type = head.futures_type
            market = _MARKET_OF_FUTURES_TYPE.get(futures_type or 0, market)
        target = _Target(
            self._table.raw(market, source.raw_type).name,
            partition_of(symbol),
            symbol.encode(),
            tuple(self._extra_headers(market, source.raw_type, symbol)),
        )
        if len(source.targets) < _MAX_REMEMBERED:
            source.targets[(futures_type, symbol) if source.merged else symbol] = target
        return target

    def _source(self, name: str) -> _Source | None:
        if name in self._known:
            return self._known[name]
        stream = parse(self._market, name)
        return None if stream is None else _Source(stream, self._table.raw(self._market, stream.raw_type).name)


_OPENING: Final = b'{"stream":"'
_NAME_START: Final = len(_OPENING)
_BETWEEN: Final = b'","data":{'
_BETWEEN_BYTES: Final = len(_BETWEEN) - 1

_MAX_REMEMBERED: Final = 10_000
"""Streams remembered, and symbols per stream; there are some 3,000. Who invents names must not fill the memory."""


class _Target(Struct, frozen=True):
    """Where the records of a symbol go."""

    topic: str
    partition: int
    key: bytes
    extra: tuple[Header, ...]


class _Source:
    """What is known of one stream of the connection."""

    def __init__(self, stream: Stream, topic: str) -> None:
        self.name = stream.name
        self.raw_type = stream.raw_type
        self.framing = stream.type.framing
        self.symbol = stream.symbol
        self.header = header("stream", stream.name)
        self.event_type = event_type_of(stream.market, stream.raw_type)
        self.decode: HeadDecoder = head_decoder(stream.market, stream.raw_type)
        self.merged = stream.market.is_futures and stream.type.framing is not Framing.ONE
        """Since 2026-06-30 the all-market streams of both futures hosts carry both markets."""
        self.targets: dict[str | tuple[int | None, str], _Target] = {}
        self._topic = topic

    def fault(self, head: Head, payload: bytes, max_bytes: int) -> Rejected:
        """Say what is wrong with a payload whose head can be read."""
        if head.event_type != self.event_type:
            return self.rejected(Reason.UNKNOWN_EVENT, f'event type is "{head.event_type}"', payload)
        if not (self.symbol if head.symbol is None else head.symbol):
            return self.rejected(Reason.MISSING_FIELD, "symbol is empty", payload)
        if head.event_time is None and self.event_type is not None:
            return self.rejected(Reason.MISSING_FIELD, "event time is missing", payload, head.symbol)
        detail = f"{len(payload)} bytes, at most {max_bytes} allowed"
        return self.rejected(Reason.OVERSIZED, detail, payload, head.symbol)

    def explain(self, payload: bytes, error: Exception) -> Rejected:
        """Say what is wrong with a payload whose head cannot be read."""
        try:
            event = decode_any(payload)
        except UNREADABLE:
            return self.rejected(Reason.MALFORMED_JSON, str(error), payload)
        found = event.get("e") if isinstance(event, dict) else None
        symbol = event.get("s") if isinstance(event, dict) else None
        if not isinstance(event, dict) or found != self.event_type:
            return self.rejected(Reason.UNKNOWN_EVENT, f"event type is {shortened(found)}", payload)
        reason = Reason.MISSING_FIELD if "missing required field" in str(error) else Reason.MISTYPED_FIELD
        return self.rejected(reason, str(error), payload, symbol if isinstance(symbol, str) else None)

    def rejected(self, reason: Reason, detail: str, payload: bytes, symbol: str | None = None) -> Rejected:
        """Return the payload as set aside."""
        return Rejected(reason, shortened(detail), payload, self.name, symbol or self.symbol, self._topic)
