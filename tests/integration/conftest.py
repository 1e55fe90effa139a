"""What integration tests share: topics that are deleted when nobody needs them, and sites to run ingest at."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.conftest import Registry
from tests.support.broker_io import delete_topics
from tests.support.ingest_service import Site, create_topics, new_site
from tests.support.kafka import Broker


@pytest.fixture(scope="module")
def prefix(kafka: Broker, registry: Registry) -> Iterator[str]:
    """A prefix whose topics and schemas are there."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    create_topics(kafka.bootstrap_servers, registry.url, prefix)
    yield prefix
    asyncio.run(delete_topics(kafka.bootstrap_servers, prefix))


@pytest.fixture(autouse=True)
def topics_of_the_test(request: pytest.FixtureRequest) -> Iterator[None]:
    """Delete what a test made under its own prefix, after everything else of it has ended."""
    if not {"kafka", "topic_prefix"} <= set(request.fixturenames):
        yield
        return
    broker, prefix = request.getfixturevalue("kafka"), request.getfixturevalue("topic_prefix")
    yield
    asyncio.run(delete_topics(broker.bootstrap_servers, prefix))


@pytest.fixture
async def site(kafka: Broker, registry: Registry, prefix: str) -> AsyncIterator[Site]:
    """A site of the test's own, under the prefix that its module shares."""
    async with new_site(kafka.bootstrap_servers, registry.url, prefix) as site:
        yield site
