from __future__ import annotations

from hypothesis import given, settings, strategies as st

from ingest.core.heartbeats import Heartbeats, Position, Shard, carriers_of
from ingest.core.plan import plan_connections
from ingest.core.streams import stream_of
from ingest.core.told_time import TELL_AGAIN_MS
from schemas.control import Heartbeat
from schemas.markets import Market
from schemas.topics import RawType, partition_of


VENUE = 1_700_000_000_000
SHARD: Shard = (RawType.TRADE, 2)


class Log:
    """How far the publisher is, as a test says."""

    def __init__(self) -> None:
        self.published = 0
        self.acknowledged = 0
        self.next_offset: int | None = 500

    def publish(self, count: int) -> None:
        self.published += count

    def acknowledge(self) -> None:
        added = self.published - self.acknowledged
        self.acknowledged = self.published
        self.next_offset = None if self.next_offset is None else self.next_offset + added

    def __call__(self, shard: Shard) -> Position:
        return Position(self.published, self.acknowledged, self.next_offset)


def new_heartbeats(*labels: str) -> Heartbeats:
    return Heartbeats(Market.SPOT, "i1", {SHARD: {f"S{label}": label for label in labels or ("a",)}})


def times(heartbeats: list[Heartbeat]) -> list[int]:
    return [heartbeat.vouched_until - VENUE for heartbeat in heartbeats]


def beat(heartbeats: Heartbeats, now_ms: float, log: Log, server_time: int | None = None) -> list[int]:
    heartbeats.mark(now_ms, server_time, log)
    return times(heartbeats.due(log))


def far_on(heartbeats: Heartbeats) -> None:
    """Let the venue's clock be a minute ahead, as where it runs faster than ours: events of until then are believed."""
    heartbeats.suppose_time(VENUE + 60_000, 10)


def opened(log: Log, *labels: str) -> Heartbeats:
    """Return the heartbeats of connections that are live since VENUE, which was vouched for."""
    heartbeats = new_heartbeats(*labels)
    for label in labels or ("a",):
        heartbeats.live(label, 0)
    heartbeats.told_time(VENUE, 0, 10)
    acknowledged, log.acknowledged = log.acknowledged, log.published
    assert beat(heartbeats, 10, log) == [0]
    log.acknowledged = acknowledged
    far_on(heartbeats)
    return heartbeats


def test_nobody_vouches_for_a_connection_that_is_not_live() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.read("a", VENUE + 60_000, 10)

    assert beat(heartbeats, 1_000, log, VENUE) == []


def test_a_connection_that_goes_live_vouches_for_that_moment_by_the_venues_clock() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.live("a", 100)
    assert heartbeats.wants_time(100)

    heartbeats.told_time(VENUE, asked_ms=100, now_ms=150)
    heartbeats.mark(150, VENUE, log)

    assert heartbeats.due(log) == [
        Heartbeat(
            market=Market.SPOT, stream="trade", partition=2, vouched_until=VENUE, offset=500, ingest_id="i1", run=0
        )
    ]


def test_an_answer_to_a_question_of_before_is_not_for_the_new_connection() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.live("a", 100)

    heartbeats.told_time(VENUE, asked_ms=90, now_ms=150)

    assert beat(heartbeats, 150, log) == []


def test_a_late_answer_is_not_used_as_the_beginning() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.live("a", 100)

    heartbeats.told_time(VENUE + 60_000, asked_ms=100, now_ms=5_000)

    assert beat(heartbeats, 5_000, log) == []


def test_events_vouch_for_what_is_two_seconds_older() -> None:
    log = Log()
    heartbeats = opened(log)
    heartbeats.read("a", VENUE + 10_000, 1_000)

    assert beat(heartbeats, 1_000, log) == [8_000]


def test_without_the_venues_time_the_first_events_are_not_trusted_to_be_the_beginning() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.live("a", 0)
    heartbeats.read("a", VENUE, 100)

    heartbeats.read("a", VENUE + 3_999, 1_000)
    assert beat(heartbeats, 1_000, log) == []

    heartbeats.read("a", VENUE + 4_000, 2_000)
    assert beat(heartbeats, 2_000, log) == [2_000]

    heartbeats.read("a", VENUE + 9_000, 3_000)
    assert beat(heartbeats, 3_000, log) == [7_000]


