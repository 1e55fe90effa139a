from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest.core.limits import Allowance
from ingest.core.outcomes import Reply
from ingest.core.session import Action, Close, Live, Ping, Refused, Send, SessionLimits, State, StreamSession


LIMITS = SessionLimits(control_messages=Allowance(1, 4.0), acknowledge_ms=10_000, idle_ms=60_000, settled_ms=30_000)
FEW = ("btcusdt@trade", "btcusdt@depth@100ms")
MANY = tuple(f"symbol{number}usdt@depth@100ms" for number in range(1000))


def sent(actions: list[Action]) -> list[Send]:
    return [action for action in actions if isinstance(action, Send)]


def live_session(names: tuple[str, ...] = FEW, now_ms: float = 0) -> StreamSession:
    session = StreamSession(names, LIMITS)
    session.connected(now_ms)
    session.replied(Reply(1), now_ms)
    assert session.state is State.LIVE
    return session


def test_few_streams_take_one_message_sent_at_once() -> None:
    session = StreamSession(FEW, LIMITS)

    (action,) = session.connected(0)

    assert isinstance(action, Send)
    assert json.loads(action.text)["params"] == list(FEW)
    assert session.state is State.SUBSCRIBING


def test_many_streams_take_several_messages_no_faster_than_the_venue_allows() -> None:
    session = StreamSession(MANY, LIMITS)
    times, texts = list[float](), list[str]()
    now_ms = 0.0
    for action in sent(session.connected(now_ms)):
        times.append(now_ms)
        texts.append(action.text)
    while now_ms < 5_000:
        now_ms += 50
        for action in sent(session.tick(now_ms)):
            times.append(now_ms)
            texts.append(action.text)

    assert [name for text in texts for name in json.loads(text)["params"]] == list(MANY)
    assert len(times) > 2
    assert all(later - earlier >= 250 for earlier, later in pairwise(times))


def test_live_when_every_message_is_acknowledged_in_whatever_order() -> None:
    session = StreamSession(MANY, LIMITS)
    now_ms = 0.0
    actions = session.connected(now_ms)
    while now_ms < 5_000:
        now_ms += 100
        actions += session.tick(now_ms)
    ids = [json.loads(action.text)["id"] for action in sent(actions)]

    replies = [session.replied(Reply(message_id), now_ms) for message_id in reversed(ids)]

    assert replies[:-1] == [[] for _ in ids[1:]]
    assert replies[-1] == [Live()]
    assert session.complete


def test_a_refused_message_names_its_streams_and_the_others_go_on() -> None:
    session = StreamSession(FEW, LIMITS)
    session.connected(0)

    actions = session.replied(Reply(1, "Invalid request: invalid stream (code 2)"), 100)

    assert actions == [Refused(FEW, "Invalid request: invalid stream (code 2)"), Live()]
    assert session.state is State.LIVE
    assert not session.complete


def test_an_error_that_names_no_request_is_about_the_oldest_one() -> None:
    session = StreamSession(FEW, LIMITS)
    session.connected(0)

    assert session.replied(Reply(None, "Invalid JSON"), 100)[0] == Refused(FEW, "Invalid JSON")


@pytest.mark.parametrize("reply", [Reply(77), Reply(None), Reply(99, "no such")])
def test_a_reply_to_nothing_we_asked_changes_nothing(reply: Reply) -> None:
    session = live_session()

    assert session.replied(reply, 10) == []
    assert session.state is State.LIVE


def test_an_unanswered_message_ends_the_connection() -> None:
    session = StreamSession(FEW, LIMITS)
    session.connected(0)
    session.heard(9_000)

    assert session.tick(10_000) == []
    assert session.tick(10_001) == [Close("SUBSCRIBE 1 not acknowledged")]


def test_silence_is_first_asked_about_and_then_ends_the_connection() -> None:
    session = live_session()

    assert session.tick(30_000) == []
    assert session.tick(30_001) == [Ping()]
    assert session.tick(45_000) == []
    assert session.tick(60_001) == [Close("idle")]
    assert session.tick(60_100) == []


def test_a_pong_is_as_good_as_a_frame() -> None:
    session = live_session()
    session.tick(31_000)

    session.heard(31_020)

    assert session.tick(61_000) == []
    assert session.tick(61_100) == [Ping()]


