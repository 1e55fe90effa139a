"""Values of the control topics: what ingest and processors tell each other about the flow.

Times are milliseconds since the epoch, UTC. The fields mean what the Avro schema's ``doc`` of the same name says.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from schemas.markets import Market


__all__ = [
    "AccountProgress",
    "CheckpointRound",
    "Connection",
    "ConnectionEvent",
    "Gap",
    "GapStatus",
    "Heartbeat",
    "Progress",
    "ReconcileCause",
    "SnapshotReason",
    "SnapshotRequest",
]


class GapStatus(StrEnum):
    """What became of a hole."""

    OPEN = "open"
    """Found; nothing is decided yet."""
    DEFERRED = "deferred"
    """Not fillable now; the flow goes on and what is filled later comes late."""
    FILLED = "filled"
    """Everything is in the raw topic now."""
    ABSENT = "absent"
    """The venue has no such ids."""
    UNFILLABLE = "unfillable"
    """The venue cannot give them any more; ``reason`` says why."""


class ConnectionEvent(StrEnum):
    """What happened to a connection."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"


class SnapshotReason(StrEnum):
    """Why a processor asks for a depth snapshot."""

    START = "start"
    """The log holds diffs of the symbol but no snapshot that joins them."""
    SEQUENCE_GAP = "sequence-gap"
    """At least one diff is missing."""
    SNAPSHOT_TOO_OLD = "snapshot-too-old"
    """The snapshot that arrived ends before the first diff that could follow it."""
    SNAPSHOT_DIFFERS = "snapshot-differs"
    """A snapshot was not as the book: the book was built anew from it, and another is to confirm that."""
    CROSSED_BOOK = "crossed-book"
    """The best bid has been above the best ask for too long."""
    STALE_BOOK = "stale-book"
    """Nobody had vouched for the book for long: it is to be compared."""
    OUT_OF_REACH = "out-of-reach"
    """The best price has moved beyond the levels that snapshots told of."""


class ReconcileCause(StrEnum):
    """Why an account is compared with the venue's answers."""

    START = "start"
    RECONNECT = "reconnect"
    KEY_EXPIRED = "key-expired"
    """The listen key had expired: events may be missing."""
    STREAM_ENDED = "stream-ended"
    """The venue ended the stream of user data."""
    TIMER = "timer"


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """One hole in a stream of ids: an entry of the ledger."""

    market: Market
    stream: str
    symbol: str
    epoch: int
    first_id: int
    last_id: int
    status: GapStatus
    reason: str | None
    previous_time: int
    next_time: int
    opened_time: int
    updated_time: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the ids of a stream are known."""

    market: Market
    stream: str
    symbol: str
    epoch: int
    last_id: int
    last_time: int
    partition: int
    offset: int


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """One promise: all symbols of a raw partition are complete up to a time, below an offset."""

    market: Market
    stream: str
    partition: int
    vouched_until: int
    offset: int
    ingest_id: str
    begin_offset: int | None = None
    symbols: list[str] | None = None
    run: int | None = None


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A connection to the venue was opened or closed."""

    connection_id: str
    sequence: int
    market: Market
    event: ConnectionEvent
    time: int
    url: str
    streams: list[str]
    reason: str | None


class SnapshotRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A processor's wish for a depth snapshot; any later snapshot satisfies it."""

    market: Market
    symbol: str
    after_update_id: int | None
    reason: SnapshotReason
    event_time: int | None
    input_offset: int
    right_update_id: int | None = None


class CheckpointRound(msgspec.Struct, frozen=True, kw_only=True):
    """One whole round of checkpoints: the manifest of what brings a partition's state back. Parallel arrays."""

    flow: str
    partition: int
    begun_time: int
    topics: list[str]
    next_offsets: list[int]
    compression: str
    shared: bytes
    markets: list[str]
    keys: list[str]
    offsets: list[int]
    positions: list[int]
    topic_ids: list[str] | None = None


class AccountProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far an account's orders and trades are known."""

    market: Market
    account: str
    time: int
    cause: ReconcileCause
    symbols: list[str]
    order_ids: list[int]
    open_order_ids: list[int]
    trade_ids: list[int]
    algo_ids: list[int]
    open_algo_ids: list[int]
    times: list[int]
