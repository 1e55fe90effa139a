"""What the tests of the pages share: one browser, one pipeline, one read service."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser.driver import running_chromium
from tests.browser.site import SYMBOLS, ReadService, Site, running_site
from tests.conftest import Registry
from tests.support.broker_io import delete_topics
from tests.support.kafka import Broker
from tests.support.polling import until


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser."""
    async with running_chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def site(
    browser: Browser, kafka: Broker, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    """The pipeline: not started where there is no browser."""
    assert browser.is_connected()
    prefix = f"test-{uuid.uuid4().hex[:12]}"
    async with running_site(kafka.bootstrap_servers, registry.url, prefix, tmp_path_factory.mktemp("pages")) as site:
        yield site
    await delete_topics(kafka.bootstrap_servers, prefix)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def service(site: Site) -> AsyncIterator[ReadService]:
    """A read service over the pipeline, which has told of every symbol."""
    async with site.read_service() as service:

        async def told_of() -> bool:
            books = await service.get("/api/v1/books")
            return int(books["counts"]["live"]) == sum(map(len, SYMBOLS.values()))

        await until(told_of, 300)
        yield service
