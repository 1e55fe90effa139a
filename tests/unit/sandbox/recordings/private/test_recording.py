from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from sandbox.recordings import RecordingNotFoundError, UnknownMarketError, UnreadableFileError
from sandbox.recordings.private import label_of, read_private
from schemas.markets import Market
from tests.support.recordings import recordings_dir
from tests.unit.sandbox.accounts import (
    T0,
    account_position,
    account_update,
    algo_update,
    execution,
    futures_life,
    list_status,
    spot_life,
    trade_lite,
    trade_update,
)


def write(path: Path, objects: Iterable[Any], between: str = "\n", indent: int | None = None) -> Path:
    path.write_text(between.join(json.dumps(value, indent=indent) for value in objects))
    return path


NEW = execution("NEW", "NEW", 1, T0)
COMPACT = json.dumps(NEW, separators=(",", ":")).encode()


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("between", ["", "\n"])
def test_the_three_envelopes_are_opened(tmp_path: Path, between: str, indent: int | None) -> None:
    wrapped = [{"subscriptionId": 0, "event": NEW}, {"stream": "some-key", "data": NEW}, NEW, {"event": NEW}]

    recording = read_private([write(tmp_path / "one.json", wrapped, between, indent)])

    assert [json.loads(event.data) for event in recording.events] == [NEW] * 4
    assert recording.accounts == ((Market.SPOT, "one"),)
    assert not recording.problems


def test_an_event_is_kept_byte_for_byte_but_for_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b'{"subscriptionId":0,"event":' + COMPACT.replace(b",", b", ", 1) + b"}")
    write(tmp_path / "b", [NEW], indent=4)

    recording = read_private([tmp_path / "a", tmp_path / "b"])

    assert {event.data for event in recording.events} == {COMPACT.replace(b",", b", ", 1), COMPACT}


COINM_POSITION = {
    "s": "BTCUSD_PERP",
    "pa": "1",
    "ep": "1",
    "cr": "0",
    "up": "0",
    "mt": "cross",
    "iw": "0",
    "ps": "BOTH",
}


@pytest.mark.parametrize(
    ("event", "market"),
    [
        (NEW, Market.SPOT),
        (list_status("EXECUTING", T0, 7), Market.SPOT),
        (account_position(T0, BTC=("1", "0")), Market.SPOT),
        ({"e": "balanceUpdate", "E": T0, "a": "BTC", "d": "1", "T": T0}, Market.SPOT),
        ({"e": "externalLockUpdate", "E": T0, "a": "BTC", "d": "1", "T": T0}, Market.SPOT),
        (trade_update("NEW", "NEW", T0), Market.USDM),
        (trade_lite(T0, 1, "1", "1"), Market.USDM),
        (account_update(T0, "1", "1"), Market.USDM),
        (account_update(T0, "1", "1", reason="DEPOSIT"), Market.USDM),
        (algo_update("NEW", T0), Market.USDM),
        (trade_update("NEW", "NEW", T0) | {"i": "alias"}, Market.COINM),
        (trade_update("NEW", "NEW", T0, ma="BTC"), Market.COINM),
        (trade_update("NEW", "NEW", T0, s="BTCUSD_260626"), Market.COINM),
        (trade_update("NEW", "NEW", T0, s="BTCUSDT_260626"), Market.USDM),
        (trade_lite(T0, 1, "1", "1") | {"s": "BTCUSD_PERP"}, Market.COINM),
        ({"e": "ACCOUNT_UPDATE", "T": T0, "E": T0, "a": {"m": "ORDER", "B": [], "P": [COINM_POSITION]}}, Market.COINM),
        ({"e": "MARGIN_CALL", "E": T0, "p": [COINM_POSITION]}, Market.COINM),
        ({"e": "ACCOUNT_CONFIG_UPDATE", "T": T0, "E": T0, "ac": {"s": "BTCUSD_PERP", "l": 5}}, Market.COINM),
        ({"e": "ACCOUNT_CONFIG_UPDATE", "T": T0, "E": T0, "ai": {"j": True}}, Market.USDM),
        ({"e": "CONDITIONAL_ORDER_TRIGGER_REJECT", "T": T0, "E": T0, "or": {"s": "BTCUSDT", "i": 1}}, Market.USDM),
    ],
)
def test_the_market_is_told_by_type_and_shape(tmp_path: Path, event: dict[str, Any], market: Market) -> None:
    assert read_private([write(tmp_path / "a", [event])]).accounts == ((market, "a"),)


