"""Kline answers of a replay: the bars that the kline streams have shown up to the clock."""

from __future__ import annotations

import msgspec


__all__ = ["KEPT_COUNT", "KlineLog"]

KEPT_COUNT = 2_000
"""Bars that REST remembers per symbol and interval."""


class _Bar(msgspec.Struct):
    """The fields of a bar under the stream's letters."""

    open_ms: int = msgspec.field(name="t")
    close_ms: int = msgspec.field(name="T")
    o: str
    h: str
    l: str  # noqa: E741 - the venue's letter
    c: str
    v: str
    q: str
    trade_count: int = msgspec.field(name="n")
    taker_volume: str = msgspec.field(name="V")
    taker_second_volume: str = msgspec.field(name="Q")

    def row(self) -> list[object]:
        """Return the bar as REST spells it, twelve values."""
        prices = [self.o, self.h, self.l, self.c]
        takers = [self.taker_volume, self.taker_second_volume]
        return [self.open_ms, *prices, self.v, self.close_ms, self.q, self.trade_count, *takers, "0"]


class _Kline(msgspec.Struct):
    bar: _Bar = msgspec.field(name="k")
    event_ms: int = msgspec.field(name="E", default=0)


_decode = msgspec.json.Decoder(_Kline).decode


class KlineLog:
    """The recent bars of one symbol and interval, each as last shown."""

    def __init__(self) -> None:
        self._rows: dict[int, list[object]] = {}

    def add(self, data: bytes) -> int:
        """Pass a ``kline`` payload and return its event time in ms.

        Raises:
            ValueError: It is malformed; nothing changes.
        """
        kline = _decode(data)
        self._rows[kline.bar.open_ms] = kline.bar.row()
        if len(self._rows) > KEPT_COUNT:
            del self._rows[min(self._rows)]
        return kline.event_ms

    def between(self, start_ms: int | None, end_ms: int | None, count: int, *, newest: bool) -> list[list[object]]:
        """Return bars by opening time, both ends inclusive, oldest first; `newest` says which of too many."""
        times = [
            time
            for time in sorted(self._rows)
            if (start_ms is None or time >= start_ms) and (end_ms is None or time <= end_ms)
        ]
        return [self._rows[time] for time in (times[-count:] if newest else times[:count])]
