"""The real registry keeps the promises that the codec and set-up rely on."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from schemas.avro import load_schema
from schemas.codec import Codec
from schemas.markets import Market
from schemas.registry import Registry, RegistryUnavailableError, SubjectMissingError, UnknownSchemaError
from schemas.topics import DerivedType, TopicTable
from tests.support import golden
from tests.support.offline_registry import OfflineRegistry


if TYPE_CHECKING:
    from tests import conftest


def test_setup_is_idempotent_and_values_decode_by_the_registered_id(
    registry: conftest.Registry, topic_prefix: str
) -> None:
    table = TopicTable(topic_prefix)
    topic = table.derived(Market.SPOT, DerivedType.CANDLE_1M)
    with Registry(registry.url) as client:
        first = client.register(table)

        assert client.register(table) == first
        codec = Codec(table, client)
        codec.prepare()
        value = codec.encode(topic, golden.example("candle"))
        assert int.from_bytes(value[1:5], "big") == first[topic.subject]
        assert Codec(table, client).decode(topic.name, 0, 0, value) == golden.example("candle")


def test_a_breaking_change_is_refused_and_a_field_with_a_default_is_not(
    registry: conftest.Registry, topic_prefix: str
) -> None:
    table = TopicTable(topic_prefix)
    subject = table.derived(Market.SPOT, DerivedType.TRADE).subject
    with Registry(registry.url) as ours:
        ours.register(table)
    breaking, widened = load_schema("trade"), load_schema("trade")
    breaking["fields"].append({"name": "new", "type": "long", "doc": "no default"})
    widened["fields"].append({"name": "new", "type": ["null", "long"], "default": None, "doc": "a default"})

    with SchemaRegistryClient({"url": registry.url}) as client:
        assert client.get_compatibility(subject) == "FULL_TRANSITIVE"
        assert not client.test_compatibility(subject, Schema(json.dumps(breaking), "AVRO"))
        assert client.test_compatibility(subject, Schema(json.dumps(widened), "AVRO"))


def test_a_registry_without_our_schemas_says_to_run_setup(registry: conftest.Registry, topic_prefix: str) -> None:
    with Registry(registry.url) as client, pytest.raises(SubjectMissingError, match="binance-ingest setup"):
        Codec(TopicTable(topic_prefix), client).prepare()


def test_unknown_ids_are_told_apart_from_a_registry_that_is_down(registry: conftest.Registry) -> None:
    with Registry(registry.url) as real:
        for source in (real, OfflineRegistry()):
            with pytest.raises(UnknownSchemaError):
                source.schema_by_id(2_000_000_000)


def test_waiting_says_so_and_gives_up_at_the_limit() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        client = Registry(f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}")
        said: list[str] = []
        slept: list[float] = []

        with pytest.raises(RegistryUnavailableError) as caught:
            client.wait_until_ready(said.append, slept.append, limit_s=10)

    assert sum(slept) >= 10
    assert all("waiting for the schema registry" in sentence for sentence in said)
    assert "secret" not in "".join([*said, str(caught.value)])


def test_a_registry_that_answers_is_not_waited_for(registry: conftest.Registry) -> None:
    said: list[str] = []
    with Registry(registry.url) as client:
        client.wait_until_ready(said.append, lambda _: None, limit_s=1)

    assert said == []
