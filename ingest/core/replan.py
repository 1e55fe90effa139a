"""What to change on open connections so that they carry another set of streams.

A stream that is wanted still stays where it is: moving it would make a hole. New streams go where their symbol is
already, or where there is room; a connection is opened only if the others are full, and one that is left empty is
closed. Connections that have become half empty are not merged: a restart does that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, groupby

from msgspec import Struct

from ingest.core.limits import LIMITS
from ingest.core.plan import ConnectionPlan
from ingest.core.streams import Route, Stream
from schemas.markets import Market


__all__ = ["PlanChange", "Replan", "replan"]


class PlanChange(Struct, frozen=True):
    """What changes on a connection that stays."""

    plan: ConnectionPlan
    """What it is to carry from now on."""
    added: tuple[Stream, ...]
    removed: tuple[Stream, ...]


class Replan(Struct, frozen=True):
    """The way from the present plans to the wanted set of streams."""

    plans: tuple[ConnectionPlan, ...]
    """All connections that there are afterwards."""
    changed: tuple[PlanChange, ...]
    opened: tuple[ConnectionPlan, ...]
    closed: tuple[ConnectionPlan, ...]
    """As they are now; nothing of theirs is wanted any more."""

    @property
    def nothing(self) -> bool:
        """Whether everything stays as it is."""
        return not (self.changed or self.opened or self.closed)


class _Slot:
    """A connection while streams are handed out."""

    def __init__(self, number: int, streams: Iterable[Stream], limit: int) -> None:
        self.number = number
        self.limit = limit
        self.streams = list(streams)
        self.symbols = {stream.symbol for stream in self.streams}

    @property
    def room(self) -> int:
        return max(0, self.limit - len(self.streams))

    def take(self, streams: Sequence[Stream]) -> None:
        self.streams += streams
        self.symbols.update(stream.symbol for stream in streams)


def replan(
    current: Sequence[ConnectionPlan],
    wanted: Iterable[Stream],
    streams_per_connection: Mapping[Market, int] | None = None,
) -> Replan:
    """Return what to change.

    From nothing it comes to the same as :func:`~ingest.core.plan.plan_connections`. It depends on the sets of streams
    only, not on their order.

    Args:
        current: the connections as they are, each within the limit.
        wanted: all streams that are to be carried afterwards.
        streams_per_connection: overrides the limit of a market.
    """
    limits = {market: limit.streams_per_connection for market, limit in LIMITS.items()} | dict(
        streams_per_connection or {}
    )
    groups: dict[tuple[Market, Route], set[Stream]] = {(plan.market, plan.route): set() for plan in current}
    for stream in wanted:
        groups.setdefault((stream.market, stream.type.route), set()).add(stream)
    plans: list[ConnectionPlan] = []
    for (market, route), streams in sorted(groups.items()):
        before = [plan for plan in current if (plan.market, plan.route) == (market, route)]
        slots = _hand_out(before, streams, limits[market])
        plans += [
            ConnectionPlan(market, route, slot.number, tuple(sorted(slot.streams, key=_by_symbol)))
            for slot in slots
            if slot.streams
        ]
    return _compared(current, plans)


def _hand_out(before: Sequence[ConnectionPlan], wanted: set[Stream], limit: int) -> list[_Slot]:
    """Return the connections of one market and route with everything that is wanted."""
    slots = [
        _Slot(plan.number, (stream for stream in plan.streams if stream in wanted), limit)
        for plan in sorted(before, key=lambda one: one.number)
    ]
    placed = {stream for slot in slots for stream in slot.streams}
    left: list[Stream] = []
    for symbol, group in groupby(sorted(wanted - placed, key=_by_symbol), key=lambda stream: stream.symbol):
        streams = list(group)
        slot = _best_for(slots, symbol, len(streams))
        if slot is None:
            left += streams
        else:
            slot.take(streams)
    _place_rest(slots, left, limit)
    return slots


def _best_for(slots: Sequence[_Slot], symbol: str | None, size: int) -> _Slot | None:
    """Return the connection that takes all new streams of a symbol: best its own, and rather one in use."""
    roomy = [slot for slot in slots if slot.room >= size]
    return min(roomy, key=lambda slot: (symbol not in slot.symbols, not slot.streams, slot.number), default=None)


def _place_rest(slots: list[_Slot], left: Sequence[Stream], limit: int) -> None:
    """Place streams whose symbols may be split: into as few new connections as will do, and what room there is."""
    missing = len(left) - sum(slot.room for slot in slots)
    free_numbers = _free_numbers(slots)
    opened = [_Slot(next(free_numbers), (), limit) for _ in range(-(-max(0, missing) // limit))]
    rest = list(left)
    for slot in [*opened, *sorted(slots, key=lambda one: (not one.streams, one.number))]:
        room = slot.room
        slot.take(rest[:room])
        del rest[:room]
    slots += opened


def _free_numbers(slots: Sequence[_Slot]) -> Iterator[int]:
    used = {slot.number for slot in slots}
    return (number for number in count() if number not in used)


def _compared(current: Sequence[ConnectionPlan], plans: Sequence[ConnectionPlan]) -> Replan:
    before = {plan.label: plan for plan in current}
    after = {plan.label: plan for plan in plans}
    changes = []
    for label in before.keys() & after.keys():
        old, new = before[label], after[label]
        added, removed = set(new.streams) - set(old.streams), set(old.streams) - set(new.streams)
        if added or removed:
            changes.append(PlanChange(new, _sorted(added), _sorted(removed)))
    return Replan(
        plans=tuple(sorted(plans, key=_place)),
        changed=tuple(sorted(changes, key=lambda change: _place(change.plan))),
        opened=tuple(sorted((plan for plan in plans if plan.label not in before), key=_place)),
        closed=tuple(sorted((plan for plan in current if plan.label not in after), key=_place)),
    )


def _place(plan: ConnectionPlan) -> tuple[str, str, int]:
    return plan.market, plan.route, plan.number


def _sorted(streams: Iterable[Stream]) -> tuple[Stream, ...]:
    return tuple(sorted(streams, key=_by_symbol))


def _by_symbol(stream: Stream) -> tuple[str, str]:
    return (stream.symbol or "", stream.name)