def test_an_event_of_futures_without_a_symbol_is_of_the_market_of_the_others(tmp_path: Path) -> None:
    config = {"e": "ACCOUNT_CONFIG_UPDATE", "T": T0, "E": T0, "ai": {"j": True}}

    recording = read_private([write(tmp_path / "a", [config, trade_update("NEW", "NEW", T0, ma="BTC")])])

    assert {event.market for event in recording.events} == {Market.COINM}


def test_an_unknown_type_passes_with_the_market_of_the_others_or_the_one_that_is_named(tmp_path: Path) -> None:
    unknown = {"e": "SOMETHING_NEW", "E": T0, "o": [1], "x": {"y": 1}}

    with_others = read_private([write(tmp_path / "a", [unknown, trade_update("NEW", "NEW", T0)])])
    alone = write(tmp_path / "b", [unknown])
    wrapped = read_private([write(tmp_path / "c", [{"subscriptionId": 3, "event": unknown}])])

    assert {(event.type, event.market) for event in with_others.events} >= {("SOMETHING_NEW", Market.USDM)}
    assert read_private([alone], Market.COINM).accounts == ((Market.COINM, "b"),)
    assert wrapped.accounts == ((Market.SPOT, "c"),)
    with pytest.raises(UnknownMarketError, match=r'"[^"]*/b"'):
        read_private([alone])


def test_what_nobody_can_ask_usdm_for_is_left_out_and_told(tmp_path: Path) -> None:
    unknown = {"e": "SOMETHING_NEW", "E": T0}
    usdm = write(tmp_path / "a", [trade_update("NEW", "NEW", T0), unknown])
    spot = write(tmp_path / "b", [{"subscriptionId": 0, "event": unknown}])

    recording = read_private([usdm, spot]).receivable()

    assert {(event.market, event.type) for event in recording.events} == {
        (Market.USDM, "ORDER_TRADE_UPDATE"),
        (Market.SPOT, "SOMETHING_NEW"),
    }
    assert recording.left_out == {"SOMETHING_NEW: nobody can ask USD-M for it": 1}


def test_each_file_is_of_an_account_of_its_own_unless_one_is_named(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, [NEW]) for name in ("Main.json", "main.jsonl", "other.json.gz")]

    assert [label for _, label in read_private(paths).accounts] == ["main", "main-2", "other"]
    assert read_private(paths, account="mine").accounts == ((Market.SPOT, "mine"),)


def test_subscriptions_are_accounts_of_their_own_unless_they_share_an_order(tmp_path: Path) -> None:
    other = execution("NEW", "NEW", 2, T0, i=8)
    two = [{"subscriptionId": 0, "event": NEW}, {"subscriptionId": 1, "event": other}]
    one = [*two, {"subscriptionId": 1, "event": execution("CANCELED", "CANCELED", 3, T0)}]

    assert [label for _, label in read_private([write(tmp_path / "a", two)]).accounts] == ["a-1", "a-2"]
    assert [label for _, label in read_private([write(tmp_path / "a", one)]).accounts] == ["a"]


def test_listen_keys_are_accounts_of_their_own_and_streams_named_by_type_are_not(tmp_path: Path) -> None:
    keys = [{"stream": "key1", "data": trade_update("NEW", "NEW", T0)}]
    keys += [{"stream": "key2", "data": trade_update("NEW", "NEW", T0, i=10)}]
    types = [{"stream": f"key1@{event['e']}", "data": event} for event in futures_life()]

    accounts = read_private([write(tmp_path / "a", keys)]).accounts

    assert [label for _, label in accounts] == ["a-1", "a-2"]
    assert "key" not in str(accounts)
    assert len(read_private([write(tmp_path / "a", types)]).accounts) == 1


