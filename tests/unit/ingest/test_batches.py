from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from ingest.batches import CODECS, PartitionQueue, RecordBatch
from ingest.core.records import Record


HEADERS = st.lists(st.tuples(st.text(max_size=5), st.binary(max_size=8)), max_size=3)
RECORDS = st.lists(
    st.builds(
        Record,
        topic=st.just("t"),
        partition=st.just(3),
        key=st.binary(max_size=9),
        value=st.binary(max_size=300),
        timestamp_ms=st.integers(0, 2**41),
        headers=HEADERS,
    ),
    min_size=1,
    max_size=30,
)


def batch_of(records: list[Record], max_bytes: int = 262_144, codec: int = 0) -> RecordBatch:
    batch = RecordBatch(max_bytes, codec)
    for record in records:
        assert batch.add(record)
    return batch


@pytest.mark.parametrize("codec", CODECS.values())
@given(records=RECORDS)
def test_what_went_into_a_batch_can_be_read_out_of_it(codec: int, records: list[Record]) -> None:
    assert batch_of(records, codec=codec).records("t", 3) == records


@given(RECORDS, st.integers(1, 3))
def test_a_renewed_batch_holds_the_same_in_the_same_order(records: list[Record], parts: int) -> None:
    batch = batch_of(records, codec=CODECS["lz4"])

    renewed = batch.renewed("t", 3, parts)

    assert [record for part in renewed for record in part.records("t", 3)] == records
    assert 1 <= len(renewed) <= parts


@given(RECORDS)
def test_a_batch_that_was_filled_to_the_brim_fits_when_renewed(records: list[Record]) -> None:
    batch = RecordBatch(16_384, 0)
    added = [record for record in records if batch.add(record)]

    (renewed,) = batch.renewed("t", 3)

    assert renewed.records("t", 3) == added


def test_a_full_batch_takes_no_more() -> None:
    batch = RecordBatch(1_000, 0)
    record = Record("t", 0, b"k", b"x" * 400, 5, [])

    assert [batch.add(record) > 0 for _ in range(4)] == [True, True, False, False]
    assert batch.record_count() == 2


def test_the_first_record_is_taken_whatever_its_size() -> None:
    assert RecordBatch(1_000, 0).add(Record("t", 0, b"k", b"x" * 5_000, 5, []))


def test_bytes_are_those_of_its_records() -> None:
    batch = RecordBatch(100_000, 0)

    sizes = [batch.add(Record("t", 0, b"k", b"x" * 10, 5, [])) for _ in range(5)]

    assert batch.bytes == sum(sizes)


def test_a_queue_sends_full_batches_first_and_counts_everything() -> None:
    queue = PartitionQueue("t", 0)
    record = Record("t", 0, b"k", b"v", 5, [])
    first, second = batch_of([record] * 2), batch_of([record] * 3)
    queue.waiting.append(first)
    queue.filling = second
    assert (queue.unacknowledged, queue.published, queue.has_more) == (5, 5, True)

    assert queue.take() is first
    queue.acknowledged, queue.sending = 2, None

    assert (queue.unacknowledged, queue.published) == (3, 5)
    assert queue.take() is second
    assert not queue.has_more
