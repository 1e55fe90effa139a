"""Kline intervals: where they begin and end."""

from __future__ import annotations

from datetime import UTC, datetime


__all__ = ["DAY_MS", "INTERVALS", "MINUTE_MS", "interval_end", "interval_start"]

MINUTE_MS = 60_000
_HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * _HOUR_MS
_WEEK_SHIFT_MS = 4 * DAY_MS
"""The epoch was a Thursday; weeks begin on Monday."""
_MONTH = "1M"

INTERVALS: dict[str, int] = {
    "1s": 1_000,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": _HOUR_MS,
    "2h": 2 * _HOUR_MS,
    "4h": 4 * _HOUR_MS,
    "6h": 6 * _HOUR_MS,
    "8h": 8 * _HOUR_MS,
    "12h": 12 * _HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
    "1w": 7 * DAY_MS,
    _MONTH: 30 * DAY_MS,
}
"""The venue's intervals and their lengths in milliseconds; that of a month is its usual size only."""


def interval_start(interval: str, time_ms: int) -> int:
    """Return the start of the interval that contains a time."""
    if interval == _MONTH:
        day = datetime.fromtimestamp(time_ms / 1000, UTC)
        return int(datetime(day.year, day.month, 1, tzinfo=UTC).timestamp()) * 1000
    length = INTERVALS[interval]
    shift = _WEEK_SHIFT_MS if interval == "1w" else 0
    return (time_ms - shift) // length * length + shift


def interval_end(interval: str, time_ms: int) -> int:
    """Return the end, exclusive, of the interval that contains a time."""
    start = interval_start(interval, time_ms)
    if interval == _MONTH:
        return interval_start(interval, start + 32 * DAY_MS)
    return start + INTERVALS[interval]
