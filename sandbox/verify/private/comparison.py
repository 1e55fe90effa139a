"""States that were published against states that are demanded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cache
from itertools import zip_longest
from typing import Any, Final

import msgspec

from sandbox.verify.private.order_states import State
from sandbox.verify.private.outcome import StateRecord
from schemas.accounts import AccountSource
from schemas.avro import load_schema


__all__ = ["Demand", "StateComparison", "compare_states"]

_SHOWN: Final = 20
_ENDS_SHOWN: Final = 200
_COMMISSION_SCALE: Final = 8
_OF_EVENTS: Final = frozenset({"source", "recovered", "event_time"})


class Demand(msgspec.Struct, frozen=True):
    """A state that a raw record demands."""

    offset: int
    """Of the raw record."""
    key: bytes
    state: State
    place: str
    """Where the event is recorded."""


class StateComparison(msgspec.Struct):
    """Published states against the demanded ones."""

    keys: int = 0
    """How many orders, balances or positions there are."""
    demanded: int = 0
    equal: int = 0
    different: int = 0
    missing: int = 0
    """Demanded, not published."""
    extra: int = 0
    """Published, not demanded."""
    repeated: int = 0
    """Published again as it was before, for an event that came again: nothing that a reader would notice."""
    recovered: int = 0
    """Published for an answer of REST: the stream had missed something."""
    final_equal: int = 0
    """Keys whose last state is the one demanded."""
    differences: list[dict[str, object]] = []
    """The first of what does not hold."""
    final_states: dict[str, dict[str, object]] = {}
    """How the first keys end, as published; numbers as text."""

    @property
    def holds(self) -> bool:
        """Whether there is neither too much nor too little, and all of it is right."""
        return not (self.different or self.missing or self.extra) and self.final_equal == self.keys


def compare_states(
    schema: str, demands: Sequence[Demand], published: Iterable[StateRecord], ignored: frozenset[bytes] = frozenset()
) -> StateComparison:
    """Compare every state, the intermediate ones too.

    Args:
        schema: of the records: ``order``, ``balance``, ``position``.
        demands: in the order of the raw records.
        published: in the order of the topic.
        ignored: keys of which nothing can be demanded.
    """
    comparison = _Comparison(schema)
    for record in published:
        if record.key not in ignored:
            comparison.take(record)
    for demand in demands:
        if demand.key not in ignored:
            comparison.judge(demand)
    return comparison.finish()


class _Comparison:
    """What was published, to be held against what is demanded."""

    def __init__(self, schema: str) -> None:
        self._schema = schema
        self._result = StateComparison(differences=[], final_states={})
        self._found: dict[tuple[int, bytes], list[StateRecord]] = defaultdict(list)
        self._last: dict[bytes, StateRecord] = {}
        self._again: set[tuple[int, bytes]] = set()
        self._final: dict[bytes, Demand] = {}

    def take(self, record: StateRecord) -> None:
        """Lay out what was published."""
        before, self._last[record.key] = self._last.get(record.key), record
        place = record.value.input_offset, record.key
        if before is not None and _repeats(before, record):
            self._again.add(place)
        if record.value.source is AccountSource.REST:
            self._result.recovered += 1
        else:
            self._found[place].append(record)

    def judge(self, demand: Demand) -> None:
        """Hold what is demanded next against what was published for it."""
        result, records = self._result, self._found.pop((demand.offset, demand.key), [])
        self._final[demand.key] = demand
        result.demanded += 1
        if not records:
            result.missing += 1
            self._note(demand.key, demand.place, {"missing": demand.state.get("status", "state")})
            return
        if len(records) > 1:
            result.extra += len(records) - 1
            self._note(demand.key, demand.place, {"extra": len(records) - 1})
        unequal = _unequal(self._schema, demand.state, records[0])
        if unequal:
            result.different += 1
            self._note(demand.key, demand.place, unequal)
        else:
            result.equal += 1

    def finish(self) -> StateComparison:
        """Return the result, once all that is demanded was judged."""
        result = self._result
        for (offset, key), records in self._found.items():
            if len(records) == 1 and (offset, key) in self._again:
                result.repeated += 1
            else:
                result.extra += len(records)
                self._note(key, f"raw offset {offset}", {"extra": len(records), "status": _status(records[-1])})
        result.keys = len(self._final)
        for key, demand in self._final.items():
            latest = self._last.get(key)
            if latest is None:
                continue
            result.final_equal += self._ends_as(demand, latest)
            if len(result.final_states) < _ENDS_SHOWN:
                shown = {name: _spelt(_published(self._schema, name, latest)) for name in demand.state}
                result.final_states[key.decode(errors="replace")] = shown
        return result

    def _ends_as(self, demand: Demand, latest: StateRecord) -> bool:
        answered = latest.value.source is AccountSource.REST
        unequal = _unequal(self._schema, demand.state, latest, answered=answered)
        if unequal and answered:
            self._note(demand.key, demand.place, {"final": unequal})
        return not unequal

    def _note(self, key: bytes, place: str, what: Mapping[str, object]) -> None:
        if len(self._result.differences) < _SHOWN:
            self._result.differences.append({"key": key.decode(errors="replace"), "place": place, **what})


def _repeats(before: StateRecord, record: StateRecord) -> bool:
    """Whether a state is published as it was published before, for a later record."""
    offsets = {"input_offset": record.value.input_offset, "snapshot_offset": record.value.snapshot_offset}
    later = record.value.input_offset > before.value.input_offset
    return later and msgspec.structs.replace(before.value, **offsets) == record.value


def _status(record: StateRecord) -> str:
    return str(getattr(record.value, "status", "state"))


def _unequal(schema: str, state: State, record: StateRecord, *, answered: bool = False) -> dict[str, object]:
    """Return the fields that are not what they have to be: what is demanded, and what was published.

    What an answer of REST told comes from an answer, and has no event's time.
    """
    unequal: dict[str, object] = {}
    for name, demanded in state.items():
        if answered and name in _OF_EVENTS:
            continue
        published = _published(schema, name, record)
        if published != demanded:
            unequal[name] = {"demanded": _spelt(demanded), "published": _spelt(published)}
    return unequal


def _published(schema: str, name: str, record: StateRecord) -> object:
    return _commissions(record) if name == "commissions" else _plain(schema, name, record)


def _plain(schema: str, name: str, record: StateRecord) -> object:
    value = getattr(record.value, name)
    places = _places(schema).get(name)
    if places is None or value is None:
        return value
    return Decimal(value).scaleb(-places)


def _commissions(record: StateRecord) -> dict[str, Decimal]:
    assets, amounts = getattr(record.value, "commission_assets", ()), getattr(record.value, "commissions", ())
    pairs = zip_longest(assets, amounts, fillvalue=0)
    return {str(asset): Decimal(amount).scaleb(-_COMMISSION_SCALE) for asset, amount in pairs if amount}


def _spelt(value: object) -> object:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {name: _spelt(part) for name, part in value.items()}
    return value


@cache
def _places(schema: str) -> Mapping[str, int]:
    """Return the decimal places of the fields that are scaled numbers."""
    loaded: Any = load_schema(schema)
    found: dict[str, int] = {}
    for field in loaded["fields"]:
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for kind in kinds:
            if isinstance(kind, dict) and kind.get("logicalType") == "decimal":
                found[field["name"]] = kind["scale"]
    return found