def test_the_beginning_is_named_first_even_if_more_was_read_by_then() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.live("a", 0)
    heartbeats.told_time(VENUE, 0, 10)
    far_on(heartbeats)
    heartbeats.read("a", VENUE + 60_000, 1_000)

    assert beat(heartbeats, 1_000, log) == [0]
    assert beat(heartbeats, 2_000, log) == [58_000]


def test_with_several_connections_the_beginning_is_that_of_the_last() -> None:
    heartbeats, log = new_heartbeats("a", "b"), Log()
    heartbeats.live("a", 0)
    heartbeats.told_time(VENUE, 0, 10)
    assert beat(heartbeats, 10, log) == []

    heartbeats.live("b", 5_000)
    heartbeats.told_time(VENUE + 5_000, 5_000, 5_010)

    assert beat(heartbeats, 5_010, log) == [5_000]


def test_after_a_reconnect_the_new_beginning_is_named() -> None:
    log = Log()
    heartbeats = opened(log)
    heartbeats.lost("a")
    heartbeats.live("a", 30_000)
    heartbeats.told_time(VENUE + 30_000, 30_000, 30_010)
    far_on(heartbeats)
    heartbeats.read("a", VENUE + 50_000, 30_500)

    assert beat(heartbeats, 31_000, log) == [30_000]
    assert beat(heartbeats, 32_000, log) == [48_000]


def test_nothing_is_vouched_for_before_the_broker_has_it() -> None:
    log = Log()
    heartbeats = opened(log)
    log.publish(30)
    heartbeats.read("a", VENUE + 10_000, 1_000)
    heartbeats.mark(1_000, None, log)

    assert heartbeats.due(log) == []
    log.publish(5)  # what comes later need not be acknowledged
    log.acknowledged, log.next_offset = 30, 530

    (heartbeat,) = heartbeats.due(log)
    assert (heartbeat.vouched_until, heartbeat.offset) == (VENUE + 8_000, 530)


def test_without_a_known_offset_there_is_no_heartbeat() -> None:
    heartbeats, log = new_heartbeats(), Log()
    log.next_offset = None
    heartbeats.live("a", 0)
    heartbeats.told_time(VENUE, 0, 10)

    assert beat(heartbeats, 10, log) == []


def test_a_silent_connection_is_vouched_for_by_the_venues_clock_less_five_seconds() -> None:
    log = Log()
    heartbeats = opened(log)
    heartbeats.read("a", VENUE + 1_000, 1_000)
    assert not heartbeats.wants_time(5_999)
    assert heartbeats.wants_time(6_000)

    assert beat(heartbeats, 6_000, log, VENUE + 6_000) == [1_000]


def test_frames_that_tell_no_time_do_not_keep_a_window_open() -> None:
    log = Log()
    heartbeats = opened(log)
    heartbeats.read("a", None, 5_000)

    assert beat(heartbeats, 5_100, log, VENUE + 12_000) == [7_000]


def test_a_connection_whose_frames_wait_for_us_is_not_silent() -> None:
    log = Log()
    heartbeats = opened(log)
    heartbeats.busy("a", 8_000)

    assert not heartbeats.wants_time(8_500)
    assert beat(heartbeats, 8_500, log, VENUE + 8_500) == []


def test_a_connection_that_is_behind_holds_the_others_back() -> None:
    log = Log()
    heartbeats = opened(log, "a", "b")
    heartbeats.read("a", VENUE + 60_000, 1_000)
    heartbeats.read("b", VENUE + 5_000, 1_000)

    assert beat(heartbeats, 1_000, log) == [3_000]


def test_one_dead_connection_of_a_partition_silences_it() -> None:
    heartbeats, log = new_heartbeats("a", "b"), Log()
    for label in ("a", "b"):
        heartbeats.live(label, 0)
        heartbeats.read(label, VENUE, 100)
        heartbeats.read(label, VENUE + 60_000, 1_000)
    heartbeats.mark(1_000, None, log)

    heartbeats.lost("b")

    assert heartbeats.due(log) == []
    assert beat(heartbeats, 2_000, log) == []


