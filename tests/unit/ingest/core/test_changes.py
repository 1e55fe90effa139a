from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from ingest.core.changes import LIVE_KEYS, Changes, changes


MARKETS = ("spot", "usdm")
LEAVES = st.one_of(st.integers(0, 2), st.none(), st.lists(st.sampled_from("AB"), max_size=2))
MARKET = st.none() | st.dictionaries(st.sampled_from([*LIVE_KEYS, "urls"]), LEAVES, max_size=3)
SETTINGS = st.fixed_dictionaries(
    {"markets": st.fixed_dictionaries(dict.fromkeys(MARKETS, MARKET)), "log_level": LEAVES}
)


def spot(**keys: Any) -> dict[str, Any]:
    return {"markets": {"spot": {"symbols": ["A"], "streams": ["trade"], "urls": {"rest": None}} | keys}}


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        (spot(), Changes((), ())),
        (spot(symbols=["A", "B"]), Changes(("markets.spot.symbols",), ())),
        (spot(symbol_streams={"A": ["depth"]}), Changes(("markets.spot.symbol_streams",), ())),
        (spot(urls={"rest": "https://secret"}), Changes((), ("markets.spot.urls.rest",))),
        (
            spot(streams=[], exclude_symbols=["B*"]),
            Changes(("markets.spot.exclude_symbols", "markets.spot.streams"), ()),
        ),
        (spot() | {"producer": {"linger_ms": 3}}, Changes((), ("producer",))),
        ({"markets": {"spot": None}}, Changes((), ("markets.spot",))),
    ],
)
def test_each_difference_is_told_by_its_key(new: dict[str, Any], expected: Changes) -> None:
    assert changes(spot(), new, MARKETS) == expected


def test_streams_of_a_symbol_are_one_difference_however_many_differ() -> None:
    old, new = spot(symbol_streams={"A": ["depth"], "B": ["trade"]}), spot(symbol_streams={"A": ["trade"]})

    assert changes(old, new, MARKETS) == Changes(("markets.spot.symbol_streams",), ())


def test_symbols_of_a_market_of_which_only_one_of_the_two_takes_streams_need_a_restart() -> None:
    assert changes(spot(), spot(symbols=["B"]), ()) == Changes((), ("markets.spot.symbols",))


def test_a_leaf_that_becomes_a_section_is_one_difference() -> None:
    assert changes({"shard": "0/2"}, {"shard": {"index": 0}}, MARKETS) == Changes((), ("shard",))


@given(SETTINGS, SETTINGS)
def test_there_are_differences_exactly_where_the_settings_differ(old: dict[str, Any], new: dict[str, Any]) -> None:
    found = changes(old, new, MARKETS)

    assert (old == new) == (found == Changes((), ()))
    assert found == changes(new, old, MARKETS)


@given(SETTINGS, SETTINGS)
def test_with_what_is_live_taken_over_only_the_rest_differs(old: dict[str, Any], new: dict[str, Any]) -> None:
    merged: dict[str, Any] = {"markets": {}, "log_level": old["log_level"]}
    for market, before in old["markets"].items():
        after = new["markets"][market]
        both = before is not None and after is not None
        merged["markets"][market] = (
            {key: value for key, value in before.items() if key not in LIVE_KEYS}
            | {key: value for key, value in after.items() if key in LIVE_KEYS}
            if both
            else before
        )

    assert changes(merged, new, MARKETS) == Changes((), changes(old, new, MARKETS).restart)
