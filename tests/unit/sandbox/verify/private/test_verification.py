from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from sandbox.recordings import Problem
from sandbox.recordings.private import PrivateRecording, read_private
from sandbox.verify.private.outcome import PrivateOutcome, RawRecord, StateRecord
from sandbox.verify.private.report import PrivateReport, print_private_report, write_private_report
from sandbox.verify.private.verification import verify_private
from schemas.accounts import AccountSource
from schemas.markets import Market
from schemas.topics import DerivedType, RawType
from tests.unit.sandbox.accounts import T0, falsified, futures_life, spot_life, trade_update, written
from tests.unit.sandbox.verify.private.published import publish


SPOT, USDM = (Market.SPOT, "spot"), (Market.USDM, "usdm")
ORDERS, BALANCES, POSITIONS = DerivedType.ORDER, DerivedType.BALANCE, DerivedType.POSITION


@pytest.fixture
def recording(tmp_path: Path) -> PrivateRecording:
    return read_private([written(tmp_path / "spot", spot_life()), written(tmp_path / "usdm", futures_life())])


@pytest.fixture
def outcome(recording: PrivateRecording) -> PrivateOutcome:
    return publish(recording)


def verified(recording: PrivateRecording, outcome: PrivateOutcome) -> PrivateReport:
    return verify_private(recording, outcome, seconds=2)


def test_topics_that_are_right_hold(recording: PrivateRecording, outcome: PrivateOutcome) -> None:
    report = verified(recording, outcome)
    spot, usdm = report.accounts["spot:spot"], report.accounts["usdm:usdm"]

    assert report.ok
    assert (spot.orders.keys, spot.orders.demanded, spot.orders.equal, spot.orders.final_equal) == (2, 5, 5, 2)
    assert (spot.balances.equal, usdm.balances.equal, usdm.positions.equal) == (9, 4, 4)
    assert (usdm.orders.keys, usdm.orders.equal) == (2, 8)
    assert report.events == 26


def change_state(outcome: PrivateOutcome, place: tuple[Any, ...], number: int, **fields: Any) -> None:
    records = outcome.states[place]
    value = msgspec.structs.replace(records[number].value, **fields)
    records[number] = StateRecord(records[number].key, value, records[number].offset)


@pytest.mark.parametrize(
    ("place", "fields"),
    [
        ((*SPOT, ORDERS), {"filled_quantity": 1}),
        ((*SPOT, ORDERS), {"filled_quote_quantity": 1}),
        ((*SPOT, ORDERS), {"average_price": 1}),
        ((*SPOT, ORDERS), {"status": "FILLED"}),
        ((*SPOT, ORDERS), {"commissions": [1]}),
        ((*SPOT, ORDERS), {"fill_count": 1}),
        ((*SPOT, ORDERS), {"client_order_id": "x"}),
        ((*SPOT, ORDERS), {"execution_id": 1}),
        ((*SPOT, ORDERS), {"reject_reason": "x"}),
        ((*SPOT, ORDERS), {"recovered": True}),
        ((*SPOT, ORDERS), {"irregular_count": 1}),
        ((*SPOT, BALANCES), {"free": 1}),
        ((*USDM, ORDERS), {"realized_profit": 1}),
        ((*USDM, ORDERS), {"algo_id": 4}),
        ((*USDM, BALANCES), {"wallet_balance": 1}),
        ((*USDM, POSITIONS), {"amount": 1}),
        ((*USDM, POSITIONS), {"leverage": 21}),
    ],
)
def test_a_field_that_is_another_is_noticed(
    recording: PrivateRecording, outcome: PrivateOutcome, place: tuple[Any, ...], fields: dict[str, Any]
) -> None:
    change_state(outcome, place, 3, **fields)
    report = verified(recording, outcome)
    account = report.accounts[f"{place[0]}:{place[1]}"]
    found = {ORDERS: account.orders, BALANCES: account.balances, POSITIONS: account.positions}[place[2]]

    assert not report.ok
    assert (found.different, found.missing, found.extra) == (1, 0, 0)
    assert set(fields) <= set(found.differences[0])


@pytest.mark.parametrize("number", [0, 1, 4])
def test_an_intermediate_state_that_is_missing_is_noticed(
    recording: PrivateRecording, outcome: PrivateOutcome, number: int
) -> None:
    del outcome.states[*SPOT, ORDERS][number]
    report = verified(recording, outcome)

    assert report.accounts["spot:spot"].orders.missing == 1
    assert not report.ok


def test_a_state_that_is_published_twice_or_for_nothing_is_noticed(
    recording: PrivateRecording, outcome: PrivateOutcome
) -> None:
    states = outcome.states[*SPOT, ORDERS]
    invented = msgspec.structs.replace(states[0].value, input_offset=99)
    states += [states[2], StateRecord(states[0].key, invented, 7)]
    report = verified(recording, outcome)

    assert report.accounts["spot:spot"].orders.extra == 2
    assert not report.ok


def test_a_state_that_is_published_again_as_it_was_is_counted_and_no_fault(
    recording: PrivateRecording, outcome: PrivateOutcome
) -> None:
    states = outcome.states[*SPOT, ORDERS]
    again = msgspec.structs.replace(states[-1].value, input_offset=99)
    states.append(StateRecord(states[-1].key, again, 9))
    report = verified(recording, outcome)

    assert report.accounts["spot:spot"].orders.repeated == 1
    assert report.ok


