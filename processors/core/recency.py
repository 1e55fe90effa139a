"""Which of two reports about one balance or position is the newer.

Such reports carry the whole new state and no id: only the time of the change, which several changes of one millisecond
share. Among those the order of arrival on one connection decides; a second connection repeats the same changes in the
same order, so that its n-th report of a time is the n-th that the first one brought.
"""

from __future__ import annotations

from typing import Final

import msgspec

from processors.core.holding_reports import HoldingReport
from schemas.accounts import AccountSource


__all__ = ["NEVER", "Recency", "observed"]


class _Arrivals(msgspec.Struct, frozen=True, array_like=True):
    """What one connection brought of the time in question."""

    connection: str
    last_sequence: int
    count: int


class Recency(msgspec.Struct, frozen=True, array_like=True):
    """How new a state is."""

    time: int = -1
    """Of the last change."""
    count: int = 0
    """Changes of that time that were applied."""
    arrivals: tuple[_Arrivals, ...] = ()
    receive_time_ns: int = 0
    """When ingest had the last one."""
    answered: bool = False
    """Whether that was an answer."""


NEVER: Final = Recency()


def observed(recency: Recency, report: HoldingReport) -> tuple[Recency, bool]:
    """Take notice of a report; return how new the state is then, and whether the report is newer than the state."""
    if report.source is AccountSource.REST:
        return _observed_answer(recency, report)
    if report.time < recency.time:
        return recency, False
    if report.time > recency.time:
        first = (_Arrivals(report.connection, report.sequence, 1),)
        return Recency(report.time, 1, first, report.receive_time_ns), True
    return _observed_at_same_time(recency, report)


def _observed_answer(recency: Recency, report: HoldingReport) -> tuple[Recency, bool]:
    if report.time > recency.time:
        return Recency(report.time, 0, (), report.receive_time_ns, answered=True), True
    if report.time:
        newer = report.time == recency.time and report.receive_time_ns >= recency.receive_time_ns
    else:
        # The venue does not say how old it is: it is at least as new as the question.
        newer = report.request_time >= recency.time
    if not newer:
        return recency, False
    return msgspec.structs.replace(recency, receive_time_ns=report.receive_time_ns, answered=True), True


def _observed_at_same_time(recency: Recency, report: HoldingReport) -> tuple[Recency, bool]:
    before = next((item for item in recency.arrivals if item.connection == report.connection), None)
    if before is not None and report.sequence <= before.last_sequence:
        return recency, False
    count = 1 + (before.count if before is not None else 0)
    arrivals = (
        *(item for item in recency.arrivals if item is not before),
        _Arrivals(report.connection, report.sequence, count),
    )
    in_answer = recency.answered and report.receive_time_ns <= recency.receive_time_ns
    if count <= recency.count or in_answer:
        return msgspec.structs.replace(recency, arrivals=arrivals, count=max(count, recency.count)), False
    return Recency(recency.time, count, arrivals, report.receive_time_ns), True
