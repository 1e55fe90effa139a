from __future__ import annotations

import pytest
from msgspec.structs import replace

from ingest.core.differences import lost_changes
from schemas.control import Gap, GapStatus, SnapshotReason, SnapshotRequest
from schemas.markets import Market


REQUEST = SnapshotRequest(
    market=Market.USDM,
    symbol="BTCUSDT",
    after_update_id=120,
    reason=SnapshotReason.SNAPSHOT_DIFFERS,
    event_time=1_700_000_000_000,
    input_offset=9,
    right_update_id=100,
)


def test_a_book_that_differed_is_a_hole_behind_the_id_at_which_it_was_right() -> None:
    assert lost_changes(REQUEST) == Gap(
        market=Market.USDM,
        stream="depth",
        symbol="BTCUSDT",
        epoch=0,
        first_id=101,
        last_id=120,
        status=GapStatus.UNFILLABLE,
        reason="snapshot-differs",
        previous_time=1_700_000_000_000,
        next_time=1_700_000_000_000,
        opened_time=1_700_000_000_000,
        updated_time=1_700_000_000_000,
    )


@pytest.mark.parametrize(
    "request_",
    [
        replace(REQUEST, reason=SnapshotReason.SEQUENCE_GAP),
        replace(REQUEST, right_update_id=None),
        replace(REQUEST, after_update_id=None),
        replace(REQUEST, right_update_id=120),
    ],
)
def test_any_other_wish_tells_of_no_hole(request_: SnapshotRequest) -> None:
    assert lost_changes(request_) is None
