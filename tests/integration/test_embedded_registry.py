"""The embedded registry speaks Confluent's API and never gives an id twice, whatever ends it."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.schema_registry import ConfigCompatibilityLevel, Schema, SchemaRegistryClient, ServerConfig
from confluent_kafka.schema_registry.error import SchemaRegistryError

from sandbox.errors import ProcessDiedError
from sandbox.registry import EmbeddedRegistry


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(300),  # the first start may have to download the registry
]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry(tmp_path_factory.mktemp("registry"), port=0) as registry:
        yield registry


@pytest.fixture
def client(registry: EmbeddedRegistry) -> Iterator[SchemaRegistryClient]:
    with SchemaRegistryClient({"url": registry.url}) as client:
        yield client


@pytest.fixture
def subject() -> str:
    return f"test-{uuid.uuid4().hex[:12]}-value"


def avro(**fields: object) -> Schema:
    """A record whose fields are given as their Avro type, or as (type, default)."""
    described = [
        {"name": name, "type": kind[0], "default": kind[1]} if isinstance(kind, tuple) else {"name": name, "type": kind}
        for name, kind in fields.items()
    ]
    return Schema(json.dumps({"type": "record", "name": "Trade", "fields": described}), "AVRO")


def test_a_schema_is_found_by_id_and_registered_once(client: SchemaRegistryClient, subject: str) -> None:
    identity = client.register_schema(subject, avro(price="string"))

    assert client.register_schema(subject, avro(price="string")) == identity
    found = client.get_schema(identity).schema_str
    assert found is not None
    assert json.loads(found) == json.loads(avro(price="string").schema_str or "")
    latest = client.get_latest_version(subject)
    assert (latest.schema_id, latest.version) == (identity, 1)


def test_full_transitive_compatibility_holds_once_it_is_set(client: SchemaRegistryClient, subject: str) -> None:
    client.register_schema(subject, avro(price="string"))
    client.set_config(subject, ServerConfig(compatibility=ConfigCompatibilityLevel.FULL_TRANSITIVE))
    harmless, breaking = avro(price="string", venue=("string", "")), avro(price="string", venue="string")

    assert client.get_config(subject).compatibility_level == "FULL_TRANSITIVE"
    assert client.test_compatibility(subject, harmless)
    assert not client.test_compatibility(subject, breaking)
    with pytest.raises(SchemaRegistryError) as refusal:
        client.register_schema(subject, breaking)
    assert refusal.value.http_status_code == 409
    client.register_schema(subject, harmless)
    assert client.get_versions(subject) == [1, 2]


def test_nothing_is_refused_unless_a_level_is_set(client: SchemaRegistryClient, subject: str) -> None:
    """Confluent's own default is BACKWARD: who relies on a level sets it."""
    assert client.get_config().compatibility_level == "NONE"

    first = client.register_schema(subject, avro(price="string"))
    assert client.register_schema(subject, avro(price="int")) > first


@pytest.mark.parametrize("crash", [True, False], ids=["killed", "stopped"])
def test_ids_and_levels_outlast_a_restart(registry: EmbeddedRegistry, subject: str, crash: bool) -> None:
    with SchemaRegistryClient({"url": registry.url}) as before:
        before.register_schema(subject, avro(price="string"))
        before.set_config(subject, ServerConfig(compatibility=ConfigCompatibilityLevel.FULL_TRANSITIVE))
        last = before.register_schema(subject, avro(price="string", venue=("string", "")))
    if crash:
        # At once after the answer: what was given out is on disk by then.
        assert registry.kill() == -signal.SIGKILL
        registry.start()
    else:
        registry.restart()

    with SchemaRegistryClient({"url": registry.url}) as after:
        assert after.get_latest_version(subject).schema_id == last
        assert after.get_config(subject).compatibility_level == "FULL_TRANSITIVE"
        assert after.register_schema(f"another-{subject}", avro(quantity="string")) > last


def test_a_registry_that_cannot_start_says_why(registry: EmbeddedRegistry) -> None:
    registry.stop()
    intact = (registry.data_dir / "registry.mv.db").read_bytes()
    heap_mb, registry.heap_mb = registry.heap_mb, 1
    with pytest.raises(ProcessDiedError, match=r"(?s)schema registry ended with exit status 1.*maximum heap"):
        registry.start()
    registry.heap_mb = heap_mb
    registry.start()

    assert registry.running
    assert len((registry.data_dir / "registry.mv.db").read_bytes()) >= len(intact)
