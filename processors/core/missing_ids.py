"""A hole in the ids of trades that the flow has passed, as it fills up."""

from __future__ import annotations

import msgspec


__all__ = ["IdRun", "KeptMissing", "MissingIds"]


class IdRun(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive ids that are missing, and the trade times on both sides."""

    first_id: int
    last_id: int
    previous_time: int
    next_time: int


class KeptMissing(msgspec.Struct, frozen=True, array_like=True):
    """A hole, written down."""

    first_id: int
    reported: bool
    runs: list[IdRun]
    lost: list[tuple[int, int]]


class MissingIds:
    """A hole that the flow has passed, and the ids of it that have not come."""

    __slots__ = ("_lost", "first_id", "reported", "runs")

    def __init__(self, run: IdRun, *, reported: bool) -> None:
        self.first_id = run.first_id
        self.runs = [run]
        self.reported = reported
        """Whether something is missing as far as we know: not of ids that the venue has not, or before the first."""
        self._lost: list[tuple[int, int]] = []

    @classmethod
    def of(cls, kept: KeptMissing) -> MissingIds:
        """Return the hole that was written down.

        Raises:
            ValueError: nothing of it is missing.
        """
        if not kept.runs:
            msg = f"hole of id {kept.first_id}: nothing is missing"
            raise ValueError(msg)
        hole = cls(kept.runs[0], reported=kept.reported)
        hole.first_id, hole.runs, hole._lost = kept.first_id, list(kept.runs), list(kept.lost)
        return hole

    def dump(self) -> KeptMissing:
        """Return the hole, written down."""
        return KeptMissing(self.first_id, self.reported, self.runs, self._lost)

    @property
    def hopeless(self) -> bool:
        """Whether something is missing, and nothing of it can be had."""
        return bool(self.runs) and all(self._is_lost(run) for run in self.runs)

    def overlaps(self, first_id: int, last_id: int) -> bool:
        """Whether any of these ids is missing."""
        return any(run.first_id <= last_id and run.last_id >= first_id for run in self.runs)

    def strike(self, first_id: int, last_id: int, trade_time: int | None = None) -> None:
        """Take ids as accounted for; a trade's time tells more about when its neighbours were."""
        left: list[IdRun] = []
        for run in self.runs:
            if run.last_id < first_id or run.first_id > last_id:
                left.append(run)
                continue
            time_before = run.previous_time if trade_time is None else trade_time
            time_after = run.next_time if trade_time is None else trade_time
            if run.first_id < first_id:
                left.append(IdRun(run.first_id, first_id - 1, run.previous_time, time_after))
            if run.last_id > last_id:
                left.append(IdRun(last_id + 1, run.last_id, time_before, run.next_time))
        self.runs = left

    def give_up(self, first_id: int, last_id: int) -> None:
        """Take note of ids that cannot be had; the ledger tells of a hole in parts."""
        if (first_id, last_id) not in self._lost:
            self._lost = sorted([*self._lost, (first_id, last_id)])

    def _is_lost(self, run: IdRun) -> bool:
        at = run.first_id
        for first_id, last_id in self._lost:
            if first_id <= at <= last_id:
                at = last_id + 1
        return at > run.last_id
