"""Avro in Confluent's wire format: 0x00, schema id in 4 bytes, body.

Values are the frozen types of :mod:`schemas.derived`, :mod:`schemas.accounts` and :mod:`schemas.control`. Decimals are
scaled integers there and big-endian two's complement bytes in Avro, so nothing passes through ``Decimal`` or float on
the way.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Final

import fastavro
import msgspec

from schemas import accounts, control, derived
from schemas.avro import load_schema
from schemas.registry import SchemaSource, UnknownSchemaError
from schemas.topics import Topic, TopicTable
from schemas.writing import DoesNotFitError, record_writer


__all__ = ["TYPES", "Codec", "DecodeError", "DoesNotFitError"]

_HEAD: Final = struct.Struct(">bI")

TYPES: Final[Mapping[str, type[msgspec.Struct]]] = {
    "account-progress": control.AccountProgress,
    "alert": derived.Alert,
    "balance": accounts.Balance,
    "book-snapshot": derived.BookSnapshot,
    "book-verification": derived.BookVerification,
    "candle": derived.Candle,
    "checkpoint": derived.Checkpoint,
    "checkpoint-round": control.CheckpointRound,
    "connection": control.Connection,
    "gap": control.Gap,
    "heartbeat": control.Heartbeat,
    "liquidity": derived.Liquidity,
    "order": accounts.Order,
    "position": accounts.Position,
    "progress": control.Progress,
    "snapshot-request": control.SnapshotRequest,
    "ticker": derived.Ticker,
    "top-of-book": derived.TopOfBook,
    "trade": derived.Trade,
    "trade-flow": derived.TradeFlow,
}
"""The type of each schema's values."""


class DecodeError(Exception):
    """Bytes on a topic that are not what the topic should hold."""

    def __init__(self, topic: str, partition: int, offset: int, reason: str) -> None:
        self.topic = topic
        self.partition = partition
        self.offset = offset
        self.reason = reason
        super().__init__(topic, partition, offset, reason)

    def __str__(self) -> str:
        return f'topic "{self.topic}", partition {self.partition}, offset {self.offset}: {self.reason}'


class Codec:
    """Encodes and decodes the Avro values of all topics of a table.

    Schema ids are looked up once each and kept; the first use of a topic may therefore block on the registry. Call
    :meth:`prepare` at start to have that behind you.
    """

    def __init__(self, table: TopicTable, registry: SchemaSource) -> None:
        self._table = table
        self._registry = registry
        self._shapes = {name: _Shape(name) for name in TYPES}
        self._encoders: dict[str, Callable[[msgspec.Struct], bytes]] = {}
        self._decoders: dict[tuple[str, int], Callable[[bytes], msgspec.Struct]] = {}

    def prepare(self, topics: Iterable[Topic] | None = None) -> None:
        """Look up the ids of topics' schemas.

        Args:
            topics: those that have to be there; None: all of the table.

        Raises:
            RegistryError: the registry does not answer or lacks a schema.
        """
        for topic in self._table if topics is None else topics:
            if topic.schema is not None:
                self._encoder(topic)

    def encode(self, topic: Topic, value: msgspec.Struct) -> bytes:
        """Return the record value for a topic.

        Raises:
            DoesNotFitError: a number is too wide for its field.
        """
        return (self._encoders.get(topic.name) or self._encoder(topic))(value)

    def decode(self, topic: str, partition: int, offset: int, value: bytes | None) -> msgspec.Struct:
        """Return the typed value of a record.

        Args:
            topic: name of the topic it was read from.
            partition: its partition, for the error.
            offset: its offset, for the error.
            value: the record's value.

        Raises:
            DecodeError: null, truncated or foreign bytes, or a schema id that the registry does not know.
            RegistryUnavailableError: the id is new and the registry does not answer: not the record's fault.
        """
        schema = self._table[topic].schema
        if schema is None:
            raise DecodeError(topic, partition, offset, "the values of this topic are not Avro")
        if value is None or len(value) < _HEAD.size:
            raise DecodeError(topic, partition, offset, "shorter than Confluent's wire format")
        magic, schema_id = _HEAD.unpack_from(value)
        if magic != 0:
            raise DecodeError(topic, partition, offset, f"first byte is {magic}, was to be 0")
        try:
            return (self._decoders.get((schema, schema_id)) or self._decoder(schema, schema_id))(value)
        except UnknownSchemaError as error:
            raise DecodeError(topic, partition, offset, str(error)) from error
        except _UNDECODABLE as error:
            reason = f"schema id {schema_id}: {type(error).__name__}: {error}"
            raise DecodeError(topic, partition, offset, reason) from error

    def _encoder(self, topic: Topic) -> Callable[[msgspec.Struct], bytes]:
        if topic.schema is None:
            msg = f'topic "{topic.name}": its values are not Avro'
            raise ValueError(msg)
        encoder = self._shapes[topic.schema].encoder(self._registry.schema_id(topic))
        self._encoders[topic.name] = encoder
        return encoder

    def _decoder(self, schema: str, schema_id: int) -> Callable[[bytes], msgspec.Struct]:
        writer = json.loads(self._registry.schema_by_id(schema_id))
        decoder = self._shapes[schema].decoder(writer)
        self._decoders[schema, schema_id] = decoder
        return decoder


