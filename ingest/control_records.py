"""Records of the control topics: what ingest tells about the flow, encoded and placed beside what it is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ingest.core.records import Record
from ingest.kafka_log import LogRecord
from schemas.codec import Codec, DecodeError
from schemas.control import AccountProgress, Connection, Gap, Heartbeat, Progress, SnapshotRequest
from schemas.keys import account_progress_key, gap_key, heartbeat_key, progress_key
from schemas.topics import ControlType, TopicTable, partition_of


__all__ = ["ControlRecords"]


class ControlRecords:
    """Makes and reads control records.

    Args:
        table: names the topics.
        codec: prepared, so that encoding does not ask the registry.
    """

    def __init__(self, table: TopicTable, codec: Codec) -> None:
        self._table = table
        self._codec = codec

    def heartbeat(self, heartbeat: Heartbeat, time_ms: int) -> Record:
        """Return the record of a heartbeat, in the partition of the number that it vouches for."""
        return self._record(ControlType.HEARTBEAT, heartbeat.partition, heartbeat_key(heartbeat), heartbeat, time_ms)

    def gap(self, gap: Gap) -> Record:
        """Return the ledger's entry of a hole, in its symbol's partition."""
        return self._record(ControlType.GAP, partition_of(gap.symbol), gap_key(gap), gap, gap.updated_time)

    def progress(self, progress: Progress, time_ms: int) -> Record:
        """Return a note of progress, in its symbol's partition."""
        partition = partition_of(progress.symbol)
        return self._record(ControlType.PROGRESS, partition, progress_key(progress), progress, time_ms)

    def connection(self, connection: Connection) -> Record:
        """Return the record of a connection's beginning or end."""
        key = connection.connection_id
        return self._record(ControlType.CONNECTION, partition_of(key), key.encode(), connection, connection.time)

    def account_progress(self, progress: AccountProgress) -> Record:
        """Return a note of how far an account is known, in the account's partition."""
        key, partition = account_progress_key(progress), partition_of(progress.account)
        return self._record(ControlType.ACCOUNT_PROGRESS, partition, key, progress, progress.time)

    def snapshot_request(self, request: SnapshotRequest, time_ms: int) -> Record:
        """Return a wish for a snapshot, in its symbol's partition."""
        key = request.symbol.encode()
        return self._record(ControlType.SNAPSHOT_REQUEST, partition_of(request.symbol), key, request, time_ms)

    def read(self, records: Iterable[LogRecord]) -> tuple[list[Any], list[DecodeError]]:
        """Return the values of records in their order, and what cannot be read; tombstones are passed over."""
        values: list[Any] = []
        errors: list[DecodeError] = []
        for record in records:
            if record.value is None:
                continue
            try:
                values.append(self._codec.decode(record.topic, record.partition, record.offset, record.value))
            except DecodeError as error:
                errors.append(error)
        return values, errors

    def latest_progress(self, records: Iterable[LogRecord]) -> tuple[list[Progress], list[DecodeError]]:
        """Return the last note of each stream and symbol, and what cannot be read."""
        latest: dict[bytes, Progress] = {}
        errors: list[DecodeError] = []
        for record in records:
            try:
                value = self._codec.decode(record.topic, record.partition, record.offset, record.value)
            except DecodeError as error:
                errors.append(error)
                continue
            if isinstance(value, Progress):
                latest[record.key or b""] = value
        return list(latest.values()), errors

    def _record(
        self, control_type: ControlType, partition: int, key: bytes, value: msgspec.Struct, time_ms: int
    ) -> Record:
        topic = self._table.control(control_type)
        return Record(topic.name, partition, key, self._codec.encode(topic, value), time_ms, [])
