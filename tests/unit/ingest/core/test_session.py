from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest.core.endings import Ending
from ingest.core.limits import Allowance
from ingest.core.outcomes import Reply
from ingest.core.session import (
    Action,
    Changed,
    Close,
    Live,
    Ping,
    Refused,
    Send,
    SessionLimits,
    Silent,
    State,
    StreamSession,
)


LIMITS = SessionLimits(control_messages=Allowance(1, 4.0), acknowledge_ms=10_000, idle_ms=60_000)
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
    assert session.tick(10_001) == [Close(Ending.UNACKNOWLEDGED, "SUBSCRIBE 1 not acknowledged")]


def test_silence_is_first_asked_about_and_then_ends_the_connection() -> None:
    session = live_session()

    assert session.tick(30_000) == []
    assert session.tick(30_001) == [Ping()]
    assert session.tick(45_000) == []
    assert session.tick(60_001) == [Close(Ending.IDLE, "idle")]
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
    assert session.tick(100_100) == [Close(Ending.UNACKNOWLEDGED, "SUBSCRIBE 1 not acknowledged")]


def test_messages_are_still_sent_while_we_do_not_read() -> None:
    session = StreamSession(MANY, LIMITS)
    session.connected(0)

    assert len(sent(session.tick(1_000, held=True))) == 1


def test_connecting_twice_is_a_fault_of_ours() -> None:
    session = live_session()

    with pytest.raises(ValueError, match="cannot go from live to subscribing"):
        session.connected(10)


def messages(actions: list[Action]) -> list[tuple[str, list[str]]]:
    requests = [json.loads(action.text) for action in sent(actions)]
    return [(request["method"], request["params"]) for request in requests]


# Changes while it is live


def test_a_change_leaves_before_it_adds_and_tells_each_acknowledgement() -> None:
    session = live_session()
    now_ms = 1_000.0

    first = session.change(["ethusdt@trade"], ["btcusdt@trade"], now_ms)
    second = session.tick(now_ms + 250)

    assert messages(first) == [("UNSUBSCRIBE", ["btcusdt@trade"])]
    assert messages(second) == [("SUBSCRIBE", ["ethusdt@trade"])]
    assert session.replied(Reply(2), now_ms + 300) == [Changed(removed=("btcusdt@trade",))]
    assert session.replied(Reply(3), now_ms + 300) == [Changed(added=("ethusdt@trade",))]
    assert session.names == ("btcusdt@depth@100ms", "ethusdt@trade")


def test_what_is_left_and_taken_again_is_carried_when_the_last_request_is_acknowledged() -> None:
    session = live_session()
    stream = "ethusdt@trade"
    session.change([stream], [], 1_000)
    session.change([], [stream], 1_001)
    session.change([stream], [], 1_002)
    for now_ms in range(1_250, 3_000, 250):
        session.tick(now_ms)

    assert session.replied(Reply(2), 3_000) == []
    assert session.replied(Reply(3), 3_000) == [Changed(removed=(stream,))]
    assert session.replied(Reply(4), 3_000) == [Changed(added=(stream,))]


def test_what_is_carried_is_not_added_and_what_is_not_carried_is_not_removed() -> None:
    session = live_session()

    assert session.change([FEW[0], FEW[0]], ["ethusdt@trade"], 1_000) == []
    assert session.names == FEW


def test_many_streams_are_added_no_faster_than_the_venue_allows() -> None:
    session = live_session()
    times = []
    for now_ms in range(1_000, 6_000, 50):
        actions = session.change(MANY, [], now_ms) if now_ms == 1_000 else session.tick(now_ms)
        times += [now_ms for _ in sent(actions)]

    assert len(times) > 2
    assert all(later - earlier >= 250 for earlier, later in pairwise(times))


def test_an_unanswered_change_ends_the_connection() -> None:
    session = live_session()
    session.change([], [FEW[0]], 1_000)
    session.heard(11_000)

    assert session.tick(11_001) == [Close(Ending.UNACKNOWLEDGED, "UNSUBSCRIBE 2 not acknowledged")]


def test_a_change_before_the_socket_is_open_needs_no_message_of_its_own() -> None:
    session = StreamSession(FEW, LIMITS)

    assert session.change(["ethusdt@trade"], [FEW[0]], 0) == []
    assert messages(session.connected(10)) == [("SUBSCRIBE", ["btcusdt@depth@100ms", "ethusdt@trade"])]


def test_a_change_while_it_subscribes_does_not_hold_it_back() -> None:
    session = StreamSession(FEW, LIMITS)
    session.connected(0)
    session.change(["ethusdt@trade"], [], 10)

    assert session.replied(Reply(1), 20) == [Live()]


def test_a_refused_addition_is_told_and_forgotten_when_it_is_removed() -> None:
    session = live_session()
    session.change(["x"], [], 1_000)

    assert session.replied(Reply(2, "invalid stream"), 1_100) == [Refused(("x",), "invalid stream")]
    assert not session.complete
    session.change([], ["x"], 2_000)
    assert session.complete


