"""Where `up` takes its data from where nobody says so, and what it says about it."""

from __future__ import annotations

from typing import NoReturn

import pytest

from sandbox.demo.choosing import LIVE, SIMULATED, choose_source
from sandbox.demo.reachability import Unreachable


AWAY = Unreachable("https://api.binance.com/api/v3/ping", "Name or service not known")


def never() -> NoReturn:
    raise AssertionError("Binance was asked")


def test_what_is_asked_for_is_taken_without_a_question() -> None:
    choice = choose_source(["one.gz", "two.gz"], SIMULATED, simulation_only=True, unreachable=never)

    assert (choice.sources, choice.told) == (("one.gz", "two.gz"), ())


@pytest.mark.parametrize("preferred", [LIVE, SIMULATED])
def test_the_environment_decides_where_nothing_is_asked_for(preferred: str) -> None:
    choice = choose_source([], preferred, simulation_only=False, unreachable=never)

    assert choice.sources == (preferred,)
    assert choice.told[0].startswith(f"BINANCE_SANDBOX_SOURCE={preferred} ")


def test_what_only_a_simulation_has_is_simulated() -> None:
    choice = choose_source([], None, simulation_only=True, unreachable=never)

    assert choice.sources == (SIMULATED,)
    assert "--speed and --seed" in choice.told[0]


@pytest.mark.parametrize(
    ("failure", "source", "told"),
    [
        (None, LIVE, "Binance answers: live market data (SOURCE=simulated takes a simulated exchange)"),
        (
            AWAY,
            SIMULATED,
            (
                "Binance cannot be reached (https://api.binance.com/api/v3/ping: Name or service not known): "
                "a simulated exchange stands in"
            ),
        ),
    ],
)
def test_binance_is_taken_where_it_answers(failure: Unreachable | None, source: str, told: str) -> None:
    choice = choose_source([], None, simulation_only=False, unreachable=lambda: failure)

    assert choice.sources == (source,)
    assert choice.told[0] == told