def test_a_mark_that_waits_is_not_overtaken() -> None:
    log = Log()
    heartbeats = opened(log)
    log.publish(1)
    heartbeats.read("a", VENUE + 10_000, 1_000)
    heartbeats.mark(1_000, None, log)
    log.publish(1)
    heartbeats.read("a", VENUE + 20_000, 2_000)
    heartbeats.mark(2_000, None, log)

    log.acknowledged = 1
    assert times(heartbeats.due(log)) == [8_000]
    log.acknowledged = 2
    assert beat(heartbeats, 2_100, log) == [18_000]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["read", "live", "lost", "tick", "acknowledge", "silent tick"]),
            st.sampled_from(["a", "b"]),
            st.integers(0, 8_000),
        ),
        max_size=60,
    )
)
def test_for_one_run_the_time_never_goes_back_and_never_passes_what_was_read(
    steps: list[tuple[str, str, int]],
) -> None:
    heartbeats, log = new_heartbeats("a", "b"), Log()
    now_ms, newest, server, seen = 0.0, VENUE, VENUE, list[int]()
    for step, label, passed in steps:
        now_ms += passed
        server += passed
        match step:
            case "read":
                newest = max(newest, server - passed // 2)
                heartbeats.read(label, newest, now_ms)
                log.publish(3)
            case "live":
                heartbeats.live(label, now_ms)
                heartbeats.told_time(server, now_ms, now_ms)
            case "lost":
                heartbeats.lost(label)
            case "acknowledge":
                log.acknowledge()
            case "tick":
                heartbeats.mark(now_ms, None, log)
            case _:
                heartbeats.mark(now_ms, server, log)
        for heartbeat in heartbeats.due(log):
            assert heartbeat.vouched_until <= server
            seen.append(heartbeat.vouched_until)

    assert seen == sorted(set(seen))


# Event times that are ahead of the venue's clock


def asked(heartbeats: Heartbeats, now_ms: float, server_time: int) -> None:
    assert heartbeats.wants_time(now_ms)
    heartbeats.asks_time(now_ms)
    heartbeats.told_time(server_time, now_ms, now_ms)


def live_since_venue(log: Log) -> Heartbeats:
    heartbeats = new_heartbeats()
    heartbeats.live("a", 0)
    heartbeats.told_time(VENUE, 0, 0)
    assert beat(heartbeats, 0, log) == [0]
    return heartbeats


def test_one_event_time_that_is_far_ahead_vouches_for_nothing() -> None:
    log = Log()
    heartbeats = live_since_venue(log)

    heartbeats.read("a", VENUE + 600_000, 4_000)
    assert beat(heartbeats, 4_000, log) == []
    asked(heartbeats, 4_500, VENUE + 4_500)
    assert beat(heartbeats, 4_500, log, VENUE + 4_500) == []
    assert not heartbeats.wants_time(4_900)  # the venue did not bear it out, and is not asked about it again

    heartbeats.read("a", VENUE + 5_000, 5_000)
    assert beat(heartbeats, 5_000, log) == [3_000]


def test_where_the_venues_clock_runs_faster_than_ours_it_is_asked_and_bears_the_events_out() -> None:
    log = Log()
    heartbeats = live_since_venue(log)

    for second in range(1, 100):
        heartbeats.read("a", VENUE + second * 96_000, second * 1_000)
        asked(heartbeats, second * 1_000, VENUE + second * 96_000 + 50)
        assert beat(heartbeats, second * 1_000, log) == [second * 96_000 - 2_000]


def test_events_that_come_while_the_venue_answers_need_no_bearing_out_by_that_answer() -> None:
    log = Log()
    heartbeats = live_since_venue(log)
    heartbeats.read("a", VENUE + 50_000, 1_000)
    heartbeats.asks_time(1_000)
    heartbeats.read("a", VENUE + 90_000, 1_050)

    heartbeats.told_time(VENUE + 50_100, 1_000, 1_100)

    assert beat(heartbeats, 1_100, log) == [48_000]
    assert heartbeats.wants_time(1_100)


def test_a_venue_that_answers_slowly_bears_out_what_it_was_asked_about() -> None:
    log = Log()
    heartbeats = live_since_venue(log)
    for second in (1, 2):
        heartbeats.read("a", VENUE + second * 96_000, second * 1_000)
        heartbeats.asks_time(second * 1_000)

    heartbeats.told_time(VENUE + 96_000, 1_000, 2_500)
    assert beat(heartbeats, 2_500, log) == [94_000]
    heartbeats.told_time(VENUE + 192_000, 2_000, 3_500)
    assert beat(heartbeats, 3_500, log) == [190_000]


def test_a_connection_all_of_whose_times_are_wrong_is_vouched_for_as_a_silent_one() -> None:
    log = Log()
    heartbeats = live_since_venue(log)
    heartbeats.read("a", VENUE + 1_000, 1_000)
    for second in range(2, 8):
        heartbeats.read("a", VENUE + 600_000, second * 1_000)
        asked(heartbeats, second * 1_000, VENUE + second * 1_000)

    assert beat(heartbeats, 7_000, log, VENUE + 7_000) == [2_000]


def test_after_a_guess_at_the_venues_time_no_event_is_believed_beyond_it() -> None:
    heartbeats, log = new_heartbeats(), Log()
    heartbeats.suppose_time(VENUE, 0)
    heartbeats.live("a", 0)
    heartbeats.read("a", VENUE + 600_000, 100)
    heartbeats.read("a", VENUE + 1_200_000, 1_000)

    assert beat(heartbeats, 1_000, log) == []


def test_the_venue_is_asked_again_after_ten_minutes_for_clocks_drift_apart() -> None:
    heartbeats = live_since_venue(Log())
    heartbeats.busy("a", TELL_AGAIN_MS)

    assert not heartbeats.wants_time(TELL_AGAIN_MS - 1)
    assert heartbeats.wants_time(TELL_AGAIN_MS)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["read a", "read b", "live a", "live b", "lost a", "ask", "answer", "tick", "silent tick"]),
            st.integers(0, 3_000),
            st.sampled_from([-5_000, -100, 0, 1_900, 2_100, 29 * 60_000]),
        ),
        max_size=80,
    ),
    st.sampled_from([1, 7, 96]),
)
def test_no_event_times_make_a_vouched_time_exceed_the_venues(steps: list[tuple[str, int, int]], speed: int) -> None:
    heartbeats, log = new_heartbeats("a", "b"), Log()
    heartbeats.told_time(VENUE, 0, 0)
    now_ms, asking = 0, None
    for step, passed, ahead in steps:
        now_ms += passed
        venue_ms = VENUE + now_ms * speed
        match step.split():
            case ["read", label]:
                heartbeats.read(label, venue_ms + ahead, now_ms)
            case ["live", label]:
                heartbeats.live(label, now_ms)
            case ["lost", label]:
                heartbeats.lost(label)
            case ["ask"]:
                asking = now_ms
                heartbeats.asks_time(now_ms)
            case ["answer"] if asking is not None:
                heartbeats.told_time(venue_ms, asking, now_ms)
                asking = None
            case ["silent", _]:
                heartbeats.mark(now_ms, venue_ms, log)
            case _:
                heartbeats.mark(now_ms, None, log)
        for heartbeat in heartbeats.due(log):
            assert heartbeat.vouched_until <= venue_ms


