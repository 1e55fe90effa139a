"""The state of books over restarts and take-overs, on a real broker, by workers in processes of their own."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from processors.core.book_partition import BookPartition
from processors.core.records import Output, RawRecord
from processors.flows import Family, flows_of, outputs_of
from schemas.control import CheckpointRound, SnapshotRequest
from schemas.derived import BookState, TopOfBook
from schemas.markets import Market
from schemas.registry import Registry as SchemaRegistry
from schemas.topics import ControlType, DerivedType, RawType, Topic, partition_of
from tests.conftest import Registry
from tests.integration.test_processors_worker import SYMBOLS, Stack
from tests.support.broker_io import Sent, create_topics, delete_topics, read_all, send, topic_names
from tests.support.kafka import Broker
from tests.support.polling import until


pytestmark = pytest.mark.timeout(180)

BOOKS = {"PROCESSORS_MARKETS": '["spot"]', "PROCESSORS_CHECKPOINT_INTERVAL_S": "0.3"}
DIFFS = 300


class SpotBooks(Stack):
    """A stack with the topics of spot books alone: the broker makes a dozen instead of hundreds."""

    async def create(self) -> None:
        only = (Market.SPOT,)
        flows = flows_of(Family.BOOKS, self.table, only, snapshot_levels=20, snapshot_interval_ms=1_000)
        topics = {topic.name: topic for flow in flows for topic in flow.topics}
        topics |= {topic.name: topic for topic in outputs_of(Family.BOOKS, self.table, only)}
        # Of a topic that is only compacted no records can be deleted, and compaction comes when it likes.
        deletable = ("cleanup.policy", "compact,delete")
        states = self.states_topic
        topics[states.name] = msgspec.structs.replace(states, settings=(*states.settings, deletable))
        await create_topics(self.servers, topics.values())
        await asyncio.to_thread(self.registry.register, self.table)

    @property
    def depth_topic(self) -> Topic:
        return self.table.raw(Market.SPOT, RawType.DEPTH)

    @property
    def states_topic(self) -> Topic:
        return self.table.derived(Market.SPOT, DerivedType.BOOK_CHECKPOINT)

    async def until_in_checkpoints(self, sent: list[Sent]) -> None:
        """Wait until the manifests say that all these raw records need not be read again."""
        ends = {r.partition: sum(other.partition == r.partition for other in sent) for r in sent}
        manifests = self.table.control(ControlType.CHECKPOINT).name

        async def covered() -> bool:
            begins: dict[int, int] = {}
            for seen in await read_all(self.servers, manifests):
                manifest = self.codec.decode(manifests, seen.partition, seen.offset, seen.value)
                assert isinstance(manifest, CheckpointRound)
                begins[seen.partition] = manifest.next_offsets[manifest.topics.index(self.depth_topic.name)]
            return all(begins.get(partition, 0) >= end for partition, end in ends.items())

        await until(covered)

    async def until_restored(self, number: int) -> dict[int, dict[str, object]]:
        """Wait until a worker has brought back every partition with books, and return what it logged about each."""
        partitions = {partition_of(symbol) for symbol in SYMBOLS}

        def restored() -> dict[int, dict[str, object]]:
            lines = [json.loads(line) for line in self.log(number).read_text().splitlines() if line.startswith("{")]
            found = {line["partition"]: line for line in lines if line["event"] == "restored"}
            return {partition: line for partition, line in found.items() if partition in partitions}

        async def all_are() -> bool:
            return restored().keys() == partitions

        await until(all_are)
        return restored()

    def causes(self, number: int) -> dict[int, str]:
        """Return why a worker found checkpoints lost, by partition."""
        lines = [json.loads(line) for line in self.log(number).read_text().splitlines() if line.startswith("{")]
        return {line["partition"]: line["cause"] for line in lines if line["event"].startswith("checkpoints lost")}

    async def all_tops(self) -> list[TopOfBook]:
        """Return what was said of books, of each in order."""
        return [top for top in await self.read(Market.SPOT, DerivedType.TOP_OF_BOOK) if isinstance(top, TopOfBook)]

    async def tops(self) -> dict[str, TopOfBook]:
        """Return the last that was said of each book."""
        return {top.symbol: top for top in await self.all_tops()}

    async def requests(self) -> set[str]:
        """Return the symbols of which snapshots were asked for."""
        topic = self.table.control(ControlType.SNAPSHOT_REQUEST).name
        values = [self.codec.decode(topic, s.partition, s.offset, s.value) for s in await read_all(self.servers, topic)]
        return {value.symbol for value in values if isinstance(value, SnapshotRequest)}

    async def make_anew(self, topic: Topic) -> None:
        """Delete a topic and create it."""
        await delete_topics(self.servers, topic.name)

        async def gone() -> bool:
            return topic.name not in await topic_names(self.servers)

        await until(gone)
        await create_topics(self.servers, [topic])

    async def delete(self, topic: Topic, before: dict[int, int]) -> None:
        """Delete the records of partitions before offsets."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        try:
            await admin.delete_records(
                {TopicPartition(topic.name, partition): RecordsToDelete(offset) for partition, offset in before.items()}
            )
        finally:
            await admin.close()


@pytest.fixture
def schema_registry(registry: Registry) -> Iterator[SchemaRegistry]:
    with SchemaRegistry(registry.url) as client:
        yield client


@pytest.fixture
async def books(kafka: Broker, schema_registry: SchemaRegistry, topic_prefix: str, tmp_path: Path) -> SpotBooks:
    books = SpotBooks(kafka.bootstrap_servers, schema_registry, topic_prefix, tmp_path)
    await books.create()
    return books


