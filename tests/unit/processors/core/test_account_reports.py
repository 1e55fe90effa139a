from __future__ import annotations

import copy
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from processors.core.account_reports import PassedOver, Reports, account_reports
from processors.core.balances import Balances
from processors.core.order_records import order_record
from processors.core.order_reports import Fill, FillReport, LinkReport, OrderKey, OrderReport
from processors.core.orders import OrderState, advance
from processors.core.positions import Positions
from processors.core.records import RawRecord, Rejected
from schemas.accounts import OrderKind
from schemas.codec import Codec
from schemas.markets import Market
from schemas.topics import DerivedType, RawType, TopicTable
from tests.support.account_samples import ANSWERS, EVENTS
from tests.support.offline_registry import OfflineRegistry
from tests.support.order_lives import answer_record, event_record


TABLE = TopicTable()
CODEC = Codec(TABLE, OfflineRegistry())
TOLD_BY = {
    "executionReport": (1, 0, 0),
    "listStatus": (2, 0, 0),
    "outboundAccountPosition": (0, 2, 0),
    "balanceUpdate": (0, 1, 0),
    "externalLockUpdate": (0, 1, 0),
    "ORDER_TRADE_UPDATE": (1, 0, 0),
    "TRADE_LITE": (1, 0, 0),
    "ACCOUNT_UPDATE": (0, 1, 2),
    "MARGIN_CALL": (0, 0, 1),
    "ALGO_UPDATE": (2, 0, 0),
    "CONDITIONAL_ORDER_TRIGGER_REJECT": (1, 0, 0),
}
SAMPLES = [event_record(market, event, 0) for market, event in EVENTS] + [
    answer_record(market, endpoint, answer, 0, request_time="1772459281000") for market, endpoint, answer in ANSWERS
]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**22), 10**22),
    st.sampled_from(
        ["", "abc", "-1", "0", "1e9", "9" * 12, "9" * 21, "0." + "0" * 20 + "1", "NEW", "FILLED", [], {}, [["1"]]]
    ),
)


def counts(reports: Reports) -> tuple[int, int, int]:
    return len(reports.orders), len(reports.balances), len(reports.positions)


@pytest.mark.parametrize(
    ("market", "event"), EVENTS, ids=lambda value: value.get("e") if isinstance(value, dict) else value
)
def test_every_event_tells_what_the_reference_says(market: Market, event: dict[str, Any]) -> None:
    reports = account_reports(event_record(market, event, 0))

    if event["e"] == "ACCOUNT_CONFIG_UPDATE":
        assert isinstance(reports, Reports)
        assert counts(reports) == ((0, 1, 0) if "ai" in event else (0, 0, 1))
    elif event["e"] in TOLD_BY:
        assert isinstance(reports, Reports)
        assert counts(reports) == TOLD_BY[event["e"]]
    else:
        assert reports == PassedOver(event["e"], known=event["e"] != "SOMETHING_NEW")


def test_a_fill_says_what_was_charged_for_it() -> None:
    reports = account_reports(event_record(*EVENTS[0], 0))

    assert isinstance(reports, Reports)
    (report,) = reports.orders
    assert isinstance(report, OrderReport)
    assert report.fill == Fill(65044223, 655_000, 765 * 10**8, 655_000 * 765 * 10**8, 603, "BNB")


def test_a_triggered_algo_order_tells_of_the_order_that_came_of_it() -> None:
    (sample,) = [sample for sample in EVENTS if sample[1]["e"] == "ALGO_UPDATE"]
    reports = account_reports(event_record(*sample, 0))

    assert isinstance(reports, Reports)
    algo, link = reports.orders
    assert algo.key == OrderKey("ACHUSDT", OrderKind.ALGO, 2000000548906329)
    assert isinstance(link, LinkReport)
    assert link.key == OrderKey("ACHUSDT", OrderKind.REGULAR, 4903999096)
    assert link.algo_id == 2000000548906329


def test_a_short_form_tells_no_commission() -> None:
    (sample,) = [sample for sample in EVENTS if sample[1]["e"] == "TRADE_LITE"]
    reports = account_reports(event_record(*sample, 0))

    assert isinstance(reports, Reports)
    (report,) = reports.orders
    assert isinstance(report, FillReport)
    assert not report.fill.complete


