"""Each law has a recording that breaks it; lives that are right break none."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from sandbox.recordings.private import PrivateRecording, read_private
from sandbox.verify.private.contradictions import Contradiction
from sandbox.verify.private.verification import judge_recording, verify_private
from tests.support.recordings import recordings_dir
from tests.unit.sandbox.accounts import (
    T0,
    Event,
    account_update,
    algo_update,
    execution,
    falsified,
    futures_life,
    list_status,
    recorded,
    spot_life,
    trade_update,
)
from tests.unit.sandbox.verify.private.published import publish
from tests.unit.sandbox.verify.private.rare_lives import RARE_LIVES


LAW_EXAMPLES = int(os.environ.get("LAW_EXAMPLES", "60"))
"""Fields that are replaced; the long form is `LAW_EXAMPLES=2000 make test PYTEST_ARGS="… -k replaced_by"`."""


def contradictions(recording: PrivateRecording) -> list[Contradiction]:
    return [found for of_account in judge_recording(recording).values() for found in of_account]


def judged(tmp_path: Path, events: list[Event]) -> list[str]:
    return [f"{found.subject}: {found.what}" for found in contradictions(recorded(tmp_path / "a", events))]


STOP = {"o": "STOP_LOSS_LIMIT", "P": "11.00000000"}
LISTED = {"g": 4}


@pytest.mark.parametrize(
    "life",
    [
        spot_life(),
        futures_life(),
        # A triggered stop is NEW twice; a cancellation has an id of its own.
        [
            execution("NEW", "NEW", 1, T0, w=False, **STOP),
            execution("NEW", "NEW", 2, T0 + 1, **STOP),
            execution("CANCELED", "CANCELED", 3, T0 + 2, **STOP | {"c": "cancel", "C": "mine"}),
        ],
        # Self-trade prevention takes what is not filled.
        [
            execution("NEW", "NEW", 1, T0),
            execution("TRADE_PREVENTION", "EXPIRED_IN_MATCH", 2, T0 + 1, v=1, A="3.00000000", B="3.00000000"),
        ],
        # Ordered by quote quantity: what is bought is told by the fills.
        [
            execution("NEW", "NEW", 1, T0, o="MARKET", q="0.00000000", Q="30.00000000"),
            execution(
                "TRADE",
                "FILLED",
                2,
                T0,
                o="MARKET",
                q="2.90000000",
                Q="30.00000000",
                t=1,
                l="2.90000000",
                z="2.90000000",
                L="10.00000000",
                Y="29.00000000",
                Z="29.00000000",
            ),
        ],
        # An amendment changes quantity and price.
        [
            execution("NEW", "NEW", 1, T0),
            execution("REPLACED", "NEW", 2, T0 + 1, q="2.00000000", c="amended", C="mine"),
            execution("CANCELED", "CANCELED", 3, T0 + 2, q="2.00000000", c="x", C="amended"),
        ],
        [
            trade_update("NEW", "NEW", T0),
            trade_update("AMENDMENT", "NEW", T0 + 1, q="4", p="19"),
            trade_update("EXPIRED", "EXPIRED", T0 + 2, q="4", p="19", er="2"),
        ],
        # The beginning was not recorded: what was filled before is taken as it is told.
        spot_life()[5:],
        futures_life()[9:],
        # Whoever closes a position orders no quantity.
        [
            trade_update("NEW", "NEW", T0, q="0", cp=True, o="MARKET", ot="STOP_MARKET"),
            trade_update(
                "TRADE", "FILLED", T0, q="0", cp=True, o="MARKET", ot="STOP_MARKET", l="2", z="2", L="20", ap="20", t=1
            ),
        ],
        [list_status("EXECUTING", T0, 7, 8), execution("NEW", "NEW", 1, T0, **LISTED)],
        [algo_update("NEW", T0, ia=False), algo_update("NEW", T0 + 1, ia=True), algo_update("EXPIRED", T0 + 2)],
    ],
)
def test_a_life_that_is_right_contradicts_nothing(tmp_path: Path, life: list[Event]) -> None:
    assert judged(tmp_path, life) == []


@pytest.mark.recordings
def test_the_shared_recordings_contradict_nothing() -> None:
    recordings = recordings_dir()
    if recordings is None:
        pytest.skip("no recordings here")

    assert contradictions(read_private([recordings / "userdata"])) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from([spot_life(), futures_life()]))
def test_neither_repetitions_nor_another_order_of_arrival_are_a_contradiction(
    tmp_path: Path, chance: random.Random, life: list[Event]
) -> None:
    arrived = life * 2
    chance.shuffle(arrived)

    assert judged(tmp_path, arrived) == []


def test_a_trade_has_one_buyer_and_one_seller(tmp_path: Path) -> None:
    fill = {"t": 50, "l": "3", "z": "3", "L": "10", "Y": "30", "Z": "30"}
    mine = [execution("NEW", "NEW", 1, T0), execution("TRADE", "FILLED", 3, T0, **fill)]
    other = [execution("NEW", "NEW", 2, T0, i=8), execution("TRADE", "FILLED", 4, T0, i=8, **fill)]
    sold = [dict(event, S="SELL") for event in other]

    assert judged(tmp_path, [*mine, *other]) == ["BTCUSDT: trade 50 has one buyer and one seller"]
    assert judged(tmp_path, [*mine, *sold]) == []


def put(name: str, value: Any) -> Callable[[Event], None]:
    def change(event: Event) -> None:
        (event["o"] if isinstance(event.get("o"), dict) else event)[name] = value

    return change


SPOT, FUTURES = spot_life(), futures_life()
LESS = RARE_LIVES["self-trade prevention took a part, and only its own report says so"]
STOPPED = RARE_LIVES["a stop that is no algo order expires and goes on"]
TOLD_ALONE = RARE_LIVES["TRADE_LITE alone tells of a fill"]
ORDER, THEIRS, ALGO = "order BTCUSDT 7", "order BTCUSDT 9", "algo order BTCUSDT 3"


@pytest.mark.parametrize(
    ("life", "number", "change", "expected"),
    [
        (SPOT, 3, put("z", "1.10000000"), f"{ORDER}: cumulative filled is the sum of the fills"),
        (SPOT, 5, put("z", "2.90000000"), f"{ORDER}: cumulative filled is the sum of the fills"),
        (SPOT, 5, put("l", "1.90000000"), f"{ORDER}: cumulative filled is the sum of the fills"),
        (SPOT, 5, put("Z", "28.99000000"), f"{ORDER}: cumulative quote is the sum of the fills' quotes"),
        (SPOT, 3, put("Y", "10.10000000"), f"{ORDER}: cumulative quote is the sum of the fills' quotes"),
        (SPOT, 3, put("L", "10.10000000"), f"{ORDER}: the quote of a fill is its price times its quantity"),
        (SPOT, 5, put("X", "PARTIALLY_FILLED"), f"{ORDER}: FILLED exactly when cumulative is what was ordered"),
        (SPOT, 3, put("X", "FILLED"), f"{ORDER}: FILLED exactly when cumulative is what was ordered"),
        (SPOT, 5, put("t", 49), f"{ORDER}: trade ids rise"),
        (SPOT, 5, put("t", 50), f"{ORDER}: trade ids rise"),
        (SPOT, 5, put("t", -1), f"{ORDER}: a fill has a trade id"),
        (SPOT, 3, put("N", None), f"{ORDER}: a commission has an asset"),
        (SPOT, 1, put("x", "DONE"), f"{ORDER}: the execution type is a known one"),
        (SPOT, 5, put("S", "LONG"), "event: the event can be read"),
        (SPOT, 5, put("s", ""), "event: the event can be read"),
        (LESS, 2, put("z", "1"), f"{ORDER}: FILLED exactly when cumulative is what was ordered"),
        (STOPPED, 3, put("o", "STOP_MARKET"), f"{THEIRS}: nothing follows EXPIRED"),
        (TOLD_ALONE, 1, put("l", "0.5"), f"{THEIRS}: cumulative filled is the sum of the fills"),
        (SPOT, 5, put("I", 99), f"{ORDER}: transaction times rise with execution ids"),
        (SPOT, 5, put("I", 101), f"{ORDER}: execution id 101 is told twice, differently"),
        (SPOT, 5, put("S", "SELL"), f"{ORDER}: the side does not change"),
        (SPOT, 5, put("p", "9.00000000"), f"{ORDER}: the price does not change"),
        (SPOT, 1, put("q", "4.00000000"), f"{ORDER}: the quantity does not change"),
        (SPOT, 5, put("o", "MARKET"), f"{ORDER}: the type does not change"),
        (SPOT, 5, put("c", "another"), f"{ORDER}: the client order id does not change"),
        (SPOT, 5, put("O", T0 + 1), f"{ORDER}: the time of creation does not change"),
        (SPOT, 5, put("x", "CANCELED"), f"{ORDER}: the status follows from CANCELED"),
        (SPOT, 10, put("X", "REJECTED"), "order BTCUSDT 8: the status follows from CANCELED"),
        (SPOT, 9, put("I", 102), "BTCUSDT: execution ids rise with time"),
        (
            SPOT,
            6,
            put("B", [{"a": "USDT", "f": "72", "l": "0"}]),
            "balance USDT: free and locked change by fills, commissions and transfers alone",
        ),
        (
            SPOT,
            4,
            put("B", [{"a": "BTC", "f": "2.0", "l": "0"}]),
            "balance BTC: free and locked change by fills, commissions and transfers alone",
        ),
        (
            SPOT,
            7,
            put("d", "-10.00000000"),
            "balance USDT: free and locked change by fills, commissions and transfers alone",
        ),
        (SPOT, 0, put("B", [{"a": "USDT", "f": "-1", "l": "0"}]), "balance USDT: it is no debt"),
        (FUTURES, 8, put("z", "2"), f"{THEIRS}: cumulative filled is the sum of the fills"),
        (FUTURES, 11, put("l", "1"), f"{THEIRS}: cumulative filled is the sum of the fills"),
        (FUTURES, 11, put("ap", "20.9"), f"{THEIRS}: the average price is that of the fills"),
        (FUTURES, 11, put("X", "CANCELED"), f"{THEIRS}: the status follows from TRADE"),
        (FUTURES, 11, put("t", 59), f"{THEIRS}: trade ids rise"),
        (FUTURES, 11, put("ps", "LONG"), f"{THEIRS}: the position side does not change"),
        (FUTURES, 5, put("L", "20.5"), f"{THEIRS}: TRADE_LITE tells the price of trade 60"),
        (FUTURES, 5, put("l", "2"), f"{THEIRS}: TRADE_LITE tells the quantity of trade 60"),
        (FUTURES, 5, put("S", "BUY"), f"{THEIRS}: TRADE_LITE tells the side of trade 60"),
        (FUTURES, 12, put("aq", "2"), f"{ALGO}: executed is what order 9 has filled"),
        (FUTURES, 3, put("X", "SHINING"), f"{ALGO}: the status is one of an algo order"),
        (FUTURES, 3, put("X", "CANCELED"), f"{ALGO}: nothing follows CANCELED"),
        (FUTURES, 4, put("q", "2"), f"{ALGO}: the quantity does not change"),
        (
            FUTURES,
            10,
            lambda event: event["a"]["B"][0].update(wb="1001.52"),
            "balance USDT: the wallet changes by realised profit, commission and what is told to be neither",
        ),
        (
            FUTURES,
            10,
            lambda event: event["a"]["P"][0].update(pa="2"),
            "position BTCUSDT BOTH: a position changes by fills alone",
        ),
        (FUTURES, 11, lambda event: event["o"].pop("z"), None),
        (SPOT, 5, lambda event: event.pop("I"), "event: the event can be read"),
        (SPOT, 5, put("z", "much"), "event: the event can be read"),
        (SPOT, 0, put("B", None), "event: the event can be read"),
    ],
)
def test_what_breaks_a_law_is_told(
    tmp_path: Path, life: list[Event], number: int, change: Callable[[Event], None], expected: str | None
) -> None:
    found = judged(tmp_path, falsified(life, number, change))

    assert found
    assert expected is None or expected in found


@pytest.mark.parametrize("lost", [3, 5])
def test_a_fill_that_is_missing_breaks_the_sums(tmp_path: Path, lost: int) -> None:
    life = [event for number, event in enumerate(spot_life()) if number != lost]

    assert judged(tmp_path, life)


def test_nothing_follows_an_end(tmp_path: Path) -> None:
    after = execution("CANCELED", "CANCELED", 200, T0 + 100, z="3.00000000", Z="29.00000000", w=False)

    assert judged(tmp_path, [*spot_life(), after]) == [
        f"{ORDER}: nothing follows FILLED",
        *[f"{ORDER}: FILLED exactly when cumulative is what was ordered"],
    ]


def test_more_than_was_ordered_cannot_be_filled(tmp_path: Path) -> None:
    fill = {"l": "4.00000000", "z": "4.00000000", "L": "10.00000000", "Y": "40.00000000", "Z": "40.00000000"}

    found = judged(tmp_path, [execution("NEW", "NEW", 1, T0), execution("TRADE", "FILLED", 2, T0 + 1, t=1, **fill)])

    assert found == [f"{ORDER}: no more is filled than ordered"]


def test_a_contradiction_names_file_line_account_and_both_numbers(tmp_path: Path) -> None:
    (found,) = contradictions(recorded(tmp_path / "mine.json", falsified(FUTURES, 11, put("ap", "20.9"))))

    assert str(found) == (
        "mine.json:12: usdm mine: order BTCUSDT 9: the average price is that of the fills: recorded 20.9, demanded 21"
    )


def test_the_average_of_contracts_is_that_of_what_they_are_worth(tmp_path: Path) -> None:
    def life(average: str) -> list[Event]:
        base = {"s": "BTCUSD_PERP", "ma": "BTC", "q": "2"}
        first = {"l": "1", "z": "1", "L": "10000", "ap": "10000", "t": 1}
        second = {"l": "1", "z": "2", "L": "30000", "ap": average, "t": 2}
        return [
            trade_update("NEW", "NEW", T0, **base),
            trade_update("TRADE", "PARTIALLY_FILLED", T0 + 1, **base | first),
            trade_update("TRADE", "FILLED", T0 + 2, **base | second),
        ]

    assert judged(tmp_path, life("15000")) == []
    assert judged(tmp_path, life("20000")) == ["order BTCUSD_PERP 9: the average price is that of the fills"]


def test_a_wallet_may_be_stated_before_or_after_a_fill_of_the_same_millisecond(tmp_path: Path) -> None:
    fill = {"l": "3", "z": "3", "L": "20", "ap": "20", "t": 1, "n": "0.5"}
    before = [account_update(T0, "10", "5"), account_update(T0, "9.5", "2")]
    filled = [trade_update("TRADE", "FILLED", T0, **fill)]

    assert judged(tmp_path, [*before, *filled]) == judged(tmp_path, [*filled, *before]) == []


def test_commissions_in_an_asset_that_is_never_stated_are_no_contradiction(tmp_path: Path) -> None:
    life = falsified(spot_life(), 3, put("N", "BNB"))
    life[4]["B"][1]["f"] = "2.00000000"
    life[6]["B"][1]["f"] = "4.00100000"

    assert judged(tmp_path, life) == []


def test_a_report_that_is_no_event_of_its_type_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    (found,) = contradictions(recorded(tmp_path / "a", [{"e": "TRADE_LITE", "E": T0, "s": "BTCUSDT", "i": 9}]))

    assert "TRADE_LITE: Object missing required field `S`" in str(found)


_values = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=2)
_numbers = st.sampled_from(["", "0", "-1", "1e3", "NaN", "Infinity", "0.000000000000000000001", "9" * 30, " 1"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=LAW_EXAMPLES)
@given(st.data(), st.sampled_from([spot_life(), futures_life()]))
def test_whatever_a_field_is_replaced_by_is_judged_without_an_error(
    tmp_path: Path, data: st.DataObject, life: list[Event]
) -> None:
    number = data.draw(st.integers(0, len(life) - 1))
    event = life[number]
    inner = data.draw(
        st.sampled_from([part for part in (event, event.get("o"), event.get("a")) if isinstance(part, dict)])
    )
    name = data.draw(st.sampled_from([name for name in inner if name != "e"]))
    value = data.draw(_values | _numbers)

    def change(changed: Event) -> None:
        place = changed if inner is event else changed["o"] if inner is event.get("o") else changed["a"]
        place[name] = value

    recording = recorded(tmp_path / "a", falsified(life, number, change))
    verify_private(recording, publish(recording), seconds=1)
