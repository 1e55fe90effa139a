from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ingest.core.endings import Ending
from ingest.core.rotation import Advance, Open, Probe, Retire, Rotation, RotationLimits


HOUR_MS = 3_600_000.0
LIMITS = RotationLimits(rotate_after_ms=23 * HOUR_MS, give_up_after_ms=23.8 * HOUR_MS)
TRADES, DEPTH = "btcusdt@trade", "btcusdt@depth@100ms"
DUE = 23 * HOUR_MS
LATE = 23.8 * HOUR_MS


def first_live(limits: RotationLimits = LIMITS) -> Rotation:
    """A slot whose first socket is open and live since time 0 and has delivered everything."""
    rotation = Rotation(limits)
    assert rotation.tick(0) == [Open(1, None)]
    rotation.opened(1, 0)
    assert rotation.live(1, 0, complete=True) == []
    rotation.delivered(1, [TRADES, DEPTH])
    return rotation


def overlapping(now_ms: float = DUE) -> Rotation:
    """The same, with a successor that is live since some moment."""
    rotation = first_live()
    assert rotation.tick(now_ms) == [Open(2, 1)]
    rotation.opened(2, now_ms)
    assert rotation.live(2, now_ms, complete=True) == [Probe(1)]
    return rotation


def test_a_socket_that_lives_long_enough_gets_a_successor() -> None:
    rotation = first_live()

    assert rotation.tick(DUE - 1) == []
    assert rotation.tick(DUE) == [Open(2, 1)]
    assert rotation.tick(DUE + 60_000) == []
    assert (rotation.current, rotation.successor) == (1, 2)


def test_the_old_one_goes_when_the_successor_delivered_what_it_delivered() -> None:
    rotation = overlapping()
    rotation.answered(1)
    rotation.delivered(1, [TRADES, DEPTH])
    rotation.delivered(2, [DEPTH])

    assert rotation.tick(DUE + 60_000) == []
    rotation.delivered(2, [TRADES])
    assert rotation.tick(DUE + 60_100) == [Retire(1, 2)]
    assert (rotation.current, rotation.successor) == (2, None)


def test_what_is_quiet_on_both_is_proven_after_the_overlap() -> None:
    rotation = overlapping()
    rotation.answered(1)

    assert rotation.tick(DUE + 4_999) == []
    assert rotation.tick(DUE + 5_000) == [Retire(1, 2)]


def test_what_the_old_one_delivered_before_the_successor_was_live_proves_nothing() -> None:
    rotation = first_live()
    rotation.tick(DUE)
    rotation.opened(2, DUE)
    rotation.delivered(1, [TRADES])
    rotation.live(2, DUE, complete=True)
    rotation.answered(1)

    assert rotation.tick(DUE + 5_000) == [Retire(1, 2)]


def test_an_old_socket_that_was_not_read_beyond_the_beginning_of_the_successor_stays() -> None:
    rotation = overlapping()
    assert rotation.tick(DUE + 10_000) == []

    rotation.answered(1)
    assert rotation.tick(DUE + 10_000, joined=False) == []
    assert rotation.tick(DUE + 10_000, joined=True) == [Retire(1, 2)]


def test_in_the_end_the_old_one_goes_unproven_and_the_streams_are_named() -> None:
    rotation = overlapping(LATE - 60_000)
    rotation.delivered(1, [TRADES, DEPTH])
    rotation.delivered(2, [TRADES])

    assert rotation.tick(LATE - 1) == []
    assert rotation.tick(LATE) == [Retire(1, 2, (DEPTH,), reason="streams it did not deliver: 1")]


def test_a_successor_that_does_not_deliver_is_given_up_and_another_is_tried_later() -> None:
    rotation = overlapping()
    rotation.answered(1)
    rotation.delivered(1, [TRADES])

    assert rotation.tick(DUE + 119_999) == []
    assert rotation.tick(DUE + 120_000) == [Retire(2, None, (TRADES,), reason="streams it did not deliver: 1")]
    assert rotation.tick(DUE + 120_999) == []
    assert rotation.tick(DUE + 121_000) == [Open(3, 1)]


def test_a_successor_that_is_refused_streams_is_given_up() -> None:
    rotation = first_live()
    rotation.tick(DUE)
    rotation.opened(2, DUE)
    rotation.live(2, DUE, complete=False)
    rotation.answered(1)

    assert rotation.tick(DUE + 5_000) == [Retire(2, None, reason="the venue refuses it streams")]
    assert rotation.current == 1


