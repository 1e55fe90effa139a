"""The compose stack as a user starts it, from the images that CI has built: data everywhere, whatever is killed."""

from __future__ import annotations

import json
import urllib.request
import uuid
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import jsonschema
import pytest
import yaml

from schemas.markets import Market
from schemas.topics import DerivedType, Topic, TopicTable
from tests.support.compose import OURS, ComposeStack, running_stack
from tests.support.project import ROOT


_TABLE: Final = TopicTable()
_OF_MARKETS: Final = (
    DerivedType.TOP_OF_BOOK,
    DerivedType.BOOK_SNAPSHOT,
    DerivedType.LIQUIDITY,
    DerivedType.TRADE_FLOW,
    DerivedType.CANDLE_1M,
    DerivedType.CANDLE_1D,
    DerivedType.TICKER,
)
"""What moves on every market while anything trades there."""
_FED: Final[tuple[Topic, ...]] = (
    *(_TABLE.derived(market, derived) for market in Market for derived in _OF_MARKETS),
    *(_TABLE.derived(market, DerivedType.TRADE) for market in (Market.SPOT, Market.USDM)),
    *(_TABLE.derived(market, derived) for market in Market for derived in (DerivedType.ORDER, DerivedType.BALANCE)),
)
_RUNNING: Final = ("kafka", "registry", "exchange", "ingest", "books", "trades", "private", "dashboard")
_START_S: Final = 240.0
_BACK_S: Final = 120.0
_DATA_S: Final = 120.0


@pytest.fixture(scope="module")
def stack() -> Iterator[ComposeStack]:
    with running_stack(f"test-{uuid.uuid4().hex[:12]}") as stack:
        yield stack


def test_the_compose_file_is_what_the_specification_allows() -> None:
    # The program check-jsonschema does not start beside our click, but brings the schema.
    package = find_spec("check_jsonschema")
    assert package is not None
    assert package.origin is not None
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())

    jsonschema.validate(document, schema)

    document["services"]["kafka"]["healthcheck"]["retires"] = 3
    with pytest.raises(jsonschema.ValidationError, match="retires"):
        jsonschema.validate(document, schema)


@pytest.mark.timeout(_START_S * 3)
def test_every_derived_topic_gets_records(stack: ComposeStack) -> None:
    stack.await_healthy(_RUNNING, _START_S)

    stack.await_growth({topic.name: 0 for topic in _FED}, _FED, _DATA_S)


@pytest.mark.timeout(60)
def test_the_dashboard_shows_books_that_are_live(stack: ComposeStack) -> None:
    with urllib.request.urlopen(f"{stack.dashboard_url}/api/v1/books", timeout=10) as answer:  # noqa: S310 - ours
        books = json.load(answer)["books"]

    assert {book["state"] for book in books} == {"live"}
    assert {(book["market"], book["symbol"]) for book in books} >= {("spot", "BTCUSDT"), ("usdm", "BTCUSDT")}


@pytest.mark.timeout(_BACK_S + _DATA_S + 60)
@pytest.mark.parametrize("service", _RUNNING)
def test_what_is_killed_comes_back_and_data_go_on(stack: ComposeStack, service: str) -> None:
    restarts = stack.restarts(service)
    stack.crash(service)
    stack.await_(f"{service} started again", lambda: stack.restarts(service) > restarts, _BACK_S)

    stack.await_healthy(_RUNNING, _BACK_S)
    stack.await_growth(stack.ends(_FED), _FED, _DATA_S)


@pytest.mark.timeout(120)
def test_no_service_writes_outside_of_its_volumes_or_may_more_than_it_must(stack: ComposeStack) -> None:
    for service in stack.services():
        host = stack.container(service).attrs["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert host["SecurityOpt"] == ["no-new-privileges:true"], service
        bound = [place["HostIp"] for places in (host["PortBindings"] or {}).values() for place in places]
        assert set(bound) <= {"127.0.0.1"}, service


@pytest.mark.timeout(180)
def test_what_is_told_to_stop_ends_with_status_0(stack: ComposeStack) -> None:
    stack.compose("stop")

    assert {service: stack.container(service).attrs["State"]["ExitCode"] for service in OURS} == dict.fromkeys(OURS, 0)
