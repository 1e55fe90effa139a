from __future__ import annotations

from hypothesis import given, strategies as st

from processors.core.promises import WAITING_LIMIT, WaitingPromises


PROMISES = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50)), max_size=WAITING_LIMIT)


def due_of(waiting: list[tuple[int, int]], waits_since: int | None) -> int | None:
    """Return what is due of promises that were all remembered."""
    return max((until for offset, until in waiting if waits_since is None or offset <= waits_since), default=None)


@given(PROMISES, st.lists(st.integers(0, 31), max_size=5).map(sorted))
def test_each_promise_is_due_once_no_trade_below_its_offset_waits(
    waiting: list[tuple[int, int]], moments: list[int]
) -> None:
    promises = WaitingPromises()
    for promise in waiting:
        promises.add(*promise)

    for waits_since in (*moments, None):
        assert promises.due(waits_since) == due_of(waiting, waits_since)
        waiting = [one for one in waiting if waits_since is not None and one[0] > waits_since]
    assert not promises


@given(PROMISES, st.data())
def test_promises_that_are_made_again_change_nothing(waiting: list[tuple[int, int]], data: st.DataObject) -> None:
    promises = WaitingPromises()
    for promise in waiting:
        promises.add(*promise)
    before, restored = promises.dump(), WaitingPromises()
    restored.load(before)

    for promise in data.draw(st.permutations(waiting)):
        assert not restored.add(*promise)

    assert restored.dump() == before


@given(
    st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=WAITING_LIMIT, max_size=4 * WAITING_LIMIT),
    st.integers(0, 999),
)
def test_of_too_many_promises_none_counts_too_early_and_none_is_lost(
    waiting: list[tuple[int, int]], waits_since: int
) -> None:
    promises = WaitingPromises()
    for promise in waiting:
        promises.add(*promise)
    assert len(promises.dump()) <= WAITING_LIMIT

    first, rest = promises.due(waits_since), promises.due(None)

    assert first is None or first <= (due_of(waiting, waits_since) or 0)
    assert max(first or 0, rest or 0) == due_of(waiting, None)
