"""Orders and balances over a kill, on a real broker, and as the command line shows them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from processors.core.account_partition import AccountPartition
from processors.core.canonical import RULES, LastValues
from processors.core.records import Difference, Output, RawRecord
from processors.flows import Family, flows_of, outputs_of
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import ControlType, DerivedType, RawType, partition_of
from tests.conftest import Registry
from tests.integration.test_processors_worker import Stack
from tests.support.account_logs import LABELS, AccountLog, Entry
from tests.support.broker_io import Sent, create_topics, read_all, send
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(180)

ONLY = (Market.SPOT,)
PRIVATE = {"PROCESSORS_MARKETS": '["spot"]', "PROCESSORS_CHECKPOINT_INTERVAL_S": "0.3"}
STATES = (DerivedType.ORDER, DerivedType.BALANCE)
DAY_S = 86_400


class Accounts(Stack):
    """A stack with the topics of spot accounts alone."""

    async def create(self) -> None:
        flows = flows_of(Family.PRIVATE, self.table, ONLY, snapshot_levels=20, snapshot_interval_ms=1_000)
        topics = {topic.name: topic for flow in flows for topic in flow.topics}
        topics |= {topic.name: topic for topic in outputs_of(Family.PRIVATE, self.table, ONLY)}
        await create_topics(self.servers, topics.values())
        await asyncio.to_thread(self.registry.register, self.table)

    async def rows(self) -> dict[str, list[bytes]]:
        """Return what counts of the topics."""
        found = {}
        for of in STATES:
            values = LastValues(RULES[str(of)], whole=True)
            topic = self.table.derived(Market.SPOT, of).name
            for seen in await read_all(self.servers, topic):
                if seen.value is None:
                    values.bury(seen.key)
                else:
                    values.feed(self.codec.decode(topic, seen.partition, seen.offset, seen.value), seen.key)
            found[str(of)] = values.rows()
        return found

    async def until_checkpoint(self) -> None:
        async def written() -> bool:
            return bool(await read_all(self.servers, self.table.control(ControlType.CHECKPOINT).name))

        await until(written)

    async def command(self, *words: str) -> list[str]:
        """Return the lines that a command prints."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "processors", *words),
            env={
                "PATH": "",
                "KAFKA_BOOTSTRAP_SERVERS": self.servers,
                "SCHEMA_REGISTRY_URL": self.registry.url,
                "TOPIC_PREFIX": self.table.prefix,
                "PROCESSORS_MARKETS": '["spot"]',
                "COLUMNS": "200",
            },
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().splitlines()


def told(entries: list[Entry], retention_ms: int) -> tuple[dict[str, list[bytes]], int]:
    """Return what counts of what is told by a worker that is never interrupted, and how many differences it found."""
    partitions: dict[int, AccountPartition] = {}
    rows = {str(of): LastValues(RULES[str(of)], whole=True) for of in STATES}
    differences = 0
    for entry in entries:
        number, key = partition_of(entry.label), entry.label.encode()
        record = RawRecord(
            Market.SPOT, entry.type, number, entry.offset, entry.time_ms, key, entry.value, entry.headers
        )
        for result in partitions.setdefault(number, AccountPartition(retention_ms)).feed(record):
            if isinstance(result, Output):
                values = rows[str(result.type)]
                if result.value is None:
                    values.bury(result.key)
                else:
                    values.feed(result.value, result.key)
            differences += isinstance(result, Difference)
    return {name: values.rows() for name, values in rows.items()}, differences


def certain(rows: dict[str, list[bytes]]) -> dict[str, list[bytes]]:
    """Return rows without the ids of executions, the one thing that depends on the order in which topics are read.

    An event that is read a week after later ones of another topic may not be believed; answers tell all but its id.
    """
    return {of: [re.sub(rb'"execution_id":(null|\d+),?', b"", row) for row in found] for of, found in rows.items()}


@pytest.fixture
def schema_registry(registry: Registry) -> Iterator[SchemaRegistry]:
    with SchemaRegistry(registry.url) as client:
        yield client


