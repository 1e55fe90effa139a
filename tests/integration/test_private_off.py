"""Without private topics: nothing of them is made by set-up, and nothing but what is of accounts misses them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from ingest.topic_admin import TopicAdmin
from schemas.registry import Registry as SchemaRegistry
from tests.conftest import Registry
from tests.integration.test_ingest_process import ingest, outcome
from tests.integration.test_processors_worker import Stack
from tests.support.ingest_service import new_site
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(180)

OFF = {"INGEST_PRIVATE": "false", "INGEST_ACCOUNTS": '{"main": {"markets": ["spot"]}}'}


async def test_without_what_is_private_set_up_leaves_it_out_and_all_else_works(
    kafka: Broker, registry: Registry, topic_prefix: str, tmp_path: Path
) -> None:
    async with new_site(kafka.bootstrap_servers, registry.url, topic_prefix) as site:
        public = site.table.topics(private=False)
        async with ingest(site, "setup", **OFF) as process:
            status, output = await outcome(process)
        assert status == 0
        assert f"{len(public)} created" in output
        assert f"left out, as private is false: {len(site.table) - len(public)} private topics" in output
        await _only_public_is_there(kafka, registry, topic_prefix, {topic.name for topic in public})

        async with ingest(site, "check", "--json", **OFF) as process:
            _, output = await outcome(process)
        findings = json.loads(output[output.index("{") :])["findings"]
        assert {one["mark"] for one in findings if one["group"] in {"Kafka", "registry"}} == {"ok"}, findings

        async with ingest(site, "run", **OFF):
            await site.venue.until(lambda venue: bool(venue.subscriptions), timeout_s=60)

    with SchemaRegistry(registry.url) as client:
        stack = Stack(kafka.bootstrap_servers, client, topic_prefix, tmp_path)
        async with stack.worker("books"), stack.worker("trades"), stack.worker("private") as of_accounts:
            for number in (1, 2):
                await until(lambda n=number: _is_ready(stack, n))  # type: ignore[misc]
            assert await of_accounts.wait() == 1
        failed = stack.logged(3, "worker failed")
        assert failed is not None
        assert 'raw.order-update; run "binance-ingest setup"' in str(failed["reason"])


async def _is_ready(stack: Stack, number: int) -> bool:
    return (await stack.health(number, "ready"))[0] == 200


async def _only_public_is_there(kafka: Broker, registry: Registry, prefix: str, names: set[str]) -> None:
    counts = await asyncio.to_thread(TopicAdmin(kafka.bootstrap_servers).partition_counts)
    assert {name for name in counts if name.startswith(f"{prefix}.")} == names
    with SchemaRegistryClient({"url": registry.url}) as client:
        subjects = {one.removesuffix("-value") for one in client.get_subjects() if one.startswith(f"{prefix}.")}
    assert subjects < names