def test_a_successor_that_cannot_be_opened_is_tried_again_with_longer_waits() -> None:
    rotation = first_live()
    now_ms, waits = DUE, list[float]()
    for _ in range(8):
        (action,) = rotation.tick(now_ms)
        assert isinstance(action, Open)
        rotation.closed(action.number, Ending.UNREACHABLE, now_ms, 0.0)
        before_ms = now_ms
        while not (rotation.tick(now_ms) if rotation.successor is None else None):
            now_ms += 500
        assert rotation.successor is not None
        waits.append(now_ms - before_ms)
        rotation.closed(rotation.successor, Ending.UNREACHABLE, now_ms, 0.0)
        now_ms += 60_000

    assert waits == [1_000, 4_000, 16_000, 60_000, 60_000, 60_000, 60_000, 60_000]
    assert rotation.current == 1


def test_when_the_old_one_dies_the_successor_is_the_connection() -> None:
    rotation = overlapping()

    rotation.closed(1, Ending.VENUE, DUE + 1_000, 0.0)

    assert (rotation.current, rotation.successor) == (2, None)
    assert rotation.tick(DUE + 2_000) == []


def test_when_the_old_one_dies_while_the_successor_is_being_opened_it_is_waited_for() -> None:
    rotation = first_live()
    rotation.tick(DUE)

    rotation.closed(1, Ending.VENUE, DUE + 1_000, 0.0)
    assert rotation.tick(DUE + 1_000) == []
    rotation.closed(2, Ending.UNREACHABLE, DUE + 2_000, 0.0)
    assert rotation.tick(DUE + 2_999) == []
    assert rotation.tick(DUE + 3_000) == [Open(3, None)]


def test_an_announced_end_is_answered_by_a_successor_at_once() -> None:
    rotation = first_live()

    assert rotation.shutdown_announced(1, 60_000) == [Open(2, 1)]
    assert rotation.shutdown_announced(1, 60_100) == []
    rotation.opened(2, 60_200)
    rotation.live(2, 60_300, complete=True)
    rotation.answered(1)
    assert rotation.tick(65_300) == [Retire(1, 2, announced=True)]


def test_after_an_announced_end_without_a_successor_it_comes_back_at_once() -> None:
    rotation = first_live()
    rotation.shutdown_announced(1, 60_000)
    rotation.closed(2, Ending.UNREACHABLE, 60_100, 0.0)

    rotation.closed(1, Ending.SHUTDOWN, 60_200, 0.0)
    assert rotation.tick(60_200) == [Open(3, None)]


def test_a_successor_whose_end_is_announced_makes_way_for_another() -> None:
    rotation = overlapping()

    (retire,) = rotation.shutdown_announced(2, DUE + 1_000)
    assert retire == Retire(2, None, announced=True, reason="server shutdown announced")
    assert rotation.tick(DUE + 2_000) == [Open(3, 1)]


def test_an_announcement_proves_nothing_about_a_successor_that_is_there_already() -> None:
    rotation = overlapping()
    rotation.answered(1)

    assert rotation.shutdown_announced(1, DUE + 10_000) == []
    assert rotation.tick(DUE + 10_000, joined=False) == []
    assert rotation.tick(DUE + 10_000, joined=True) == [Retire(1, 2, announced=True)]


def test_a_venue_that_announces_the_end_of_every_socket_at_once_is_not_stormed() -> None:
    rotation, now_ms, waits = Rotation(LIMITS), 0.0, list[float]()
    for _ in range(4):
        began_ms = now_ms
        while not (advances := rotation.tick(now_ms)):
            now_ms += 250
        waits.append(now_ms - began_ms)
        number = opened_number(advances)
        rotation.opened(number, now_ms)
        successor = opened_number(rotation.shutdown_announced(number, now_ms))
        rotation.shutdown_announced(successor, now_ms)
        rotation.closed(number, Ending.SHUTDOWN, now_ms, 0.0)

    assert waits == [0, 2_000, 8_000, 32_000]


def test_failures_in_a_row_wait_longer_each_time() -> None:
    rotation = Rotation(LIMITS)
    now_ms, waits = 0.0, list[float]()
    for _ in range(8):
        number = rotation.current or opened_number(rotation.tick(now_ms))
        rotation.closed(number, Ending.UNREACHABLE, now_ms, 0.0)
        began_ms = now_ms
        while not rotation.tick(now_ms):
            now_ms += 250
        waits.append(now_ms - began_ms)

    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]