# Two sockets of one connection, while one replaces the other


def overlapped(log: Log) -> Heartbeats:
    """Live since VENUE over "old", and since VENUE + 60 s over "new" as well."""
    heartbeats = new_heartbeats()
    heartbeats.live("a", 0, "old")
    heartbeats.told_time(VENUE, 0, 10)
    assert beat(heartbeats, 10, log) == [0]
    heartbeats.live("a", 60_000, "new")
    heartbeats.told_time(VENUE + 60_000, 60_000, 60_010)
    return heartbeats


def test_a_socket_that_was_read_beyond_the_beginning_of_the_next_hands_over_without_a_break() -> None:
    log = Log()
    heartbeats = overlapped(log)
    heartbeats.read("a", VENUE + 62_000, 62_000, "old")
    assert heartbeats.joined("a", "old", "new")
    assert beat(heartbeats, 62_000, log) == [60_000]

    heartbeats.lost("a", "old")
    heartbeats.read("a", VENUE + 70_000, 70_000, "new")

    assert beat(heartbeats, 70_000, log) == [68_000]


def test_a_socket_that_was_not_read_so_far_breaks_the_promise_and_a_new_one_begins() -> None:
    log = Log()
    heartbeats = overlapped(log)
    heartbeats.read("a", VENUE + 61_999, 62_000, "old")
    assert not heartbeats.joined("a", "old", "new")

    heartbeats.lost("a", "old")
    heartbeats.read("a", VENUE + 70_000, 70_000, "new")

    assert beat(heartbeats, 70_000, log) == [60_000]
    assert beat(heartbeats, 71_000, log) == [68_000]