# Acknowledged, but silent


def silent_session(*, excused: frozenset[str] = frozenset(), names: tuple[str, ...] = FEW) -> StreamSession:
    """A live session whose streams but trades must speak within 30 s."""
    session = StreamSession(
        names,
        LIMITS,
        deadline_ms=lambda name: None if name.endswith("@trade") else 30_000,
        excused=excused.__contains__,
    )
    session.connected(0)
    session.replied(Reply(1), 0)
    return session


def beat(session: StreamSession, now_ms: float) -> list[Action]:
    """Let time pass on a connection on which something comes."""
    session.heard(now_ms)
    return session.tick(now_ms)


def test_a_stream_that_keeps_silent_is_asked_for_again_then_reported_once() -> None:
    session = silent_session()
    session.delivered(["btcusdt@trade"])

    assert beat(session, 29_000) == []
    assert messages(beat(session, 30_000)) == [("UNSUBSCRIBE", [FEW[1]])]
    assert messages(beat(session, 31_000)) == [("SUBSCRIBE", [FEW[1]])]
    assert session.replied(Reply(2), 31_000) + session.replied(Reply(3), 31_000) == []
    assert beat(session, 60_999) == []
    assert beat(session, 61_000) == [Silent((FEW[1],))]
    assert beat(session, 200_000) == []


def test_a_stream_that_speaks_in_time_is_never_asked_about() -> None:
    session = silent_session()

    session.delivered(FEW)

    assert beat(session, 500_000) == []


def test_where_the_cause_is_known_nothing_is_asked_again() -> None:
    session = silent_session(excused=frozenset([FEW[1]]))

    assert beat(session, 30_000) == [Silent((FEW[1],))]
    assert session.state is State.LIVE


def test_a_connection_on_which_nothing_comes_is_left() -> None:
    session = silent_session()

    assert beat(session, 30_000) == [Silent((FEW[1],)), Close(Ending.SILENT, "acknowledged, but nothing came")]


def test_nothing_more_is_sent_over_a_connection_that_is_left() -> None:
    session = silent_session()
    for now_ms in range(0, 30_000, 5_000):
        beat(session, now_ms)
    session.change(["ethusdt@trade"], [FEW[0]], 29_900)

    assert sent(beat(session, 30_500)) == []
    assert session.state is State.CLOSING


def test_a_connection_of_quiet_streams_may_keep_silent() -> None:
    session = silent_session(names=("btcusdt@trade", "ethusdt@trade"))

    assert beat(session, 3_600_000) == []


def test_a_stream_that_was_removed_is_not_waited_for() -> None:
    session = silent_session()
    session.change([], [FEW[1]], 1_000)
    session.replied(Reply(2), 1_000)

    assert beat(session, 100_000) == []


def test_silence_does_not_count_while_we_do_not_read() -> None:
    session = silent_session()
    session.delivered(["btcusdt@trade"])
    for now_ms in range(10_000, 100_000, 1_000):
        assert session.tick(now_ms, held=True) == []

    assert session.tick(100_000) == []
    assert beat(session, 129_999) == []
    assert messages(beat(session, 130_000)) == [("UNSUBSCRIBE", [FEW[1]])]


SLICES = st.builds(lambda start, count: slice(start, start + count), st.integers(0, 900), st.integers(0, 400))


class AnyLife(RuleBasedStateMachine):
    """Whatever happens in whatever order, the session's promises hold."""

    def __init__(self) -> None:
        super().__init__()
        self.session = StreamSession(MANY[:400], LIMITS)
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

    @rule(add=SLICES, remove=SLICES)
    def change(self, add: slice, remove: slice) -> None:
        before = set(self.session.names)
        self.obey(self.session.change(MANY[add], MANY[remove], self.now_ms))
        assert set(self.session.names) == (before - set(MANY[remove])) | set(MANY[add])

    @rule()
    def disconnect(self) -> None:
        self.session = StreamSession(self.session.names, LIMITS)
        self.unanswered.clear()
        self.sent_ms.clear()

    @invariant()
    def sends_no_faster_than_allowed(self) -> None:
        assert all(later - earlier >= 249 for earlier, later in pairwise(self.sent_ms[-20:]))

    @invariant()
    def complete_only_when_live(self) -> None:
        assert not self.session.complete or self.session.state is State.LIVE


TestAnyLife = AnyLife.TestCase


def test_what_was_added_since_it_began_is_pending_until_it_is_acknowledged() -> None:
    session = StreamSession(FEW, LIMITS)
    session.change(["before@trade"], [], 0)
    session.connected(0)
    assert session.pending == frozenset()

    session.change(["ethusdt@trade"], [FEW[0]], 10)
    assert session.pending == {"ethusdt@trade"}
    count = sum(len(sent(session.tick(now_ms))) for now_ms in range(1_000, 5_000, 1_000))
    assert session.pending == {"ethusdt@trade"}
    for number in range(1, count + 2):
        session.replied(Reply(number), 6_000)

    assert session.pending == frozenset()
