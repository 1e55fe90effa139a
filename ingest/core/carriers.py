"""Which connection carries what of a raw partition that can be vouched for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from ingest.core.plan import ConnectionPlan
from schemas.topics import RawType, partition_of


__all__ = ["VOUCHED_TYPES", "Carriers", "Shard", "carriers_of"]

VOUCHED_TYPES: Final = frozenset({RawType.TRADE, RawType.AGG_TRADE, RawType.DEPTH})
"""Stream types that windows and books are made from."""
Shard = tuple[RawType, int]
"""A stream type and a raw partition."""
Carriers = Mapping[Shard, Mapping[str, str]]
"""Of each shard the symbols, and the label of the connection that carries each."""


def carriers_of(plans: Iterable[ConnectionPlan]) -> dict[Shard, dict[str, str]]:
    """Return which connection carries which symbol of each stream type and partition that can be vouched for."""
    carriers: dict[Shard, dict[str, str]] = {}
    for plan in plans:
        for stream in plan.streams:
            if stream.raw_type in VOUCHED_TYPES and stream.symbol is not None:
                shard = stream.raw_type, partition_of(stream.symbol)
                carriers.setdefault(shard, {})[stream.symbol] = plan.label
    return carriers
