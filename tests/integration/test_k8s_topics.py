"""What Kubernetes' manifests say of topics, the broker takes."""

from __future__ import annotations

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]
from confluent_kafka.schema_registry import SchemaRegistryClient
from typer.testing import CliRunner

from ingest.__main__ import app
from k8s.checks.kafka import TOPIC_SETTINGS
from k8s.generate import topic_manifest
from schemas.topics import TopicTable
from tests.conftest import Registry
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(180)


async def test_settings_that_a_topic_can_have_are_those_that_the_broker_lists(kafka: Broker, topic_prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    admin.create_topics([NewTopic(topic_prefix, num_partitions=1)])[topic_prefix].result(60)

    async def is_known() -> bool:
        return topic_prefix in admin.list_topics(timeout=60).topics

    await until(is_known)
    resource = ConfigResource(ResourceType.TOPIC, topic_prefix)
    listed = set(admin.describe_configs([resource])[resource].result(60))

    assert {name for name in listed if not name.startswith("internal.")} == TOPIC_SETTINGS


def test_broker_takes_every_kafka_topic_as_it_is_written(kafka: Broker, topic_prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    specs = [
        (topic.name, topic_manifest(topic, cluster="kafka", replicas=1)["spec"]) for topic in TopicTable(topic_prefix)
    ]
    wanted = [NewTopic(name, spec["partitions"], spec["replicas"], config=dict(spec["config"])) for name, spec in specs]

    for future in admin.create_topics(wanted, validate_only=True, request_timeout=60).values():
        assert future.result(60) is None


def test_schemas_alone_are_set_up_where_others_make_the_topics(registry: Registry, topic_prefix: str) -> None:
    """Without a broker: nothing of one is asked."""
    answer = CliRunner().invoke(
        app,
        ["setup", "--schemas-only", "--wait", "60"],
        env={
            "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
            "SCHEMA_REGISTRY_URL": registry.url,
            "TOPIC_PREFIX": topic_prefix,
            "INGEST_PRIVATE": "false",
        },
    )

    table = TopicTable(topic_prefix)
    wanted = {topic.subject for topic in table if topic.schema is not None and not topic.private}
    assert answer.exit_code == 0, answer.output
    assert f"topics: left to others; schemas: {len(wanted)} registered" in answer.output
    with SchemaRegistryClient({"url": registry.url}) as client:
        # Not by the list of all: of many, as at the end of a whole run, the registry tells some.
        assert {client.get_latest_version(name).subject for name in wanted} == wanted
