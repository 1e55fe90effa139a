"""The AsyncAPI document is valid, whole, up to date, and its examples are what the topics really hold."""

from __future__ import annotations

import copy
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import fastavro
import msgspec
import pytest
import yaml
from jsonschema import Draft7Validator

from processors.flows import Family, flows_of, outputs_of
from schemas import keys
from schemas.asyncapi import asyncapi_document
from schemas.asyncapi.__main__ import as_yaml, main
from schemas.asyncapi.document import VERSION
from schemas.asyncapi.examples import example_names, example_of
from schemas.asyncapi.messages import RAW_MESSAGES, RawMessage
from schemas.asyncapi.payloads import json_schemas, plain_text
from schemas.avro import load_schema
from schemas.codec import TYPES, Codec
from schemas.markets import Market
from schemas.topics import Topic, TopicTable
from tests.support.offline_registry import OfflineRegistry
from tests.support.project import ROOT, pyproject


DOCUMENT = asyncapi_document()
AS_YAML = as_yaml(DOCUMENT)
TABLE = TopicTable()
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
RAW: dict[str, RawMessage] = {message.name: message for of_type in RAW_MESSAGES.values() for message in of_type}
AVRO = sorted(name for name, message in MESSAGES.items() if message.get("contentType") == "application/avro")


@cache
def specification() -> Draft7Validator:
    schema = json.loads((ROOT / "tests/data/asyncapi/asyncapi-3.1.0.json").read_text())
    return Draft7Validator(schema)


def resolved(reference: str) -> Any:
    """What a pointer of the document points to."""
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def validator_of(schema: Any) -> Draft7Validator:
    """Checks values by a schema of the document, which may refer to others."""
    whole = {"components": DOCUMENT["components"], "allOf": [schema]}
    return Draft7Validator(whole)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


# The document


def test_the_document_is_valid_by_the_schema_of_the_specification() -> None:
    assert [error.message for error in specification().iter_errors(DOCUMENT)] == []


def test_the_committed_document_is_up_to_date() -> None:
    """Write it anew with `python -m schemas.asyncapi > docs/asyncapi.yaml`."""
    assert (ROOT / "docs" / "asyncapi.yaml").read_text() == AS_YAML


def test_what_is_written_is_what_was_meant() -> None:
    """Keys such as `n` and `y` are text for every reader."""
    assert yaml.load(AS_YAML, yaml.CSafeLoader) == json.loads(json.dumps(DOCUMENT))


def test_the_version_is_that_of_the_distribution() -> None:
    assert pyproject()["project"]["version"] == VERSION


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = set(references(DOCUMENT))
    for reference in used:
        assert resolved(reference) is not None
    components = {f"#/components/{kind}/{name}" for kind, of_kind in DOCUMENT["components"].items() for name in of_kind}

    assert components <= used


def _excerpt(*topics: str) -> dict[str, Any]:
    """The document of a few topics: the whole one takes seconds to check."""
    document: dict[str, Any] = {
        **DOCUMENT,
        "channels": {topic: DOCUMENT["channels"][topic] for topic in topics},
        "operations": {name: DOCUMENT["operations"][name] for topic in topics for name in (_sender(topic),)},
        "components": {},
    }
    while wanted := set(references(document)) - _present(document) - {f"#/channels/{topic}" for topic in topics}:
        for reference in wanted:
            _, _, kind, name = reference.split("/")
            document["components"].setdefault(kind, {})[name] = DOCUMENT["components"][kind][name]
    return copy.deepcopy(document)


def _sender(topic: str) -> str:
    return f"{TABLE[topic].owner}.send.{topic}"


def _present(document: dict[str, Any]) -> set[str]:
    return {f"#/components/{kind}/{name}" for kind, of_kind in document["components"].items() for name in of_kind}


def _no_version(document: dict[str, Any]) -> None:
    del document["info"]["version"]


def _publishing(document: dict[str, Any]) -> None:
    next(iter(document["operations"].values()))["action"] = "publish"


