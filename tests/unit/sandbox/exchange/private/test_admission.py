"""Which requests are let in, and in which words the others are refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from sandbox.exchange.private.accounts import Accounts, AccountSpec
from sandbox.exchange.private.admission import Admission, Admitted, wrong_time
from sandbox.exchange.private.keys import ApiKey
from sandbox.exchange.private.signatures import Signed, rest_request
from sandbox.exchange.source import RestReply


NOW_MS = 1_790_000_000_000
NAME, READER = "K" * 64, "R" * 64
SECRET = "s3cret"  # noqa: S105 - nobody's


def accounts() -> Accounts:
    known = Accounts([AccountSpec(label="main"), AccountSpec(label="reader", trades=False)])
    known.add_key("main", ApiKey.of_secret(NAME, SECRET))
    known.add_key("reader", ApiKey.of_secret(READER, SECRET))
    return known


def asked(
    params: dict[str, str], *, key: str = NAME, sign: bool = True, trades: bool = False, futures: bool = False
) -> Admitted | RestReply:
    query = urlencode(params)
    if sign:
        query += f"&signature={hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()}"
    signed = rest_request(query, "", may_sign_decoded=False)
    assert isinstance(signed, Signed)
    return Admission(accounts(), 1).admit(key, signed, ["symbol"], NOW_MS, futures=futures, trades=trades)


def good(**params: str) -> dict[str, str]:
    return {"symbol": "BTCUSDT", "timestamp": str(NOW_MS)} | params


def code_of(reply: Admitted | RestReply) -> tuple[int, int]:
    assert isinstance(reply, RestReply), reply
    return reply.status, json.loads(reply.body)["code"]


def test_what_is_let_in_is_freed_of_what_only_signs() -> None:
    admitted = asked(good(recvWindow="5000", side="BUY"))

    assert isinstance(admitted, Admitted)
    assert (admitted.account.label, admitted.params) == ("main", {"symbol": "BTCUSDT", "side": "BUY"})


@pytest.mark.parametrize(
    ("params", "options", "refusal"),
    [
        (good(), {"key": ""}, (401, -2014)),
        (good(), {"key": "short"}, (401, -2014)),
        (good(), {"key": "X" * 64}, (401, -2015)),
        (good(), {"sign": False}, (400, -1102)),
        ({"timestamp": str(NOW_MS)}, {}, (400, -1102)),
        ({"symbol": "", "timestamp": str(NOW_MS)}, {}, (400, -1102)),
        ({"symbol": "BTCUSDT"}, {}, (400, -1102)),
        (good(timestamp="yesterday"), {}, (400, -1100)),
        (good(orderId="first"), {}, (400, -1100)),
        (good(signature="0" * 64), {"sign": False}, (400, -1022)),
        (good(timestamp=str(NOW_MS - 5_001)), {}, (400, -1021)),
        (good(timestamp=str(NOW_MS + 1_000)), {}, (400, -1021)),
        (good(recvWindow="60001"), {}, (400, -1131)),
        (good(), {"key": READER, "trades": True}, (401, -2015)),
    ],
)
def test_a_request_is_refused_as_the_venue_does(
    params: dict[str, str], options: dict[str, str], refusal: tuple[int, int]
) -> None:
    assert code_of(asked(params, **options)) == refusal  # type: ignore[arg-type]


def test_a_key_that_may_only_read_reads() -> None:
    assert isinstance(asked(good(), key=READER), Admitted)


def test_a_signature_is_looked_at_before_the_time() -> None:
    assert code_of(asked(good(timestamp="1", signature="0" * 64), sign=False)) == (400, -1022)


@pytest.mark.parametrize(
    ("timestamp", "window", "fits"),
    [
        (NOW_MS - 5_000, None, True),
        (NOW_MS - 5_001, None, False),
        (NOW_MS + 999, None, True),
        (NOW_MS + 1_000, None, False),
        (NOW_MS - 60_000, "60000", True),
        (NOW_MS - 1, "0.5", False),
        (NOW_MS * 1_000 - 400, "0.5", True),
        (NOW_MS - 5_000, "", True),
    ],
)
def test_a_time_fits_its_window(timestamp: int, window: str | None, fits: bool) -> None:
    params = {"timestamp": str(timestamp)} | ({} if window is None else {"recvWindow": window})
    refusal = wrong_time(params, NOW_MS, futures=False, pace=1)

    assert (refusal is None) is fits


def test_spot_counts_thousandths_of_a_millisecond_and_no_more() -> None:
    refusal = wrong_time({"timestamp": str(NOW_MS), "recvWindow": "1.2345"}, NOW_MS, futures=False, pace=1)

    assert refusal is not None
    assert b"-1100" in refusal.body


def test_futures_have_no_longest_window() -> None:
    params = {"timestamp": str(NOW_MS - 90_000), "recvWindow": "100000"}

    assert wrong_time(params, NOW_MS, futures=True, pace=1) is None


def test_windows_are_counted_by_the_clients_clock() -> None:
    """At ten times the speed, what the client signed five of its seconds ago is fifty of the venue's old."""
    params = {"timestamp": str(NOW_MS - 50_000)}

    assert wrong_time(params, NOW_MS, futures=False, pace=10) is None
    assert wrong_time(params, NOW_MS, futures=False, pace=9) is not None
    assert wrong_time({"timestamp": "1"}, NOW_MS, futures=False, pace=None) is None