def test_in_a_silence_the_venues_clock_joins_them() -> None:
    heartbeats = overlapped(Log())
    assert heartbeats.wants_time(64_000)
    heartbeats.told_time(VENUE + 64_999, 64_990, 65_000)
    assert not heartbeats.joined("a", "old", "new")

    heartbeats.told_time(VENUE + 65_000, 65_000, 65_001)

    assert heartbeats.joined("a", "old", "new")


def test_while_both_live_the_older_one_is_vouched_by() -> None:
    log = Log()
    heartbeats = overlapped(log)
    heartbeats.read("a", VENUE + 70_000, 70_000, "new")
    heartbeats.read("a", VENUE + 63_000, 70_000, "old")

    assert beat(heartbeats, 70_000, log) == [61_000]


def test_a_successor_that_goes_changes_nothing() -> None:
    log = Log()
    heartbeats = overlapped(log)
    heartbeats.lost("a", "new")
    heartbeats.read("a", VENUE + 63_000, 63_000, "old")

    assert beat(heartbeats, 63_000, log) == [61_000]


def test_a_successor_without_a_known_beginning_does_not_join() -> None:
    heartbeats = new_heartbeats()
    heartbeats.live("a", 0, "old")
    heartbeats.told_time(VENUE, 0, 10)
    heartbeats.live("a", 60_000, "new")
    heartbeats.read("a", VENUE + 90_000, 90_000, "old")

    assert not heartbeats.joined("a", "old", "new")


def test_what_nobody_vouches_for_can_always_go() -> None:
    assert new_heartbeats().joined("b", "old", "new")


def test_a_handed_over_connection_does_not_carry_others_that_are_behind() -> None:
    log = Log()
    heartbeats = new_heartbeats("a", "b")
    for label in ("a", "b"):
        heartbeats.live(label, 0, "old")
    heartbeats.told_time(VENUE, 0, 10)
    assert beat(heartbeats, 10, log) == [0]
    heartbeats.live("a", 60_000, "new")
    heartbeats.told_time(VENUE + 60_000, 60_000, 60_010)
    heartbeats.read("a", VENUE + 62_000, 62_000, "old")
    heartbeats.read("b", VENUE + 30_000, 62_000, "old")
    heartbeats.lost("a", "old")
    heartbeats.read("a", VENUE + 63_000, 63_000, "new")

    assert beat(heartbeats, 63_000, log) == [28_000]


class Venue:
    """Events of one shard, sent to whoever is subscribed, late by no more than the streams may be out of step."""

    def __init__(self) -> None:
        self.now = VENUE
        self.made: list[int] = []
        self.subscribed: dict[str, list[int]] = {}
        """Events sent to each socket and not read yet."""

    def trade(self, late: int) -> None:
        self.made.append(self.now - late)
        for pending in self.subscribed.values():
            pending.append(self.now - late)


STEPS = ("trade", "trade", "trade", "read old", "read old", "read new", "read new", "rotate", "rotate", "die")


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.sampled_from([0, 10, 700, 1_900])), max_size=80))
def test_whatever_is_vouched_for_is_in_the_log_over_all_rotations(steps: list[tuple[str, int]]) -> None:
    heartbeats, log, venue = new_heartbeats(), Log(), Venue()
    published = set[int]()
    live_since = dict[str, int]()
    since, opening, newest = VENUE, False, 0
    for number, (step, passed) in enumerate(steps):
        venue.now += passed
        now_ms, sockets = float(venue.now - VENUE), list(live_since)
        if not sockets or (step == "rotate" and len(sockets) == 1):
            socket = f"s{number}"
            venue.subscribed[socket], live_since[socket] = [], venue.now
            heartbeats.live("a", now_ms, socket)
            heartbeats.told_time(venue.now, now_ms, now_ms)
            if not sockets:
                since, opening = venue.now, True
        elif step == "trade":
            venue.trade(passed)
        elif step.startswith("read"):
            reader = sockets[-1 if step == "read new" else 0]
            events, venue.subscribed[reader] = venue.subscribed[reader], []
            log.publish(len(events))
            published.update(events)
            heartbeats.read("a", max(events, default=None), now_ms, reader)
        elif step == "die" or heartbeats.joined("a", *sockets):
            gone = sockets.pop(0)
            if sockets and not heartbeats.joined("a", gone, sockets[0]):
                since, opening = live_since[sockets[0]], True
            del venue.subscribed[gone], live_since[gone]
            heartbeats.lost("a", gone)
        log.acknowledge()
        heartbeats.mark(now_ms, None, log)
        for heartbeat in heartbeats.due(log):
            if opening:
                assert heartbeat.vouched_until == since or since <= newest
            opening, newest = False, heartbeat.vouched_until
            assert published.issuperset(event for event in venue.made if since < event <= newest)


