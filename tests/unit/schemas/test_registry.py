"""What the registry's client says when nobody answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from schemas.markets import Market
from schemas.registry import Registry, RegistryUnavailableError
from schemas.topics import DerivedType, TopicTable


TOPIC = TopicTable("test").derived(Market.SPOT, DerivedType.ORDER)


@pytest.fixture
def nobody() -> Iterator[Registry]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with Registry(f"http://user:secret@127.0.0.1:{unused.getsockname()[1]}") as registry:
            yield registry


@pytest.mark.parametrize(
    "ask",
    [
        lambda registry: registry.schema_by_id(1),
        lambda registry: registry.schema_id(TOPIC),
        lambda registry: registry.register([TOPIC]),
    ],
    ids=["schema_by_id", "schema_id", "register"],
)
def test_a_registry_that_is_away_is_said_to_be_and_credentials_are_not_shown(
    nobody: Registry, ask: Callable[[Registry], object]
) -> None:
    with pytest.raises(RegistryUnavailableError, match="does not answer") as caught:
        ask(nobody)

    assert "secret" not in str(caught.value)