def test_microseconds_become_milliseconds(tmp_path: Path) -> None:
    micro = {name: value * 1000 + 321 if value == T0 else value for name, value in NEW.items()}

    (event,) = read_private([write(tmp_path / "a", [micro])]).events

    assert json.loads(event.data) == NEW
    assert event.event_time_ms == T0


def test_signals_and_replies_are_left_out_and_told(tmp_path: Path) -> None:
    objects = [
        {"id": 1, "status": 200, "result": {"subscriptionId": 0}},
        {"subscriptionId": 0, "event": NEW},
        {"event": {"e": "serverShutdown", "E": T0}},
        {"e": "listenKeyExpired", "E": T0, "listenKey": "secret"},
        {"subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": T0}},
        {"foo": 1},
    ]

    recording = read_private([write(tmp_path / "a", objects)])

    assert len(recording.events) == 1
    assert recording.left_out == {
        "a request or a reply": 1,
        "serverShutdown: a signal of the recorded connection": 1,
        "listenKeyExpired: a signal of the recorded connection": 1,
        "eventStreamTerminated: a signal of the recorded connection": 1,
        "an object that is no event: it has no type `e`": 1,
    }


def test_what_cannot_be_read_is_a_problem_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a", [NEW, NEW])
    path.write_bytes(path.read_bytes()[:-20])

    recording = read_private([path])

    assert len(recording.events) == 1
    assert [str(problem).startswith(f"{path}:2: cut off") for problem in recording.problems] == [True]


def test_files_of_several_accounts_are_merged_by_time_and_each_keeps_its_order(tmp_path: Path) -> None:
    late_first = [execution("NEW", "NEW", 1, T0 + 30), execution("NEW", "NEW", 2, T0 + 10, i=8)]
    paths = [write(tmp_path / "a", late_first), write(tmp_path / "b", [execution("NEW", "NEW", 3, T0 + 20)])]

    assert [json.loads(event.data)["I"] for event in read_private(paths).events] == [3, 1, 2]


def test_a_directory_means_the_recordings_in_it(tmp_path: Path) -> None:
    write(tmp_path / "a.json", spot_life())
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps(futures_life()).encode()))
    (tmp_path / "LICENSE").write_text("Do with it {what} you want")

    recording = read_private([tmp_path])

    assert {*recording.accounts} == {(Market.SPOT, "a"), (Market.USDM, "b")}
    assert recording.left_out == {"file without an event: LICENSE": 1}
    assert not recording.problems


def test_a_named_file_without_an_event_is_an_error_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "broken").write_bytes(b'\n{"e":')

    with pytest.raises(UnreadableFileError, match=r"empty.*no event of an account"):
        read_private([tmp_path / "empty"])
    with pytest.raises(UnreadableFileError, match=r"broken.*line 2: cut off"):
        read_private([tmp_path / "broken"])
    with pytest.raises(RecordingNotFoundError, match="absent"):
        read_private([tmp_path / "absent"])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("WebSocketGlobalSpotLimitSubmittedFilled.json", "web-socket-global-spot-limit"),
        ("orders_2026-03.JSONL.gz", "orders-2026-03"),
        ("x" * 80, "x" * 36),
        ("ключ.json", "account"),
        ("---", "account"),
    ],
)
def test_a_label_is_made_of_the_files_name(name: str, label: str) -> None:
    assert label_of(Path(name)) == label


@pytest.mark.recordings
def test_the_shared_recordings_are_read_whole() -> None:
    recordings = recordings_dir()
    if recordings is None:
        pytest.skip("no recordings here")

    recording = read_private([recordings / "userdata"])

    assert len(recording.events) == 16
    assert len(recording.accounts) == 7
    assert not recording.problems
