"""Lays a scenario out over the day: what happens when, and to whom. Equal seeds give equal days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import Any, Final

import msgspec

from sandbox.simulation.config import universe
from sandbox.soak.scenario import Scenario
from schemas.markets import Market


__all__ = ["ActKind", "Course", "PlannedAct", "course_of"]

LISTED: Final = "NEWCOINUSDT"
_QUIET: Final = ("NKN", "BLZ")
"""Assets that may not trade for hours: what is lost of their last trades before that, nobody can know."""
_GUARD_S: Final = 12.0
"""Around a listing, delisting and wipe nothing else happens, on the wall's clock: at the edge of a stream of ids
nothing that comes later tells what is missing."""
_EDGES: Final = 0.22
"""Which part of the day has gone by when they happen, one after the other: before ingest is killed the first time."""
_ACTS: Final = 0.3
"""Which part of the day has gone by before anything is done to processes, or to connections of spot: until then
there are connections that live until the exchange ends them."""
_BATCH: Final = 10
"""Frames that one fault drops, duplicates, or the like."""
_FRAMES: Final = ("*@trade", "*@aggTrade", "*@depth*")
_STORMS: Final[Sequence[Mapping[str, Any]]] = (
    {"kind": "5xx", "seconds": 4.0},
    {"kind": "429", "count": 3, "retry_after_s": 3.0},
    {"kind": "garbage", "seconds": 3.0},
    {"kind": "418", "market": "spot", "count": 1, "retry_after_s": 6.0},
    {"kind": "slow", "seconds": 4.0, "delay_s": 2.0},
)


class ActKind(StrEnum):
    """What the soak itself does to processes."""

    KILL = "kill"
    STOP = "stop"
    """Ingest is stopped for some seconds: a slow reader."""
    BROKER = "broker restart"


class PlannedAct(msgspec.Struct, frozen=True, order=True):
    """Something that the soak does to a process."""

    at_s: float
    """Venue's time since the first event."""
    kind: ActKind


class Course(msgspec.Struct, frozen=True):
    """A day, laid out."""

    symbols: Mapping[Market, tuple[str, ...]]
    """What trades at first."""
    listed: Mapping[Market, tuple[str, ...]]
    """What is listed during the day."""
    delisted: Mapping[Market, tuple[str, ...]]
    wiped: Mapping[Market, tuple[str, ...]]
    faults: Sequence[Mapping[str, Any]]
    """As a scenario file of the exchange has them, by time."""
    acts: Sequence[PlannedAct]
    """By time."""

    @property
    def disconnect_count(self) -> int:
        """How many things end connections, the kills of ingest aside."""
        ending = {"reset", "half-open", "close"}
        stops = sum(act.kind is ActKind.STOP for act in self.acts)
        return sum(fault["fault"] in ending for fault in self.faults) + stops

    def subscribed(self) -> dict[Market, tuple[str, ...]]:
        """Return every symbol that ingest is to take: those that are listed later too."""
        return {market: (*names, *self.listed.get(market, ())) for market, names in self.symbols.items()}


def course_of(scenario: Scenario) -> Course:
    """Lay a scenario out."""
    return _Planner(scenario).plan()


