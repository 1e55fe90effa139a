"""The Faust app is what it must be, whatever the environment says."""

from __future__ import annotations

import faust.streams
import pytest
from faust.assignor.partition_assignor import PartitionAssignor
from faust.types.enums import ProcessingGuarantee
from mode import CrashingSupervisor
from yarl import URL

from processors.agents import books, private, tickers, trades
from processors.app import AppOptions, BatchApp, require_compiled_faust
from processors.assignments import Assignments
from processors.batching import BatchConsumer, Membership
from processors.errors import FaustBuildError
from processors.flows import Family, flows_of, outputs_of
from processors.outputs import Encoder
from processors.restore import Restorer
from processors.runner import FlowRunner
from processors.units import Flow, UnitFactory
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import ControlType, Layer, TopicTable
from tests.support.memory_kafka import MemoryLogs, MemoryPublisher
from tests.support.offline_registry import OfflineRegistry


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
HOSTILE = {
    "BROKER_URL": "kafka://elsewhere:1",
    "BROKER_SESSION_TIMEOUT": "1",
    "PROCESSING_GUARANTEE": "exactly_once",
    "AGENT_SUPERVISOR": "mode.supervisors.OneForOneSupervisor",
    "STREAM_WAIT_EMPTY": "no",
    "TOPIC_DISABLE_LEADER": "no",
    "APP_WEB_ENABLED": "yes",
    "APP_DATADIR": "/nowhere",
    "CONSUMER_AUTO_OFFSET_RESET": "latest",
    "CONSUMER_GROUP_INSTANCE_ID": "somebody",
    "TABLE_STANDBY_REPLICAS": "0",
}


async def _fail(error: BaseException) -> None:
    raise error


def flows(family: Family) -> tuple[Flow, ...]:
    return flows_of(family, TABLE, tuple(Market), snapshot_levels=20, snapshot_interval_ms=1_000)


def assignments(family: Family) -> Assignments:
    return Assignments(flows(family), UnitFactory(TABLE, CODEC), Restorer(TABLE, CODEC, MemoryLogs()), _fail)


async def test_faust_takes_no_setting_from_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    app = BatchApp(AppOptions(group="g", bootstrap_servers="a:1,b:2"), assignments(Family.BOOKS))

    expected = {
        "broker_consumer": [URL("kafka://a:1"), URL("kafka://b:2")],
        "broker_session_timeout": 10,
        "processing_guarantee": ProcessingGuarantee.AT_LEAST_ONCE,
        "agent_supervisor": CrashingSupervisor,
        "stream_wait_empty": True,
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "web_enabled": False,
        "consumer_auto_offset_reset": "earliest",
        "consumer_group_instance_id": None,
        "table_standby_replicas": 1,
        "autodiscover": False,
    }
    assert {name: getattr(app.conf, name) for name in expected} == expected


async def test_the_consumer_delivers_batches_and_topics_are_assigned_by_fausts_own_assignor() -> None:
    app = BatchApp(AppOptions(group="g", bootstrap_servers="localhost:1"), assignments(Family.BOOKS))
    consumer = app.consumer

    assert isinstance(consumer, BatchConsumer)
    assert isinstance(app.assignor, PartitionAssignor)
    assert consumer.membership.session_timeout_s == 10
    assert consumer.fetch_age_s(0) is None, "readiness may be asked for before the consumer's thread has begun"
    consumer._thread.thread_loop.close()


async def test_the_compiled_streams_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    require_compiled_faust()
    monkeypatch.setattr(faust.streams, "_CStreamIterator", None)

    with pytest.raises(FaustBuildError, match="NO_CYTHON"):
        require_compiled_faust()


@pytest.mark.parametrize(
    ("family", "names"),
    [(Family.BOOKS, {"books"}), (Family.TRADES, {"trades", "tickers"}), (Family.PRIVATE, {"accounts"})],
)
async def test_the_agents_of_a_family_are_these(family: Family, names: set[str]) -> None:
    """By name: a name that changes with its module would silently rename what Faust derives from it."""
    own = assignments(family)
    app = BatchApp(AppOptions(group="g", bootstrap_servers="localhost:1"), own)
    define = {"books": books.define, "trades": trades.define, "tickers": tickers.define, "accounts": private.define}
    for flow in flows(family):
        runner = FlowRunner(flow, own, Encoder(TABLE, CODEC), MemoryPublisher(), lambda: Membership(10))
        define[flow.name](app, runner)

    assert set(app.agents) == names


@pytest.mark.parametrize("family", list(Family))
def test_a_family_reads_raw_and_control_topics_and_writes_what_processors_own(family: Family) -> None:
    inputs = {topic.name for flow in flows(family) for topic in flow.topics}
    outputs = {topic.name for topic in outputs_of(family, TABLE, tuple(Market))}

    assert inputs.isdisjoint(outputs)
    assert all("processors" in TABLE[name].owner for name in outputs)
    assert all(TABLE[name].layer is not Layer.DERIVED for name in inputs)


def test_all_that_processors_own_is_written_by_some_family() -> None:
    written = {topic.name for family in Family for topic in outputs_of(family, TABLE, tuple(Market))}

    assert written == {topic.name for topic in TABLE if "processors" in topic.owner}


def test_control_topics_come_first() -> None:
    (trades_flow, _) = flows(Family.TRADES)

    control = {TABLE.control(of).name for of in (ControlType.HEARTBEAT, ControlType.GAP)}
    assert set(trades_flow.topic_names[:2]) == control