def halves(books: SpotBooks) -> tuple[list[Sent], list[Sent]]:
    sent = books.depth(DIFFS)
    return sent[: len(sent) // 2], sent[len(sent) // 2 :]


async def run_and_kill(books: SpotBooks, sent: list[Sent]) -> None:
    """Have records applied and written to checkpoints by a worker that is killed after that."""
    await send(books.servers, sent)
    async with books.worker("books", "--instance-id", "a", **BOOKS) as worker:
        await books.until_committed("books", sent)
        await books.until_in_checkpoints(sent)
        worker.kill()


def told(sent: list[Sent]) -> dict[str, TopOfBook]:
    """Return the last that is said of each book by one that is never interrupted."""
    return {symbol: all_told(sent, symbol)[-1] for symbol in SYMBOLS}


def all_told(sent: list[Sent], symbol: str) -> list[TopOfBook]:
    """Return what is said of a book by one that is never interrupted."""
    partition = BookPartition()
    offsets: Counter[int] = Counter()
    tops: list[TopOfBook] = []
    for r in sent:
        offset = offsets[r.partition]
        offsets[r.partition] += 1
        raw = RawRecord(Market.SPOT, RawType.DEPTH, r.partition, offset, r.timestamp_ms, r.key, r.value, r.headers)
        values = (output.value for output in partition.feed(raw) if isinstance(output, Output))
        tops.extend(value for value in values if isinstance(value, TopOfBook) and value.symbol == symbol)
    return tops


async def test_books_come_back_from_checkpoints_after_a_kill_and_go_on_as_if_nothing_had_been(books: SpotBooks) -> None:
    first, rest = halves(books)
    await run_and_kill(books, first)
    async with books.worker("books", "--instance-id", "a", **BOOKS):
        restored = await books.until_restored(2)
        await send(books.servers, rest)
        await books.until_committed("books", [*first, *rest])

    assert {line["source"] for line in restored.values()} == {"checkpoint"}
    assert {line["applied"] for line in restored.values()} == {0}
    assert await books.tops() == told([*first, *rest])
    assert await books.requests() == set()


async def test_a_worker_that_takes_over_has_the_same_books(books: SpotBooks) -> None:
    """Another one, of another name, that was there before the first was killed."""
    first, rest = halves(books)
    await send(books.servers, first)
    async with books.worker("books", **BOOKS) as one:
        await books.until_committed("books", first)
        await books.until_in_checkpoints(first)
        async with books.worker("books", **BOOKS):
            one.kill()
            await send(books.servers, rest)
            await books.until_committed("books", [*first, *rest])
            restored = await books.until_restored(2)

    assert {line["source"] for line in restored.values()} == {"checkpoint"}
    assert await books.tops() == told([*first, *rest])
    assert await books.requests() == set()


async def test_books_whose_state_is_lost_ask_for_snapshots_and_guess_nothing(books: SpotBooks) -> None:
    """Each in its own way: a damaged checkpoint, none at all, and a log that was deleted before it was read."""
    first, rest = halves(books)
    await run_and_kill(books, first)
    middle, rest = rest[: len(rest) // 2], rest[len(rest) // 2 :]
    await send(books.servers, middle)
    damaged, gone, trimmed = (partition_of(symbol) for symbol in SYMBOLS)
    states = {seen.partition: seen.offset + 1 for seen in await read_all(books.servers, books.states_topic.name)}
    depth = {seen.partition: seen.offset for seen in await read_all(books.servers, books.depth_topic.name)}
    await books.delete(books.states_topic, {damaged: states[damaged], gone: states[gone]})
    await send(books.servers, [Sent(books.states_topic.name, damaged, b"nonsense", SYMBOLS[0].encode())])
    await books.delete(books.depth_topic, {trimmed: depth[trimmed]})
    async with books.worker("books", "--instance-id", "a", **BOOKS):
        await books.until_restored(2)
        await send(books.servers, rest)

        async def asked() -> bool:
            return await books.requests() == set(SYMBOLS)

        await until(asked)

    assert {top.state for top in (await books.tops()).values()} == {BookState.SYNCING}
    assert books.causes(2) == {damaged: "undecodable", gone: "missing", trimmed: "trimmed"}


async def test_books_of_a_topic_that_was_made_anew_and_has_grown_as_far_are_those_of_the_new_one(
    books: SpotBooks,
) -> None:
    """The ids are the same, so nothing in the records tells that what follows the old offsets is of another log."""
    first, anew = books.depth(DIFFS // 2), books.depth(DIFFS, seed=4)
    await run_and_kill(books, first)
    before = Counter(top.symbol for top in await books.all_tops())
    await books.make_anew(books.depth_topic)
    await send(books.servers, anew)
    async with books.worker("books", "--instance-id", "a", **BOOKS):
        restored = await books.until_restored(2)
        await books.until_committed("books", anew)

    assert {line["source"] for line in restored.values()} == {"log"}
    for symbol, count in before.items():
        said = [top for top in await books.all_tops() if top.symbol == symbol][count:]
        assert [top for top in said if top.state is BookState.LIVE] == all_told(anew, symbol)


async def test_a_worker_under_which_a_topic_is_made_anew_ends_and_says_so(books: SpotBooks) -> None:
    """Its state is of another log: nothing that comes now may be applied to it."""
    first = books.depth(DIFFS // 2)
    await send(books.servers, first)
    async with books.worker("books", **BOOKS) as worker:
        await books.until_committed("books", first)
        await books.make_anew(books.depth_topic)
        await send(books.servers, books.depth(DIFFS, seed=4))

        async def ended() -> bool:
            return worker.returncode is not None

        await until(ended)

    failed = books.logged(1, "worker failed")
    assert failed is not None
    assert "were deleted and made anew while they were read" in str(failed["reason"])
    assert books.depth_topic.name in str(failed["reason"])
