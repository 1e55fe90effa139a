"""What happens to accounts is laid out as the scenario says: so many of each, in the eventful part of the hour."""

from __future__ import annotations

from collections import Counter

import pytest

from sandbox.exchange.faults.parsing import parse_fault
from sandbox.soak.accounts.happenings import HappeningKind, fault_of, happenings_of
from sandbox.soak.accounts.plan import LABELS, AccountsPlan
from sandbox.soak.scenario import read_scenario


PLAN = AccountsPlan(
    resets=3,
    half_opens=2,
    closes=2,
    drops=4,
    duplicates=2,
    silences=1,
    key_expiries=2,
    new_keys=1,
    transfers=2,
    ingest_restarts=1,
    ingest_kills=1,
    worker_kills=2,
)
CALM = 0.1, 0.2


def test_as_much_happens_as_the_scenario_says() -> None:
    counts = Counter(happening.kind for happening in happenings_of(PLAN, list(LABELS), 1, CALM))

    assert counts[HappeningKind.RESET] == 3
    assert counts[HappeningKind.DROP] == 4
    assert counts[HappeningKind.WORKER_KILL] == 2
    assert counts.total() == 23


@pytest.mark.parametrize("seed", range(20))
def test_all_of_it_happens_in_order_in_the_eventful_part(seed: int) -> None:
    times = [happening.at for happening in happenings_of(PLAN, list(LABELS), seed, CALM)]

    assert times == sorted(times)
    assert times[0] >= CALM[0]
    assert times[-1] <= 1 - CALM[1]


def test_equal_seeds_lay_out_equal_hours() -> None:
    one, again, other = (happenings_of(PLAN, list(LABELS), seed, CALM) for seed in (1, 1, 2))

    assert one == again != other


@pytest.mark.parametrize("seed", range(20))
def test_the_exchange_knows_each_fault(seed: int) -> None:
    """What is none of the exchange's faults is done to processes, keys and balances."""
    faults = [fault_of(happening, PLAN) for happening in happenings_of(PLAN, list(LABELS), seed, CALM)]
    parsed = [parse_fault(fault) for fault in faults if fault is not None]

    assert len(parsed) == 16


@pytest.mark.parametrize("name", ["private", "private-cut"])
def test_scenarios_that_come_with_the_package_have_what_is_promised(name: str) -> None:
    plan = read_scenario(name).accounts

    assert plan is not None
    assert plan.drops
    assert plan.key_expiries
    assert plan.worker_kills
    assert len(plan.symbols) == 3


def test_the_whole_hour_has_5_000_orders() -> None:
    scenario = read_scenario("private")

    assert scenario.accounts is not None
    assert (scenario.day_s, scenario.accounts.orders) == (3_600, 5_000)
    assert scenario.accounts.ingest_restarts