def test_an_order_that_ends_otherwise_is_noticed(recording: PrivateRecording, outcome: PrivateOutcome) -> None:
    states = outcome.states[*SPOT, ORDERS]
    value = msgspec.structs.replace(
        states[-1].value, source=AccountSource.REST, recovered=True, snapshot_offset=3, status="NEW"
    )
    states.append(StateRecord(states[-1].key, value, 9))
    report = verified(recording, outcome)
    orders = report.accounts["spot:spot"].orders

    assert (orders.recovered, orders.keys, orders.final_equal) == (1, 2, 1)
    assert orders.differences[0]["final"] == {"status": {"demanded": "CANCELED", "published": "NEW"}}
    assert not report.ok


def test_an_answer_that_agrees_is_counted_and_no_fault(recording: PrivateRecording, outcome: PrivateOutcome) -> None:
    states = outcome.states[*SPOT, ORDERS]
    value = msgspec.structs.replace(
        states[-1].value, source=AccountSource.REST, recovered=True, snapshot_offset=3, event_time=None
    )
    states.append(StateRecord(states[-1].key, value, 9))
    report = verified(recording, outcome)

    assert report.accounts["spot:spot"].orders.recovered == 1
    assert report.ok


def test_raw_events_that_are_missing_repeated_or_altered_are_noticed(
    recording: PrivateRecording, outcome: PrivateOutcome
) -> None:
    raw = outcome.raw[*SPOT, RawType.ORDER_UPDATE]
    raw[1] = RawRecord(1, raw[1].type, raw[1].value + b" ")
    raw.append(RawRecord(5, raw[0].type, raw[0].value))
    report = verified(recording, outcome)
    counts = report.accounts["spot:spot"].raw["order-update"]

    assert (counts.missing, counts.duplicates, counts.foreign) == (1, 1, 1)
    assert not report.ok


def test_records_of_strange_accounts_places_and_dead_letters_are_noticed(
    recording: PrivateRecording, outcome: PrivateOutcome
) -> None:
    outcome.raw[Market.SPOT, "strange", RawType.ORDER_UPDATE].append(RawRecord(0, "executionReport", b"{}"))
    outcome.misplaced.append("binance.spot.raw.order-update[3]@0: of account spot")
    outcome.dead_letters += [{"reason": "malformed-json"}, {"reason": "malformed-json"}]

    assert verified(recording, outcome).problems == [
        "record outside its account's partition: binance.spot.raw.order-update[3]@0: of account spot",
        "records of an account that is not recorded: spot strange",
        "2 private dead letters: malformed-json",
    ]


def test_a_part_that_could_not_be_read_keeps_it_from_holding(
    recording: PrivateRecording, outcome: PrivateOutcome
) -> None:
    damaged = msgspec.structs.replace(recording, problems=[Problem(Path("x"), 3, "cut off")])
    report = verified(damaged, outcome)

    assert report.problems == ["the recording cannot be read: x:3: cut off"]
    assert not report.ok


def test_an_order_about_which_the_recording_contradicts_itself_is_not_compared(tmp_path: Path) -> None:
    broken = falsified(futures_life(), 11, lambda event: event["o"].update(z="2"))
    recording = read_private([written(tmp_path / "usdm", broken)])
    outcome = publish(recording)
    states = outcome.states[*USDM, ORDERS]
    states.clear()
    report = verified(recording, outcome)
    account = report.accounts["usdm:usdm"]

    assert account.contradictions
    assert account.problems == []
    assert account.not_compared == [
        f"states of usdm|BTCUSDT|{order}: the recording contradicts itself about it" for order in ("9", "algo:3")
    ]
    assert not report.ok


def test_the_report_tells_the_first_contradictions_to_programs_and_to_people(tmp_path: Path) -> None:
    broken = [trade_update("TRADE", "FILLED", T0, z="3", l="2", L="20", ap="20", t=1, q="4", i=i) for i in range(30)]
    recording = read_private([written(tmp_path / "usdm.json", broken)])
    report = verified(recording, publish(recording))
    write_private_report(report, tmp_path / "sub" / "report.json")
    document = json.loads((tmp_path / "sub" / "report.json").read_text())
    text = io.StringIO()
    print_private_report(report, Console(file=text, width=200))

    assert document["ok"] is False
    assert document["contradiction_count"] == len(report.contradictions()) >= 30
    assert len(document["contradictions"]) == 20
    assert document["contradictions"][0]["text"] == str(report.contradictions()[0])
    assert set(document["accounts"]) == {"usdm:usdm"}
    assert "it does not hold" in text.getvalue()
    assert str(report.contradictions()[0]) in text.getvalue()
    assert "… and " in text.getvalue()


def test_a_report_that_holds_says_so(recording: PrivateRecording, outcome: PrivateOutcome, tmp_path: Path) -> None:
    report = verified(recording, outcome)
    write_private_report(report, tmp_path / "report.json")
    document = json.loads((tmp_path / "report.json").read_text())
    text = io.StringIO()
    print_private_report(report, Console(file=text, width=160))

    assert document["ok"] is True
    assert (document["events"], document["seconds"], document["events_per_second"]) == (26, 2, 13)
    assert document["accounts"]["spot:spot"]["orders"]["equal"] == 5
    ends = document["accounts"]["spot:spot"]["orders"]["final_states"]["spot|BTCUSDT|7"]
    assert (ends["status"], ends["filled_quantity"]) == ("FILLED", "3.00000000")
    assert ends["average_price"] == "9.6666666666666667"
    assert "all of it holds: 26 events" in text.getvalue()
