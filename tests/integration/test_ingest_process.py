"""`binance-ingest` as its users meet it: processes, signals, exit statuses."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ingest.kafka_log import LogRecord
from ingest.topic_admin import TopicAdmin
from sandbox.broker import EmbeddedKafka
from schemas.markets import Market
from schemas.topics import ControlType, RawType, partition_of
from tests.conftest import Registry
from tests.support.broker_io import Sent, send
from tests.support.ingest_service import VENUE, Site, create_topics, new_site
from tests.support.kafka import Broker
from tests.support.polling import until
from tests.support.project import ROOT
from tests.support.venue import History, trade_frame


pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def bare_site(kafka: Broker, registry: Registry, topic_prefix: str) -> AsyncIterator[Site]:
    """A site without topics."""
    async with new_site(kafka.bootstrap_servers, registry.url, topic_prefix) as site:
        yield site


@asynccontextmanager
async def ingest(site: Site, *arguments: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
    environment: Mapping[str, str] = {
        **os.environ,
        **site.environment,
        "INGEST_MARKETS__SPOT__SYMBOLS": site.btc,
        "INGEST_MARKETS__SPOT__STREAMS": "trade",
        **more,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "ingest",
        *arguments,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        said, _ = await process.communicate()
        print(said.decode())  # noqa: T201 - pytest shows it where the test failed


async def outcome(process: asyncio.subprocess.Process, timeout_s: float = 60) -> tuple[int | None, str]:
    """Wait for the end of a process; returns its status and what it said."""
    async with asyncio.timeout(timeout_s):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_delivers_what_it_read_and_ends_with_status_0(site: Site, number: signal.Signals) -> None:
    async with ingest(site, "run") as process:
        await site.venue.until(lambda venue: bool(venue.subscriptions), timeout_s=60)
        await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in range(500)))
        await site.until(site.table.raw(Market.SPOT, RawType.TRADE), lambda records: len(records) >= 1)
        began = time.monotonic()
        process.send_signal(number)
        status, output = await outcome(process)

    assert (status, "stopped, everything acknowledged" in output) == (0, True)
    assert time.monotonic() - began < 10


async def test_told_to_stop_while_it_waits_for_the_broker_it_ends_with_status_0(site: Site) -> None:
    async with ingest(site, "run", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") as process:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            assert b"waiting for Kafka at 127.0.0.1:1" in await process.stdout.readline()
        process.terminate()
        status, _ = await outcome(process, timeout_s=10)

    assert status == 0


async def test_with_the_broker_away_it_ends_with_status_1_and_says_how_many_are_left(
    tmp_path: Path, registry: Registry, topic_prefix: str
) -> None:
    with EmbeddedKafka(tmp_path / "kafka", port=0) as broker:
        await asyncio.to_thread(create_topics, broker.bootstrap_servers, registry.url, topic_prefix)
        async with new_site(broker.bootstrap_servers, registry.url, topic_prefix) as site:
            trades = site.table.raw(Market.SPOT, RawType.TRADE)
            async with ingest(site, "run", INGEST_REPAIR__ENABLED="false") as process:
                await site.venue.until(lambda venue: bool(venue.subscriptions), timeout_s=60)
                await site.venue.send(trade_frame(site.btc, 1, VENUE))
                await site.until(trades, lambda records: len(records) == 1)
                await asyncio.to_thread(broker.kill)
                await site.venue.send(*(trade_frame(site.btc, one, VENUE + one) for one in range(2, 302)))
                await asyncio.sleep(1)
                began = time.monotonic()
                process.terminate()
                status, output = await outcome(process)

    assert status == 1
    assert time.monotonic() - began < 10
    # The trades, and what ingest has to say about its connection.
    assert "records are unacknowledged" in output
    count = int(output.rpartition(" records are unacknowledged")[0].rpartition("\n")[2].split()[-1])
    assert 300 <= count <= 330


async def test_without_set_up_it_ends_with_status_1_and_says_what_to_do(bare_site: Site) -> None:
    async with ingest(bare_site, "run") as process:
        status, output = await outcome(process)

    assert status == 1
    assert 'run "binance-ingest setup"' in output


async def test_a_broker_that_is_not_there_is_waited_for_no_longer_than_told(site: Site) -> None:
    async with ingest(site, "run", "--wait", "1", KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:1") as process:
        status, output = await outcome(process)

    assert status == 1
    assert "waiting for Kafka at 127.0.0.1:1" in output
    assert "is KAFKA_BOOTSTRAP_SERVERS right?" in output


async def test_a_registry_that_is_not_there_is_waited_for_no_longer_than_told(site: Site) -> None:
    async with ingest(site, "run", "--wait", "1", SCHEMA_REGISTRY_URL="http://127.0.0.1:1") as process:
        status, output = await outcome(process)

    assert status == 1
    assert "waiting for the schema registry at http://127.0.0.1:1" in output


# Set-up


async def test_set_up_creates_everything_and_doing_it_again_changes_nothing(bare_site: Site) -> None:
    for expected in (
        f"{len(bare_site.table)} created, 0 changed, 0 as",
        f"0 created, 0 changed, {len(bare_site.table)} as",
    ):
        async with ingest(bare_site, "setup") as process:
            status, output = await outcome(process)
        assert (status, expected in output) == (0, True)

    counts = await asyncio.to_thread(TopicAdmin(bare_site.bootstrap_servers).partition_counts)
    assert {topic.name: counts[topic.name] for topic in bare_site.table} == {
        topic.name: topic.partitions for topic in bare_site.table
    }


async def test_a_topic_with_other_partitions_is_an_error_that_names_it_and_nothing_is_created(bare_site: Site) -> None:
    name = bare_site.table.raw(Market.SPOT, RawType.TRADE).name
    admin = AIOKafkaAdminClient(bootstrap_servers=bare_site.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(name, 3, 1)])
    await admin.close()

    async def is_visible() -> bool:
        return name in await asyncio.to_thread(TopicAdmin(bare_site.bootstrap_servers).partition_counts)

    await until(is_visible)  # the broker learns of it a little after the controller made it

    async with ingest(bare_site, "setup") as process:
        status, output = await outcome(process)

    assert status == 1
    assert f'"{name}" has 3' in output
    assert "delete these topics, or choose another TOPIC_PREFIX" in output
    counts = await asyncio.to_thread(TopicAdmin(bare_site.bootstrap_servers).partition_counts)
    assert [topic for topic in counts if topic.startswith(bare_site.table.prefix)] == [name]


async def test_keep_everything_is_applied_to_topics_that_exist_and_is_not_taken_back_unasked(bare_site: Site) -> None:
    topic = bare_site.table.raw(Market.SPOT, RawType.TRADE)
    admin = TopicAdmin(bare_site.bootstrap_servers)
    outputs = []
    for arguments in ((), ("--keep-everything",), ()):
        async with ingest(bare_site, "setup", *arguments) as process:
            outputs.append(await outcome(process))

    assert [status for status, _ in outputs] == [0, 0, 0]
    assert "left alone" not in outputs[1][1]
    assert f"left alone, though the table says retention.ms=604800000: {topic.name}" in outputs[2][1]
    assert await asyncio.to_thread(admin.deviations, [topic], keep=True) == {}


async def test_who_repairs_takes_over_from_one_that_was_killed_and_the_ledger_says_what_became_of_all(
    site: Site,
) -> None:
    gaps = site.table.control(ControlType.GAP)
    history = site.venue.trades = History(40)
    history.refusal = (503, '{"code":-1001,"msg":"away"}')
    async with ingest(site, "repair", INGEST_INGEST_ID="first") as first, ingest(site, "repair") as second:
        await send(site.bootstrap_servers, [raw_trade(site, one) for one in (10, 11, 15)])
        await site.until(gaps, lambda records: len(records) >= 2, timeout_s=90)
        async with ingest(site, "gaps", "--symbol", site.btc, COLUMNS="200") as command:
            status, table = await outcome(command)
        first.kill()
        await send(site.bootstrap_servers, [raw_trade(site, one) for one in (16, 20)])
        history.refusal = None
        await site.until(gaps, lambda records: len(newest(records)) == 2 and b"filled" in newest(records)[-1], 90)
        await site.until(gaps, lambda records: all(b"filled" in value for value in newest(records)), 90)
        second.terminate()
        assert (await outcome(second))[0] == 0

    assert (status, "deferred" in table, "venue-unreachable" in table) == (1, True, True)
    async with ingest(site, "gaps", "--json", "--symbol", site.btc) as command:
        status, lines = await outcome(command)
    ledger = [json.loads(line) for line in lines.splitlines()]
    assert status == 0
    assert [(one["first_id"], one["last_id"], one["status"]) for one in ledger] == [
        (12, 14, "filled"),
        (17, 19, "filled"),
    ]
    records = await site.read(site.table.raw(Market.SPOT, RawType.TRADE))
    assert sorted({json.loads(record.value or b"")["t"] for record in records}) == list(range(10, 21))


def raw_trade(site: Site, trade_id: int) -> Sent:
    value = json.dumps(json.loads(trade_frame(site.btc, trade_id, VENUE + trade_id))["data"]).encode()
    topic, partition = site.table.raw(Market.SPOT, RawType.TRADE), partition_of(site.btc)
    return Sent(topic.name, partition, value, site.btc.encode(), VENUE + trade_id)


def newest(records: Sequence[LogRecord]) -> list[bytes]:
    """Return the last value of each key."""
    return list({record.key: record.value or b"" for record in records}.values())
