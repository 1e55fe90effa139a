"""The compose stack as a user starts it, from the images that CI has built: data everywhere, whatever is killed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from importlib.metadata import version
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
    DerivedType.TRADE,
    DerivedType.TRADE_FLOW,
    DerivedType.CANDLE_1M,
    DerivedType.TICKER,
    DerivedType.ORDER,
    DerivedType.BALANCE,
)
"""What moves on every market; longer candles, alerts and verifications take more minutes than a test has."""
_FED: Final[tuple[Topic, ...]] = (
    *(_TABLE.derived(market, derived) for market in Market for derived in _OF_MARKETS),
    *(_TABLE.derived(market, DerivedType.POSITION) for market in (Market.USDM, Market.COINM)),
)
_RUNNING: Final = ("kafka", "registry", "exchange", "ingest", "books", "trades", "private", "dashboard", "trader")
_RECENT_MS: Final = 30_000
_START_S: Final = 400.0
_BACK_S: Final = 180.0
_DATA_S: Final = 180.0
_CONTENT: Final = """
import importlib.util, json, os, shutil, sysconfig
print(json.dumps({
    "programs": [name for name in ("pip", "pip3", "cc", "gcc", "c++", "make", "curl", "wget") if shutil.which(name)],
    "modules": [name for name in ("pip", "setuptools", "wheel", "ensurepip", "hatchling", "pytest", "docker")
                if importlib.util.find_spec(name)],
    "user": [os.getuid(), os.getgid()],
    "writable": [path for path in ("/", "/opt", sysconfig.get_path("purelib"), "/usr/bin") if os.access(path, os.W_OK)],
}))
"""
"""Run in the image: what of that is in it which nothing of ours needs, and who may write where."""


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
    books = stack.read("/api/v1/books")["books"]

    assert {book["state"] for book in books} == {"live"}
    assert {(book["market"], book["symbol"]) for book in books} >= {("spot", "BTCUSDT"), ("usdm", "BTCUSDT")}


@pytest.mark.timeout(_DATA_S + 60)
def test_the_dashboard_shows_what_is_of_now(stack: ComposeStack) -> None:
    def are_recent() -> bool:
        return all(book["age_ms"] < _RECENT_MS for book in stack.read("/api/v1/books")["books"])

    stack.await_("every book of the last half minute", are_recent, _DATA_S)


@pytest.mark.timeout(60)
def test_the_dashboard_shows_the_account_that_trades(stack: ComposeStack) -> None:
    assert stack.read("/api/v1/accounts/orders")["orders"]
    assert stack.read("/api/v1/accounts/balances")["balances"]


@pytest.mark.timeout(900)
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
def test_the_image_holds_no_tool_that_builds_or_installs(stack: ComposeStack) -> None:
    content = json.loads(stack.run_in_image("python", "-c", _CONTENT))

    assert content == {"programs": [], "modules": [], "user": [10001, 10001], "writable": []}


@pytest.mark.timeout(60)
def test_the_image_says_what_it_is(stack: ComposeStack) -> None:
    image = stack.image()
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in image["Config"]["Labels"].items()}

    assert labels["title"] == "binance-kafka"
    assert labels["licenses"] == "Apache-2.0"
    assert labels["version"] == version("binance-kafka")
    assert len(labels["revision"]) == 40
    assert f"BINANCE_KAFKA_REVISION={labels['revision']}" in image["Config"]["Env"]
    assert labels["base.name"]
    assert labels["source"]
    assert image["Config"]["User"] == "10001:10001"


@pytest.mark.timeout(180)
def test_what_is_told_to_stop_ends_with_status_0(stack: ComposeStack) -> None:
    stack.compose("stop")

    codes = {service: stack.container(service).attrs["State"]["ExitCode"] for service in OURS}
    assert codes == dict.fromkeys(OURS, 0), stack.states()