@pytest.fixture
async def accounts(kafka: Broker, schema_registry: SchemaRegistry, topic_prefix: str, tmp_path: Path) -> Accounts:
    accounts = Accounts(kafka.bootstrap_servers, schema_registry, topic_prefix, tmp_path)
    await accounts.create()
    return accounts


async def test_accounts_come_back_after_a_kill_and_the_tables_are_those_of_a_worker_that_was_never_away(
    accounts: Accounts, tmp_path: Path
) -> None:
    log = AccountLog(5, day_every=12, labels=LABELS[:1]).run(400)
    expected, differences = told(log.entries, 7 * DAY_S * 1_000)
    sent = [entry.sent(accounts.table) for entry in log.interleaved(Random(6))]  # noqa: S311 - the same each time
    half = len(sent) // 2
    await send(accounts.servers, sent[:half])
    async with accounts.worker("private", "--instance-id", "a", **PRIVATE) as worker:
        await accounts.until_committed("private", sent[:half])
        await accounts.until_checkpoint()
        await send(accounts.servers, sent[half : half + 20])
        worker.kill()
    await send(accounts.servers, sent[half + 20 :])
    async with accounts.worker("private", "--instance-id", "a", **PRIVATE):
        await accounts.until_committed("private", sent)
        _, metrics = await accounts.health(2, "metrics")
    restored = accounts.logged(2, "restored")

    assert restored is not None
    assert restored["source"] == "checkpoint"
    assert certain(await accounts.rows()) == certain(expected)
    assert len(expected["order"]) < len(log.orders), "some ended long ago"
    assert differences
    assert 'processors_account_differences_total{market="spot",what="order"}' in metrics
    assert accounts.logged(1, "the venue's answer tells what its stream did not") is not None
    await asyncio.gather(shown(accounts, expected), replayed(accounts, expected, tmp_path))


async def replayed(accounts: Accounts, expected: dict[str, list[bytes]], directory: Path) -> None:
    """The same log gives the same tables in a replay, which ends with a hash over them."""
    lines = await accounts.command("replay", "--family", "private", "--rows", str(directory), "--json")
    topics = {topic["topic"]: topic["rows"] for topic in json.loads(lines[-1])["topics"]}

    assert topics["spot.order"] == len(expected["order"])
    written = {of: (directory / f"spot.{of}.jsonl").read_bytes().splitlines() for of in expected}
    assert certain(written) == certain(expected)


async def shown(accounts: Accounts, expected: dict[str, list[bytes]]) -> None:
    of_all, of_open, table, balances = await asyncio.gather(
        accounts.command("orders", "--json"),
        accounts.command("orders", "--open", "--json"),
        accounts.command("orders", "--account", "main", "--account", "nobody", "--symbol", "achusdt"),
        accounts.command("balances", "--account", "nobody"),
    )
    orders, opened = [json.loads(line) for line in of_all], [json.loads(line) for line in of_open]

    assert len(orders) == len(expected["order"])
    assert {order["market"] for order in orders} == {"spot"}
    assert 0 < len(opened) < len(orders)
    assert {order["status"] for order in opened} <= {"NEW", "PARTIALLY_FILLED"}
    assert table[-1] == f"{sum(order['symbol'] == 'ACHUSDT' for order in orders)} orders"
    assert balances == ["0 balances"]


async def test_what_cannot_be_read_goes_where_few_may_read_and_nowhere_else(accounts: Accounts) -> None:
    number, topic = partition_of("main"), accounts.table.raw(Market.SPOT, RawType.ORDER_UPDATE).name
    sent = [
        Sent(topic, number, b"nonsense", b"main"),
        Sent(topic, number, b'{"e":"executionReport"}', b"main"),
        Sent(topic, number, b'{"e":"somethingNew","E":1}', b"main"),
    ]
    await send(accounts.servers, sent)
    async with accounts.worker("private", **PRIVATE):
        await accounts.until_committed("private", sent)
    private = await read_all(accounts.servers, accounts.table.control(ControlType.PRIVATE_DEAD_LETTER).name)

    assert [(seen.headers["reason"], seen.headers["source_offset"], seen.value) for seen in private] == [
        ("malformed-json", "0", b"nonsense"),
        ("missing-field", "1", b'{"e":"executionReport"}'),
    ]