def _partitions_as_text(document: dict[str, Any]) -> None:
    next(iter(document["components"]["channelBindings"].values()))["kafka"]["partitions"] = "twelve"


def _unknown_policy(document: dict[str, Any]) -> None:
    binding = next(iter(document["components"]["channelBindings"].values()))["kafka"]
    binding["topicConfiguration"]["cleanup.policy"] = ["shred"]


def _other_bindings(document: dict[str, Any]) -> None:
    document["servers"]["local"]["bindings"]["kafka"]["bindingVersion"] = "9.9.9"


def _misspelt_key(document: dict[str, Any]) -> None:
    document["channels"]["binance.spot.raw.trade"]["adress"] = "binance.spot.raw.trade"


def _avro_without_fields(document: dict[str, Any]) -> None:
    del document["components"]["schemas"]["candle"]["schema"]["fields"]


def _schema_of_no_type(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["Trade"]["properties"]["p"]["type"] = "decimal"


def _example_without_anything(document: dict[str, Any]) -> None:
    document["components"]["messages"]["raw-trade"]["examples"] = [{"summary": "nothing"}]


@pytest.mark.parametrize(
    "spoil",
    [
        _no_version,
        _publishing,
        _partitions_as_text,
        _unknown_policy,
        _other_bindings,
        _misspelt_key,
        _avro_without_fields,
        _schema_of_no_type,
        _example_without_anything,
    ],
)
def test_a_mistake_in_the_document_is_found(spoil: Callable[[dict[str, Any]], None]) -> None:
    document = _excerpt("binance.spot.raw.trade", "binance.spot.candle-1m.v1")
    assert specification().is_valid(document)

    spoil(document)

    assert not specification().is_valid(document)


# Topics


def test_every_topic_is_a_channel_with_the_settings_that_it_is_created_with() -> None:
    assert list(DOCUMENT["channels"]) == [topic.name for topic in TABLE]
    for topic in TABLE:
        channel = DOCUMENT["channels"][topic.name]
        kafka = resolved(channel["bindings"]["$ref"])["kafka"]
        config = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in kafka["topicConfiguration"].items()
        }
        assert (channel["address"], kafka["partitions"], config) == (topic.name, topic.partitions, topic.config())
        assert [tag["$ref"].rpartition("/")[2] for tag in channel["tags"]] == [
            topic.layer,
            *(["private"] * topic.private),
        ]


def test_names_begin_with_the_prefix_that_is_asked_for() -> None:
    document = asyncapi_document("crypto.binance")
    table = TopicTable("crypto.binance")

    assert list(document["channels"]) == [topic.name for topic in table]
    assert [channel["address"] for channel in document["channels"].values()] == [topic.name for topic in table]


def test_the_owner_of_a_topic_sends_to_it() -> None:
    sends = {name for name in DOCUMENT["operations"] if ".send." in name}

    assert sends == {f"{owner}.send.{topic.name}" for topic in TABLE for owner in topic.owner.split(", ")}


def test_processors_receive_what_their_flows_read_and_send_what_they_write() -> None:
    markets = tuple(Market)
    flows = [
        flow
        for family in Family
        for flow in flows_of(family, TABLE, markets, snapshot_levels=20, snapshot_interval_ms=1_000)
    ]
    written = {topic.name for family in Family for topic in outputs_of(family, TABLE, markets)}
    operations = DOCUMENT["operations"]

    assert _topics("processors.receive.", operations) == {topic.name for flow in flows for topic in flow.topics}
    assert _topics("processors.send.", operations) == written


def _topics(prefix: str, operations: dict[str, Any]) -> set[str]:
    return {name.removeprefix(prefix) for name in operations if name.startswith(prefix)}


# Messages


def test_every_message_has_an_example_and_no_example_is_of_nothing() -> None:
    assert example_names() == set(MESSAGES)
    assert all(message["examples"] for message in MESSAGES.values())


def test_every_avro_schema_is_there_as_it_is_registered() -> None:
    for name in TYPES:
        assert DOCUMENT["components"]["schemas"][name]["schema"] == load_schema(name)