@pytest.mark.parametrize(
    ("lived_ms", "ending", "wait_ms"),
    [(30_000, Ending.VENUE, 1_000), (29_999, Ending.VENUE, 2_000), (300_000, Ending.SILENT, 2_000)],
)
def test_only_a_connection_that_held_and_delivered_starts_the_series_anew(
    lived_ms: float, ending: Ending, wait_ms: float
) -> None:
    rotation = Rotation(LIMITS)
    rotation.tick(0)
    rotation.closed(1, Ending.UNREACHABLE, 0, 0.0)
    rotation.tick(1_000)
    rotation.opened(2, 1_000)
    rotation.live(2, 1_000, complete=True)

    end_ms = 1_000 + lived_ms
    rotation.closed(2, ending, end_ms, 0.0)

    assert rotation.tick(end_ms + wait_ms - 1) == []
    assert rotation.tick(end_ms + wait_ms) == [Open(3, None)]


def test_without_a_limit_nothing_is_rotated() -> None:
    rotation = first_live(RotationLimits())

    assert rotation.tick(1e12) == []


def test_a_stream_that_nobody_wants_any_more_need_not_be_proven() -> None:
    rotation = overlapping()
    rotation.answered(1)
    rotation.delivered(1, [TRADES])
    rotation.forget([TRADES])

    assert rotation.tick(DUE + 5_000) == [Retire(1, 2)]


def opened_number(actions: list[Advance]) -> int:
    (action,) = actions
    assert isinstance(action, Open)
    return action.number


STEPS = st.one_of(
    st.tuples(st.sampled_from(["old", "both"]), st.sampled_from("ab")),
    st.tuples(st.just("new"), st.sampled_from("ab")),
    st.tuples(st.just("answer"), st.none()),
    st.tuples(st.just("tick"), st.sampled_from([1_000, 4_000])),
    st.tuples(st.just("joins"), st.booleans()),
)


@given(st.lists(STEPS, max_size=25))
def test_the_old_one_goes_as_soon_as_everything_is_proven_and_not_before(steps: list[tuple[str, object]]) -> None:
    rotation, now_ms = overlapping(), DUE
    old, new, answered, joined = set[str](), set[str](), False, True
    rotation.delivered(2, ["a"])
    new.add("a")
    for step, what in steps:
        match step, what:
            case (("old" | "new" | "both"), str(name)):
                if step != "new":
                    old.add(name)
                    rotation.delivered(1, [name])
                if step != "old":
                    new.add(name)
                    rotation.delivered(2, [name])
            case "answer", _:
                answered = True
                rotation.answered(1)
            case "joins", bool(joins):
                joined = joins
            case _:
                assert isinstance(what, int)
                now_ms += what
        proven = now_ms - DUE >= 5_000 and old <= new and answered and joined
        expected = [Retire(1, 2)] if proven else []
        assert rotation.tick(now_ms, joined=joined) == expected
        if proven:
            return


def test_another_key_opens_a_successor_at_once_and_the_old_socket_stays_until_that_is_proven() -> None:
    rotation = first_live()

    assert rotation.renew(1_000) == []
    assert rotation.tick(1_000) == [Open(2, 1)]
    rotation.opened(2, 1_000)
    assert rotation.live(2, 1_500, complete=True) == [Probe(1)]
    rotation.answered(1)
    assert rotation.tick(6_499) == []
    assert rotation.tick(6_500) == [Retire(1, 2)]
    assert rotation.tick(60_000) == []


def test_a_successor_whose_key_is_refused_is_tried_again_seldom_while_the_old_socket_goes_on() -> None:
    rotation = first_live()
    rotation.renew(1_000)
    rotation.tick(1_000)
    rotation.closed(2, Ending.REFUSED, 2_000, 0.0)

    assert rotation.current == 1
    assert rotation.tick(61_999) == []
    assert rotation.tick(62_000) == [Open(3, 1)]


def test_a_successor_that_was_opened_with_an_older_key_is_given_up() -> None:
    rotation = overlapping()

    (dropped,) = rotation.renew(DUE + 1_000)

    assert isinstance(dropped, Retire)
    assert (dropped.number, dropped.successor) == (2, None)
    assert rotation.tick(DUE + 1_000) == [Open(3, 1)]


def test_another_key_is_tried_at_once_where_no_socket_is_left() -> None:
    rotation = Rotation(LIMITS)
    rotation.tick(0)
    rotation.closed(1, Ending.REFUSED, 0, 0.0)
    assert rotation.tick(1_000) == []

    rotation.renew(2_000)

    assert rotation.tick(2_000) == [Open(2, None)]


@pytest.mark.parametrize("ending", [Ending.EXPIRED, Ending.TERMINATED, Ending.CLOCK])
def test_what_another_socket_sets_right_is_followed_by_one_at_once_but_only_once(ending: Ending) -> None:
    rotation = first_live()

    rotation.closed(1, ending, 60_000, 0.0)
    assert rotation.tick(60_000) == [Open(2, None)]
    rotation.closed(2, ending, 60_100, 0.0)
    assert rotation.tick(60_100) == []
    assert rotation.tick(62_100) == [Open(3, None)]


