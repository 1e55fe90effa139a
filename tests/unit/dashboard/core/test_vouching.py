from __future__ import annotations

from dashboard.core.vouching import Vouched, Vouching
from schemas.control import Heartbeat
from schemas.markets import Market


def heartbeat(partition: int, until: int, symbols: list[str] | None = None) -> Heartbeat:
    return Heartbeat(
        market=Market.SPOT,
        stream="trade",
        partition=partition,
        vouched_until=until,
        offset=0,
        ingest_id="aa",
        symbols=symbols,
    )


def test_a_stream_is_vouched_for_as_far_as_its_last_partition() -> None:
    one = Vouching()
    one.take(heartbeat(1, 900, ["A", "B"]), 0)
    one.take(heartbeat(2, 700, ["C"]), 0)
    one.take(heartbeat(1, 1_000), 1)

    assert one.of(Market.SPOT, "trade", 2) == Vouched(until=700, quiet=0, partitions=2, symbols=3)
    assert one.of(Market.USDM, "trade", 2) is None


def test_the_replica_that_is_ahead_counts() -> None:
    one = Vouching()

    assert one.take(heartbeat(1, 900), 0)
    assert not one.take(heartbeat(1, 800), 20)
    assert one.of(Market.SPOT, "trade", 20) == Vouched(until=900, quiet=0, partitions=1, symbols=None)


def test_a_partition_whose_heartbeats_stop_is_quiet_and_after_long_retired() -> None:
    one = Vouching()
    one.take(heartbeat(1, 900), 0)
    one.take(heartbeat(2, 900), 0)
    one.take(heartbeat(2, 5_000), 7)
    assert one.of(Market.SPOT, "trade", 7) == Vouched(until=900, quiet=1, partitions=2, symbols=None)

    one.take(heartbeat(2, 605_000), 606)

    assert one.of(Market.SPOT, "trade", 606) == Vouched(until=605_000, quiet=0, partitions=1, symbols=None)


def test_where_all_fall_silent_none_is_retired() -> None:
    one = Vouching()
    one.take(heartbeat(1, 900), 0)
    one.take(heartbeat(2, 900), 1)

    assert one.of(Market.SPOT, "trade", 10_000) == Vouched(until=900, quiet=2, partitions=2, symbols=None)
