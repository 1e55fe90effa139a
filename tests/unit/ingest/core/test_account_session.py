from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest.core.account_session import AccountSession, Request, requests_of
from ingest.core.endings import Ending
from ingest.core.limits import Allowance
from ingest.core.outcomes import Reply
from ingest.core.secrecy import Secret
from ingest.core.session import SessionLimits, State
from ingest.core.session_actions import Action, Close, Live, Ping, SendSecret
from ingest.core.signing import KeyKind
from schemas.markets import Market


LIMITS = SessionLimits(control_messages=Allowance(1, 4.0), acknowledge_ms=10_000, idle_ms=60_000)


def compose(request: Request, request_id: int) -> Secret:
    return Secret(f"{request_id} {request}")


def session_of(market: Market = Market.SPOT, kind: KeyKind = KeyKind.HMAC) -> AccountSession:
    return AccountSession(requests_of(market, kind), compose, LIMITS)


def texts(actions: list[Action]) -> list[str]:
    return [action.text.reveal() if isinstance(action, SendSecret) else repr(action) for action in actions]


def refused(code: int, status: int = 400, request_id: int | None = 1) -> Reply:
    return Reply(request_id, f"words (code {code})", status, code)


@pytest.mark.parametrize("kind", [KeyKind.HMAC, KeyKind.RSA])
def test_a_key_that_cannot_log_on_signs_the_subscription_itself(kind: KeyKind) -> None:
    session = session_of(kind=kind)

    assert texts(session.connected(0)) == ["1 userDataStream.subscribe.signature"]
    assert session.state is State.SUBSCRIBING
    assert session.replied(Reply(1), 1) == [Live()]
    assert session.complete


def test_an_ed25519_key_logs_on_first_and_subscribes_then() -> None:
    session = session_of(kind=KeyKind.ED25519)

    assert texts(session.connected(0)) == ["1 session.logon"]
    assert texts(session.replied(Reply(1), 1)) == ["2 userDataStream.subscribe"]
    assert not session.complete
    assert session.replied(Reply(2), 2) == [Live()]


@pytest.mark.parametrize("market", [Market.USDM, Market.COINM])
def test_on_futures_the_address_says_all(market: Market) -> None:
    session = session_of(market)

    assert session.connected(0) == [Live()]
    assert session.complete


def test_only_signed_requests_bear_a_key() -> None:
    assert [request for request in Request if not request.signed] == [Request.SUBSCRIBE]


def test_an_answer_to_another_request_is_nothing() -> None:
    session = session_of(kind=KeyKind.ED25519)
    session.connected(0)
    session.replied(Reply(1), 1)

    assert session.replied(Reply(1), 2) == []
    assert session.replied(Reply(7), 2) == []
    assert session.replied(Reply(None), 2) == []


def test_being_subscribed_already_is_being_subscribed() -> None:
    session = session_of()
    session.connected(0)

    assert session.replied(refused(-2035), 1) == [Live()]


@pytest.mark.parametrize(
    ("code", "status", "ending", "words"),
    [
        (-1021, 400, Ending.CLOCK, "userDataStream.subscribe.signature: words"),
        (-2015, 401, Ending.REFUSED, "revoked"),
        (-2014, 401, Ending.REFUSED, "not written as one"),
        (-1022, 400, Ending.REFUSED, "does not belong to the API key"),
        (-1100, 400, Ending.DECLINED, "words (code -1100)"),
        (-1003, 429, Ending.DECLINED, "words (code -1003)"),
        (-1001, 500, Ending.DECLINED, "words (code -1001)"),
    ],
)
def test_a_refusal_ends_the_socket_and_says_what_to_do(code: int, status: int, ending: Ending, words: str) -> None:
    session = session_of()
    session.connected(0)

    (action,) = session.replied(refused(code, status), 1)

    assert isinstance(action, Close)
    assert action.ending is ending
    assert words in action.reason
    assert session.state is State.CLOSING


def test_a_key_revoked_in_the_middle_ends_the_socket() -> None:
    session = session_of()
    session.connected(0)
    session.replied(Reply(1), 1)

    (action,) = session.replied(refused(-2015, 401, None), 2)

    assert isinstance(action, Close)
    assert action.ending is Ending.REFUSED


def test_an_error_that_is_about_nothing_of_ours_is_nothing() -> None:
    session = session_of()
    session.connected(0)
    session.replied(Reply(1), 1)

    assert session.replied(refused(-1100, 400, 9), 2) == []
    assert session.replied(refused(-1100, 400, None), 2) == []
    assert session.state is State.LIVE


def test_a_request_that_is_not_answered_ends_the_socket() -> None:
    session = session_of()
    session.connected(0)

    assert session.tick(10_000) == []
    (action,) = session.tick(10_001)
    assert action == Close(Ending.UNACKNOWLEDGED, "userDataStream.subscribe.signature not answered")


def test_a_quiet_account_is_pinged_and_goes_on_when_it_answers() -> None:
    session = session_of(Market.USDM)
    session.connected(0)

    assert session.tick(30_000) == []
    assert session.tick(30_001) == [Ping()]
    assert session.tick(40_000) == []
    session.heard(40_001)
    assert session.tick(100_001) == [Ping()]


def test_silence_without_even_a_pong_ends_the_socket() -> None:
    session = session_of(Market.USDM)
    session.connected(0)

    assert session.tick(60_001) == [Close(Ending.IDLE, "idle")]
    assert session.tick(70_000) == []


def test_what_we_did_not_read_is_not_the_venues_silence() -> None:
    session = session_of()
    session.connected(0)
    session.replied(Reply(1), 0)

    assert session.tick(100_000, held=True) == []
    assert session.tick(100_100) == []


class Socket(RuleBasedStateMachine):
    """Whatever the venue answers and however long it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.session = session_of(kind=KeyKind.ED25519)
        self.now_ms = 0.0
        self.live_count = 0
        self.close_count = 0
        self.sent = 0
        self.take(self.session.connected(0))

    def take(self, actions: list[Action]) -> None:
        for action in actions:
            assert not self.close_count, "nothing is said after the end"
            self.live_count += isinstance(action, Live)
            self.close_count += isinstance(action, Close)
            self.sent += isinstance(action, SendSecret)

    @rule(
        request_id=st.sampled_from([None, 1, 2, 3]),
        code=st.sampled_from([None, None, -1021, -2015, -2035, -1100]),
        status=st.sampled_from([200, 400, 401]),
    )
    def answer(self, request_id: int | None, code: int | None, status: int) -> None:
        reply = Reply(request_id) if code is None else refused(code, status, request_id)
        self.take(self.session.replied(reply, self.now_ms))

    @rule(passed=st.sampled_from([1, 5_000, 20_000, 70_000]), held=st.booleans())
    def wait(self, passed: int, held: bool) -> None:
        self.now_ms += passed
        self.take(self.session.tick(self.now_ms, held=held))

    @precondition(lambda self: not self.close_count)
    @rule()
    def hear(self) -> None:
        self.session.heard(self.now_ms)

    @invariant()
    def each_request_once(self) -> None:
        assert self.sent <= 2
        assert self.live_count <= 1
        assert self.close_count <= 1

    @invariant()
    def live_means_granted(self) -> None:
        if self.live_count:
            assert self.sent == 2
        assert self.session.complete == bool(self.live_count and not self.close_count)


TestSocket = Socket.TestCase