_UNDECODABLE: Final = (
    EOFError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
    MemoryError,
    AttributeError,
    msgspec.ValidationError,
    fastavro.read.SchemaResolutionError,
)
"""What fastavro raises on bytes that were not written with the schema."""


class _Shape:
    """What is known of one schema: its type, its decimals, its parsed form."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.type = TYPES[name]
        schema = load_schema(name)
        self.decimals = {field["name"]: _digits(field["type"]) for field in schema["fields"] if _digits(field["type"])}
        self.plain = _parsed(schema)
        self.write = record_writer(name, schema)
        self.fields_of = _fields_of(self.type, [field["name"] for field in schema["fields"]])

    def encoder(self, schema_id: int) -> Callable[[msgspec.Struct], bytes]:
        head = _HEAD.pack(0, schema_id)
        write, fields_of, join = self.write, self.fields_of, b"".join

        def encode(value: msgspec.Struct) -> bytes:
            return join([head, *write(fields_of(value))])

        return encode

    def decoder(self, writer_schema: dict[str, Any]) -> Callable[[bytes], msgspec.Struct]:
        writer, reader = _parsed(writer_schema), self.plain
        same = fastavro.schema.to_parsing_canonical_form(writer) == fastavro.schema.to_parsing_canonical_form(reader)
        resolve = None if same else reader
        decimals, of = tuple(self.decimals), self.type
        read, convert = fastavro.schemaless_reader, msgspec.convert

        def decode(value: bytes) -> msgspec.Struct:
            stream = io.BytesIO(value)
            stream.seek(_HEAD.size)
            fields: dict[str, Any] = read(stream, writer, resolve)  # type: ignore[assignment]  # a record
            if stream.tell() != len(value):
                msg = f"{len(value) - stream.tell()} bytes are left over"
                raise ValueError(msg)
            for field in decimals:
                number = fields[field]
                if number is not None:
                    fields[field] = int.from_bytes(number, "big", signed=True)
            return convert(fields, of)

        return decode


def _fields_of(of: type[msgspec.Struct], names: list[str]) -> Callable[[msgspec.Struct], tuple[Any, ...]]:
    """Return what returns these fields of a value."""
    if [*of.__struct_fields__] == names:
        return msgspec.structs.astuple
    return attrgetter(*names)


def _parsed(schema: dict[str, Any]) -> Any:
    """Return the schema for fastavro without its logical types: integers in and out, no Decimal, no datetime."""
    return fastavro.parse_schema(_without_logical_types(schema))


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_logical_types(item) for item in node]
    if isinstance(node, dict):
        dropped = ("logicalType", "precision", "scale", "doc")
        return {key: _without_logical_types(value) for key, value in node.items() if key not in dropped}
    return node


def _digits(field_type: Any) -> int:
    """Return the precision of a decimal or nullable decimal, 0 for anything else."""
    branches = field_type if isinstance(field_type, list) else [field_type]
    for branch in branches:
        if isinstance(branch, dict) and branch.get("logicalType") == "decimal":
            return int(branch["precision"])
    return 0