def test_shards_are_the_partitions_with_a_subscribed_symbol_and_name_who_carries_them() -> None:
    streams = [
        stream_of(Market.USDM, text, symbol)
        for symbol in ("BTCUSDT", "ETHUSDT")
        for text in ("trade", "aggTrade", "depth", "bookTicker", "kline_1m")
    ]

    shards = carriers_of(plan_connections([*streams, stream_of(Market.USDM, "!ticker@arr", None)]))

    assert shards == {
        (raw_type, partition_of(symbol)): {symbol: label}
        for symbol in ("BTCUSDT", "ETHUSDT")
        for raw_type, label in (
            (RawType.TRADE, "usdm-public-0"),
            (RawType.DEPTH, "usdm-public-0"),
            (RawType.AGG_TRADE, "usdm-market-0"),
        )
    }


def test_a_partition_on_two_connections_needs_both() -> None:
    streams = [stream_of(Market.SPOT, "trade", "BTCUSDT"), stream_of(Market.SPOT, "depth", "BTCUSDT")]
    same_partition = next(
        symbol for number in range(1000) if partition_of(symbol := f"S{number}") == partition_of("BTCUSDT")
    )

    plans = plan_connections([*streams, stream_of(Market.SPOT, "trade", same_partition)], {Market.SPOT: 2})

    carried = carriers_of(plans)[RawType.TRADE, partition_of("BTCUSDT")]
    assert carried == {"BTCUSDT": "spot-0", same_partition: "spot-1"}


# Symbols that come and go

OTHERS: Shard = (RawType.TRADE, partition_of("S1"))
FIRST, SECOND = [symbol for symbol in map("S{}".format, range(1, 1000)) if partition_of(symbol) == OTHERS[1]][:2]


def carrying(*symbols: str) -> dict[Shard, dict[str, str]]:
    return {OTHERS: dict.fromkeys(symbols, "a")} if symbols else {}


def changing(log: Log) -> Heartbeats:
    """Return the heartbeats of one symbol, vouched for since VENUE."""
    heartbeats = Heartbeats(Market.SPOT, "i1", carrying(FIRST))
    heartbeats.begin(log)
    heartbeats.live("a", 0)
    heartbeats.told_time(VENUE, 0, 10)
    heartbeats.mark(10, VENUE, log)
    assert said(heartbeats.due(log)) == [(0, 500, [FIRST])]
    far_on(heartbeats)
    return heartbeats


def said(heartbeats: list[Heartbeat]) -> list[tuple[int, int | None, list[str] | None]]:
    return [(one.vouched_until - VENUE, one.begin_offset, one.symbols) for one in heartbeats]


def sent(heartbeats: Heartbeats, now_ms: float, log: Log, server_time: int | None = None) -> list[object]:
    heartbeats.mark(now_ms, server_time, log)
    return list(said(heartbeats.due(log)))


def test_while_a_symbol_is_added_the_others_are_vouched_for_without_a_break() -> None:
    log = Log()
    heartbeats = changing(log)
    log.publish(5)
    log.acknowledge()

    heartbeats.replan(carrying(FIRST, SECOND), log)
    heartbeats.read("a", VENUE + 5_000, 1_000)

    assert sent(heartbeats, 1_000, log) == [(3_000, 500, None)]


def test_an_added_symbol_is_vouched_for_when_the_connection_was_read_beyond_its_acknowledgement() -> None:
    log = Log()
    heartbeats = changing(log)
    log.publish(5)
    log.acknowledge()
    heartbeats.replan(carrying(FIRST, SECOND), log)
    log.publish(5)
    log.acknowledge()

    heartbeats.acknowledged("a", [(RawType.TRADE, SECOND)], 1_000)
    heartbeats.read("a", VENUE + 5_000, 1_100)  # so nothing is missing from 7,000 on
    assert sent(heartbeats, 1_100, log) == [(3_000, 500, None)]
    heartbeats.read("a", VENUE + 8_999, 2_000)
    assert sent(heartbeats, 2_000, log) == [(6_999, 500, None)]
    heartbeats.read("a", VENUE + 9_000, 3_000)

    assert sent(heartbeats, 3_000, log) == [(7_000, 505, sorted([FIRST, SECOND]))]


