"""Books that a depth snapshot showed to be wrong: the entry of the ledger."""

from __future__ import annotations

from schemas.control import Gap, GapStatus, SnapshotReason, SnapshotRequest
from schemas.topics import RawType


__all__ = ["lost_changes"]


def lost_changes(request: SnapshotRequest) -> Gap | None:
    """Return the entry of the ledger that a reader's wish for a snapshot tells of; None: it tells of none.

    Ids do not show what was lost: somewhere behind the update id at which the reader's book was right last, and not
    behind the snapshot that differed. Every process that reads the wish makes the same entry of it.
    """
    right, last = request.right_update_id, request.after_update_id
    if request.reason is not SnapshotReason.SNAPSHOT_DIFFERS or right is None or last is None or right >= last:
        return None
    time = request.event_time or 0
    return Gap(
        market=request.market,
        stream=RawType.DEPTH,
        symbol=request.symbol,
        epoch=0,
        first_id=right + 1,
        last_id=last,
        status=GapStatus.UNFILLABLE,
        reason=SnapshotReason.SNAPSHOT_DIFFERS,
        previous_time=time,
        next_time=time,
        opened_time=time,
        updated_time=time,
    )
