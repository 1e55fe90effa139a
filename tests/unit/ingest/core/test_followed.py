from __future__ import annotations

from hypothesis import given, strategies as st

from ingest.core.followed import Followed, Seen
from ingest.core.patterns import Resolution, Wishes, resolve


GRACE_MS = 1000
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DBTC")
LISTS = st.dictionaries(st.sampled_from(SYMBOLS), st.booleans())
WISHES = st.builds(
    Wishes,
    st.lists(st.sampled_from([*SYMBOLS, "*USDT", "*", "A*"]), max_size=3).map(tuple),
    st.lists(st.sampled_from([*SYMBOLS, "B*"]), max_size=2).map(tuple),
)
STEPS = st.lists(st.tuples(st.one_of(LISTS, WISHES), st.integers(0, 600)), max_size=12)


def following(*symbols: str) -> Followed:
    return Followed(Wishes(symbols), GRACE_MS)


def test_before_the_first_look_only_names_are_taken_and_nothing_is_said_of_them() -> None:
    followed = following("AUSDT", "*BTC")

    assert followed.symbols == {"AUSDT"}
    assert not followed.resolved
    assert followed.wish(Wishes(("BUSDT", "*BTC")), 0) == Seen(
        Resolution(("BUSDT",)), ("BUSDT",), {"AUSDT": "not asked for any more"}
    )


def test_names_alone_need_no_look() -> None:
    assert following("AUSDT").resolved


def test_the_first_look_resolves_the_patterns() -> None:
    followed = following("*USDT")

    seen = followed.look({"AUSDT": True, "BUSDT": False, "DBTC": True}, 0)

    assert seen == Seen(Resolution(("AUSDT",)), ("AUSDT",), {})
    assert followed.resolved


def test_a_new_listing_is_taken_when_it_trades() -> None:
    followed = following("*USDT")
    followed.look({"AUSDT": True}, 0)

    assert followed.look({"AUSDT": True, "BUSDT": False}, 1).added == ()
    assert followed.look({"AUSDT": True, "BUSDT": True}, 2).added == ("BUSDT",)


def test_a_symbol_that_stops_trading_is_kept_for_the_time_of_grace() -> None:
    followed = following("*USDT")
    followed.look({"AUSDT": True}, 0)

    halted = followed.look({"AUSDT": False}, 10)
    later = followed.look({"AUSDT": False}, 10 + GRACE_MS - 1)
    gone = followed.look({"AUSDT": False}, 10 + GRACE_MS)

    assert halted == later == Seen(Resolution(("AUSDT",), idle=("*USDT",)), (), {})
    assert gone == Seen(Resolution((), idle=("*USDT",)), (), {"AUSDT": "does not trade any more"})


def test_maintenance_changes_nothing_however_often_it_comes() -> None:
    followed = following("*")
    followed.look({"AUSDT": True, "BUSDT": True}, 0)

    for now_ms in range(0, 20 * GRACE_MS, GRACE_MS):
        assert followed.look({"AUSDT": False, "BUSDT": False}, now_ms + 1).removed == {}
        assert followed.look({"AUSDT": True, "BUSDT": True}, now_ms + GRACE_MS - 1).added == ()


def test_a_symbol_is_delisted_when_the_list_lacks_it_twice_in_a_row() -> None:
    followed = following("*USDT")
    followed.look({"AUSDT": True, "BUSDT": True}, 0)

    assert followed.look({}, 1).removed == {}
    assert followed.look({"AUSDT": True}, 2).removed == {"BUSDT": "not listed any more"}
    assert followed.symbols == {"AUSDT"}


def test_a_name_in_full_is_never_left_but_its_state_is_told() -> None:
    followed = following("AUSDT")

    seen = [followed.look({}, now_ms * GRACE_MS) for now_ms in range(4)]

    assert seen == [Seen(Resolution(("AUSDT",), unlisted=("AUSDT",)), (), {})] * 4


def test_what_is_excluded_later_is_left_at_once() -> None:
    followed = following("*USDT")
    followed.look({"AUSDT": True, "BUSDT": False}, 0)

    assert followed.wish(Wishes(("*USDT",), ("A*",)), 1).removed == {"AUSDT": "not asked for any more"}


@given(WISHES, STEPS)
def test_added_and_removed_lead_from_one_set_to_the_next_and_all_that_trades_is_in_it(
    wishes: Wishes, steps: list[tuple[dict[str, bool] | Wishes, int]]
) -> None:
    followed, now_ms = Followed(wishes, GRACE_MS), 0
    trading: dict[str, bool] = {}
    symbols = set(followed.symbols)
    for step, pause_ms in steps:
        now_ms += pause_ms
        if isinstance(step, Wishes):
            wishes = step
            seen = followed.wish(step, now_ms)
        else:
            trading = step
            seen = followed.look(step, now_ms)

        assert not symbols & set(seen.added)
        assert set(seen.removed) <= symbols
        symbols = (symbols | set(seen.added)) - set(seen.removed)
        assert symbols == followed.symbols == set(seen.resolution.symbols)
        assert set(resolve(wishes, trading).symbols) <= symbols
        assert all(wishes.match(symbol) or symbol in wishes.names for symbol in symbols)


@given(WISHES, STEPS, LISTS)
def test_in_the_end_nothing_is_kept_that_a_fresh_start_would_not_take(
    wishes: Wishes, steps: list[tuple[dict[str, bool] | Wishes, int]], trading: dict[str, bool]
) -> None:
    followed, now_ms = Followed(wishes, GRACE_MS), 0
    for step, pause_ms in steps:
        now_ms += pause_ms
        if isinstance(step, Wishes):
            wishes = step
            followed.wish(step, now_ms)
        else:
            followed.look(step, now_ms)

    for later_ms in (0, GRACE_MS):
        followed.look(trading, now_ms + later_ms)

    assert followed.symbols == set(resolve(wishes, trading).symbols)