@pytest.mark.parametrize("name", AVRO)
def test_an_avro_example_is_what_its_schema_encodes_and_decodes(name: str) -> None:
    schema = resolved(MESSAGES[name]["payload"]["$ref"])["schema"]
    parsed = fastavro.parse_schema(schema)
    example = example_of(name).payload
    record = {field["name"]: _avro_value(field["type"], example[field["name"]]) for field in schema["fields"]}
    body = io.BytesIO()

    assert example.keys() == {field["name"] for field in schema["fields"]}
    fastavro.schemaless_writer(body, parsed, record, strict=True)
    body.seek(0)
    read = fastavro.schemaless_reader(body, parsed, None)
    assert isinstance(read, dict)
    assert {key: _json_value(value) for key, value in read.items()} == example


@pytest.mark.parametrize("name", AVRO)
def test_an_avro_example_is_a_value_of_its_type_under_its_key(name: str) -> None:
    topic, value = _decoded(name)

    key = _KEYS[topic.schema or ""](value)

    assert key.decode() == example_of(name).key


def _decoded(name: str) -> tuple[Topic, Any]:
    topic = next(topic for topic in TABLE if name in DOCUMENT["channels"][topic.name]["messages"])
    schema = load_schema(topic.schema or "")
    example = example_of(name).payload
    record = {field["name"]: _avro_value(field["type"], example[field["name"]]) for field in schema["fields"]}
    registry, body = OfflineRegistry(), io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), record)
    head = b"\x00" + registry.schema_id(topic).to_bytes(4, "big")
    return topic, Codec(TABLE, registry).decode(topic.name, 0, 0, head + body.getvalue())


def _symbol(value: Any) -> bytes:
    return str(value.symbol).encode()


_KEYS: dict[str, Callable[[Any], bytes]] = {
    "account-progress": keys.account_progress_key,
    "balance": keys.balance_key,
    "candle": keys.candle_key,
    "checkpoint": lambda value: str(value.key).encode(),
    "checkpoint-round": keys.checkpoint_round_key,
    "connection": lambda value: str(value.connection_id).encode(),
    "gap": keys.gap_key,
    "heartbeat": keys.heartbeat_key,
    "order": keys.order_key,
    "position": keys.position_key,
    "progress": keys.progress_key,
    **dict.fromkeys(
        (
            "alert",
            "book-snapshot",
            "book-verification",
            "liquidity",
            "snapshot-request",
            "ticker",
            "top-of-book",
            "trade",
            "trade-flow",
        ),
        _symbol,
    ),
}


def _avro_value(of: Any, value: Any) -> Any:
    """A value of the document as Avro libraries take it."""
    branches = of if isinstance(of, list) else [of]
    for branch in branches:
        if isinstance(branch, dict) and branch.get("logicalType") == "decimal" and value is not None:
            return Decimal(value)
        if branch == "bytes":
            return value.encode("latin-1")
    return value