class _Planner:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._rng = Random(scenario.seed)  # noqa: S311 - a scenario, no secret
        self._faults: list[dict[str, Any]] = []
        self._acts: list[PlannedAct] = []
        self._from_s = scenario.day_s * scenario.calm_start
        self._until_s = scenario.day_s * (1 - scenario.calm_end)
        self._guarded: list[float] = []

    def plan(self) -> Course:
        scenario, amounts = self._scenario, self._scenario.amounts
        symbols = _symbols(scenario.symbols)
        listed: dict[Market, tuple[str, ...]] = {}
        if amounts.listings:
            listed[Market.SPOT] = tuple(f"{LISTED[:7]}{n or ''}USDT" for n in range(amounts.listings))
        spot = symbols[Market.SPOT]
        delisted = {Market.SPOT: spot[-amounts.delistings :] if amounts.delistings else ()}
        rest = spot[: -amounts.delistings or None]
        wiped = {Market.SPOT: rest[-amounts.wipes :] if amounts.wipes else ()}
        self._plan_symbols(listed, delisted, wiped)
        self._plan_acts()
        self._plan_connections()
        self._plan_frames()
        self._plan_rest()
        return Course(
            symbols=symbols,
            listed=listed,
            delisted=delisted,
            wiped=wiped,
            faults=sorted(self._faults, key=lambda fault: float(fault["at"])),
            acts=sorted(self._acts),
        )

    def _plan_symbols(self, *changes: Mapping[Market, Sequence[str]]) -> None:
        """Listings, delistings and wipes first: all else keeps away from them."""
        jobs = [
            (fault, market, symbol)
            for fault, change in zip(("list", "delist", "wipe"), changes, strict=True)
            for market, names in change.items()
            for symbol in names
        ]
        for number, (fault, market, symbol) in enumerate(jobs):
            at_s = round(self._scenario.day_s * _EDGES + number * self._scenario.speed, 1)
            self._faults.append({"at": at_s, "fault": fault, "market": str(market), "symbol": symbol})
            self._guarded.append(at_s)

    def _plan_acts(self) -> None:
        amounts = self._scenario.amounts
        kinds = [ActKind.KILL] * amounts.kills
        # The broker in the middle of them: what it was away for must be found out before the day ends.
        kinds[amounts.kills // 2 : amounts.kills // 2] = [ActKind.BROKER] * amounts.broker_restarts
        for number in range(amounts.slow_readers):
            kinds.insert((number + 1) * (len(kinds) + 1) // (amounts.slow_readers + 1), ActKind.STOP)
        for at_s, kind in zip(self._spread(len(kinds), start=_ACTS), kinds, strict=True):
            self._acts.append(PlannedAct(at_s, kind))

    def _plan_connections(self) -> None:
        amounts = self._scenario.amounts
        kinds = [
            *["reset"] * amounts.resets,
            *["half-open"] * amounts.half_opens,
            *["close"] * amounts.closes,
        ]
        self._rng.shuffle(kinds)
        for at_s, kind in zip(self._spread(len(kinds)), kinds, strict=True):
            fault: dict[str, Any] = {"at": at_s, "fault": kind, "connection": "one"}
            early = at_s < self._scenario.day_s * _ACTS
            fault["market"] = str(self._rng.choice((Market.USDM, Market.COINM) if early else tuple(Market)))
            if not early and self._rng.random() < 0.25:
                fault |= {"connection": "all", "count": 2}
            self._faults.append(fault)
        for at_s in self._spread(amounts.shutdowns, start=_ACTS):
            self._faults.append({"at": at_s, "fault": "shutdown", "market": "spot", "after_s": 3.0})
        if amounts.cut_depth:
            self._faults.append({"at": round(self._scenario.day_s / 2, 1), "fault": "cut-depth"})

    def _plan_frames(self) -> None:
        amounts = self._scenario.amounts
        more: Mapping[str, tuple[int, Mapping[str, Any]]] = {
            "drop": (amounts.dropped_frames, {}),
            "duplicate": (amounts.duplicated_frames, {}),
            "reorder": (amounts.reordered_frames, {}),
            "delay": (amounts.delayed_frames, {"delay_ms": 300}),
            "event-time": (amounts.misdated_frames, {"offset_s": 3_600}),
        }
        for fault, (count, fields) in more.items():
            batches = [min(_BATCH, count - begun) for begun in range(0, count, _BATCH)]
            for at_s, frames in zip(self._spread(len(batches)), batches, strict=True):
                whom = {"market": str(self._rng.choice(tuple(Market))), "stream": self._rng.choice(_FRAMES)}
                connection = self._rng.choice(("all", "one"))
                self._faults.append(
                    {"at": at_s, "fault": fault, **whom, "connection": connection, "count": frames, **fields}
                )
        for at_s in self._spread(amounts.silences):
            whom = {"market": str(self._rng.choice(tuple(Market))), "stream": self._rng.choice(_FRAMES)}
            self._faults.append({"at": at_s, "fault": "silence", **whom, "seconds": 2.0})

    def _plan_rest(self) -> None:
        amounts = self._scenario.amounts
        for at_s, number in zip(self._spread(amounts.rest_storms), range(amounts.rest_storms), strict=True):
            self._faults.append({"at": at_s, "fault": "rest", **_STORMS[number % len(_STORMS)]})
        kinds = ["stale"] * amounts.stale_snapshots + ["new"] * amounts.new_snapshots
        for at_s, kind in zip(self._spread(len(kinds)), kinds, strict=True):
            age_s = 120.0 if kind == "stale" else 1.0
            self._faults.append({"at": at_s, "fault": "snapshot", "kind": kind, "count": 3, "age_s": age_s})

    def _spread(self, count: int, *, start: float = 0.0) -> Iterator[float]:
        """Yield times over the eventful part of the day, one in each of equal parts, none that is guarded."""
        begin = max(self._from_s, self._scenario.day_s * start)
        width = (self._until_s - begin) / max(1, count)
        for number in range(count):
            first = begin + width * number
            yield self._free(lambda first=first: first + self._rng.uniform(0.1, 0.9) * width)  # type: ignore[misc]

    def _free(self, draw: Callable[[], float]) -> float:
        guard_s = _GUARD_S * self._scenario.speed
        at_s = draw()
        for _ in range(20):
            if all(abs(at_s - guarded) > guard_s for guarded in self._guarded):
                return round(at_s, 1)
            at_s = draw()
        # The part of the day is guarded as a whole: behind it.
        while any(abs(at_s - guarded) <= guard_s for guarded in self._guarded):
            at_s = max(guarded for guarded in self._guarded if abs(at_s - guarded) <= guard_s) + 1.01 * guard_s
        return round(at_s, 1)


def _symbols(count: int) -> dict[Market, tuple[str, ...]]:
    """Return the most traded symbols of each market."""
    more = universe(10 * count)
    return {
        market: tuple(name for name in more[market] if not name.startswith(_QUIET))[: len(names)]
        for market, names in universe(count).items()
    }