def test_a_refused_key_is_not_tried_again_for_a_minute() -> None:
    rotation = Rotation(LIMITS)
    rotation.tick(0)
    rotation.closed(1, Ending.REFUSED, 0, 0.0)

    assert rotation.tick(59_999) == []
    assert rotation.tick(60_000) == [Open(2, None)]


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: no socket that is live goes before another is, unless it died."""

    def __init__(self) -> None:
        super().__init__()
        self.rotation = Rotation(RotationLimits(rotate_after_ms=100_000, give_up_after_ms=400_000))
        self.now_ms = 0.0
        self.opening: set[int] = set()
        self.opened_ms: dict[int, float] = {}
        self.live_ms: dict[int, float] = {}
        self.delivered: dict[int, set[str]] = {}
        self.probed: set[int] = set()
        self.gone: set[int] = set()

    @property
    def up(self) -> list[int]:
        return sorted(set(self.opened_ms) - self.gone)

    @property
    def known(self) -> list[int]:
        return sorted((self.opening | set(self.opened_ms)) - self.gone)

    def obey(self, actions: list[Advance], *, joined: bool = True) -> None:
        for action in actions:
            match action:
                case Open(number):
                    assert len(self.known) < 2
                    self.opening.add(number)
                case Probe(number):
                    self.delivered[number] = set()
                    self.probed.discard(number)
                case Retire(number, successor=None):
                    assert any(other != number for other in self.known)
                    self.gone.add(number)
                case Retire(number, successor, unproven, _, reason):
                    assert successor is not None
                    assert successor in self.live_ms
                    assert successor not in self.gone
                    missing = self.delivered[number] - self.delivered[successor]
                    assert set(unproven) == missing
                    if self.now_ms - self.opened_ms[number] < 400_000:
                        assert not missing
                        assert not reason
                        assert joined
                        assert number in self.probed
                        assert self.now_ms - self.live_ms[successor] >= 5_000
                    self.gone.add(number)

    @rule(
        passed_ms=st.sampled_from([1_000, 5_000, 5_000, 30_000, 100_000]), joined=st.sampled_from([True, True, False])
    )
    def tick(self, passed_ms: float, joined: bool) -> None:
        self.now_ms += passed_ms
        self.obey(self.rotation.tick(self.now_ms, joined=joined), joined=joined)

    @initialize()
    def begin(self) -> None:
        self.tick(0, joined=True)
        self.progress(complete=True)
        self.progress(complete=True)
        self.tick(100_000, joined=True)

    @rule(complete=st.sampled_from([True, True, True, False]))
    def progress(self, complete: bool) -> None:
        """What is being opened is open; what is open is live."""
        for number in set(self.up) - set(self.live_ms):
            self.live_ms[number] = self.now_ms
            self.obey(self.rotation.live(number, self.now_ms, complete=complete))
        for number in self.opening:
            self.opened_ms[number] = self.now_ms
            self.delivered[number] = set()
            self.rotation.opened(number, self.now_ms)
        self.opening.clear()

    @precondition(lambda self: bool(self.up))
    @rule(data=st.data(), names=st.sets(st.sampled_from("ab")), everywhere=st.booleans())
    def deliver(self, data: st.DataObject, names: set[str], everywhere: bool) -> None:
        for number in self.up if everywhere else [data.draw(st.sampled_from(self.up))]:
            self.delivered[number] |= names
            self.rotation.delivered(number, names)

    @precondition(lambda self: bool(self.up))
    @rule()
    def answer(self) -> None:
        self.probed.update(self.up)
        for number in self.up:
            self.rotation.answered(number)

    @precondition(lambda self: bool(self.known))
    @rule(data=st.data(), ending=st.sampled_from(Ending), luck=st.integers(0, 3))
    def die(self, data: st.DataObject, ending: Ending, luck: int) -> None:
        if luck:
            return
        number = data.draw(st.sampled_from(self.known))
        self.opening.discard(number)
        self.gone.add(number)
        self.rotation.closed(number, ending, self.now_ms, 0.5)

    @precondition(lambda self: bool(self.up))
    @rule(data=st.data(), luck=st.integers(0, 2))
    def announce(self, data: st.DataObject, luck: int) -> None:
        if not luck:
            number = data.draw(st.sampled_from(self.up))
            self.obey(self.rotation.shutdown_announced(number, self.now_ms))

    @invariant()
    def it_knows_what_there_is(self) -> None:
        theirs = {self.rotation.current, self.rotation.successor} - {None}
        assert theirs == set(self.known)


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAnyOrder = AnyOrder.TestCase
