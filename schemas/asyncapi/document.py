"""The AsyncAPI document, put together from the topic table, the Avro schemas and the types of Binance's messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from schemas.asyncapi.examples import Example, example_of
from schemas.asyncapi.messages import RAW_MESSAGES, raw_messages
from schemas.asyncapi.payloads import REF, json_schemas
from schemas.asyncapi.services import readers_of
from schemas.avro import load_schema
from schemas.headers import ANSWER_HEADERS, DEAD_LETTER_HEADERS, RAW_HEADERS, HeaderRow
from schemas.topics import ControlType, RawType, Topic, TopicTable


__all__ = ["VERSION", "asyncapi_document"]

VERSION: Final = "0.1.0"
"""Of the distribution, whose topics these are."""
_SPECIFICATION: Final = "3.1.0"
_BINDINGS: Final = "0.5.0"
_AVRO_FORMAT: Final = "application/vnd.apache.avro;version=1.9.0"
_ANSWERS: Final = frozenset({RawType.ORDER_SNAPSHOT, RawType.ACCOUNT_SNAPSHOT})
_ABOUT: Final = """\
What `binance-kafka` writes and reads: Binance's streams as they were sent (raw), what is known about their completeness
(control), and what the processors made of them (derived).

- The first part of every topic's name is `{prefix}`, by the setting `TOPIC_PREFIX`.
- Keys are plain UTF-8. The partition is murmur2 of the symbol (of what is private: of the account's label), as Kafka's
  Java client computes it.
- Raw values are the venue's own bytes: keys that are not described here may appear at any time.
- Avro values are in Confluent's wire format, subject `<topic>-value`, FULL_TRANSITIVE. In the examples decimals are
  written as text, timestamps as milliseconds, bytes as one character each.
- Operations are this system's own: `send` is what it writes, `receive` what it reads. A reader of yours receives what
  it sends.
"""


def asyncapi_document(prefix: str = "binance") -> dict[str, Any]:
    """Return the document.

    Args:
        prefix: first part of the topics' names.

    Raises:
        ValueError: the prefix would not give legal names.
    """
    table = TopicTable(prefix)
    messages = _Messages()
    channels = {topic.name: _channel(topic, messages) for topic in table}
    return {
        "asyncapi": _SPECIFICATION,
        "info": {
            "title": "binance-kafka",
            "version": VERSION,
            "description": _ABOUT.format(prefix=prefix),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"$ref": f"#/components/tags/{name}"} for name in _TAGS],
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": channels,
        "operations": dict(_operations(table)),
        "components": {
            "tags": {name: {"name": name, "description": text} for name, text in _TAGS.items()},
            "channelBindings": messages.channel_bindings,
            "messages": messages.messages,
            "schemas": {**_header_schemas(), **messages.schemas},
        },
    }


_TAGS: Final = {
    "raw": "What Binance sent, verbatim.",
    "control": "What is known about the flow, over all markets.",
    "derived": "What the processors made of it.",
    "private": "Tells of accounts: few should be able to read it.",
}
_SERVERS: Final = {
    "local": {
        "host": "localhost:9092",
        "protocol": "kafka",
        "description": "What `make up` and `docker compose up` start.",
        "bindings": {
            "kafka": {
                "schemaRegistryUrl": "http://localhost:8081/apis/ccompat/v7",
                "schemaRegistryVendor": "apicurio",
                "bindingVersion": _BINDINGS,
            }
        },
    },
    "cluster": {
        "host": "{bootstrap}",
        "protocol": "kafka-secure",
        "description": "A cluster of your own: `KAFKA_BOOTSTRAP_SERVERS`, `SCHEMA_REGISTRY_URL`.",
        "variables": {"bootstrap": {"default": "kafka:9093", "description": "One of its brokers."}},
    },
}


class _Messages:
    """Collects messages, schemas and bindings as channels refer to them, each once."""

    def __init__(self) -> None:
        raw = {message.name: message for of_type in RAW_MESSAGES.values() for message in of_type}
        schemas, components = json_schemas(message.payload for message in raw.values())
        self._raw_schemas = dict(zip(raw, schemas, strict=True))
        self.schemas = dict(components)
        self.messages: dict[str, Any] = {}
        self.channel_bindings: dict[str, Any] = {}

    def of(self, topic: Topic) -> dict[str, Any]:
        """Return the messages of a channel: references to the components."""
        match topic.type:
            case RawType() as raw_type:
                names = self._raw(topic, raw_type)
            case ControlType.DEAD_LETTER | ControlType.PRIVATE_DEAD_LETTER:
                names = [self._dead_letter(topic)]
            case _:
                names = [self._avro(topic)]
        return {name: {"$ref": f"#/components/messages/{name}"} for name in names}

    def bindings(self, topic: Topic) -> dict[str, str]:
        """Return the binding of a channel: a reference to the component that it shares with others."""
        kept = "kept" if topic.retention_ms is None else f"{topic.retention_ms // 86_400_000}-days"
        name = "-".join([*topic.cleanup.split(","), kept, *(["often"] if topic.settings else [])])
        binding = _channel_binding(topic)
        if self.channel_bindings.setdefault(name, binding) != binding:
            msg = f'topic "{topic.name}": its settings need a name of their own in the document, "{name}" is taken'
            raise ValueError(msg)
        return {"$ref": f"#/components/channelBindings/{name}"}

    def _raw(self, topic: Topic, raw_type: RawType) -> list[str]:
        assert topic.market is not None  # noqa: S101 - raw topics have a market
        found = raw_messages(raw_type, topic.market)
        headers = "answer-headers" if raw_type in _ANSWERS else "raw-headers"
        for message in found:
            payload = self._raw_schemas[message.name]
            if message.event is not None:
                # The type takes any text: what it decodes is told by the topic.
                payload = {"allOf": [payload, {"properties": {"e": {"const": str(message.event)}}}]}
            self._add(message.name, message.title, topic, payload, headers=headers)
        return [message.name for message in found]

    def _avro(self, topic: Topic) -> str:
        assert topic.schema is not None  # noqa: S101 - what is not Avro is raw or a dead letter
        name, schema = topic.schema, load_schema(topic.schema)
        if name in self.messages and self.messages[name]["bindings"]["kafka"]["key"]["description"] != topic.key:
            name = str(topic.type)
        self.schemas[topic.schema] = {"schemaFormat": _AVRO_FORMAT, "schema": schema}
        registry = {
            "schemaIdLocation": "payload",
            "schemaIdPayloadEncoding": "4",
            "schemaLookupStrategy": "TopicNameStrategy",
        }
        payload = {"$ref": REF.format(name=topic.schema)}
        self._add(
            name, topic.schema, topic, payload, about=schema["doc"], content="application/avro", registry=registry
        )
        return name

    def _dead_letter(self, topic: Topic) -> str:
        payload = {"description": "The original's bytes, whatever they are; long ones are cut."}
        name, content = str(topic.type), "application/octet-stream"
        self._add(name, "Dead letter", topic, payload, headers="dead-letter-headers", content=content)
        return name

    def _add(
        self,
        name: str,
        title: str,
        topic: Topic,
        payload: Mapping[str, Any],
        *,
        about: str | None = None,
        headers: str | None = None,
        content: str | None = None,
        registry: Mapping[str, str] | None = None,
    ) -> None:
        if name in self.messages:
            return
        self.messages[name] = {
            "name": name,
            "title": title,
            "summary": topic.about if about is None else about,
            **({} if content is None else {"contentType": content}),
            **({} if headers is None else {"headers": {"$ref": REF.format(name=headers)}}),
            "payload": payload,
            "bindings": {
                "kafka": {
                    "key": {"type": "string", "description": topic.key},
                    **(registry or {}),
                    "bindingVersion": _BINDINGS,
                }
            },
            "examples": [_example(example_of(name))],
        }


def _example(example: Example) -> dict[str, Any]:
    headers = {} if example.headers is None else {"headers": dict(example.headers)}
    return {"summary": f"key {example.key}", **headers, "payload": example.payload}


def _channel(topic: Topic, messages: _Messages) -> dict[str, Any]:
    tags = [topic.layer.value, *(["private"] if topic.private else [])]
    version = "" if topic.version == "-" else f" Version: {topic.version}."
    return {
        "address": topic.name,
        "title": str(topic.type) if topic.market is None else f"{topic.type}, {topic.market}",
        "summary": topic.about,
        "description": f"Key: {topic.key}. Identity of a record: {topic.identity}.{version}",
        "tags": [{"$ref": f"#/components/tags/{tag}"} for tag in tags],
        "messages": messages.of(topic),
        "bindings": messages.bindings(topic),
    }


def _channel_binding(topic: Topic) -> dict[str, Any]:
    config: dict[str, Any] = dict(topic.config())
    config["cleanup.policy"] = config["cleanup.policy"].split(",")
    for name in ("retention.ms", "max.message.bytes"):
        if name in config:
            config[name] = int(config[name])
    return {
        "kafka": {
            "partitions": topic.partitions,
            "topicConfiguration": dict(sorted(config.items())),
            "bindingVersion": _BINDINGS,
        }
    }


def _operations(table: TopicTable) -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in table:
        for owner in topic.owner.split(", "):
            yield f"{owner}.send.{topic.name}", _operation("send", owner, topic)
        for reader in readers_of(topic):
            yield f"{reader}.receive.{topic.name}", _operation("receive", reader, topic)


def _operation(action: str, service: str, topic: Topic) -> dict[str, Any]:
    verb = {"send": "writes", "receive": "reads"}[action]
    # In a pointer a slash would have to be escaped; names of topics have none.
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"{service} {verb} {topic.type}",
    }


def _header_schemas() -> dict[str, Any]:
    return {
        "raw-headers": _headers(RAW_HEADERS),
        "answer-headers": _headers([*RAW_HEADERS, *ANSWER_HEADERS]),
        "dead-letter-headers": _headers(DEAD_LETTER_HEADERS),
    }


def _headers(rows: Sequence[HeaderRow]) -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Values are UTF-8 text.",
        "properties": {
            row.name: {
                "type": "string",
                **({"pattern": "^[0-9]+$"} if row.integer else {}),
                "description": row.about,
            }
            for row in rows
        },
        "required": [row.name for row in rows if row.always],
    }
