"""Raw records folded into orders, as a worker does it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import asdict

from processors.core.account_reports import Reports, account_reports
from processors.core.order_records import dump_order, load_order, order_record
from processors.core.order_reports import OrderKey
from processors.core.orders import OrderOutcome, OrderState, advance
from processors.core.records import RawRecord
from schemas.accounts import Order


__all__ = ["Folding", "told"]

_ASIDE = ("source", "recovered", "event_time", "input_offset", "snapshot_offset")


class Folding:
    """The orders of one account; each state is written down and read again before it is used."""

    def __init__(self) -> None:
        self.states: dict[OrderKey, OrderState] = {}
        self.outcomes: list[OrderOutcome] = []

    def feed(self, record: RawRecord) -> list[OrderOutcome]:
        """Fold in one record that can be read."""
        reports = account_reports(record)
        assert isinstance(reports, Reports), reports
        assert not reports.rejected
        outcomes = []
        for report in reports.orders:
            known = self.states.get(report.key)
            outcome = advance(known and load_order(dump_order(known)), report)
            assert outcome.changed == (outcome.state != known)
            if outcome.state is not None:
                self.states[report.key] = outcome.state
            outcomes.append(outcome)
        self.outcomes += outcomes
        return outcomes

    def feed_all(self, records: Iterable[RawRecord]) -> Folding:
        """Fold in many."""
        for record in records:
            self.feed(record)
        return self

    def orders(self) -> list[Order]:
        """Return the records of all orders, by id."""
        records = [
            order_record(state, -1, -1) for _, state in sorted(self.states.items(), key=lambda item: item[0].order_id)
        ]
        return [record for record in records if record is not None]

    def order(self) -> Order:
        """Return the only one."""
        (order,) = self.orders()
        return order


def told(order: Order) -> dict[str, Any]:
    """Return an order without what depends on who told of it."""
    return {name: value for name, value in asdict(order).items() if name not in _ASIDE}
