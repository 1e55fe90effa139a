"""All that is recorded of an account, each event once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.order_laws import Finding, Told
from sandbox.verify.private.reports import (
    Fields,
    Fill,
    OrderId,
    OrderReport,
    UnreadableEventError,
    decode_event,
    fill_of,
    report_of,
)
from schemas.markets import Market


__all__ = ["AccountEvents"]


class AccountEvents:
    """All events of an account on a market, each once.

    Args:
        market: the market.
        events: of the account alone, in the order in which they came.
    """

    def __init__(self, market: Market, events: Sequence[PrivateEvent]) -> None:
        self.market = market
        self.duplicates = 0
        """Events that came again."""
        self.unreadable: list[Finding] = []
        self.reports: dict[OrderId, list[Told]] = {}
        self.lite: list[tuple[OrderId, Fill, str]] = []
        """Fills that TRADE_LITE told of."""
        self.others: list[tuple[str, Fields, str]] = []
        """Type, fields and place of all else."""
        seen: set[bytes] = set()
        for event in events:
            try:
                fields = decode_event(event)
                content = _content(fields)
                if content in seen:
                    self.duplicates += 1
                    continue
                seen.add(content)
                self._take(event, fields)
            except UnreadableEventError as error:
                self.unreadable.append(Finding("the event can be read", str(error), "an event", event.place))

    def _take(self, event: PrivateEvent, fields: Fields) -> None:
        report, lite = report_of(event, fields), fill_of(event, fields)
        if report is not None:
            self.reports.setdefault(report.order, []).append(Told(report, event.place))
        elif lite is not None:
            self.lite.append((*lite, event.place))
        else:
            self.others.append((event.type, fields, event.place))

    def fills(self) -> Iterator[tuple[OrderReport, Fill, str]]:
        """Yield the fills that reports tell of."""
        for told in self.reports.values():
            for one in told:
                if one.report.fill is not None:
                    yield one.report, one.report.fill, one.place

    def lone_fills(self) -> Iterator[tuple[OrderId, Fill, str]]:
        """Yield the fills that ``TRADE_LITE`` alone told of."""
        told = {(report.order, fill.trade_id) for report, fill, _ in self.fills()}
        return (lite for lite in self.lite if (lite[0], lite[1].trade_id) not in told)


_encode = msgspec.json.Encoder(order="deterministic").encode


def _content(fields: dict[str, Any]) -> bytes:
    """Return what an event says, without the time at which it was sent: that differs between connections."""
    return _encode({name: value for name, value in fields.items() if name != "E"})
