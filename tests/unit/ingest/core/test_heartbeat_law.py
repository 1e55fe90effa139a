"""What heartbeats promise, against a venue that knows everything that happened, while symbols come and go."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from hypothesis import example, given, strategies as st

from ingest.core.heartbeats import Heartbeats, Position, Shard
from schemas.control import Heartbeat
from schemas.markets import Market
from schemas.topics import RawType, partition_of


VENUE = 1_700_000_000_000
PARTITION = 3
SYMBOLS = [symbol for symbol in map("S{}".format, range(1000)) if partition_of(symbol) == PARTITION][:4]
SHARD: Shard = (RawType.TRADE, PARTITION)
STEP_MS = 400

WISHES = st.frozensets(st.sampled_from(SYMBOLS))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("event"), st.sampled_from(SYMBOLS), st.integers(0, 3)),
        st.tuples(st.just("wish"), WISHES, st.just(0)),
        st.tuples(st.just("acknowledge"), st.none(), st.just(0)),
        st.tuples(st.just("reconnect"), st.none(), st.just(0)),
        st.tuples(st.just("rest"), st.none(), st.integers(1, 20)),
    ),
    max_size=30,
)


class World:
    """One connection to a venue that trades all the time, and a broker that acknowledges at once."""

    def __init__(self, wishes: AbstractSet[str]) -> None:
        self.now_ms = 0
        self.happened: list[tuple[str, int]] = []
        """Every event of every symbol, taken or not."""
        self.log: list[tuple[str, int]] = []
        self.said: list[Heartbeat] = []
        self._under_way: list[tuple[int, str, int]] = []
        self._active = set(wishes)
        self._wishes = set(wishes)
        self._unanswered: list[tuple[set[str], set[str]]] = []
        self._heartbeats = Heartbeats(Market.SPOT, "i1", self._carriers())
        self._heartbeats.begin(self._position)
        self._heartbeats.live("a", 0)

    def step(self, kind: str, what: object, number: int) -> None:
        if kind == "event":
            self._event(str(what), number)
        elif kind == "wish" and isinstance(what, frozenset):
            self._wish(what)
        elif kind == "acknowledge" and self._unanswered:
            self._acknowledge()
        elif kind == "reconnect":
            self._reconnect()
        for _ in range(max(1, number if kind == "rest" else 1)):
            self._pass()

    def _event(self, symbol: str, lag: int) -> None:
        time = VENUE + self.now_ms
        self.happened.append((symbol, time))
        if symbol in self._active:
            self._under_way.append((self.now_ms + lag * STEP_MS, symbol, time))

    def _wish(self, wishes: frozenset[str]) -> None:
        self._unanswered.append((set(wishes) - self._wishes, self._wishes - wishes))
        self._wishes = set(wishes)
        self._heartbeats.replan(self._carriers(), self._position)

    def _acknowledge(self) -> None:
        """Take an answer as a session does: it tells of no symbol that was left, or taken again, since."""
        added, removed = self._unanswered.pop(0)
        self._active = (self._active | added) - removed
        carried = added.difference(*(symbols for later in self._unanswered for symbols in later))
        self._heartbeats.acknowledged("a", [(RawType.TRADE, one) for one in sorted(carried)], self.now_ms)

    def _reconnect(self) -> None:
        self._heartbeats.lost("a")
        self._under_way.clear()
        self._unanswered.clear()
        self._active = set(self._wishes)
        self._heartbeats.live("a", self.now_ms)

    def _pass(self) -> None:
        self.now_ms += STEP_MS
        come = [one for one in self._under_way if one[0] <= self.now_ms]
        self._under_way = [one for one in self._under_way if one[0] > self.now_ms]
        self.log += [(symbol, time) for _, symbol, time in come]
        if come:
            self._heartbeats.read("a", max(time for _, _, time in come), self.now_ms)
        if self._heartbeats.wants_time(self.now_ms):
            self._heartbeats.told_time(VENUE + self.now_ms, self.now_ms, self.now_ms)
        self._heartbeats.mark(self.now_ms, VENUE + self.now_ms, self._position)
        self.said += self._heartbeats.due(self._position)

    def _carriers(self) -> dict[Shard, dict[str, str]]:
        return {SHARD: dict.fromkeys(sorted(self._wishes), "a")} if self._wishes else {}

    def _position(self, _: Shard) -> Position:
        return Position(len(self.log), len(self.log), len(self.log))


@given(WISHES, STEPS)
@example(  # a symbol added where nothing was written since the run before began
    frozenset(SYMBOLS[:1]),
    [
        ("rest", None, 1),
        ("wish", frozenset(SYMBOLS[:2]), 0),
        ("event", SYMBOLS[1], 0),
        *[("acknowledge", None, 0), ("event", SYMBOLS[0], 0)] * 2,
        ("event", SYMBOLS[0], 0),
        ("rest", None, 1),
        ("event", SYMBOLS[0], 0),
    ],
)
def test_what_was_vouched_for_is_in_the_log(wishes: frozenset[str], steps: list[tuple[str, object, int]]) -> None:
    """Of a run's symbols, everything after its first heartbeat and up to any later one lies below that one's offset.

    Reconnects lose events; after one the promise begins anew, with the first heartbeat that follows.
    """
    world = World(wishes)
    broken: list[int] = []
    for kind, what, number in steps:
        if kind == "reconnect":
            broken.append(len(world.said))
        world.step(kind, what, number)

    since: dict[int | None, int] = {}
    rosters: dict[int | None, set[str]] = {}
    for number, heartbeat in enumerate(world.said):
        run = heartbeat.run
        while broken and number >= broken[0]:
            del broken[0]
            since.clear()
        if heartbeat.symbols is not None:
            rosters[run] = set(heartbeat.symbols)
        begin = since.setdefault(run, heartbeat.vouched_until)
        below = set(world.log[: heartbeat.offset])
        for symbol, time in world.happened:
            if symbol in rosters[run] and begin < time <= heartbeat.vouched_until:
                assert (symbol, time) in below, (symbol, time - VENUE, heartbeat)


@given(WISHES, STEPS, WISHES.filter(bool))
@example(  # one event, and silence after it
    frozenset(SYMBOLS[:1]),
    [("wish", frozenset(), 0), ("event", SYMBOLS[0], 0), ("wish", frozenset(), 0), ("rest", None, 2)],
    frozenset(SYMBOLS[:1]),
)
def test_in_the_end_all_that_is_taken_is_vouched_for(
    wishes: frozenset[str], steps: list[tuple[str, object, int]], last: frozenset[str]
) -> None:
    world = World(wishes)
    for kind, what, number in steps:
        world.step(kind, what, number)

    world.step("wish", last, 0)
    for _ in range(len(steps) + 1):
        world.step("acknowledge", None, 0)
    world.step("rest", None, 40)

    told = [heartbeat for heartbeat in world.said if heartbeat.symbols is not None]
    assert set(told[-1].symbols or ()) == last
    assert world.said[-1].run == told[-1].run
    assert world.said[-1].vouched_until >= VENUE + world.now_ms - 7_000