def test_in_a_silence_the_venues_time_tells_since_when_an_added_symbol_is_whole() -> None:
    log = Log()
    heartbeats = changing(log)
    heartbeats.replan(carrying(FIRST, SECOND), log)
    heartbeats.acknowledged("a", [(RawType.TRADE, SECOND)], 60_000)
    assert heartbeats.wants_time(60_000)

    heartbeats.told_time(VENUE + 60_000, 60_000, 60_010)
    assert sent(heartbeats, 60_010, log, VENUE + 60_000) == [(55_000, 500, None)]
    heartbeats.told_time(VENUE + 65_000, 65_000, 65_010)

    assert sent(heartbeats, 65_010, log, VENUE + 65_000) == [(60_000, 500, sorted([FIRST, SECOND]))]


def test_a_symbol_that_is_not_acknowledged_is_never_vouched_for() -> None:
    log = Log()
    heartbeats = changing(log)
    heartbeats.replan(carrying(FIRST, SECOND), log)

    for second in range(3, 60):
        heartbeats.read("a", VENUE + second * 1_000, second * 1_000)
        assert sent(heartbeats, second * 1_000, log) == [(second * 1_000 - 2_000, 500, None)]


def test_a_symbol_that_is_left_is_out_of_the_next_heartbeat() -> None:
    log = Log()
    heartbeats = Heartbeats(Market.SPOT, "i1", carrying(FIRST, SECOND))
    heartbeats.begin(log)
    heartbeats.live("a", 0)
    heartbeats.told_time(VENUE, 0, 10)
    assert sent(heartbeats, 10, log) == [(0, 500, sorted([FIRST, SECOND]))]
    far_on(heartbeats)

    heartbeats.replan(carrying(SECOND), log)
    heartbeats.read("a", VENUE + 5_000, 1_000)
    assert sent(heartbeats, 1_000, log) == [(3_000, 500, [SECOND])]

    heartbeats.replan({}, log)
    assert sent(heartbeats, 2_000, log, VENUE + 9_000) == []


def test_a_heartbeat_that_waits_is_about_what_it_was_made_for() -> None:
    log = Log()
    heartbeats = changing(log)
    log.publish(1)
    heartbeats.read("a", VENUE + 5_000, 1_000)
    heartbeats.mark(1_000, None, log)

    heartbeats.replan(carrying(FIRST, SECOND), log)
    heartbeats.live("a", 1_500)
    log.acknowledge()

    assert said(heartbeats.due(log)) == [(3_000, 500, None)]


def test_what_the_successor_acknowledged_counts_when_it_takes_over() -> None:
    log = Log()
    heartbeats = changing(log)
    heartbeats.live("a", 500, "next")
    heartbeats.told_time(VENUE + 500, 500, 510)
    far_on(heartbeats)
    heartbeats.replan(carrying(FIRST, SECOND), log)
    heartbeats.acknowledged("a", [(RawType.TRADE, SECOND)], 1_000, "next")
    heartbeats.read("a", VENUE + 5_000, 1_100)
    assert sent(heartbeats, 1_100, log) == [(3_000, 500, None)]

    heartbeats.lost("a")
    heartbeats.read("a", VENUE + 6_000, 1_200, "next")  # so nothing is missing from 8,000 on
    heartbeats.read("a", VENUE + 10_000, 2_000, "next")

    assert sent(heartbeats, 2_000, log) == [(8_000, 500, sorted([FIRST, SECOND]))]


def test_a_new_connection_does_not_hold_up_the_promise_about_the_others() -> None:
    log = Log()
    heartbeats = changing(log)
    heartbeats.replan({OTHERS: {FIRST: "a", SECOND: "b"}}, log)

    heartbeats.read("a", VENUE + 5_000, 1_000)
    assert sent(heartbeats, 1_000, log) == [(3_000, 500, None)]
    heartbeats.live("b", 2_000)
    heartbeats.told_time(VENUE + 6_000, 2_000, 2_010)
    far_on(heartbeats)
    heartbeats.read("a", VENUE + 9_000, 3_000)
    heartbeats.read("b", VENUE + 8_500, 3_000)

    assert sent(heartbeats, 3_000, log) == [(6_500, 500, sorted([FIRST, SECOND]))]
