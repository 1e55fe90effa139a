"""Fixtures of tests that run ingest against a venue which they play."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from tests.conftest import Registry
from tests.support.ingest_service import Site, create_topics, new_site
from tests.support.kafka import Broker


@pytest.fixture(scope="module")
def prefix(kafka: Broker, registry: Registry) -> str:
    """A prefix whose topics and schemas are there."""
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    create_topics(kafka.bootstrap_servers, registry.url, prefix)
    return prefix


@pytest.fixture
async def site(kafka: Broker, registry: Registry, prefix: str) -> AsyncIterator[Site]:
    """A site of the test's own, under the prefix that its module shares."""
    async with new_site(kafka.bootstrap_servers, registry.url, prefix) as site:
        yield site