def test_one_bad_item_of_an_answer_hides_no_other() -> None:
    market, endpoint, (good,) = ANSWERS[0]
    bad = {**good, "orderId": 7, "price": "cheap"}

    reports = account_reports(answer_record(market, endpoint, [bad, good, 5], 0))

    assert isinstance(reports, Reports)
    assert [report.key.order_id for report in reports.orders] == [good["orderId"]]
    assert [rejected.reason for rejected in reports.rejected] == ["bad-number", "mistyped-field"]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("p", "0.000000001", "bad-number"),
        ("p", "1e3", "bad-number"),
        ("z", "9" * 21, "bad-number"),
        ("L", "9" * 12, "does-not-fit"),
        ("n", "99999999999", "does-not-fit"),
        ("N", None, "missing-field"),
        ("s", "", "missing-field"),
        ("i", 1 << 63, "bad-number"),
        ("T", -5, "implausible-time"),
        ("T", 1 << 60, "implausible-time"),
        ("S", "HOLD", "unknown-value"),
        ("q", 5, "mistyped-field"),
    ],
)
def test_what_does_not_fit_is_rejected_with_its_reason(field: str, value: object, reason: str) -> None:
    market, event = EVENTS[0]
    large = {"l": "9" * 12} if reason == "does-not-fit" and field == "L" else {}

    rejected = account_reports(event_record(market, {**event, **large, field: value}, 0))

    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


@pytest.mark.parametrize(
    ("value", "reason"),
    [(b"", "malformed-json"), (b"\xff", "malformed-json"), (b"{}", "missing-field"), (None, "malformed-json")],
)
def test_what_is_no_event_is_rejected(value: bytes | None, reason: str) -> None:
    rejected = account_reports(RawRecord(Market.SPOT, RawType.ORDER_UPDATE, 0, 0, 0, b"main", value))

    assert isinstance(rejected, Rejected)
    assert rejected.reason == reason


@pytest.mark.parametrize("key", [None, b""])
def test_a_record_without_an_account_is_rejected(key: bytes | None) -> None:
    rejected = account_reports(replace(SAMPLES[0], key=key))

    assert isinstance(rejected, Rejected)
    assert rejected.reason == "missing-key"


def test_an_answer_of_an_unknown_endpoint_is_passed_over() -> None:
    record = answer_record(Market.SPOT, "somethingNew", [], 0)

    assert account_reports(record) == PassedOver("somethingNew", known=False)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of everything inside a value."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [inner for key, item in items for inner in [(*path, key), *places(item, (*path, key))]]


@st.composite
def damaged(draw: st.DrawFn) -> RawRecord:
    record = draw(st.sampled_from(SAMPLES))
    assert record.value is not None
    payload = json.loads(record.value)
    for _ in range(draw(st.integers(0, 3))):
        payload = copy.deepcopy(payload)
        ways = places(payload)
        if not ways:
            break
        *way, last = draw(st.sampled_from(ways))
        inner = payload
        for step in way:
            inner = inner[step]
        inner[last] = draw(ODD)
    value: bytes | None = json.dumps(payload).encode()
    if not draw(st.integers(0, 9)):
        value = draw(st.none() | st.binary(max_size=20))
    headers = tuple(
        (name, draw(st.sampled_from([header, header, b"", b"\xff", b"-1", b"9" * 30])))
        for name, header in (*record.headers, ("connection_sequence", b"7"))
    )
    key = draw(st.sampled_from([b"main", b"main", b"\xff", None]))
    return replace(record, market=draw(st.sampled_from(Market)), key=key, value=value, headers=headers)


@given(st.lists(damaged(), max_size=8))
def test_no_record_makes_a_fold_raise_and_what_comes_of_it_fits_its_topic(records: list[RawRecord]) -> None:
    orders: dict[OrderKey, OrderState] = {}
    balances, positions = Balances("main"), Positions("main")
    for record in records:
        reports = account_reports(record)
        if not isinstance(reports, Reports):
            continue
        for order in reports.orders:
            state = advance(orders.get(order.key), order).state
            if state is not None:
                orders[order.key] = state
                write(DerivedType.ORDER, order_record(state, 1, 2))
        for balance in reports.balances:
            for change in balances.apply(balance):
                write(DerivedType.BALANCE, balances.record(change.asset, 1, 2))
        for position in reports.positions:
            for moved in positions.apply(position):
                write(DerivedType.POSITION, positions.record(moved.key, 1, 2))
    Balances("main").load(balances.dump())
    Positions("main").load(positions.dump())


def write(derived: DerivedType, value: msgspec.Struct | None) -> None:
    if value is not None:
        topic = TABLE.derived(Market.USDM, derived)
        assert CODEC.decode(topic.name, 0, 0, CODEC.encode(topic, value)) == value
