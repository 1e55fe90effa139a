from __future__ import annotations

import json
from typing import Any

from msgspec.structs import replace

from bench.order_notes import WARM_UP_NS, OrderNotes, rows_of
from bench.results import Row
from schemas.accounts import AccountSource, Order, OrderKind, OrderSide
from schemas.markets import Market
from tests.support.account_samples import EVENTS
from tests.support.golden import example


REPORT = next(event for _, event in EVENTS if event["e"] == "executionReport")
MS = 1_000_000
BEGUN_NS = 1_000 * WARM_UP_NS
LATER_NS = BEGUN_NS + WARM_UP_NS
"""When warming up is over: events count from here on."""


def event(notes: OrderNotes, offset: int, received_ns: int = LATER_NS, **told: Any) -> None:
    """Note an event that was at hand 7 ms after it was received."""
    payload = {**REPORT, **told}
    notes.note_event(
        (Market.SPOT, 3, offset),
        (received_ns, received_ns + 7 * MS),
        account="main",
        event_type=payload["e"],
        payload=json.dumps(payload).encode(),
    )


def order(notes: OrderNotes, input_offset: int, at_ns: int, status: str, filled: int, **known: Any) -> None:
    """Note a record of the order that the events are about."""
    known_order = example("order")
    assert isinstance(known_order, Order)
    value = replace(known_order, input_offset=input_offset, status=status, filled_quantity=filled, **known)
    notes.note_order(Market.SPOT, 3, b"main|ACHUSDT|1281722113", value, at_ns)


def rows(notes: OrderNotes) -> dict[str, Row]:
    return {row.name: row for row in rows_of(notes)}


def test_an_event_is_as_old_as_the_first_record_that_names_it() -> None:
    notes = OrderNotes()
    event(notes, 0, BEGUN_NS)
    event(notes, 1)
    order(notes, 0, BEGUN_NS + 999 * MS, "PARTIALLY_FILLED", 765_0000_0000)
    order(notes, 1, LATER_NS + 20 * MS, "PARTIALLY_FILLED", 765_0000_0000)
    order(notes, 1, LATER_NS + 90 * MS, "PARTIALLY_FILLED", 765_0000_0000, order_id=7)

    found = rows(notes)
    assert (found["ours"].p50_ms, found["ours"].p99_ms, found["ours"].events) == (20, 20, 1)
    assert (found["ours, spot"].p50_ms, found["ours, usdm"].p50_ms) == (20, None)
    assert (found["the raw record alone"].p50_ms, found["the raw record alone"].events) == (7, 1)


def test_a_state_that_no_record_has_is_lost_whatever_record_names_its_event() -> None:
    notes = OrderNotes()
    event(notes, 0, z="765.00000000")
    event(notes, 1, z="780.00000000")
    event(notes, 2, z="800.00000000", X="FILLED")
    order(notes, 0, LATER_NS, "PARTIALLY_FILLED", 765_0000_0000)
    order(notes, 2, LATER_NS, "FILLED", 800_0000_0000)

    assert rows(notes)["ours"].lost == 1

    order(notes, 1, LATER_NS, "PARTIALLY_FILLED", 800_0000_0000)
    assert rows(notes)["ours"].lost == 1

    order(notes, 1, LATER_NS, "PARTIALLY_FILLED", 780_0000_0000)
    assert rows(notes)["ours"].lost == 0


def test_an_event_that_tells_of_no_state_cannot_be_lost_but_is_an_event() -> None:
    notes = OrderNotes()
    event(notes, 0, BEGUN_NS, e="listStatus")
    event(notes, 1, e="listStatus")

    found = rows(notes)
    assert (found["ours"].lost, found["ours"].events) == (0, 0)
    assert found["the raw record alone"].events == 1


def test_an_algo_order_is_another_than_the_order_of_the_same_id() -> None:
    notes = OrderNotes()
    told = {"s": "ACHUSDT", "aid": 1281722113, "X": "NEW", "caid": "c", "o": "STOP", "S": "BUY", "f": "GTC", "q": "1"}
    event(notes, 0, e="ALGO_UPDATE", T=1, o=told)
    order(notes, 0, LATER_NS, "NEW", 0, side=OrderSide.BUY)

    assert rows(notes)["ours"].lost == 1

    order(notes, 0, LATER_NS, "NEW", 5, kind=OrderKind.ALGO)
    assert rows(notes)["ours"].lost == 0


def test_a_record_that_comes_twice_is_a_duplicate_and_one_of_an_answer_is_none() -> None:
    notes = OrderNotes()
    event(notes, 0)
    order(notes, 0, LATER_NS, "PARTIALLY_FILLED", 765_0000_0000)
    order(notes, 0, LATER_NS, "PARTIALLY_FILLED", 765_0000_0000, snapshot_offset=9, source=AccountSource.REST)

    assert rows(notes)["ours"].duplicates == 0

    order(notes, 0, LATER_NS, "PARTIALLY_FILLED", 765_0000_0000)
    assert rows(notes)["ours"].duplicates == 1
