"""Fixtures that every test may use, and what the summary says about them."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

from sandbox.registry import EmbeddedRegistry
from tests.support.kafka import Broker, running_broker
from tests.support.recordings import recordings_dir


# The timeout of each test is the limit; on a busy machine a single example may take any time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

_broker = pytest.StashKey[Broker]()

_MARKER_OF_FIXTURE = {"kafka": "integration", "registry": "integration", "recordings": "recordings"}

_FIRST_START_S = {"kafka": 300, "registry": 300}
"""What the first test that needs a server may wait for it: it may have to be downloaded."""


@dataclass(frozen=True)
class Registry:
    """A schema registry that answers."""

    url: str


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The broker of the session. Its topics are everybody's: name yours after `topic_prefix`."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as broker:
        request.config.stash[_broker] = broker
        yield broker


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """The schema registry of the session: the one that `SCHEMA_REGISTRY_URL` names, else the embedded one."""
    if url := os.environ.get("SCHEMA_REGISTRY_URL"):
        yield Registry(url)
        return
    with EmbeddedRegistry(tmp_path_factory.mktemp("registry"), port=0) as embedded:
        yield Registry(embedded.url)


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of the recordings."""
    folder = recordings_dir()
    if folder is None:
        missing = "no recordings: BINANCE_RECORDINGS names no folder, and there is none at ../shared/data"
        if os.environ.get("REQUIRE_RECORDINGS") == "1":
            pytest.fail(f"REQUIRE_RECORDINGS=1, but {missing}")
        pytest.skip(missing)
    return folder


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of topic names, and of whatever else must be unique on the broker, that no other test has."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Undo what a command that runs in this process does to its logging: where that one writes is closed by then."""
    root = logging.getLogger()
    handlers = list(root.handlers)
    levels = {one: one.level for one in _loggers()}
    yield
    structlog.reset_defaults()
    root.handlers = handlers
    for one in _loggers():
        if one.level != (level := levels.get(one, logging.NOTSET)):
            one.setLevel(level)


def _loggers() -> list[logging.Logger]:
    root = logging.getLogger()
    return [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by the fixtures that they use, before `-m` selects among them."""
    for item in items:
        for fixture in _MARKER_OF_FIXTURE.keys() & _fixtures_of(item):
            item.add_marker(_MARKER_OF_FIXTURE[fixture])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Give the first test that needs a server the time to start it."""
    waiting_for = dict(_FIRST_START_S)
    for item in session.items:
        if start_s := sum(waiting_for.pop(fixture) for fixture in waiting_for.keys() & _fixtures_of(item)):
            own = item.get_closest_marker("timeout")
            own_s = float(own.args[0] if own else session.config.getini("timeout"))
            item.add_marker(pytest.mark.timeout(own_s + start_s), append=False)


def _fixtures_of(item: pytest.Item) -> set[str]:
    return set(item.fixturenames) if isinstance(item, pytest.Function) else set()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which broker the integration tests ran against, and why that one."""
    if broker := config.stash.get(_broker, None):
        terminalreporter.line(f"Kafka: {broker.kind} at {broker.bootstrap_servers} ({broker.reason})")
