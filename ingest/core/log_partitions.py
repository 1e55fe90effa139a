"""One partition of a raw topic, read for what is missing in it: which types can be, and by what."""

from __future__ import annotations

from typing import Final

from ingest.core.depth_partition import DEPTH_SNAPSHOT, DepthPartition
from ingest.core.log_partition import LogPartition, Read
from ingest.core.trade_partition import TradePartition
from schemas.markets import Market
from schemas.topics import RawType


__all__ = [
    "DEPTH_SNAPSHOT",
    "REPAIRED_TYPES",
    "DepthPartition",
    "LogPartition",
    "Read",
    "TradePartition",
    "log_partition",
]

REPAIRED_TYPES: Final = (RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH)
"""Stream types whose completeness can be judged."""


def log_partition(market: Market, raw_type: RawType, partition: int) -> LogPartition:
    """Return what reads a partition of a raw topic."""
    kind = DepthPartition if raw_type is RawType.DEPTH else TradePartition
    return kind(market, raw_type, partition)
