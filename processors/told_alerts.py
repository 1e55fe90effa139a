"""Alerts that readers were told of and that nobody remembers: whoever takes the state over closes them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from processors.core.checkpoint_rounds import Entity
from processors.rebuild import LogReader, Range
from schemas.codec import Codec, DecodeError
from schemas.derived import Alert, AlertStatus
from schemas.topics import DerivedType, TopicTable


__all__ = ["Alerting", "open_alerts"]


@runtime_checkable
class Alerting(Protocol):
    """A partition's state that opens alerts and closes them."""

    def close_forgotten(self, told: Sequence[tuple[Entity, Alert]]) -> None:
        """Close, with what is announced next, those of open alerts that it does not know of itself."""


async def open_alerts(
    reader: LogReader, table: TopicTable, codec: Codec, partition: int, entities: Collection[Entity]
) -> Sequence[tuple[Entity, Alert]]:
    """Return the alerts about entities of a partition that readers have been told to be open.

    Raises:
        RebuildError: the broker does not give them.
        RegistryUnavailableError: the registry does not answer.
    """
    topics = {table.derived(market, DerivedType.ALERT).name: market for market in {one.market for one in entities}}
    bounds = await reader.bounds([(topic, partition) for topic in topics])
    last: dict[tuple[Entity, str, int], Alert] = {}
    async for piece in reader.read([Range(*place, kept.begin, kept.end) for place, kept in bounds.items()]):
        for record in piece.records:
            try:
                alert = codec.decode(record.topic, record.partition, record.offset, record.value)
            except DecodeError:
                continue  # whoever reads the topic cannot read it either
            if isinstance(alert, Alert) and (entity := Entity(topics[record.topic], alert.symbol)) in entities:
                last[entity, alert.kind, alert.opened_time] = alert
    return [(entity, alert) for (entity, _, _), alert in last.items() if alert.status is AlertStatus.OPEN]
