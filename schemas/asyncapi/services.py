"""Which topics the services themselves read; who writes a topic is in the topic table."""

from __future__ import annotations

from typing import Final

from schemas.topics import ControlType, Layer, RawType, Topic


__all__ = ["readers_of"]

_BY_PROCESSORS: Final = frozenset(
    {
        (Layer.RAW, RawType.TRADE),
        (Layer.RAW, RawType.AGG_TRADE),
        (Layer.RAW, RawType.DEPTH),
        (Layer.RAW, RawType.TICKER),
        (Layer.RAW, RawType.MINI_TICKER),
        (Layer.RAW, RawType.ORDER_UPDATE),
        (Layer.RAW, RawType.ORDER_SNAPSHOT),
        (Layer.RAW, RawType.ACCOUNT_UPDATE),
        (Layer.RAW, RawType.ACCOUNT_SNAPSHOT),
        (Layer.CONTROL, ControlType.HEARTBEAT),
        (Layer.CONTROL, ControlType.GAP),
    }
)
_BY_INGEST: Final = frozenset(
    {
        (Layer.RAW, RawType.TRADE),
        (Layer.RAW, RawType.AGG_TRADE),
        (Layer.RAW, RawType.DEPTH),
        (Layer.CONTROL, ControlType.GAP),
        (Layer.CONTROL, ControlType.PROGRESS),
        (Layer.CONTROL, ControlType.SNAPSHOT_REQUEST),
        (Layer.CONTROL, ControlType.ACCOUNT_PROGRESS),
    }
)
"""For repair, which fills what is missing, and for its own state after a restart."""


def readers_of(topic: Topic) -> tuple[str, ...]:
    """Return the services that read a topic as part of the flow; readers that only look are not among them."""
    found = []
    if (topic.layer, topic.type) in _BY_INGEST:
        found.append("ingest")
    if (topic.layer, topic.type) in _BY_PROCESSORS:
        found.append("processors")
    return tuple(found)