def test_nothing_is_late_while_we_do_not_read() -> None:
    session = StreamSession(FEW, LIMITS)
    session.connected(0)

    assert session.tick(100_000, held=True) == []
    assert session.tick(100_100) == [Close("SUBSCRIBE 1 not acknowledged")]


def test_messages_are_still_sent_while_we_do_not_read() -> None:
    session = StreamSession(MANY, LIMITS)
    session.connected(0)

    assert len(sent(session.tick(1_000, held=True))) == 1


def test_an_announced_shutdown_means_leaving_now_and_coming_back_at_once() -> None:
    session = live_session()

    assert session.shutdown_announced() == [Close("server shutdown announced")]
    assert session.shutdown_announced() == []
    assert session.disconnected(2_000, jitter=0.5) == 0
    assert session.disconnected(2_100, jitter=0.0) == 1_000


def test_failures_in_a_row_wait_longer_each_time() -> None:
    session = StreamSession(FEW, LIMITS)

    waits = [session.disconnected(0, jitter=0.0) for _ in range(8)]

    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


def test_a_connection_that_held_starts_the_series_anew() -> None:
    session = StreamSession(FEW, LIMITS)
    for _ in range(5):
        session.disconnected(0, jitter=0.0)
    session.connected(100_000)
    session.replied(Reply(1), 100_000)

    assert session.disconnected(130_000, jitter=0.0) == 1_000


def test_a_connection_that_fell_at_once_does_not() -> None:
    session = StreamSession(FEW, LIMITS)
    session.disconnected(0, jitter=0.0)
    session.connected(1_000)
    session.replied(Reply(1), 1_000)

    assert session.disconnected(2_000, jitter=0.0) == 2_000


def test_every_life_subscribes_to_everything_again() -> None:
    session = live_session()
    session.disconnected(1_000, jitter=0.0)

    (action,) = session.connected(2_000)

    assert isinstance(action, Send)
    assert json.loads(action.text)["params"] == list(FEW)


def test_connecting_twice_is_a_fault_of_ours() -> None:
    session = live_session()

    with pytest.raises(ValueError, match="cannot go from live to subscribing"):
        session.connected(10)


class AnyLife(RuleBasedStateMachine):
    """Whatever happens in whatever order, the session's promises hold."""

    def __init__(self) -> None:
        super().__init__()
        self.session = StreamSession(MANY[:600], LIMITS)
        self.now_ms = 0.0
        self.sent_ms: list[float] = []
        self.unanswered: list[int] = []

    def obey(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Send):
                self.sent_ms.append(self.now_ms)
                self.unanswered.append(json.loads(action.text)["id"])

    @precondition(lambda self: self.session.state is State.DOWN)
    @rule()
    def connect(self) -> None:
        self.unanswered.clear()
        self.sent_ms.clear()
        self.obey(self.session.connected(self.now_ms))

    @precondition(lambda self: self.unanswered)
    @rule(error=st.sampled_from([None, "no"]), data=st.data())
    def reply(self, error: str | None, data: st.DataObject) -> None:
        message_id = data.draw(st.sampled_from(self.unanswered))
        self.unanswered.remove(message_id)
        self.obey(self.session.replied(Reply(message_id, error), self.now_ms))

    @rule(passed_ms=st.floats(0, 20_000), held=st.booleans())
    def tick(self, passed_ms: float, held: bool) -> None:
        self.now_ms += passed_ms
        self.obey(self.session.tick(self.now_ms, held=held))

    @rule()
    def hear(self) -> None:
        self.session.heard(self.now_ms)

    @rule()
    def announce(self) -> None:
        self.obey(self.session.shutdown_announced())

    @rule(jitter=st.floats(0, 0.99))
    def disconnect(self, jitter: float) -> None:
        self.unanswered.clear()
        assert 0 <= self.session.disconnected(self.now_ms, jitter) <= 60_000

    @invariant()
    def sends_no_faster_than_allowed(self) -> None:
        assert all(later - earlier >= 249 for earlier, later in pairwise(self.sent_ms))

    @invariant()
    def complete_only_when_live(self) -> None:
        assert not self.session.complete or self.session.state is State.LIVE


TestAnyLife = AnyLife.TestCase


@given(st.floats(0, 1, exclude_max=True))
def test_jitter_only_shortens_the_wait(jitter: float) -> None:
    assert 750 <= StreamSession(FEW, LIMITS).disconnected(0, jitter) <= 1_000