def _json_value(value: Any) -> Any:
    """What an Avro library returns, as the document writes it."""
    if isinstance(value, list):
        return [_json_value(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    return value.decode("latin-1") if isinstance(value, bytes) else value


@pytest.mark.parametrize("name", sorted(RAW))
def test_a_raw_example_is_valid_by_its_schema_and_read_by_its_type(name: str) -> None:
    example = example_of(name)

    assert [error.message for error in validator_of(MESSAGES[name]["payload"]).iter_errors(example.payload)] == []
    msgspec.json.decode(json.dumps(example.payload), type=RAW[name].payload)


@pytest.mark.parametrize("name", sorted(name for name in MESSAGES if name not in AVRO))
def test_the_headers_of_an_example_are_valid_by_their_schema(name: str) -> None:
    headers = validator_of(MESSAGES[name]["headers"])
    example = dict(example_of(name).headers or {})

    assert [error.message for error in headers.iter_errors(example)] == []
    assert example.keys() <= resolved(MESSAGES[name]["headers"]["$ref"])["properties"].keys()


@pytest.mark.parametrize("topic", [topic.name for topic in TABLE if topic.name.split(".")[2] == "raw"])
def test_a_raw_value_is_one_and_only_one_of_the_messages_of_its_topic(topic: str) -> None:
    messages = list(DOCUMENT["channels"][topic]["messages"])
    fits = {
        name: [
            other for other in messages if validator_of(MESSAGES[other]["payload"]).is_valid(example_of(name).payload)
        ]
        for name in messages
    }

    assert fits == {name: [name] for name in messages}


@pytest.mark.parametrize("name", sorted(RAW))
def test_an_example_that_lacks_what_it_needs_is_found(name: str) -> None:
    """The schemas bite: without any one of the keys that the type demands, an example is invalid."""
    payload = example_of(name).payload
    one = payload[0] if isinstance(payload, list) else payload
    check = validator_of(MESSAGES[name]["payload"])
    of = RAW[name].payload
    struct = next(part for part in _parts(of) if isinstance(part, type) and issubclass(part, msgspec.Struct))

    for field in msgspec.structs.fields(struct):
        if field.required:
            poorer = {key: value for key, value in one.items() if key != field.encode_name}
            assert not check.is_valid([poorer] if isinstance(payload, list) else poorer), field.encode_name


def _parts(of: Any) -> Iterator[Any]:
    """A type, and the types that it is made of."""
    yield of
    for part in getattr(of, "__args__", ()):
        yield from _parts(part)


def test_a_key_that_the_types_do_not_name_is_allowed() -> None:
    payload = {**example_of("raw-trade").payload, "zz": "new"}

    assert validator_of(MESSAGES["raw-trade"]["payload"]).is_valid(payload)


def test_a_dead_letter_is_told_with_the_hash_of_its_original() -> None:
    for name in ("dead-letter", "private-dead-letter"):
        example = example_of(name)
        assert example.headers is not None
        assert example.headers["sha256"] == hashlib.sha256(example.payload.encode()).hexdigest()
        assert example.headers["length"] == str(len(example.payload))


# Payloads


class Inner(msgspec.Struct):
    """Something inside; see :func:`~somewhere.else`."""

    level: tuple[str, str] = msgspec.field(name="l")


class Outer(msgspec.Struct):
    """A payload of ``this`` test,
    on two lines."""

    inner: Inner = msgspec.field(name="i")
    """Told beside a reference."""
    price: str | None = msgspec.field(name="p", default=None)
    """In ``USDT``."""
    plain: int = 0


def test_a_type_becomes_a_schema_with_the_names_and_texts_of_its_fields() -> None:
    (schema,), components = json_schemas([Outer])

    assert schema == {"$ref": "#/components/schemas/Outer"}
    assert components["Outer"]["description"] == "A payload of `this` test, on two lines."
    assert components["Outer"]["required"] == ["i"]
    assert components["Outer"]["properties"] == {
        "i": {
            "allOf": [{"$ref": "#/components/schemas/Inner"}],
            "title": "inner",
            "description": "Told beside a reference.",
        },
        "p": {"title": "price", "description": "In `USDT`.", "type": ["string", "null"]},
        "plain": {"type": "integer", "default": 0},
    }


def test_a_pair_is_a_list_of_two() -> None:
    _, components = json_schemas([Inner])
    check = Draft7Validator(components["Inner"])

    assert check.is_valid({"l": ["1", "2"]})
    assert not any(check.is_valid({"l": levels}) for levels in ([], ["1"], ["1", 2], ["1", "2", "3"]))


def test_a_docstring_becomes_plain_text() -> None:
    assert plain_text("One ``x``\n    and :func:`~a.b.c`.") == "One `x` and `a.b.c`."


# The command


def test_the_command_prints_yaml_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    assert capsys.readouterr().out == AS_YAML
    main(["--format", "json", "--prefix", "other"])
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(asyncapi_document("other")))


def test_an_illegal_prefix_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--prefix", "No_Prefix"])

    assert ended.value.code == 2
    assert 'topic prefix "No_Prefix"' in capsys.readouterr().err
